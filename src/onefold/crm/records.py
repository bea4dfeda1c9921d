"""What all objects share: create, get, find, update, assign, archive, upsert, each written once.

An object adds its `Kind` (fields, filters and facts as data) and its own rules as the small methods
at the end of `Records`. A change runs so: check every field, hold the row, compare the version,
write, and append the fact as the last statement, because every other writer to the log waits from
there until the caller commits.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from onefold import log
from onefold.crm import currencies, custom, fields, store, tell
from onefold.crm.model import Item, Row
from onefold.crm.reading import Change, Kind, Reading, Work
from onefold.kernel import clock, errors, ids, money
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

__all__ = ["Change", "Kind", "Records", "Work", "append"]

T = TypeVar("T", bound=msgspec.Struct)


def append(conn: Connection, items: list[Item], now_ms: int) -> list[int]:
    """Append facts collected with `into=`: the last statement before the caller commits.

    Answers their positions.
    """
    return log.append_facts(conn, "crm", items, now_ms)


class Records(Reading[T]):
    """One object's commands. All of them run in the caller's transaction and never commit.

    `into`: a list that takes the facts instead of the log, for callers who change several records
    in one transaction; they call `append` once, last.
    """

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
        items: list[Item] = []
        work = Work(conn, viewer, now_ms, items)
        columns, faults = self._clean(work, values, None)
        faults += self._rules(columns, {f.field for f in faults})
        if faults:
            raise errors.Invalid(*faults)
        self._complete(work, columns)
        now = clock.to_datetime(now_ms)
        columns |= self._derived(Change(None, columns, columns, viewer, now))
        columns |= self._trace(viewer, now, {}, [n for n, v in columns.items() if v])
        columns = {n: v for n, v in columns.items() if not self._virtual(n)}
        row_id = store.insert(
            conn, self.kind.noun, {"created_at": now, "updated_at": now, **columns}
        )
        if row_id is None:
            raise self._taken(conn, columns)
        row = self._row(conn, row_id)
        self._after(work, None, row)
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
        before = self._held(conn, record_id, expected_version)
        columns, faults = self._clean(Work(conn, viewer, now_ms, []), values, before)
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

    def upsert(
        self,
        conn: Connection,
        viewer: Viewer,
        values: Mapping[str, Any],
        now_ms: int,
        *,
        by: str = "",
        expected_version: int | None = None,
        into: list[Item] | None = None,
    ) -> tuple[T, bool]:
        """Create, or change the record that has the same unique value; with whether it was made.

        `by`: the unique field; the first that `values` have when it is not given.
        """
        viewer.must_write()
        name = by or next((n for n in self.kind.unique if values.get(n)), "")
        if name not in self.kind.unique or not values.get(name):
            known = " or ".join(f"`{n}`" for n in self.kind.unique)
            field = by or "by"
            raise errors.Invalid(errors.Fault(field, "does not say which one.", f"Send {known}."))
        value = str(values[name]).strip()
        found = store.by_unique(conn, self.kind.noun, name, value)
        if found is None:
            try:
                with conn.transaction():
                    return self.create(conn, viewer, values, now_ms, into=into), True
            except errors.Conflict:  # made by another transaction while this one looked
                found = store.by_unique(conn, self.kind.noun, name, value)
                if found is None:
                    raise
        rest = {n: v for n, v in values.items() if not (n in self._fields and self._fields[n].once)}
        return self.update(
            conn, viewer, found, rest, now_ms, expected_version=expected_version, into=into
        ), False

    def known(self, conn: Connection, viewer: Viewer, values: Mapping[str, Any]) -> int | None:
        """The row that has the first unique value that is given, if any has."""
        viewer.must_read()
        name = next((n for n in self.kind.unique if values.get(n)), "")
        value = str(values.get(name, "")).strip()
        return store.by_unique(conn, self.kind.noun, name, value) if value else None

    def archive(
        self,
        conn: Connection,
        viewer: Viewer,
        record_id: str | int,
        now_ms: int,
        *,
        expected_version: int | None = None,
        into: list[Item] | None = None,
        restore: bool = False,
    ) -> T:
        """Put a record away: out of lists, its unique values free for another; or bring it back.

        Again: nothing happens.
        """
        viewer.must_write()
        before = self._held(conn, record_id, expected_version)
        if (before["archived_at"] is None) is restore:
            return self._present(before)
        now = clock.to_datetime(now_ms)
        self._save(conn, before, {"archived_at": None if restore else now, "updated_at": now})
        row = self._row(conn, before["id"])
        items: list[Item] = []
        event = f"{self.kind.noun.title()} {'Restored' if restore else 'Archived'}"
        self._tell(items, viewer, before, row, {}, now_ms, event=event)
        self._finish(conn, items, into, now_ms)
        return self._present(row)

    def _clean(
        self, work: Work, values: Mapping[str, Any], before: Row | None
    ) -> tuple[dict[str, Any], list[errors.Fault]]:
        """Columns of API values, references checked, money in minor units; and all faults."""
        given = {n: v for n, v in values.items() if n != "custom"}
        columns, faults = fields.clean(
            self.kind.fields, self._read_only, given, creating=before is None
        )
        self._check_references(work.conn, columns, faults)
        own = before["custom"] if before is not None else None
        columns["custom"], more = custom.merged(
            work.conn, work.viewer, self.kind.noun, values.get("custom"), own
        )
        faults += more
        faults += self._settle(work, before, columns)
        if self._money and not faults:
            try:
                self._count_money(work.conn, before, columns)
            except errors.Invalid as invalid:
                faults += invalid.faults
        return columns, faults

    def _count_money(self, conn: Connection, before: Row | None, columns: dict[str, Any]) -> None:
        """Sums of money in minor units, and in the base currency as of now."""
        was = before["currency"] if before is not None else ""
        if before is None or "currency" in columns:
            named = columns.get("currency") or was or currencies.base(conn)
            columns["currency"] = currencies.code("currency", named)
        now = str(columns.get("currency", was))
        for name, field in self._money.items():
            value = columns.get(name)
            if isinstance(value, Decimal):
                columns[name] = money.minor(value, now)
            elif name not in columns and before is not None and now != was:
                kept = before[name]
                if kept is not None:
                    columns[name] = money.minor(money.exact(kept, was), now)
            if field.base and (name in columns or now != was):
                value = columns.get(name)
                columns[field.base] = (
                    None if value is None else currencies.to_base(conn, value, now)
                )

    def _trace(
        self, viewer: Viewer, now: datetime, before: Mapping[str, Any], names: list[str]
    ) -> dict[str, Any]:
        """`edited` after a change of these fields."""
        if not self.kind.traced:
            return {}
        by = {"by": viewer.actor, "at": clock.iso(clock.from_datetime(now))}
        return {"edited": {**before, **dict.fromkeys((n for n in names if n in self._fields), by)}}

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
        derived |= self._trace(viewer, now, before.get("edited") or {}, list(changed))
        self._save(conn, before, {**changed, **derived, "updated_at": now})
        row = self._row(conn, before["id"])
        items: list[Item] = []
        self._after(Work(conn, viewer, now_ms, items), before, row)
        beside = {*self._bases, "custom"}
        changes = {n: (before[n], row[n]) for n in changed if n not in beside}
        if "custom" in changed:
            changes |= custom.told(before["custom"], row["custom"])
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

    def _virtual(self, name: str) -> bool:
        field = self._fields.get(name)
        return field is not None and field.virtual

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
        def said(name: str, value: Any, of: Row) -> Any:
            if name in self._money and value is not None:
                return money.major(value, of["currency"])
            return value

        told = {name: said(name, row[name], row) for name in self.kind.told}
        changes = {
            n: (said(n, old, before or row), said(n, new, row)) for n, (old, new) in changes.items()
        }
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

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        """What must hold between fields; `faulty` fields are known to be wrong already."""
        return self._not_archived(columns)

    def _not_archived(self, columns: Mapping[str, Any]) -> list[errors.Fault]:
        if columns.get("archived_at") is not None:
            return [errors.Fault("id", "is archived.", f"Bring the {self.kind.noun} back first.")]
        return []

    def _settle(
        self, work: Work, before: Row | None, columns: dict[str, Any]
    ) -> list[errors.Fault]:
        """Fill in what follows from others' rows, and check it; `before` None: of a new record."""
        return []

    def _after(self, work: Work, before: Row | None, row: Row) -> None:
        """What is written beside the row; whoever overrides it calls it as well."""
        was = before.get("owner_id") if before is not None else None
        if row.get("owner_id") != was:
            now = clock.to_datetime(work.now_ms)
            change = (was, row.get("owner_id"))
            store.note_owner(work.conn, self.kind.noun, row["id"], change, now, work.viewer.actor)

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        """Fill in what a new record takes from others."""

    def _derived(self, change: Change) -> dict[str, Any]:
        """Columns that follow from others."""
        return {}

    def _save(self, conn: Connection, before: Row, columns: Mapping[str, Any]) -> None:
        store.update(conn, self.kind.noun, before["id"], columns)

    def _taken(self, conn: Connection, columns: Mapping[str, Any]) -> errors.Conflict:
        """The error when a unique value is taken."""
        noun, value = self.kind.noun, columns.get("external_id")
        if value and "external_id" in self.kind.unique:
            first = store.by_unique(conn, noun, "external_id", value)
            shown = ids.api_id(self.kind.prefix, first) if first else f"Another {noun}"
            return errors.Conflict(f"{shown} has the external id `{value}` already.")
        return errors.Conflict(f"There is a {noun} like this already.")

    def _event(self, before: Row | None, row: Row) -> str:
        """The fact's name, from what is and what was."""
        return f"{self.kind.noun.title()} {'Created' if before is None else 'Updated'}"

    def _home(self, row: Row) -> tuple[int | None, str | None]:
        """Contact id and account key that the fact is about."""
        return row.get("contact_id"), row.get("account_key")

    def _traits(self, row: Row) -> dict[str, str]:
        """Person traits on the fact."""
        return {}
