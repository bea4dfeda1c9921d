"""The collector's connections. Rows go in by `log.append`, keys are read by `sources`."""

from psycopg.conninfo import make_conninfo

from onefold import storage

# A commit must be on disk before it is acknowledged; a stronger setting of the server stays.
DURABLE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
PATIENCE = "SELECT set_config('statement_timeout', %s, false)"

_NETWORK = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def writer(url: str, statement_timeout_ms: int) -> storage.Connection:
    """A connection whose commits are durable and that notices a dead server within seconds."""
    conn = storage.connect(_lively(url), application="onefold-collect")
    conn.execute(DURABLE)
    conn.execute(PATIENCE, (str(statement_timeout_ms),))
    conn.commit()
    return conn


def reader(url: str, statement_timeout_ms: int) -> storage.Connection:
    """A connection for look-ups of write keys."""
    conn = storage.connect(_lively(url), autocommit=True, application="onefold-collect-keys")
    conn.execute(PATIENCE, (str(statement_timeout_ms),))
    return conn


def _lively(url: str) -> str:
    return make_conninfo(url, **_NETWORK)
