"""From a row to an item of the Segment spec, or to the values of a CRM record. Pure.

An item's `messageId` is made of the import and the row's number, so that no row can count twice.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from onefold.governance import external
from onefold.kernel import clock, errors, limits
from onefold.sources.imports import values
from onefold.sources.imports.model import (
    FACT_TARGETS,
    FIELDS,
    IDS,
    NEEDED,
    OPEN,
    TARGETS,
    WITH_IDS,
    Column,
    Mapping,
    RowFault,
    Target,
)
from onefold.sources.imports.read import Record

_KINDS = frozenset(("text", "number", "boolean", "time", "dmy", "mdy", "json"))
_encode = msgspec.json.Encoder(enc_hook=str).encode


def check(target: Target, columns: Iterable[str], mapping: Mapping) -> list[errors.Fault]:
    """Everything that is wrong with a mapping of a file with these columns."""
    known, faults = set(columns), []
    used: dict[str, str] = {}
    for name, column in mapping.columns.items():
        if name not in known:
            faults.append(
                errors.Fault(f"columns.{name}", "is not a column there.", "Check its name.")
            )
        elif column.to:
            faults += _check_column(target, name, column, used)
    for name in mapping.constants:
        if not _is_known(target, name):
            faults.append(_unknown(target, f"constants.{name}", name))
        used.setdefault(name, "")
    for group in NEEDED[target]:
        if not _has(group, used):
            shown = " or ".join(f"`{field}`" for field in group)
            faults.append(
                errors.Fault("columns", f"No column goes to {shown}.", "Choose one for it.")
            )
    return faults


def _check_column(
    target: Target, name: str, column: Column, used: dict[str, str]
) -> list[errors.Fault]:
    field = f"columns.{name}"
    if not _is_known(target, column.to):
        return [_unknown(target, field, column.to)]
    if column.to in used:
        return [
            errors.Fault(
                field, f"goes to `{column.to}`, as `{used[column.to]}` does.", "Keep one of them."
            )
        ]
    used[column.to] = name
    if column.kind not in _KINDS:
        return [errors.Fault(field, f"`{column.kind}` is no kind of value.", "Use `text`.")]
    return []


def _unknown(target: Target, field: str, name: str) -> errors.Fault:
    known = ", ".join(FIELDS[target])
    more = f", or `{OPEN[target]}.…`" if target in OPEN else ""
    if target in WITH_IDS:
        more += f", or `{IDS}.…` with another tool's id of the person (`{IDS}.hubspot_contact_id`)"
    return errors.Fault(field, f"`{name[:60]}` is not a field here.", f"Known are {known}{more}.")


def _is_known(target: Target, to: str) -> bool:
    return to in FIELDS[target] or _is_open(target, to) or _is_id(target, to)


def _is_id(target: Target, to: str) -> bool:
    """Whether a field is another tool's id that can only name a person."""
    head, _, rest = to.partition(".")
    return target in WITH_IDS and head == IDS and rest != "" and external.namespace(rest) == rest


def _has(group: tuple[str, ...], used: Iterable[str]) -> bool:
    """Whether one field of a group is there; a person may be named by another tool's id alone."""
    named = "user_id" in group
    return any(field in group or (named and field.startswith(f"{IDS}.")) for field in used)


def _is_open(target: Target, to: str) -> bool:
    head, _, rest = to.partition(".")
    return target in OPEN and head == OPEN[target] and bool(rest)


def target_of(text: str) -> Target:
    """What rows are, from its name. Raises `Invalid`."""
    for known in TARGETS:
        if text == known:
            return known
    shown = ", ".join(TARGETS)
    raise errors.Invalid(
        errors.Fault("as", f"`{text[:40]}` can't be imported.", f"Use one of {shown}.")
    )


class Builder:
    """Turns rows into items or values. `prefix` begins each messageId: `imp_4`."""

    def __init__(self, target: Target, mapping: Mapping, prefix: str, at_ms: int) -> None:
        self.target = target
        self.prefix = prefix
        self.at = clock.iso(at_ms)
        self._columns = [
            (name, c.to, c.kind, c.to.partition(".")[2] if _is_open(target, c.to) else "")
            for name, c in mapping.columns.items()
            if c.to
        ]
        self._fields: dict[str, Any] = {}
        self._open: dict[str, Any] = {}
        for name, value in mapping.constants.items():
            if _is_open(target, name):
                self._open[name.partition(".")[2]] = value
            else:
                self._fields[name] = value
        self._columns_by_field = {c.to: name for name, c in mapping.columns.items()}

    def column(self, field: str) -> str:
        """The column that a field comes from, for faults."""
        return self._columns_by_field.get(field, "")

    def read(self, record: Record) -> tuple[dict[str, Any], dict[str, Any]] | RowFault:
        """A row's fields, and its traits or properties; or the first thing wrong with it."""
        if record.fault is not None:
            return record.fault
        fields, free = dict(self._fields), dict(self._open)
        found = record.values
        for name, to, kind, inner in self._columns:
            value = found.get(name)
            if value is None or value == "":
                continue
            try:
                clean = values.convert(value, kind)
            except values.Unfit as unfit:
                return self.fault(record, name, value, unfit.problem, unfit.remedy)
            if clean is None or clean == "":
                continue
            if inner:
                free[inner] = clean
            elif to == "email":
                fields[to] = values.address(str(clean)) or str(clean)
            elif isinstance(clean, str):
                fields[to] = clean
            else:
                fields[to] = values.text(clean)
        return fields, free

    def item(self, record: Record) -> bytes | RowFault:
        """A row as an encoded item."""
        found = self.read(record)
        if isinstance(found, RowFault):
            return found
        fields, free = found
        for group in NEEDED[self.target]:
            if not _has(group, fields):
                column = next((c for c in map(self.column, group) if c), "")
                shown = " or ".join(f"`{name}`" for name in group)
                return self.fault(
                    record, column, "", f"has no value for {shown}.", "Fill it in, or drop the row."
                )
        item: dict[str, Any] = {"messageId": f"{self.prefix}:{record.id or record.number}"}
        for field, name in (("user_id", "userId"), ("anonymous_id", "anonymousId")):
            if field in fields:
                item[name] = fields[field]
        item["timestamp"] = self.at
        if "timestamp" in fields:
            try:
                item["timestamp"] = clock.iso(values.time_ms(fields["timestamp"]))
            except values.Unfit as unfit:
                column = self.column("timestamp")
                return self.fault(record, column, fields["timestamp"], unfit.problem, unfit.remedy)
        _SHAPES[self.target](item, fields, free)
        _other_ids(item, fields)
        return _encode(item)

    def fault(self, record: Record, column: str, value: Any, problem: str, remedy: str) -> RowFault:
        """A fault of this row."""
        shown = values.text(value)[: limits.import_shown_chars_max]
        return RowFault(record.line, column, shown, problem, remedy, record.label)


def _people(item: dict[str, Any], fields: dict[str, Any], free: dict[str, Any]) -> None:
    item["type"] = "identify"
    if "email" in fields:
        free["email"] = fields["email"]
    item["traits"] = free
    if "account_id" in fields:
        item["context"] = {"groupId": fields["account_id"]}


def _accounts(item: dict[str, Any], fields: dict[str, Any], free: dict[str, Any]) -> None:
    item["type"] = "group"
    item["groupId"] = fields.get("account_id", "")
    item["traits"] = free


def _events(item: dict[str, Any], fields: dict[str, Any], free: dict[str, Any]) -> None:
    item["type"] = "track"
    item["event"] = fields.get("event", "")
    item["properties"] = free
    context: dict[str, Any] = {}
    if "account_id" in fields:
        context["groupId"] = fields["account_id"]
    if "email" in fields:
        context["traits"] = {"email": fields["email"]}
    if context:
        item["context"] = context


def _other_ids(item: dict[str, Any], fields: dict[str, Any]) -> None:
    found = [
        {"id": value, "type": to.partition(".")[2], "collection": "users", "encoding": "none"}
        for to, value in fields.items()
        if to.startswith(f"{IDS}.")
    ]
    if found:
        item.setdefault("context", {})["externalIds"] = found


_SHAPES = {"people": _people, "accounts": _accounts, "events": _events}
assert set(_SHAPES) == set(FACT_TARGETS)  # noqa: S101 one shape for each target of facts


def envelope(items: Iterable[bytes]) -> bytes:
    """Encoded items as a log row's JSON."""
    return b'{"batch":[' + b",".join(items) + b"]}"


def sent_of(raw: bytes) -> dict[str, Any]:
    """An item as a tree, to show it."""
    tree: dict[str, Any] = json.loads(raw)
    return tree
