"""From a row to an item of the Segment spec, or to the values of a CRM record. Pure.

A row is named by its keys, else, where it tells of somebody, by whom it is about, else by its
content. The `messageId` is that name and the number of the change: the same after a crash, another
when the row changed and changed back.
"""

import hashlib
from typing import Any

import msgspec

from onefold.sources import imports
from onefold.sources.connectors.model import Plan
from onefold.sources.imports.model import OPEN
from onefold.sources.imports.read import Record

# What names a row that has no keys.
_WHO = {
    "people": ("user_id", "email", "anonymous_id"), "accounts": ("account_id",),
    "contacts": ("email",), "companies": ("key", "domain", "name"),
}  # fmt: skip
_OURS = ("_sdc_", "_airbyte_", "_ab_")  # what connectors add for warehouses


class Builder(imports.items.Builder):
    """Rows of one stream, as those of an imported file; with `rest` also their other fields."""

    def __init__(self, plan: Plan, prefix: str, at_ms: int) -> None:
        super().__init__(plan.target, plan.mapping, prefix, at_ms)
        self.plan = plan

    def record(self, row: dict[str, Any], number: int, named: str = "") -> Record:
        """A row as a file's: its fields by name, those that are mapped by dotted path."""
        paths = {path: dig(row, path) for path in self.plan.columns}
        return Record(number, number, {**row, **paths}, id=named)

    def read(self, record: Record) -> tuple[dict[str, Any], dict[str, Any]] | imports.RowFault:
        """A row's fields, and its traits or properties; or the first thing wrong with it."""
        found = super().read(record)
        if isinstance(found, imports.RowFault) or not self.plan.rest or self.target not in OPEN:
            return found
        rest = {
            name: value
            for name, value in record.values.items()
            if value is not None and name not in self.plan.columns and not name.startswith(_OURS)
        }
        return found[0], {**rest, **found[1]}


def told(fault: imports.RowFault) -> str:
    """A row's fault without its value: a run's faults are kept, a value may be a secret."""
    where = f"`{fault.column}` " if fault.column else ""
    return f"a row: {where}{fault.problem} {fault.remedy}".rstrip()


def named(stream: str, plan: Plan, keys: list[str], row: dict[str, Any]) -> tuple[bytes, bytes]:
    """(name, content) of a row, as hashes."""
    content = _hash(stream, row)
    parts: list[Any] = [dig(row, k) for k in plan.keys or keys]
    if not parts:
        paths = (plan.path(field) for field in _WHO.get(plan.target, ()))
        parts = [dig(row, path) for path in paths if path]
    if not parts or all(p is None for p in parts):
        return content, content
    return _hash(stream, parts), content


def dig(row: Any, path: str) -> Any:
    """The value at a dotted path; a name with dots in it is found as well."""
    if isinstance(row, dict) and path in row:
        return row[path]
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _hash(stream: str, value: Any) -> bytes:
    # Unlike two strings joined, a pair cannot be read as another pair.
    text = msgspec.json.encode([stream, value], order="deterministic")
    return hashlib.blake2b(text, digest_size=16).digest()
