"""Tracking plans: written, imported or inferred; published; what broke them, with samples."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import governance, sources
from onefold.governance import plan_store, plans, trials
from onefold.kernel import clock, definitions, errors, ids, limits
from onefold.storage import Connection
from onefold.web import data, door, edits
from onefold.web.handlers.transformations import shown

_DAYS = 7
_VALUE_CHARS_MAX = 200
_TABS = (
    ("", "Events"), ("violations", "Violations"), ("changes", "Changes"), ("check", "Check"),
    ("edit", "Edit"),
)  # fmt: skip
_EXAMPLE = """\
plan: Product
unplanned_events: flag
violations: flag
events:
  Report Exported:
    properties:
      format: {type: string, enum: [pdf, csv]}
    required: [format]
"""
_ITEM = """\
{"type": "track", "event": "Report Exported", "userId": "u1",
 "properties": {"format": "pdf"}}
"""


@get("/plans", sync_to_thread=True)
def plans_list(request: door.AnyRequest) -> door.Page:
    """Every plan."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        since = clock.day_of(ask.now_ms) - _DAYS + 1
        rows = []
        for found in plan_store.list_all(conn, ask.viewer):
            days = governance.violations.by_day(conn, ask.viewer, found.id, since)
            rows.append({
                "key": found.key, "name": found.name, "published": found.published,
                "events": len(found.draft.rules), "updated_at": found.updated_at,
                "violations": sum(days.values()),
                "sources": len(plan_store.connected(conn, ask.viewer, found.id)),
            })  # fmt: skip
        counts = data.counts(conn, ask)
    return door.page(ask, "plans.html", title="Tracking plans", rows=rows, counts=counts)


@get("/plans/new", sync_to_thread=True)
def plan_new(request: door.AnyRequest) -> door.Page:
    """The form of a new plan."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _new(ask, {"text": _EXAMPLE})


@post("/plans", sync_to_thread=True)
def plan_create(request: door.AnyRequest) -> door.Page:
    """Make a plan of a text, or of what a source sent."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    name = ask.form.get("name", "").strip()
    try:
        with ask.open() as conn:
            source: Any = _text(ask)
            if ask.form.get("infer_from"):
                number = ids.parse_id("src", ask.form["infer_from"], "infer_from")
                found = sources.get(conn, ask.viewer, number)
                source = trials.infer(conn, ask.viewer, number, name or found.name)
            made = plan_store.create(conn, ask.viewer, source, name)
    except (errors.Invalid, errors.Conflict) as error:
        return _new(ask, ask.form, data.wrong(error), error.status)
    return door.go(ask, f"/plans/{made.key}", {"text": "Plan created"})


def _new(ask: door.Ask, values: dict[str, str], faults: Any = (), status: int = 200) -> door.Page:
    with ask.open() as conn:
        options = [(s.api_id, s.name) for s in sources.list_all(conn, ask.viewer)]
        counts = data.counts(conn, ask)
    return door.page(
        ask, "plan_new.html", http=status, title="New tracking plan",
        v={"name": "", "infer_from": "", "text": "", **values}, faults=faults,
        options=[("", "The text below"), *options], counts=counts,
    )  # fmt: skip


def _text(ask: door.Ask) -> str:
    return ask.form.get("text", "").replace("\r\n", "\n")


@get("/plans/{key:str}", sync_to_thread=True)
def plan_page(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """A plan: its events, what broke it, what changed, a check, the editor."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return _page(ask, conn, key, ask.query.get("tab", ""))


@post("/plans/{key:str}", sync_to_thread=True)
def plan_act(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """Save the draft, publish, connect, revert, check or delete."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    act, _, what = ask.form.get("act", "").partition(":")
    where = f"/plans/{key}"
    with ask.open() as conn:
        if act == "check":
            return _check(ask, conn, key)
        if act == "save":
            try:
                plan_store.update(conn, ask.viewer, key, _text(ask), edits.version(ask.form))
            except (errors.Invalid, errors.Conflict) as error:
                return _page(
                    ask, conn, key, "edit", text=_text(ask), faults=data.wrong(error),
                    http=error.status,
                )  # fmt: skip
            return door.go(ask, f"{where}?tab=changes", {"text": "Draft saved"})
        word = _change(ask, conn, key, act, what)
    return door.go(ask, "/plans" if act == "delete" else where, {"text": word})


def _change(ask: door.Ask, conn: Connection, key: str, act: str, what: str) -> str:
    if act == "publish":
        made = plan_store.publish(conn, ask.viewer, key)
        return f"Version {made.published} published"
    if act == "delete":
        plan_store.delete(conn, ask.viewer, key)
        return "Plan deleted"
    if act == "revert" and what.isascii() and what.isdigit() and len(what) < 9:
        plan_store.revert(conn, ask.viewer, key, int(what))
        return f"Draft is version {what} again"
    if act in ("connect", "disconnect"):
        number = ids.parse_id("src", what or ask.form.get("source", ""), "source")
        source = sources.get(conn, ask.viewer, number)
        if act == "connect":
            plan_store.connect(conn, ask.viewer, key, [source.id])
            return "Source connected"
        plan_store.disconnect(conn, ask.viewer, key, source.id)
        return "Source disconnected"
    raise errors.Invalid(errors.Fault("act", "is not known.", "Reload the page."))


def _check(ask: door.Ask, conn: Connection, key: str) -> door.Page:
    text = ask.form.get("item", "")
    found = plan_store.get(conn, ask.viewer, key)
    faults: Sequence[errors.Fault] = ()
    tried: list[trials.Tried] = []
    try:
        tried = trials.check(found.draft, key, _items(text), ask.now_ms)
    except (ValueError, RecursionError) as error:
        remedy = "Send one object, or a list of them."
        faults = [errors.Fault("item", f"is not JSON: {error}.", remedy)]
    except errors.Invalid as error:
        faults = error.faults
    return _page(ask, conn, key, "check", item=text, tried=tried, faults=faults)


def _items(text: str) -> list[dict[str, Any]]:
    """One item or a list of them. Raises `ValueError`."""
    sent = msgspec.json.decode(text)
    listed = sent if isinstance(sent, list) else [sent]
    if not all(isinstance(one, dict) for one in listed):
        raise ValueError("an item is an object")
    return listed


def _page(
    ask: door.Ask, conn: Connection, key: str, tab: str, *, text: str = "", item: str = _ITEM,
    tried: Sequence[trials.Tried] = (), faults: Any = (), http: int = 200,
) -> door.Page:  # fmt: skip
    found = plan_store.get(conn, ask.viewer, key)
    tab = tab if tab in dict(_TABS) else ""
    draft = found.draft
    versions = plan_store.versions(conn, ask.viewer, found.id)
    before = versions[0].plan if versions else plans.Plan(found.name)
    changes = plans.diff.changes(before, draft)
    every = sources.list_all(conn, ask.viewer)
    connected = set(plan_store.connected(conn, ask.viewer, found.id))
    since = clock.day_of(ask.now_ms) - _DAYS + 1
    days = governance.violations.by_day(conn, ask.viewer, found.id, since)
    values: dict[str, Any] = {}
    if tab == "violations":
        values["violations"] = _violations(ask, conn, found.id, {s.id: s.name for s in every})
    return door.page(
        ask, "plan.html", http=http, p=found, plan=draft, tab=tab, tabs=_TABS, faults=faults,
        rules=[_rule(r) for r in draft.rules], changes=[_change_row(c) for c in changes],
        versions=versions, connected=[s for s in every if s.id in connected],
        others=[(s.api_id, s.name) for s in every if s.id not in connected],
        text=text or definitions.write(plans.dump(draft)), item=item, days=_DAYS,
        broken=sum(days.values()), tried=[shown(t) for t in tried],
        forms=plans.exchange.FORMS, counts=data.counts(conn, ask), **values,
    )  # fmt: skip


def _violations(
    ask: door.Ask, conn: Connection, plan_id: int, names: dict[int, str]
) -> list[dict[str, Any]]:
    since = clock.day_of(ask.now_ms) - _DAYS + 1
    counted = governance.violations.listed(
        conn, ask.viewer, plan_id, since, rows_max=limits.page_rows_default
    )
    positions = [pos for one in counted for pos in one.samples if pos]
    stored = trials.samples(conn, ask.viewer, positions)
    return [
        {
            "event": one.event, "path": one.path, "kind": one.kind, "n": one.n,
            "problem": one.problem, "action": one.action, "last_ms": one.last_ms,
            "source": names.get(one.source_id, ""), "source_id": ids.api_id("src", one.source_id),
            "samples": [
                {"pos": pos, "text": _json(stored[pos])} for pos in one.samples if pos in stored
            ],
        }
        for one in counted
    ]  # fmt: skip


def _json(item: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(item), indent=2).decode()


def _rule(rule: plans.Rule) -> dict[str, Any]:
    """An event and its fields, as the page lists them."""
    fields: list[dict[str, Any]] = []
    named = rule.schema.get("properties")
    for part in ("properties", "traits", "context"):
        inner = named.get(part) if isinstance(named, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get("properties"), dict):
            continue
        required = inner.get("required")
        required = required if isinstance(required, list) else []
        inside = inner["properties"]
        missing = [str(n) for n in required if n not in inside]
        fields += [
            {
                "name": f"{part}.{name}", "type": _type(inside.get(name, {})),
                "required": name in required,
            }
            for name in [*inside, *missing]
        ]  # fmt: skip
    return {
        "event": rule.event or f"({rule.type})", "description": rule.description,
        "violations": rule.violations, "fields": fields,
        "schema": _json(rule.schema) if not fields and rule.schema else "",
    }  # fmt: skip


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything" if schema else "nothing"
    rest = {k: v for k, v in schema.items() if k not in ("type", "description")}
    kind = schema.get("type", "")
    kind = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    more = ", ".join(f"{k} {_short(v)}" for k, v in rest.items())
    return " · ".join(part for part in (kind, more) if part) or "anything"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _VALUE_CHARS_MAX else text[: _VALUE_CHARS_MAX - 1] + "…"


def _change_row(change: plans.diff.Change) -> dict[str, str]:
    return {
        "what": change.what, "event": change.event, "path": change.path,
        "before": "" if change.before is None else _short(change.before),
        "after": "" if change.after is None else _short(change.after),
    }  # fmt: skip


HANDLERS = [plans_list, plan_new, plan_create, plan_page, plan_act]
