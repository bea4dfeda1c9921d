"""Stored secrets sealed anew: what was kept before there were keys, or by an older key."""

from onefold.record.personal import store as personal
from onefold.sources import connectors, pulls, webhooks
from onefold.storage import Connection, secrets


def reseal(conn: Connection) -> int:
    """Seal each with the newest key; how many were not. The caller commits."""
    secrets.renew(conn)
    of_sources = connectors.store.reseal(conn) + pulls.store.reseal(conn)
    return of_sources + webhooks.store.reseal(conn) + personal.reseal(conn)
