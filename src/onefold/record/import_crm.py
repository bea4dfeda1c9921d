"""Rows of a file to CRM records: found or made by the CRM's own commands, each noted for a revert.

A contact is found by its e-mail; a company by key, else domain, else name; a lead by e-mail, what
has an id elsewhere by that, a product by its code. A company that a row names and nobody knows is
made. Values of other tools are understood: a `solved` ticket is
resolved, a `normal` priority is medium, `€ 1.200,50` is 1200.50 EUR.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from onefold import crm
from onefold.kernel import errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import words
from onefold.sources import imports
from onefold.sources.imports.read import Record
from onefold.storage import Connection, fold_name

Change = tuple[int, str, int, Mapping[str, Any] | None, int]
NOUNS = {
    **{room.kind.plural: noun for noun, room in crm.objects.ALL.items()}, "companies": "account",
}  # fmt: skip
_ROOMS = crm.objects.ALL
_BY_PERSON = ("task", "deal", "subscription", "activity")  # whose e-mail is a contact's
_ELSEWHERE = ("account", "stage", "pipeline")  # what is resolved by itself
_MONEY = ("amount", "price", "mrr")
_FRACTION = re.compile(r"[01]?\.\d+")


class Tally(msgspec.Struct):
    """What a chunk of rows came to."""

    created: int = 0
    matched: int = 0
    unchanged: int = 0
    faults: list[imports.RowFault] = []
    changes: list[Change] = []
    items: list[crm.Item] = []
    records: dict[int, int] = {}  # the record that a row became, by the row's number
    same: set[int] = set()  # rows that changed nothing
    examples: list[dict[str, object]] = []  # values of the first rows


class Writer:
    """Writes rows, in the caller's transaction. `known`: what they became before, by number."""

    def __init__(
        self,
        viewer: Viewer,
        builder: imports.items.Builder,
        target: str,
        known: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.viewer = viewer
        self.builder = builder
        self.noun = NOUNS[target]
        self.known = known
        self._room = _ROOMS[self.noun]
        self._once = {f.name for f in self._room.kind.fields if f.once}
        self._owners: dict[str, str] | None = None
        self._stages: Stages | None = None

    def write(self, conn: Connection, rows: Sequence[Record], now_ms: int) -> Tally:
        """Each row by itself: a wrong one is a fault, and its neighbours go on."""
        out = Tally()
        for record in rows:
            found = self.builder.read(record)
            if isinstance(found, imports.RowFault):
                out.faults.append(found)
                continue
            part = Tally()
            try:
                with conn.transaction():
                    self._row(conn, record, dict(found[0]), now_ms, part)
            except errors.Invalid as invalid:
                out.faults.append(self._fault(record, invalid.faults[0], found[0]))
                continue
            except errors.Conflict as conflict:
                out.faults.append(
                    self.builder.fault(record, "", "", str(conflict)[:200], "Change the row.")
                )
                continue
            out.created += part.created
            out.matched += part.matched
            out.unchanged += part.unchanged
            out.changes += part.changes
            out.items += part.items
            out.records |= part.records
            out.same |= part.same
            out.examples += part.examples[: 5 - len(out.examples)]
        return out

    def values(self, conn: Connection, fields: dict[str, Any]) -> dict[str, Any]:
        """Fields of a row as the CRM's commands take them, references aside."""
        out: dict[str, Any] = {}
        for name, value in fields.items():
            if name == "owner":
                owner = self._owner(conn, value)
                if owner:
                    out["owner_id"] = owner
            elif name == "name" and self.noun in ("contact", "lead"):
                first, _, last = value.partition(" ")
                out.setdefault("first_name", first)
                out.setdefault("last_name", last)
            elif name in _MONEY:
                out[name], code = imports.values.amount(value)
                if code:
                    out.setdefault("currency", code)
            elif name not in _ELSEWHERE:
                out[name] = self._plain(name, value)
        if self.noun == "subscription":
            out.setdefault("name", out.get("plan", ""))
        if self.noun == "deal":
            out |= self._place(conn, fields.get("pipeline", ""), fields.get("stage", ""), out)
        return out

    def _plain(self, name: str, value: str) -> Any:
        """One value as our own fields hold it."""
        if name == "tags":
            return [t for t in value.strip("[]").replace(";", ",").split(",") if t.strip()]
        if name == "currency":
            return value.strip().upper()
        if name == "probability":
            return _percent(value)
        known = name in words.WORDS.get(self.noun, {})
        return words.ours(self.noun, name, value) if known else value

    def _place(
        self, conn: Connection, pipeline: str, stage: str, values: dict[str, Any]
    ) -> dict[str, Any]:
        """Pipeline and stage of a deal, by the names people gave them. Raises `Invalid`."""
        if self._stages is None:
            self._stages = Stages(crm.pipeline.list_all(conn, self.viewer))
        found = self._stages.find(pipeline, stage)
        if "stage_id" in found:
            values.pop("status", None)  # the stage says it
        return found

    def _row(
        self, conn: Connection, record: Record, fields: dict[str, Any], now_ms: int, out: Tally
    ) -> None:
        values = self.values(conn, fields)
        if fields.get("account"):
            values["account_id"] = self._account(conn, record, fields["account"], now_ms, out)
        if self.noun in _BY_PERSON and values.get("email"):
            values["contact_id"] = self._contact(conn, record, values, now_ms, out)
            del values["email"]
        elif self.noun == "ticket" and values.get("email"):
            self._contact(conn, record, values, now_ms, out)
        out.examples.append(dict(values))
        there, before = self._before(conn, record, values)
        if there is None:
            out.records[record.number] = self._create(conn, self.noun, record, values, now_ms, out)
            out.created += 1
            return
        out.records[record.number] = there
        values = {n: v for n, v in values.items() if n not in self._once}
        if self.noun == "account":
            values = {n: v for n, v in values.items() if n != "key"}
        elif self.noun == "ticket":
            values.pop("email", None)  # whose ticket it is was said when it was opened
        after = self._room.update(conn, self.viewer, there, values, now_ms, into=out.items)
        if after.version == before["version"]:
            out.unchanged += 1
            out.same.add(record.number)
            return
        out.changes.append((record.number, self.noun, there, before, after.version))
        out.matched += 1

    def _before(
        self, conn: Connection, record: Record, values: Mapping[str, Any]
    ) -> tuple[int | None, Mapping[str, Any]]:
        """The record that a row is about, and its columns: what it became before, if that is still
        there, else what is found."""
        there = self.known.get(record.number)
        before = self._held(conn, there)
        if not before:
            there = self._find(conn, values)
            before = self._held(conn, there)
        return (there, before) if before else (None, {})

    def _held(self, conn: Connection, record_id: int | None) -> Mapping[str, Any]:
        if record_id is None:
            return {}
        return crm.undo.snapshot(conn, self.viewer, self.noun, record_id)

    def _create(
        self,
        conn: Connection,
        noun: str,
        record: Record,
        values: dict[str, Any],
        now_ms: int,
        out: Tally,
    ) -> int:
        made = _ROOMS[noun].create(conn, self.viewer, values, now_ms, into=out.items)
        row_id = ids.parse_id(_ROOMS[noun].kind.prefix, made.id)
        out.changes.append((record.number, noun, row_id, None, made.version))
        return row_id

    def _find(self, conn: Connection, values: Mapping[str, Any]) -> int | None:
        if self.noun == "contact" and values.get("email"):
            email = str(values["email"]).strip().lower()
            return crm.undo.contacts_by_email(conn, self.viewer, [email]).get(email)
        if self.noun == "account":
            for name in ("key", "domain", "name"):
                value = values.get(name)
                found = crm.undo.accounts_like(conn, self.viewer, [value]) if value else {}
                if value and found:
                    return found[value]
                if name == "key" and value:
                    return None
            return None
        found_id = self._room.known(conn, self.viewer, values)
        if found_id is None and self.noun == "ticket" and values.get("external_id"):
            wanted = str(values["external_id"]), str(values.get("subject", ""))
            return crm.external.like(conn, self.viewer, *wanted)
        return found_id

    def _contact(
        self, conn: Connection, record: Record, values: Mapping[str, Any], now_ms: int, out: Tally
    ) -> str:
        email = str(values["email"]).strip().lower()
        there = crm.undo.contacts_by_email(conn, self.viewer, [email]).get(email)
        if there is None:
            new = {"email": email, "account_id": values.get("account_id")}
            there = self._create(conn, "contact", record, new, now_ms, out)
        return ids.api_id("con", there)

    def _account(
        self, conn: Connection, record: Record, value: str, now_ms: int, out: Tally
    ) -> str:
        found = crm.undo.accounts_like(conn, self.viewer, [value])
        if value in found:
            return ids.api_id("acc", found[value])
        new = {"name": value} if " " in value else {"key": value, "name": value}
        return ids.api_id("acc", self._create(conn, "account", record, new, now_ms, out))

    def _owner(self, conn: Connection, value: str) -> str:
        """A user by address, name or id; "" for nobody we know: an owner elsewhere is no fault."""
        if self._owners is None:
            users = crm.users.list_all(conn, self.viewer)
            self._owners = {}
            for user in users:
                if user.enabled:
                    self._owners |= dict.fromkeys(
                        (user.email.lower(), user.name.lower(), user.id), user.id
                    )
        return self._owners.get(value.strip().lower(), "")

    def _fault(
        self, record: Record, fault: errors.Fault, fields: Mapping[str, Any]
    ) -> imports.RowFault:
        column = self.builder.column(fault.field)
        value = fields.get(fault.field, "")
        return self.builder.fault(record, column, value, fault.problem, fault.remedy)


class Stages:
    """The pipelines' stages by name."""

    def __init__(self, pipelines: Sequence[crm.pipeline.Pipeline]) -> None:
        self._pipelines = pipelines

    def find(self, pipeline: str, stage: str) -> dict[str, str]:
        """`pipeline_id` and `stage_id` as far as they are named. Raises `Invalid`."""
        known = self._pipelines
        out: dict[str, str] = {}
        if pipeline:
            known = [p for p in known if _same(pipeline, p.name, p.id)]
            if not known:
                raise _unknown("pipeline", [p.name for p in self._pipelines])
            out["pipeline_id"] = known[0].id
        if stage:
            found = next((s for p in known for s in p.stages if _same(stage, s.name, s.id)), None)
            if found is None:
                raise _unknown("stage", [s.name for p in known for s in p.stages])
            out["stage_id"] = found.id
        return out


def _same(said: str, *names: str) -> bool:
    """`closedwon`, `Closed Won` and `closed-won` are the same."""
    plain = _plain(said)
    return any(_plain(name) == plain for name in names)


def _plain(text: str) -> str:
    return "".join(c for c in fold_name(text) if c.isalnum())


def _unknown(field: str, names: Sequence[str]) -> errors.Invalid:
    shown = ", ".join(names[:10])
    remedy = f"Add the {field}, leave the column out, or use one of {shown}."
    return errors.Invalid(errors.Fault(field, f"is no {field} here.", remedy))


def _percent(value: str) -> str:
    """`40`, `40 %` and `0.4` alike."""
    plain = value.strip().rstrip("%").strip()
    if "%" not in value and _FRACTION.fullmatch(plain) and float(plain) <= 1:
        return str(round(float(plain) * 100))
    return plain.removesuffix(".0")


def undo_some(conn: Connection, viewer: Viewer, import_id: int) -> int:
    """Take back the newest CRM changes of an import; how many. The caller commits."""
    rows = imports.store.open_changes(conn, import_id, limits.import_crm_chunk_rows)
    versions: dict[tuple[str, int], int] = {}
    for change_id, noun, record_id, before, version in rows:
        known = versions.get((noun, record_id), version)
        outcome, reason, now = crm.undo.undo(conn, viewer, noun, record_id, before, known)
        imports.store.settle(conn, change_id, outcome, reason)
        if outcome == "restored":
            versions[noun, record_id] = now
            was = int(before["version"])
            imports.store.moved(conn, import_id, noun, record_id, was, now)
    return len(rows)
