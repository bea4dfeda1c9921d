"""MySQL and MariaDB: a snapshot in a read-only transaction, rows unbuffered."""

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pymysql
from pymysql.constants import CR, ER, FIELD_TYPE
from pymysql.converters import conversions, convert_datetime
from pymysql.cursors import SSCursor

from onefold.kernel import errors, limits
from onefold.sources.pulls import engine, model, sql

TABLES = """
SELECT table_schema, table_name, table_type FROM information_schema.tables
WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
ORDER BY table_schema <> database(), table_schema, table_name LIMIT %s
"""
_TYPES = {number: name.lower() for name, number in vars(FIELD_TYPE).items() if name.isupper()}
_NO_TLS = "SSL"
_LOG_IN = (ER.ACCESS_DENIED_ERROR, 1698, 1045)
_MAY_NOT = (ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR)
_SLOW = (3024, 1969, 1205)  # execution time, MariaDB's statement time, lock wait
_WRONG = (
    ER.PARSE_ERROR, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.NON_UNIQ_ERROR, ER.DUP_FIELDNAME,
)  # fmt: skip


class MySQL(engine.Reader):
    """A MySQL or MariaDB server."""

    dialect: ClassVar[sql.Dialect] = sql.MYSQL

    def __init__(self, place: model.Place, password: str, ca_file: str) -> None:
        self.place = place
        with self.speaking():
            self._conn = self._connect(password, ca_file)
            self._version = str(self._conn.get_server_info())
            maria = "MariaDB" in self._version
            kept, seconds = limits.pull_statement_s * 2, limits.pull_query_s
            with self._conn.cursor() as cursor:
                # What the server waits for while we write; and the longest that a query lasts.
                cursor.execute("SET SESSION net_write_timeout = %s", (kept,))
                name, most = ("max_statement_time", seconds) if maria else (
                    "max_execution_time", seconds * 1000)  # fmt: skip
                cursor.execute(f"SET SESSION {name} = %s", (most,))
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def _connect(self, password: str, ca_file: str) -> Any:
        place = self.place
        tls: ssl.SSLContext | None = None
        if place.tls != "off":
            tls = ssl.create_default_context(cafile=ca_file or None)
            if place.tls != "verify":
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        try:
            return self._open(password, tls)
        except pymysql.err.OperationalError as error:
            if place.tls == "prefer" and _NO_TLS in str(error):
                return self._open(password, None)
            raise

    def _open(self, password: str, tls: ssl.SSLContext | None) -> Any:
        return pymysql.connect(
            host=None if self.place.host.startswith("/") else self.place.host,
            unix_socket=self.place.host if self.place.host.startswith("/") else None,
            port=self.place.port or model.PORTS["mysql"],
            user=self.place.user,
            password=password,
            database=self.place.database or None,
            charset="utf8mb4",
            cursorclass=SSCursor,
            connect_timeout=limits.pull_connect_s,
            read_timeout=limits.pull_statement_s,
            write_timeout=limits.pull_statement_s,
            ssl=tls,
            ssl_disabled=tls is None,
            conv=_conversions(),
            init_command="SET time_zone = '+00:00'",
            program_name="onefold-pull",
        )

    def about(self) -> str:
        """See `engine.Reader`."""
        maria = "MariaDB" in self._version
        # MariaDB puts a version in front that old replicas take.
        version = self._version.removeprefix("5.5.5-").partition("-")[0]
        return f"{'MariaDB' if maria else 'MySQL'} {version}"

    def tables(self) -> list[model.Table]:
        """See `engine.Reader`."""
        rows = self._all(TABLES, (limits.pull_tables_max,))
        own = self.place.database
        return [
            model.Table(
                sql.spelled(name) if schema == own else sql.spelled(schema, name),
                "view" if "VIEW" in kind else "table",
            )
            for schema, name, kind in rows
        ]

    def fields(self, text: str) -> list[model.Field]:
        """See `engine.Reader`."""
        with self.speaking(), self._conn.cursor() as cursor:
            cursor.execute(f"{text} LIMIT %s", (0,))
            found = cursor.description or ()
            return [model.Field(c[0], _TYPES.get(c[1], "")) for c in found]

    def one(self, text: str) -> engine.Row:
        """See `engine.Reader`."""
        return next(iter(self._all(f"{text} LIMIT %s", (1,))), ())

    def stream(self, text: str, values: Sequence[Any] = ()) -> Iterator[Sequence[engine.Row]]:
        """See `engine.Reader`."""
        with self.speaking():
            cursor = self._conn.cursor()
            cursor.execute(text, tuple(values))
            kinds = [c[1] for c in cursor.description or ()]
        trees = [n for n, kind in enumerate(kinds) if kind == FIELD_TYPE.JSON]
        flags = [n for n, kind in enumerate(kinds) if kind == FIELD_TYPE.BIT]

        def fetch(rows_n: int) -> Sequence[engine.Row]:
            with self.speaking():
                rows = cursor.fetchmany(rows_n)
            return [_read(row, trees, flags) for row in rows] if trees or flags else rows

        try:
            yield from engine.parts(fetch)
        finally:
            # Closing an unread result would read all of it: the connection goes instead.
            cursor._result = None  # noqa: SLF001
            cursor.connection = None

    def close(self) -> None:
        """See `engine.Reader`."""
        self._conn._force_close()  # noqa: SLF001 `close` would read what is left of the rows

    def _all(self, text: str, values: Sequence[Any]) -> Sequence[engine.Row]:
        with self.speaking(), self._conn.cursor() as cursor:
            cursor.execute(text, tuple(values))
            rows: Sequence[engine.Row] = cursor.fetchall()
            return rows

    def explain(self, error: Exception) -> errors.Fault | None:
        """See `engine.Reader`."""
        if isinstance(error, ssl.SSLError | ValueError) and not isinstance(error, UnicodeError):
            return _tls(str(error)[:200])
        if not isinstance(error, pymysql.err.Error):
            return None
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        detail = str(error.args[-1])[:300] if error.args else "no word"
        if number in (CR.CR_CONN_HOST_ERROR, CR.CR_CONNECTION_ERROR):
            return self._connecting(detail)
        for numbers, found in (
            (_LOG_IN, engine.log_in), ((ER.BAD_DB_ERROR,), engine.no_database),
        ):  # fmt: skip
            if number in numbers:
                return found(self.place)
        for numbers, told in ((_MAY_NOT, engine.may_not), (_SLOW, engine.too_slow)):
            if number in numbers:
                return told(detail)
        if number in _WRONG:
            return engine.wrong_query(detail)
        if number in (CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR) and "timed out" in detail:
            return engine.too_slow(detail)
        return _tls(detail) if number == CR.CR_SSL_CONNECTION_ERROR else engine.broken(detail)

    def _connecting(self, detail: str) -> errors.Fault:
        if "Name or service" in detail or "getaddrinfo" in detail or "name resolution" in detail:
            return engine.unknown_host(self.place)
        if "SSL" in detail or "certificate" in detail:
            return _tls(detail)
        return engine.away(self.place, "refused" if "refused" in detail else "no answer")


def _tls(detail: str) -> errors.Fault:
    return engine.fault(
        f"No encrypted connection could be made: {detail}",
        "Set TLS to what the server offers; for `verify` give its authority.",
    )


def _conversions() -> dict[Any, Any]:
    """As the driver reads values, but TIMESTAMPs are of a zone: the session's, UTC."""
    return {**conversions, FIELD_TYPE.TIMESTAMP: _timestamp}


def _timestamp(text: Any) -> Any:
    found = convert_datetime(text)
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else found


def _read(row: engine.Row, trees: Sequence[int], flags: Sequence[int]) -> engine.Row:
    """JSON as trees, BIT(1) as true and false, longer bits as numbers."""
    out = list(row)
    for n in trees:
        if isinstance(out[n], str):
            try:
                out[n] = msgspec.json.decode(out[n])
            except msgspec.DecodeError:
                continue
    for n in flags:
        if isinstance(out[n], bytes):
            number = int.from_bytes(out[n])
            out[n] = bool(number) if len(out[n]) == 1 and number < 2 else number
    return out
