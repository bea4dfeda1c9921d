"""What all four objects share: create, get, find, update, assign, each written once.

An object adds its `Kind` (fields, filters and facts as data) and its own rules as the small methods
at the end of `Records`. A change runs so: check every field, hold the row, compare the version,
write, and append the fact as the last statement, because every other writer to the log waits from
there until the caller commits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from onefold import log
from onefold.crm import fields, lists, store, tell
from onefold.crm.model import Item, Page, Row
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

T = TypeVar("T", bound=msgspec.Struct)
NO_FILTERS: Mapping[str, Any] = {}


class Kind(msgspec.Struct, frozen=True):
    """An object as data.

    `noun` names it in SQL shapes and facts; `told`: fields that each of its facts carries;
    `sort`: the order of its list when none is asked for.
    """

    noun: str
    prefix: str
    fields: tuple[fields.Field, ...]
    filters: tuple[lists.Filter, ...]
    told: tuple[str, ...]
    sort: str


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


def append(conn: Connection, items: list[Item], now_ms: int) -> list[int]:
    """Append facts collected with `into=`: the last statement before the caller commits.

    Answers their positions.
    """
    return log.append_facts(conn, "crm", items, now_ms)


class Records(Generic[T]):
    """One object's commands. All of them run in the caller's transaction and never commit.

    `into`: a list that takes the facts instead of the log, for callers who change several records
    in one transaction; they call `append` once, last.
    """

    def __init__(self, kind: Kind, model: type[T]) -> None:
        self.kind = kind
        self._model = model
        self._fields = {f.name: f for f in kind.fields}
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
        query = lists.query(
            self.kind.noun, self.kind.filters, self._scope(filters), q=q, sort=order,
            cursor=cursor, limit=limit,
        )  # fmt: skip
        rows = store.find(conn, self.kind.noun, query)
        more = lists.next_cursor(order, rows[limit - 1]) if len(rows) > limit else None
        return Page(rows=[self._present(row) for row in rows[:limit]], next=more)

    def count(
        self, conn: Connection, viewer: Viewer, filters: Mapping[str, Any] = NO_FILTERS, q: str = ""
    ) -> int:
        """How many records a list has, counted up to `limits.list_count_max`."""
        viewer.must_read()
        query = lists.query(
            self.kind.noun, self.kind.filters, self._scope(filters), q=q, sort=self.kind.sort,
            cursor=None, limit=1,
        )  # fmt: skip
        return store.count(conn, self.kind.noun, query)

    # ── writing ────────────────────────────────────────────────────────────────────────────────

    def create(
        self,
        conn: Connection,
        viewer: Viewer,
        values: Mapping[str, Any],
        now_ms: int,
        *,
        into: list[Item] | None = None,
    ) -> T:
        """A new record from API values.

        Raises `Invalid` with every fault, `Conflict` when a unique value is taken.
        """
        viewer.must_write()
        columns, faults = fields.clean(self.kind.fields, self._read_only, values, creating=True)
        self._check_references(conn, columns, faults)
        faults += self._rules(columns, {f.field for f in faults})
        if faults:
            raise errors.Invalid(*faults)
        items: list[Item] = []
        self._complete(Work(conn, viewer, now_ms, items), columns)
        now = clock.to_datetime(now_ms)
        columns |= self._derived(Change(None, columns, columns, viewer, now))
        columns = {n: v for n, v in columns.items() if not self._virtual(n)}
        row_id = store.insert(
            conn, self.kind.noun, {**columns, "created_at": now, "updated_at": now}
        )
        if row_id is None:
            raise self._taken(conn, columns)
        row = self._row(conn, row_id)
        self._tell(items, viewer, None, row, {}, now_ms)
        self._finish(conn, items, into, now_ms)
        return self._present(row)

    def update(
        self,
        conn: Connection,
        viewer: Viewer,
        record_id: str | int,
        values: Mapping[str, Any],
        now_ms: int,
        *,
        expected_version: int | None = None,
        into: list[Item] | None = None,
    ) -> T:
        """Set the named fields. Nothing that differs: no new version and no fact.

        Raises `Invalid`, `NotFound`, and `Conflict` with the row as it is now when
        `expected_version` (None: no check) is not its version.
        """
        viewer.must_write()
        columns, faults = fields.clean(self.kind.fields, self._read_only, values, creating=False)
        self._check_references(conn, columns, faults)
        before = self._held(conn, record_id, expected_version)
        faults += self._rules({**before, **columns}, {f.field for f in faults})
        if faults:
            raise errors.Invalid(*faults)
        return self._write(conn, viewer, before, columns, now_ms, into)

    def assign(
        self,
        conn: Connection,
        viewer: Viewer,
        record_id: str | int,
        owner_id: str | int | None,
        now_ms: int,
        *,
        expected_version: int | None = None,
        into: list[Item] | None = None,
    ) -> T:
        """Give it to a user, or to nobody."""
        return self.update(
            conn, viewer, record_id, {"owner_id": owner_id}, now_ms,
            expected_version=expected_version, into=into,
        )  # fmt: skip

    def _write(
        self,
        conn: Connection,
        viewer: Viewer,
        before: Row,
        columns: Mapping[str, Any],
        now_ms: int,
        into: list[Item] | None,
    ) -> T:
        """Columns of a held row, if any differs, and the fact."""
        changed = {n: v for n, v in columns.items() if before[n] != v}
        if not changed:
            return self._present(before)
        now = clock.to_datetime(now_ms)
        derived = self._derived(Change(before, {**before, **changed}, changed, viewer, now))
        self._save(conn, before, {**changed, **derived, "updated_at": now})
        row = self._row(conn, before["id"])
        items: list[Item] = []
        changes = {n: (before[n], row[n]) for n in changed}
        self._tell(items, viewer, before, row, changes, now_ms)
        self._finish(conn, items, into, now_ms)
        return self._present(row)

    def _finish(
        self, conn: Connection, items: list[Item], into: list[Item] | None, now_ms: int
    ) -> None:
        if into is not None:
            into += items
        elif items:
            append(conn, items, now_ms)

    def _check_references(
        self, conn: Connection, columns: Mapping[str, Any], faults: list[errors.Fault]
    ) -> None:
        for name, value in columns.items():
            field = self._fields[name]
            if field.kind != "ref" or value is None or store.exists(conn, field.prefix, value):
                continue
            problem = f"there is no {ids.NAMES[field.prefix]} `{ids.api_id(field.prefix, value)}`."
            faults.append(errors.Fault(name, problem, "Send the id of one there is."))

    def _held(self, conn: Connection, record_id: str | int, expected_version: int | None) -> Row:
        row_id = ids.parse_id(self.kind.prefix, record_id)
        if not store.lock(conn, self.kind.noun, row_id):
            raise self._missing(row_id)
        row = self._row(conn, row_id)
        if expected_version is not None and expected_version != row["version"]:
            raise errors.Conflict(
                f"This {self.kind.noun} has been changed: it is at version {row['version']}, "
                f"your edit is of version {expected_version}. Look at `current`, then send your "
                "change again with its version.",
                self._current(row),
            )
        return row

    def _row(self, conn: Connection, row_id: int) -> Row:
        row = store.read(conn, self.kind.noun, row_id)
        if row is None:
            raise self._missing(row_id)
        return row

    def _missing(self, row_id: int) -> errors.NotFound:
        shown = ids.api_id(self.kind.prefix, row_id)
        return errors.NotFound(f"There is no {self.kind.noun} `{shown}`. Check the id.")

    def _virtual(self, name: str) -> bool:
        field = self._fields.get(name)
        return field is not None and field.virtual

    def _present(self, row: Row) -> T:
        shown = {**row, **self._shown(row)}
        values: dict[str, Any] = {}
        for name in self._model.__struct_fields__:
            value = shown[name]
            if name in tell.REFS:
                value = ids.api_id_or_none(tell.REFS[name], value)
            elif isinstance(value, datetime):
                value = clock.iso(clock.from_datetime(value))
            values[name] = value
        values["id"] = ids.api_id(self.kind.prefix, row["id"])
        return self._model(**values)

    def _current(self, row: Row) -> dict[str, Any]:
        current: dict[str, Any] = msgspec.to_builtins(self._present(row))
        return current

    def _tell(
        self,
        items: list[Item],
        viewer: Viewer,
        before: Row | None,
        row: Row,
        changes: tell.Changes,
        now_ms: int,
        *,
        event: str = "",
    ) -> None:
        told = {name: row[name] for name in self.kind.told}
        if row.get("owner_name") and row.get("owner_id"):
            told["owner"] = row["owner_name"]
        homes = [(self._home(row), self._traits(row), "")]
        if before is not None:  # whoever it was about until now hears of its leaving, too
            (old_contact, old_key), (contact, key) = self._home(before), self._home(row)
            left = (
                old_contact if old_contact != contact else None,
                old_key if old_key != key else None,
            )
            homes.append((left, {}, "-left"))
        for (contact_id, account_key), traits, suffix in homes:
            item = tell.item(
                self.kind.noun, self.kind.prefix, event or self._event(before, row), row,
                viewer=viewer, now_ms=now_ms, contact_id=contact_id, account_key=account_key,
                properties=told, changes=changes, traits=traits, suffix=suffix,
            )  # fmt: skip
            if item is not None:
                items.append(item)

    # ruff: noqa: ARG002 - what an object's own rule may need, the rule of all need not
    # ── an object's own rules ──────────────────────────────────────────────────────────────────

    def _scope(self, filters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Filters that hold unless asked otherwise."""
        return filters

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        """What must hold between fields; `faulty` fields are known to be wrong already."""
        return []

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        """Fill in what a new record takes from others."""

    def _derived(self, change: Change) -> dict[str, Any]:
        """Columns that follow from others."""
        return {}

    def _save(self, conn: Connection, before: Row, columns: Mapping[str, Any]) -> None:
        store.update(conn, self.kind.noun, before["id"], columns)

    def _taken(self, conn: Connection, columns: Mapping[str, Any]) -> errors.Conflict:
        """The error when a unique value is taken."""
        return errors.Conflict(f"There is a {self.kind.noun} like this already.")

    def _shown(self, row: Row) -> dict[str, Any]:
        """Values shown that are not columns."""
        return {}

    def _event(self, before: Row | None, row: Row) -> str:
        """The fact's name, from what is and what was."""
        return f"{self.kind.noun.title()} {'Created' if before is None else 'Updated'}"

    def _home(self, row: Row) -> tuple[int | None, str | None]:
        """Contact id and account key that the fact is about."""
        return row["contact_id"], row["account_key"]

    def _traits(self, row: Row) -> dict[str, str]:
        """Person traits on the fact."""
        return {}
