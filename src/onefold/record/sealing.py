"""Stored secrets sealed anew: what was kept before there were keys, or by an older key."""

from onefold.sources import connectors, pulls, webhooks
from onefold.storage import Connection, secrets


def reseal(conn: Connection) -> int:
    """Seal each with the newest key; how many were not. The caller commits."""
    secrets.renew(conn)
    return connectors.store.reseal(conn) + pulls.store.reseal(conn) + webhooks.store.reseal(conn)
