"""How records are read: one, a list, a count; and what a caller is shown of a row."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from onefold.crm import currencies, custom, fields, lists, shapes, store, tell
from onefold.crm.model import Item, Page, Row
from onefold.kernel import errors, ids, limits, money
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

T = TypeVar("T", bound=msgspec.Struct)
NO_FILTERS: Mapping[str, Any] = {}


class Kind(msgspec.Struct, frozen=True):
    """An object as data.

    `noun` names it in SQL shapes and facts, `plural` in addresses; `told`: fields that each of its
    facts carries; `sort`: the order of its list when none is asked for; `unique`: fields that an
    upsert may go by; `columns`: what its list shows; `traced`: who set each field, and when, is
    kept in `edited`; `archives`: it is put away, not deleted.
    """

    noun: str
    prefix: str
    fields: tuple[fields.Field, ...]
    filters: tuple[lists.Filter, ...]
    told: tuple[str, ...]
    sort: str
    plural: str = ""
    unique: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    traced: bool = False
    archives: bool = False


class Change(NamedTuple):
    """A change about to be written: the row before (None: a new one), after, what differs."""

    before: Row | None
    after: Mapping[str, Any]
    changed: Mapping[str, Any]
    viewer: Viewer
    now: datetime


class Work(NamedTuple):
    """Where a creation runs; facts about other records that it makes go to `items`."""

    conn: Connection
    viewer: Viewer
    now_ms: int
    items: list[Item]


class Reading(Generic[T]):
    """One object as it is read. Every question takes the `Viewer` who asks."""

    def __init__(self, kind: Kind, model: type[T]) -> None:
        self.kind = kind
        self.model = model
        self._fields = {f.name: f for f in kind.fields}
        self._money = {f.name: f for f in kind.fields if f.kind == "money"}
        self._bases = frozenset(f.base for f in self._money.values() if f.base)
        self.shape = shapes.SHAPES[kind.noun]
        known = (
            *kind.filters,
            *((lists.Filter("archived", "filled", "archived_at"),) if kind.archives else ()),
        )
        self.filters = {
            f.name: f
            for f in lists.of_fields(known, kind.fields, audience=bool(self.shape.audience))
        }
        self._read_only = frozenset(model.__struct_fields__) - self._fields.keys()

    # ── reading ────────────────────────────────────────────────────────────────────────────────

    def get(self, conn: Connection, viewer: Viewer, record_id: str | int) -> T:
        """One record. Raises `NotFound`."""
        viewer.must_read()
        return self._present(self._row(conn, ids.parse_id(self.kind.prefix, record_id)))

    def find(
        self,
        conn: Connection,
        viewer: Viewer,
        filters: Mapping[str, Any] = NO_FILTERS,
        *,
        q: str = "",
        sort: str = "",
        cursor: str | None = None,
        limit: int = limits.page_rows_default,
    ) -> Page[T]:
        """A page of the list. `sort` is an order's name, `-` before it turns it round.

        Raises `Invalid` for unknown filters, values and orders, and for a cursor of another list.
        """
        viewer.must_read()
        order = sort or self.kind.sort
        query = self.query(conn, viewer, lists.Asked(filters, q, order, cursor, limit))
        rows = store.find(conn, self.kind.noun, query)
        more = lists.next_cursor(order, rows[limit - 1]) if len(rows) > limit else None
        return Page(rows=[self._present(row) for row in rows[:limit]], next=more)

    def count(
        self, conn: Connection, viewer: Viewer, filters: Mapping[str, Any] = NO_FILTERS, q: str = ""
    ) -> int:
        """How many records a list has, counted up to `limits.list_count_max`."""
        viewer.must_read()
        asked = lists.Asked(filters, q, self.kind.sort, None, 1)
        return store.count(conn, self.kind.noun, self.query(conn, viewer, asked))

    def ids_of(
        self, conn: Connection, viewer: Viewer, filters: Mapping[str, Any], q: str, rows_max: int
    ) -> list[int]:
        """Ids of everything that a list has, `rows_max` at most."""
        viewer.must_read()
        asked = lists.Asked(filters, q, self.kind.sort, None, 1)
        query = self.query(conn, viewer, asked)
        return store.ids_of(conn, self.kind.noun, msgspec.structs.replace(query, rows_max=rows_max))

    def query(self, conn: Connection, viewer: Viewer, asked: lists.Asked) -> store.Query:
        """The checked query of a list. Raises `Invalid` with everything that is wrong."""
        known, sorts = self.filters, self.shape.sorts
        if any(n.startswith("custom.") for n in (*asked.filters, asked.sort.removeprefix("-"))):
            own = custom.of(conn, viewer, self.kind.noun).values()
            known, sorts = known | custom.filters(own), sorts | custom.sorts(own)
        scoped = {"archived": False, **asked.filters} if self.kind.archives else asked.filters
        asked = msgspec.structs.replace(asked, filters=self._scope(scoped))
        base = currencies.base(conn) if self._money else ""
        return lists.query(known, sorts, asked, base)

    def _row(self, conn: Connection, row_id: int) -> Row:
        row = store.read(conn, self.kind.noun, row_id)
        if row is None:
            raise self._missing(row_id)
        return row

    def _missing(self, row_id: int) -> errors.NotFound:
        shown = ids.api_id(self.kind.prefix, row_id)
        return errors.NotFound(f"There is no {self.kind.noun} `{shown}`. Check the id.")

    def _present(self, row: Row) -> T:
        shown = {**row, **self._shown(row)}
        values: dict[str, Any] = {}
        for name in self.model.__struct_fields__:
            value = shown[name]
            if name in self._money or name in self._bases:
                code = row["currency" if name in self._money else "base_currency"]
                value = None if value is None else money.major(value, code)
            elif name in tell.REFS or isinstance(value, date):
                value = tell.shown(name, value)
            values[name] = value
        values["id"] = ids.api_id(self.kind.prefix, row["id"])
        return self.model(**values)

    def _current(self, row: Row) -> dict[str, Any]:
        current: dict[str, Any] = msgspec.to_builtins(self._present(row))
        return current

    # ruff: noqa: ARG002 - what an object's own rule may need, the rule of all need not
    # ── an object's own rules ──────────────────────────────────────────────────────────────────

    def _scope(self, filters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Filters that hold unless asked otherwise."""
        return filters

    def _shown(self, row: Row) -> dict[str, Any]:
        """Values shown that are not columns."""
        return {}
