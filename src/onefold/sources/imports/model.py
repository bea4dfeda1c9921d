"""What an import is: the file's format, where columns go, faults, and the row of table `import`."""

from datetime import datetime
from typing import Any, Literal

import msgspec

Target = Literal[
    "people", "accounts", "events", "contacts", "companies", "leads", "deals", "products",
    "subscriptions", "activities", "tickets", "tasks",
]  # fmt: skip
FACT_TARGETS: tuple[Target, ...] = ("people", "accounts", "events")
CRM_TARGETS: tuple[Target, ...] = (
    "contacts", "companies", "leads", "deals", "products", "subscriptions", "activities", "tickets",
    "tasks",
)  # fmt: skip
TARGETS: tuple[Target, ...] = (*FACT_TARGETS, *CRM_TARGETS)
Kind = Literal["csv", "jsonl", "parquet", "xlsx", "table"]  # a table has no file
As = Literal["text", "number", "boolean", "time", "dmy", "mdy", "json"]

# Fields that a target knows, besides traits and properties of any name.
FIELDS: dict[str, tuple[str, ...]] = {
    "people": ("user_id", "email", "anonymous_id", "account_id", "timestamp"),
    "accounts": ("account_id", "timestamp"),
    "events": ("event", "user_id", "email", "anonymous_id", "account_id", "timestamp"),
    "contacts": ("email", "first_name", "last_name", "name", "title", "phone", "account", "owner"),
    "companies": ("key", "name", "domain", "industry", "plan", "owner"),
    "leads": (
        "email", "first_name", "last_name", "name", "title", "phone", "company", "domain", "source",
        "status", "rating", "reason", "description", "owner", "external_id", "created_at",
    ),
    "deals": (
        "name", "stage", "pipeline", "status", "amount", "currency", "close_date", "probability",
        "kind", "source", "reason", "description", "next_step", "email", "account", "owner",
        "external_id", "created_at",
    ),
    "products": (
        "name", "code", "description", "family", "price", "currency", "billing", "active",
    ),
    "subscriptions": (
        "name", "status", "plan", "seats", "mrr", "currency", "start_date", "renewal_date",
        "end_date", "email", "account", "owner", "external_id",
    ),
    "activities": (
        "kind", "subject", "body", "at", "minutes", "direction", "outcome", "location", "email",
        "account", "owner", "external_id",
    ),
    "tickets": (
        "subject", "content", "status", "priority", "category", "tags", "channel", "email",
        "account", "owner", "external_id", "created_at", "resolved_at",
    ),
    "tasks": (
        "subject", "body", "status", "priority", "kind", "due_at", "email", "account", "owner",
        "external_id",
    ),
}  # fmt: skip
TIMES = frozenset((
    "timestamp", "due_at", "close_date", "created_at", "at", "start_date", "renewal_date",
    "end_date", "resolved_at",
))  # fmt: skip
# Where columns without a field of their own go.
OPEN = {"people": "traits", "accounts": "traits", "events": "properties"}
# Targets whose rows may have other tools' ids of people: `external_ids.hubspot_contact_id`.
WITH_IDS: tuple[Target, ...] = ("people", "events")
IDS = "external_ids"
# One of each group has to be there.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "people": (("user_id", "email", "anonymous_id"),),
    "accounts": (("account_id",),),
    "events": (("event",), ("user_id", "email", "anonymous_id", "account_id")),
    "contacts": (("email", "first_name", "last_name", "name"),),
    "companies": (("key", "name", "domain"),),
    "leads": (("email", "first_name", "last_name", "name", "company"),),
    "deals": (("name",),),
    "products": (("name",),),
    "subscriptions": (("name", "plan"), ("email", "account")),
    "activities": (("subject", "body"),),
    "tickets": (("subject",), ("email", "account")),
    "tasks": (("subject",),),
}


class Format(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a file is read. `encoding`, `delimiter` of CSV; `sheet` of Excel; `rows` where known."""

    kind: Kind
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str = ""
    rows: int | None = None
    bytes: int = 0


class Sample(msgspec.Struct, frozen=True):
    """A file's columns and its first rows."""

    format: Format
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


class Column(msgspec.Struct, frozen=True, rename={"kind": "as"}):
    """Where a column goes (`email`, `traits.plan`, "" for nowhere), and how values are read."""

    to: str = ""
    kind: As = "text"


class Mapping(msgspec.Struct, frozen=True):
    """Where each column goes, and values that every row gets."""

    columns: dict[str, Column] = {}
    constants: dict[str, str] = {}


class RowFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with a row: its line in the file, the column, the value, the remedy.

    `row` names a table's row by its key: it has no line.
    """

    line: int
    column: str
    value: str
    problem: str
    remedy: str
    row: str = ""

    def __str__(self) -> str:
        where = (self.row or f"line {self.line}") + (
            f", column `{self.column}`" if self.column else ""
        )
        value = f" `{self.value}`" if self.value else ""
        return f"{where}:{value} {self.problem} {self.remedy}".rstrip()


class Import(msgspec.Struct, frozen=True):
    """A row of table `import`."""

    id: int
    name: str
    target: Target
    source_id: int | None
    status: str
    path: str
    format: Format
    mapping: Mapping
    rows_total: int | None
    rows_done: int
    created: int
    matched: int
    unchanged: int
    refused: int
    faults: list[RowFault]
    error: str
    reverted: dict[str, Any]
    created_by: str
    created_at: datetime
    started_at: datetime | None
    done_at: datetime | None
    version: int

    @property
    def api_id(self) -> str:
        """The id as the API writes it: `imp_4`."""
        return f"imp_{self.id}"

    @property
    def filtered(self) -> int:
        """Rows that a rule of the source keeps out."""
        known = self.created + self.matched + self.unchanged + self.refused
        return max(0, self.rows_done - known)

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100, as well as the number of rows is known."""
        if self.status in ("done", "reverted"):
            return 100
        if not self.rows_total:
            return 0
        return min(99, self.rows_done * 100 // self.rows_total)
