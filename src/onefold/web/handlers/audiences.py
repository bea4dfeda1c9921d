"""Audiences: who is in, why, what changed, who uses it. The builder is in audience_builder.py."""

from typing import Any

import yaml
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Stream

from onefold import activation, audiences, record
from onefold.audiences import references
from onefold.kernel import clock, errors, ids
from onefold.record import why
from onefold.record.freshness import freshness
from onefold.storage import Connection
from onefold.web import data, definition, door, exports, store

_DAYS = 90  # of the chart
_OVERLAP = 12  # audiences shown that share members
_TABS = ("members", "changes", "use")


@get("/audiences", sync_to_thread=True)
def audiences_list(request: door.AnyRequest) -> door.Page:
    """Every audience with its size."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        rows = [_row(a) for a in audiences.list_all(conn, ask.viewer) if a.status != "deleted"]
        return door.page(
            ask, "audiences.html", title="Audiences", rows=rows, counts=data.counts(conn, ask)
        )


def _row(found: audiences.Audience) -> dict[str, Any]:
    names = ("key", "name", "of", "feature", "status", "version", "definition", "id")
    row = {name: getattr(found, name) for name in names}
    return {
        **row, "size": found.members or 0, "created_at": found.created_ms,
        "updated_at": found.updated_ms,
    }  # fmt: skip


@get("/audiences/{key:str}", sync_to_thread=True)
def audience_page(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """An audience: definition at the left, members or changes in the centre."""
    ask = door.ask_of(request)
    asked = ask.query.get("tab", "")
    tab = asked if asked in _TABS else "members"
    with ask.open() as conn:
        found = audiences.get(conn, ask.viewer, key)
        prefix = "per" if found.of == "person" else "acc"
        values: dict[str, Any] = {"members": [], "changes": [], "next": None}
        if tab == "changes":
            rows = store.audience_changes(conn, ask.viewer, found.id)
            values["changes"] = [_change(r, prefix) for r in rows]
            values |= _history(ask, conn, found)
        elif tab == "use":
            values |= _use(ask, conn, found)
        else:
            values |= _members(ask, conn, found, prefix)
        return door.page(
            ask, "audience.html", a=_row(found), tab=tab, size=found.members or 0,
            tree=definition.tree, yaml=written(found), counts=data.counts(conn, ask),
            fresh=freshness(conn, ask.viewer, [found], ask.now_ms)[found.key], kind=found.kind,
            **values,
        )  # fmt: skip


def _members(
    ask: door.Ask, conn: Connection, found: audiences.Audience, prefix: str
) -> dict[str, Any]:
    q = ask.query.get("q", "")
    read: Any = record.list_people if found.of == "person" else record.list_accounts
    page = read(conn, ask.viewer, audience=found.key, q=q, cursor=ask.query.get("cursor") or None)
    numbers = [ids.parse_id(prefix, row["id"]) for row in page["items"]]
    since = audiences.current(conn, found.of, numbers)
    members = [
        {
            "id": row["id"],
            "name": row["name"] or row.get("email") or "",
            "since": since.get(number, {}).get(found.id),
        }
        for number, row in zip(numbers, page["items"], strict=True)
    ]
    return {"members": members, "next": page["next"], "q": q}


def _history(ask: door.Ask, conn: Connection, found: audiences.Audience) -> dict[str, Any]:
    """Size at the end of each day, and how many came and went, as a chart and in words."""
    today = clock.day_of(ask.now_ms)
    first = max(today - _DAYS + 1, clock.day_of(found.created_ms))
    days = audiences.sizes(conn, ask.viewer, found.key, first, today)
    starts = (clock.iso(first * clock.DAY_MS) or "")[:10]
    chart = {
        "x": [(clock.iso(day * clock.DAY_MS) or "")[:10] for day, *_ in days],
        "series": [
            {"name": "Members", "kind": "bar", "colour": "accent-ink", "axis": 0,
             "y": [size for _, size, _, _ in days]},
            {"name": "Entered", "kind": "bar", "colour": "green", "axis": 1, "stack": "turn",
             "y": [came for _, _, came, _ in days]},
            {"name": "Left", "kind": "bar", "colour": "red", "axis": 1, "stack": "turn",
             "y": [-went for _, _, _, went in days]},
        ],
    }  # fmt: skip
    came, went = sum(d[2] for d in days), sum(d[3] for d in days)
    words = (
        f"Members a day since {starts}: {days[0][1]:,} at first, {days[-1][1]:,} now; "
        f"{came:,} entered and {went:,} left."
    )
    return {"chart": chart, "chart_words": words}


def _use(ask: door.Ask, conn: Connection, found: audiences.Audience) -> dict[str, Any]:
    """Which audiences ask for it and which destinations receive it; whom others share."""
    return {
        "askers": [
            a for a in audiences.list_all(conn, ask.viewer)
            if found.key in references.references(a.definition)
        ],
        "places": [d for d in activation.store.list_all(conn, ask.viewer)
                   if found.key in d.audiences],
        "overlap": audiences.overlap(conn, ask.viewer, found.key, _OVERLAP),
    }  # fmt: skip


def _change(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        "id": f"{prefix}_{row['entity_id']}", "name": row["name"] or "", "entered": row["entered"],
        "at": row["at_ms"], "why_text": "; ".join(_whys(row["why"])),
    }  # fmt: skip


def _whys(why: Any) -> list[str]:
    return [str(w.get("text", "")) for w in why or () if isinstance(w, dict) and w.get("text")]


def written(found: audiences.Audience) -> str:
    """The definition as YAML, as the editor takes it back."""
    head = {"audience": found.key, "name": found.name}
    body = {k: v for k, v in found.source.items() if k not in head}
    return yaml.safe_dump({**head, **body}, sort_keys=False, allow_unicode=True, width=80)


@get("/audiences/{key:str}/why", sync_to_thread=True)
def audience_why(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """Why somebody is in it or not: every condition, its value, the facts behind it."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = why.why(conn, ask.viewer, key, ask.query.get("id", ""), ask.now_ms)
        return door.page(
            ask, "audience_why.html", title=f"Why {found['subject']}", w=found,
            entered=_whys(found["entered"]), counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/audiences/{key:str}/members.csv", sync_to_thread=True)
def audience_members_csv(request: door.AnyRequest, key: FromPath[str]) -> Stream:
    """Everybody in it as CSV, a page at a time."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = audiences.get(conn, ask.viewer, key)
    return exports.of_members(ask, found.key)


@post("/audiences/{key:str}/delete", sync_to_thread=True)
def audience_delete(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """Take it out of force; its page says why not while others ask for it."""
    ask = door.ask_of(request)
    try:
        with ask.open() as conn:
            audiences.delete(conn, ask.viewer, key)
    except errors.Conflict as error:
        return door.go(ask, f"/audiences/{key}?tab=use", {"text": str(error), "bad": True})
    return door.go(ask, "/audiences", {"text": "Audience deleted"})


HANDLERS = [audiences_list, audience_page, audience_why, audience_members_csv, audience_delete]
