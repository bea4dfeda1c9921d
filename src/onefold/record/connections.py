"""A pooled connection for one request: commit on success, roll back on an error, 503 when broken.

After a restart of PostgreSQL the pool throws broken connections away when they are next asked for
and opens new ones; until then callers get `Unavailable`, never a hang and never a bare 500.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from onefold.kernel import errors, limits
from onefold.storage import Connection

Pool = ConnectionPool[Connection]


class Connections:
    """What the doors have instead of a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """A connection in a transaction of its own.

        Raises `Unavailable` when the database can't be reached or breaks off, `Invalid` when it
        can't hold a value, `Conflict` when two writers met on a unique value.
        """
        try:
            with self._pool.connection(timeout=limits.connection_wait_s) as conn:
                yield conn
        except (PoolTimeout, PoolClosed, TooManyRequests, psycopg.OperationalError) as error:
            # Broken connection, shut-down, deadlock, statement timeout: all pass.
            raise errors.Unavailable(
                "The database does not answer just now. Try again in a few seconds."
            ) from error
        except psycopg.errors.UniqueViolation as error:
            detail = error.diag.constraint_name or "a unique value"
            raise errors.Conflict(
                f"Another record has this value already (`{detail}`). Open that one, or change it."
            ) from error
        except psycopg.errors.ForeignKeyViolation as error:
            field = (error.diag.constraint_name or "body").removesuffix("_fkey")
            raise errors.Invalid(
                errors.Fault(field, "names a record that does not exist.", "Check the id.")
            ) from error
        except psycopg.DataError as error:
            raise errors.Invalid(
                errors.Fault("body", "has a value that can't be stored.", str(error).split("\n")[0])
            ) from error
