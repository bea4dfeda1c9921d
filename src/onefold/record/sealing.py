"""Stored secrets sealed anew: what was kept before there were keys, or by an older key."""

from onefold.activation import store as destinations
from onefold.record.personal import store as personal
from onefold.sources import connectors, pulls, webhooks
from onefold.storage import Connection, secrets


def reseal(conn: Connection) -> int:
    """Seal each with the newest key; how many were not. The caller commits."""
    secrets.renew(conn)
    of_sources = connectors.store.reseal(conn) + pulls.store.reseal(conn)
    of_doors = webhooks.store.reseal(conn) + personal.reseal(conn)
    return of_sources + of_doors + destinations.reseal(conn)
