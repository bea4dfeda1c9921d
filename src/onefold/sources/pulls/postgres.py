"""PostgreSQL: a snapshot in a read-only transaction, rows by a cursor of the server."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import psycopg
from psycopg import adapt, pq
from psycopg.errors import DataError

from onefold.kernel import errors, limits
from onefold.sources.pulls import engine, model, sql

_TLS = {"off": "disable", "prefer": "prefer", "require": "require", "verify": "verify-full"}
_LOOSE = ("date", "timestamp", "timestamptz", "interval", "timetz", "time", "json", "jsonb")
TABLES = """
SELECT table_schema, table_name, table_type FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
  AND has_table_privilege(format('%%I.%%I', table_schema, table_name), 'SELECT')
ORDER BY table_schema <> 'public', table_schema, table_name LIMIT %s
"""
_BY_STATE = {
    "28P01": engine.log_in, "28000": engine.log_in, "3D000": engine.no_database,
}  # fmt: skip
_WRONG = ("42601", "42P01", "42703", "42883", "42702", "42804", "3F000", "42P10", "22P02")


class Postgres(engine.Reader):
    """A PostgreSQL server, or what speaks as one."""

    dialect: ClassVar[sql.Dialect] = sql.POSTGRESQL

    def __init__(self, place: model.Place, password: str, ca_file: str) -> None:
        self.place = place
        with self.speaking():
            self._conn = psycopg.connect(
                host=place.host,
                port=place.port or model.PORTS["postgresql"],
                dbname=place.database,
                user=place.user,
                password=password,
                sslmode=_TLS[place.tls],
                sslrootcert=ca_file or ("system" if place.tls == "verify" else "/nonexistent"),
                passfile="/nonexistent",  # the server's own file of passwords is not the pulls'
                gssencmode="disable",
                connect_timeout=limits.pull_connect_s,
                application_name="onefold-pull",
                options=f"-c timezone=UTC -c statement_timeout={limits.pull_statement_s * 1000} "
                "-c default_transaction_read_only=on",
            )
            self._conn.read_only = True
            self._conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for name in _LOOSE:
            _loosen(self._conn, name)

    def about(self) -> str:
        """See `engine.Reader`."""
        version = self._conn.info.server_version
        return f"PostgreSQL {version // 10_000}.{version % 10_000}"

    def tables(self) -> list[model.Table]:
        """See `engine.Reader`."""
        with self.speaking():
            rows = self._conn.execute(TABLES, (limits.pull_tables_max,)).fetchall()
        return [
            model.Table(sql.spelled(schema, name), "view" if "VIEW" in kind else "table")
            for schema, name, kind in rows
        ]

    def fields(self, text: str) -> list[model.Field]:
        """See `engine.Reader`."""
        with self.speaking():
            cursor = self._conn.execute(f"{text} LIMIT %s", (0,))
            types = self._conn.adapters.types
            out = []
            for column in cursor.description or ():
                known = types.get(column.type_code)
                out.append(model.Field(column.name, known.name if known else ""))
        return out

    def one(self, text: str) -> engine.Row:
        """See `engine.Reader`."""
        with self.speaking():
            return self._conn.execute(f"{text} LIMIT %s", (1,)).fetchone() or ()

    def stream(self, text: str, values: Sequence[Any] = ()) -> Iterator[Sequence[engine.Row]]:
        """See `engine.Reader`."""
        cursor = self._conn.cursor("onefold_pull")

        def fetch(rows_n: int) -> Sequence[engine.Row]:
            with self.speaking():
                return cursor.fetchmany(rows_n)

        try:
            with self.speaking():
                # With parameters, even none of the query's, the server takes one statement.
                cursor.execute(f"{text} OFFSET %s", (*values, 0))
            yield from engine.parts(fetch)
        finally:
            with contextlib.suppress(psycopg.Error):
                cursor.close()

    def close(self) -> None:
        """See `engine.Reader`."""
        self._conn.close()

    def explain(self, error: Exception) -> errors.Fault | None:
        """See `engine.Reader`."""
        if not isinstance(error, psycopg.Error):
            return None
        detail, state = engine.said(error), error.sqlstate or ""
        text = str(error)
        if state in _BY_STATE:
            return _BY_STATE[state](self.place)
        if state == "42501":
            return engine.may_not(detail)
        if state in ("57014", "55P03"):
            return engine.too_slow(detail)
        if state in _WRONG:
            return engine.wrong_query(detail)
        if state.startswith("40") or "conflict with recovery" in text:
            return engine.fault(
                f"The replica ended the query ({detail})",
                "Raise `max_standby_streaming_delay` there, or run it again.",
            )
        return self._connecting(text) or engine.broken(detail)

    def _connecting(self, text: str) -> errors.Fault | None:
        """What a failed connection is about, of which the client tells only words."""
        if "password authentication failed" in text or "no password supplied" in text:
            return engine.log_in(self.place)
        if "role" in text and "does not exist" in text:
            return engine.log_in(self.place)
        if "database" in text and "does not exist" in text:
            return engine.no_database(self.place)
        if "pg_hba.conf" in text:
            return engine.fault(
                f"The database takes no log-in of `{self.place.user}` from this server",
                "Add this server's address to its pg_hba.conf, or set TLS to `require`.",
            )
        if "could not translate host name" in text or "Name or service not known" in text:
            return engine.unknown_host(self.place)
        if "SSL" in text or "certificate" in text:
            return engine.fault(
                f"No encrypted connection could be made: {text.strip().splitlines()[-1][:200]}",
                "Set TLS to what the server offers; for `verify` give its authority.",
            )
        for words in ("refused", "timeout", "timed out", "unreachable", "No route"):
            if words in text:
                return engine.away(self.place, words)
        return None


def _loosen(conn: psycopg.Connection[Any], name: str) -> None:
    """Values that Python cannot hold (`infinity`, year 20000) come as texts, not as an error."""
    info = conn.adapters.types[name]
    found = conn.adapters.get_loader(info.oid, pq.Format.TEXT)
    if found is None:
        return
    inner: type[Any] = found

    class Loose(adapt.Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._inner = inner(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._inner.load(data)
            except (DataError, ValueError, OverflowError):
                return bytes(data).decode("utf-8", "replace")

    conn.adapters.register_loader(info.oid, Loose)
