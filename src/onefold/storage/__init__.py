"""PostgreSQL: the embedded cluster or a given server, connections, migrations.

`connect` and `pool` are the only ways to a connection; `migrate` brings a database to the newest
schema. All store functions are synchronous (psycopg 3): the worker calls them directly, the doors
call them in threads.
"""

from onefold.storage import jobs
from onefold.storage.database import Connection, connect, migrate, pool
from onefold.storage.names import fold_name
from onefold.storage.postgres import Cluster, running_url

__all__ = [
    "Cluster",
    "Connection",
    "connect",
    "fold_name",
    "jobs",
    "migrate",
    "pool",
    "running_url",
]
