"""Audiences: who is in, why, what changed. The builder is in audience_builder.py."""

from typing import Any

import yaml
from litestar import get
from litestar.params import FromPath

from onefold import audiences, record
from onefold.kernel import ids
from onefold.record import why
from onefold.storage import Connection
from onefold.web import data, definition, door, store


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
    tab = "changes" if ask.query.get("tab") == "changes" else "members"
    with ask.open() as conn:
        found = audiences.get(conn, ask.viewer, key)
        prefix = "per" if found.of == "person" else "acc"
        values: dict[str, Any] = {"members": [], "changes": [], "next": None}
        if tab == "changes":
            rows = store.audience_changes(conn, ask.viewer, found.id)
            values["changes"] = [_change(r, prefix) for r in rows]
        else:
            values |= _members(ask, conn, found, prefix)
        return door.page(
            ask, "audience.html", a=_row(found), tab=tab, size=found.members or 0,
            tree=definition.tree, yaml=written(found), counts=data.counts(conn, ask), **values,
        )  # fmt: skip


def _members(
    ask: door.Ask, conn: Connection, found: audiences.Audience, prefix: str
) -> dict[str, Any]:
    read: Any = record.list_people if found.of == "person" else record.list_accounts
    page = read(conn, ask.viewer, audience=found.key, cursor=ask.query.get("cursor") or None)
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
    return {"members": members, "next": page["next"]}


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


HANDLERS = [audiences_list, audience_page, audience_why]
