"""One question: the tables that a compiled definition names, as they were at a moment.

Facts are bounded by when they happened, or also by when they were accepted; tickets by when they
were opened and resolved; members of audiences by when they came and went. Whose an identifier is,
who is in which account and who owns what is as it is today (DESIGN.md, section 5).
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from onefold import audiences, crm
from onefold.audiences.model import Kind
from onefold.profiles.precedence import store as precedences
from onefold.record.preview import store, views
from onefold.record.preview.needs import Needs
from onefold.storage import Connection

_KINDS: tuple[Kind, ...] = ("person", "account")
_TICKETS = pa.schema(
    [
        ("person_id", pa.int64()),
        ("account_id", pa.int64()),
        ("status", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("priority", pa.string()),
        ("category", pa.string()),
        ("created_ms", pa.int64()),
        ("resolved_ms", pa.int64()),
    ]
)
_DEALS = pa.schema([("entity_id", pa.int64()), ("deal", pa.string())])
_OWNERS = pa.schema([("entity_id", pa.int64()), ("email", pa.string())])
_GIVEN = pa.schema([("key", pa.string()), ("kind", pa.string()), ("entity_id", pa.int64())])
_CHANGES = pa.schema(
    [
        ("key", pa.string()),
        ("kind", pa.string()),
        ("entity_id", pa.int64()),
        ("id", pa.int64()),
        ("at_ms", pa.int64()),
        ("entered", pa.bool_()),
    ]
)


class Seen(msgspec.Struct, frozen=True):
    """What a question looks at: facts up to a log row, accepted then; it asks about `now_ms`."""

    seq: int
    received_ms: int | None
    now_ms: int


class Question:
    """A definition's tables. `several`: it is asked about many moments, so facts are read once."""

    def __init__(
        self,
        duck: duckdb.DuckDBPyConnection,
        wanted: Needs,
        conn: Connection,
        seen: Seen,
        *,
        several: bool,
    ) -> None:
        self.duck = duck
        self.conn = conn
        self.seen = seen
        self._wanted = wanted
        self._kind = "TABLE" if several else "VIEW"
        self._precedence = precedences.current(conn)
        self._read(conn, several=several)
        self._at: tuple[int, bool] | None = None

    def _read(self, conn: Connection, *, several: bool) -> None:
        wanted = self._wanted
        self._chapters = self.one("SELECT count(*) FROM chapters") > 0
        self._view("owned_all", views.owned_view("facts_all", chapters=self._chapters))
        for of, facts in wanted.facts.items():
            self.duck.execute(
                f"CREATE OR REPLACE TEMP {self._kind} {of}_facts_{self._kind} AS "
                + views.facts_view(of, facts)
            )
        if wanted.tickets:
            since = self.seen.now_ms if not several else 0
            self._rows("tickets_all", _TICKETS, store.tickets(conn, since))
        for of in wanted.owners:
            self._rows(f"{of}_owners", _OWNERS, store.owners(conn, of))
        if wanted.deals:
            self._deals(conn)
        if wanted.rows:
            self._rows("member_changes", _CHANGES, store.member_changes(conn, wanted.rows))

    def _deals(self, conn: Connection) -> None:
        """Deals as they are now, by person and by account."""
        found = crm.deal_states(conn)
        people = store.people_of_contacts(conn, [c for c, _, _ in found if c is not None])
        told = [(c, a, msgspec.json.encode(deal).decode()) for c, a, deal in found]
        of_people = [(people[c], deal) for c, _, deal in told if c in people]
        self._rows("person_deals_text", _DEALS, of_people)
        self._rows("account_deals_text", _DEALS, [(a, deal) for _, a, deal in told if a])
        for of in _KINDS:
            self._view(f"{of}_deals", f"SELECT entity_id, deal::JSON AS deal FROM {of}_deals_text")

    def _rows(self, name: str, schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> None:
        arrays = [pa.array([row[i] for row in rows], f.type) for i, f in enumerate(schema)]
        self.duck.register("made", pa.Table.from_arrays(arrays, schema=schema))
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM made")
        self.duck.unregister("made")

    def give(self, kind: str, ids: Sequence[int]) -> None:
        """What the definition's own query answered."""
        self._rows("given", _GIVEN, [("", kind, i) for i in ids])

    def at(self, now_ms: int, *, known_then: bool = False) -> None:
        """Set the moment. `known_then`: only what had been accepted by then."""
        if self._at == (now_ms, known_then):
            return
        self._at = now_ms, known_then
        wanted = self._wanted
        instant = f"make_timestamptz({now_ms} * 1000)"
        bound = f"happened_at <= {instant}"
        if known_then:
            bound += f" AND received_at <= {instant}"
        self._view("facts", f"SELECT * FROM facts_all WHERE {bound}")
        self._view("owned", views.owned_view("facts", chapters=self._chapters))
        for of in wanted.facts:
            bound = f"at_ms <= {now_ms}" + (f" AND received_ms <= {now_ms}" if known_then else "")
            self._view(f"{of}_facts", f"SELECT * FROM {of}_facts_{self._kind} WHERE {bound}")
        for of, names in wanted.traits.items():
            self._view(f"{of}_traits", views.traits_view(of, names, self._precedence))
        if wanted.touches:
            self._view("person_touches", views.touches_view())
        if wanted.tickets:
            for of in _KINDS:
                self._view(f"{of}_tickets", _TICKETS_AT.format(of=of, now=now_ms))
        if wanted.rows:
            self._view("members", _MEMBERS_AT.format(now=now_ms))
        if wanted.own:
            self._view("members", "SELECT * FROM given")

    def _view(self, name: str, text: str) -> None:
        self.duck.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {text}")

    def answer(
        self, definition: audiences.Definition, now_ms: int, *, known_then: bool = False
    ) -> int:
        """Put the ids of whoever the definition holds for into the table `answer`; how many."""
        self.at(now_ms, known_then=known_then)
        text = audiences.compile_sql(definition, now_ms)
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {text}")
        return self.one("SELECT count(*) FROM answer")

    def close(self) -> None:
        """Let go of what was read for this question alone."""
        if self._kind == "TABLE":
            for of in self._wanted.facts:
                self.duck.execute(f"DROP TABLE {of}_facts_TABLE CASCADE")

    def ids(self) -> set[int]:
        """The ids of the last answer."""
        return {i for (i,) in self.duck.execute("SELECT entity_id FROM answer").fetchall()}

    def one(self, text: str) -> int:
        """A query's only number."""
        ((found,),) = self.duck.execute(text).fetchall()
        return int(found)


_TICKETS_AT = """
SELECT {of}_id AS entity_id, CASE status WHEN 'resolved' THEN 'open' ELSE status END AS status,
  tags, priority, category FROM tickets_all
WHERE {of}_id <> 0 AND created_ms <= {now} AND coalesce(resolved_ms > {now}, true)
"""
_MEMBERS_AT = """
SELECT key, kind, entity_id FROM member_changes WHERE at_ms <= {now}
GROUP BY ALL HAVING arg_max(entered, id)
"""
