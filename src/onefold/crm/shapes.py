"""How each object is read: its table, the names beside its references, its orders, what `q` finds.

Every order has an index over its expression and the id, so that a page costs the same wherever it
is; empty values get one at the end, so that a row is never lost between two pages.
"""

from typing import Literal

import msgspec

SortKind = Literal["text", "time", "date", "number"]


class Sort(msgspec.Struct, frozen=True):
    """An order: an SQL expression over the row `t`, and the type of its values in cursors."""

    by: str
    kind: SortKind = "text"


class Shape(msgspec.Struct, frozen=True):
    """How an object is read: `t` is its own row; joins add the names to show.

    `search`: the folded text that `q` looks in; `unique`: field → condition that finds the record
    with its value; `audience`: the condition of being in one, by its key.
    """

    table: str
    columns: str
    joins: str
    sorts: dict[str, Sort]
    search: str
    unique: dict[str, str] = {}
    audience: str = ""


# The names beside references: column → (join, columns).
_CONTACT_NAME = "coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email, '')"
_LEAD_NAME = (
    "coalesce(nullif(btrim(l.first_name || ' ' || l.last_name), ''), nullif(l.email, ''), "
    "l.company, '')"
)
_STALE = (
    "(s.stale_days > 0 AND t.status = 'open' "
    "AND t.stage_at < now() - s.stale_days * interval '1 day')"
)
_REFS = {
    "owner_id": ("LEFT JOIN app_user u ON u.id = t.owner_id", "coalesce(u.name, '') AS owner_name"),
    "account_id": (
        "LEFT JOIN account a ON a.id = t.account_id",
        "coalesce(nullif(a.name, ''), a.key, '') AS account_name, a.key AS account_key",
    ),
    "contact_id": (
        "LEFT JOIN contact c ON c.id = t.contact_id",
        f"{_CONTACT_NAME} AS contact_name",
    ),
    "deal_id": ("LEFT JOIN deal d ON d.id = t.deal_id", "coalesce(d.name, '') AS deal_name"),
    "lead_id": ("LEFT JOIN lead l ON l.id = t.lead_id", f"{_LEAD_NAME} AS lead_name"),
    "stage_id": (
        "JOIN stage s ON s.id = t.stage_id JOIN pipeline p ON p.id = t.pipeline_id",
        f"s.name AS stage_name, p.name AS pipeline_name, {_STALE} AS stale",
    ),
}
_BASE = "(SELECT code FROM currency WHERE is_base) AS base_currency"  # fmt: skip
# Whose people and accounts a record is about, for the filter by audience.
_IN_AUDIENCE = """EXISTS (
  SELECT FROM audience m JOIN membership n ON n.audience_id = m.id
  WHERE m.key = %s AND m.status <> 'deleted' AND {})"""
_BY_ACCOUNT = "(m.of = 'account' AND n.entity_id = t.{})"
_BY_CONTACT = """(m.of = 'person' AND n.entity_id IN (
    SELECT f.person_id FROM identifier i JOIN fragment f ON f.identifier_id = i.id
    WHERE i.namespace = 'contact' AND md5(i.value) = md5(t.{}::text)))"""
UPDATED = Sort("t.updated_at", "time")
CREATED = Sort("t.id", "number")
NAME = Sort("t.name_sort")
_LATE = "'9999-12-31'::date"


def own_sort(key: str, *, number: bool) -> Sort:
    """The order by a field of the workspace's own; its key is checked to be a plain word."""
    if number:
        return Sort(f"coalesce((t.custom->>'{key}')::float8, -1e300)", "number")
    return Sort(f"coalesce(t.custom->>'{key}', '')")


def _shape(
    table: str,
    refs: tuple[str, ...],
    sorts: dict[str, Sort],
    search: str,
    *,
    columns: str = "",
    unique: dict[str, str] | None = None,
) -> Shape:
    about = []
    if "account_id" in refs or table == "account":
        about.append(_BY_ACCOUNT.format("id" if table == "account" else "account_id"))
    if "contact_id" in refs or table == "contact":
        about.append(_BY_CONTACT.format("id" if table == "contact" else "contact_id"))
    return Shape(
        table=table,
        columns=", ".join(["t.*", *(_REFS[r][1] for r in refs), *([columns] if columns else [])]),
        joins=" ".join(_REFS[r][0] for r in refs),
        sorts={**sorts, "updated": UPDATED, "created": CREATED},
        search=search,
        unique=unique or {},
        audience=_IN_AUDIENCE.format(f"({' OR '.join(about)})") if about else "",
    )


def _date(column: str) -> Sort:
    return Sort(f"coalesce(t.{column}, {_LATE})", "date")


_EXTERNAL = "t.external_id = %s AND t.external_id <> ''"
SHAPES = {
    "account": _shape(
        "account", ("owner_id",),
        {"name": NAME, "seen": Sort("coalesce(t.last_seen_ms, 0)", "number")},
        "(t.name_sort || ' ' || lower(t.key) || ' ' || t.domain)",
        columns="t.key AS account_key",
        unique={"key": "md5(t.key) = md5(%s)"},
    ),
    "contact": _shape(
        "contact", ("owner_id", "account_id"), {"name": NAME}, "(t.name_sort || ' ' || t.email)",
        unique={"email": "lower(t.email) = lower(%s) AND t.archived_at IS NULL"},
    ),
    "ticket": _shape(
        "ticket", ("owner_id", "account_id", "contact_id"),
        {"priority": Sort(
            "array_position(ARRAY['urgent', 'high', 'medium', 'low'], t.priority)", "number")},
        "t.subject_sort", unique={"external_id": f"{_EXTERNAL} AND t.source_id IS NULL"},
    ),
    "task": _shape(
        "task", ("owner_id", "account_id", "contact_id", "deal_id", "lead_id"),
        {
            "due": Sort("coalesce(t.due_at, '9999-12-31T23:59:59Z'::timestamptz)", "time"),
            "priority": Sort(
                "array_position(ARRAY['high', 'medium', 'low'], t.priority)", "number"),
        },
        "t.subject_sort", unique={"external_id": _EXTERNAL},
    ),
    "deal": _shape(
        "deal", ("owner_id", "account_id", "contact_id", "stage_id"),
        {
            "name": NAME, "close": _date("close_date"), "next_step": _date("next_step_at"),
            "amount": Sort("coalesce(t.amount_base, -1)", "number"),
            "stage_at": Sort("t.stage_at", "time"),
        },
        "t.name_sort", columns=_BASE, unique={"external_id": _EXTERNAL},
    ),
    "lead": _shape(
        "lead", ("owner_id", "account_id", "contact_id"), {"name": NAME},
        "(t.name_sort || ' ' || t.email || ' ' || lower(t.company))",
        unique={
            "external_id": _EXTERNAL,
            "email": "lower(t.email) = lower(%s) AND t.archived_at IS NULL "
            "AND t.status NOT IN ('unqualified', 'converted')",
        },
    ),
    "product": _shape(
        "product", (), {"name": NAME}, "(t.name_sort || ' ' || lower(t.code))",
        unique={"code": "t.code = %s AND t.code <> '' AND t.archived_at IS NULL"},
    ),
    "subscription": _shape(
        "subscription", ("owner_id", "account_id", "contact_id", "deal_id"),
        {
            "name": NAME, "renewal": _date("renewal_date"),
            "mrr": Sort("coalesce(t.mrr_base, -1)", "number"),
        },
        "t.name_sort", columns=_BASE, unique={"external_id": _EXTERNAL},
    ),
    "activity": _shape(
        "activity", ("owner_id", "account_id", "contact_id", "deal_id", "lead_id"),
        {"at": Sort("t.at", "time")}, "t.subject_sort", unique={"external_id": _EXTERNAL},
    ),
}  # fmt: skip
