"""What a pull needs of a database: its tables, the columns of a statement, its rows in parts.

A `Reader` reads and never writes; whatever its driver raises becomes an `Invalid` that says what to
do (`speaking`). Rows come in parts of about `limits.pull_fetch_bytes`, whatever a row's size.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from onefold.kernel import errors, limits
from onefold.sources.pulls import cells, model, sql

Row = Sequence[Any]
_FIRST_ROWS = 50


class Reader(ABC):
    """An open database, in one read-only transaction."""

    dialect: ClassVar[sql.Dialect]
    place: model.Place

    @abstractmethod
    def about(self) -> str:
        """The server's name and version, for people."""

    @abstractmethod
    def tables(self) -> list[model.Table]:
        """Tables and views that may be read, by name."""

    @abstractmethod
    def fields(self, text: str) -> list[model.Field]:
        """A statement's columns."""

    @abstractmethod
    def one(self, text: str) -> Row:
        """A statement's only row."""

    @abstractmethod
    def stream(self, text: str, values: Sequence[Any] = ()) -> Iterator[Sequence[Row]]:
        """A statement's rows, in parts, never all in memory."""

    @abstractmethod
    def close(self) -> None:
        """Leave; a failure of it is nobody's matter."""

    @abstractmethod
    def explain(self, error: Exception) -> errors.Fault | None:
        """What a driver's error means and what to do; None when it is not the driver's."""

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Driver's errors within become `Invalid`."""
        try:
            yield
        except Exception as error:
            fault = self.explain(error)
            if fault is None:
                raise
            raise errors.Invalid(fault) from None


def parts(fetch: Callable[[int], Sequence[Row]]) -> Iterator[Sequence[Row]]:
    """Rows by `fetch(n)`, as many at once as fit `limits.pull_fetch_bytes` by those before."""
    rows_n = _FIRST_ROWS
    while rows := fetch(rows_n):
        yield rows
        each = max(1, sum(map(cells.size, rows)) // len(rows))
        rows_n = min(max(limits.pull_fetch_bytes // each, 1), limits.import_chunk_rows)


def said(error: Exception) -> str:
    """The first line of what an error says."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")


def fault(problem: str, remedy: str, field: str = "connection") -> errors.Fault:
    """A fault of the connection, or of what is read."""
    return errors.Fault(field, problem if problem.endswith(".") else f"{problem}.", remedy)


def away(place: model.Place, detail: str) -> errors.Fault:
    """Nobody answers."""
    return fault(
        f"Nobody answers at {place.shown} ({detail})",
        "Check host and port, that the database runs, that it listens on the network and not only "
        "on its own machine, and that no firewall is between.",
    )


def unknown_host(place: model.Place) -> errors.Fault:
    """The name leads nowhere."""
    return fault(f"The host `{place.host}` is not known", "Check its name, or give its address.")


def log_in(place: model.Place) -> errors.Fault:
    """The user or password is not taken."""
    return fault(
        f"The database does not let `{place.user}` in",
        "Check user and password, and that the user may log in from this server's address.",
    )


def no_database(place: model.Place) -> errors.Fault:
    """It does not exist."""
    return fault(f"There is no database `{place.database}`", "Check its name.")


def may_not(detail: str) -> errors.Fault:
    """The user has not the right."""
    return fault(
        f"The database's user may not read it ({detail})", "Grant it SELECT on the table.", "table"
    )


def too_slow(detail: str) -> errors.Fault:
    """The statement took too long."""
    return fault(
        f"The database took too long ({detail})",
        "Put an index on the cursor's column, or read less by a query.",
        "query",
    )


def wrong_query(detail: str) -> errors.Fault:
    """The statement is not understood."""
    return fault(
        f"The database does not understand it: {detail}",
        "Check the names of table and columns.",
        "query",
    )


def broken(detail: str) -> errors.Fault:
    """Anything else."""
    return fault(f"The database says: {detail}", "Test the connection, then run it again.")
