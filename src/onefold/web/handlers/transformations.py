"""A source's transformation: steps as text or added one by one, previewed, versioned."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import governance, sources
from onefold.governance import transforms, trials
from onefold.kernel import definitions, errors, ids
from onefold.storage import Connection
from onefold.web import data, door

_EXAMPLE = "steps: []\n"
_PREVIEWED = 20
_VALUE_CHARS_MAX = 300
DOES = [
    ("rename", "Rename a field"), ("rename_event", "Rename an event"), ("set", "Set a field"),
    ("map", "Map a field's values"), ("hash", "Hash a field"), ("drop", "Drop a field"),
    ("drop_event", "Drop events"), ("filter", "Keep only where…"),
]  # fmt: skip


@get("/sources/{ref:str}/transformation", sync_to_thread=True)
def transformation_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The steps in force and what they make of the newest events."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        found = governance.transform_store.newest(conn, ask.viewer, source.id)
        text = _written(found.transformation) if found else _EXAMPLE
        return _page(ask, conn, source, text)


@post("/sources/{ref:str}/transformation", sync_to_thread=True)
def transformation_act(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Add, move or remove a step, preview, save, or go back to a version."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    text = ask.form.get("text", "").replace("\r\n", "\n")
    act, _, number = ask.form.get("act", "preview").partition(":")
    place = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        where = f"/sources/{source.api_id}/transformation"
        if act == "rollback":
            governance.transform_store.roll_back(conn, ask.viewer, source.id, place)
            return door.go(ask, where, {"text": f"Back to version {place}"})
        try:
            text = _edited(ask.form, text, act, place)
            if act == "save":
                based = ask.form.get("based_on", "")
                governance.transform_store.save(
                    conn, ask.viewer, source.id, text, note=ask.form.get("note", "").strip(),
                    based_on=int(based) if based.isdigit() and len(based) < 9 else None,
                )  # fmt: skip
                return door.go(ask, where, {"text": "Transformation saved"})
        except (errors.Invalid, errors.Conflict) as error:
            return _page(ask, conn, source, text, data.wrong(error), error.status)
        return _page(ask, conn, source, text)


def _edited(form: dict[str, str], text: str, act: str, place: int) -> str:
    """The text after a button of the builder."""
    if act not in ("add", "up", "down", "remove"):
        return text
    steps = list(transforms.dump(transforms.parse(text))["steps"])
    if act == "add":
        steps.append(_built(form))
    elif place < len(steps):
        step = steps.pop(place)
        if act != "remove":
            steps.insert(max(0, place + (1 if act == "down" else -1)), step)
    return _written(transforms.parse({"steps": steps}))


def _built(form: dict[str, str]) -> dict[str, Any]:
    """A step from the builder's fields."""

    def of(name: str) -> str:
        return form.get(name, "").strip()

    do = of("do")
    step: dict[str, Any] = {"do": {"rename_event": "rename", "drop_event": "drop"}.get(do, do)}
    if do == "rename_event":
        step |= {"event": of("field"), "to": of("to")}
    elif do not in ("drop_event", "filter"):
        step["field"] = of("field")
    if do == "rename":
        step["to"] = of("to")
    elif do == "set":
        step["expression"] = of("to")
    elif do == "map":
        step["values"] = _pairs(of("to"))
    for name in ("events", "types"):
        if listed := [t.strip() for t in of(name).split(",") if t.strip()]:
            step[name] = listed
    if of("when"):
        step["when"] = of("when")
    return step


def _pairs(text: str) -> dict[str, Any]:
    """`free = starter, pro = growth` as a table."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _written(steps: transforms.Transformation) -> str:
    return definitions.write(transforms.dump(steps))


def _page(
    ask: door.Ask, conn: Connection, source: sources.Source, text: str, faults: Any = (),
    status: int = 200,
) -> door.Page:  # fmt: skip
    now = governance.current(conn, ask.viewer, source.id)
    steps: transforms.Transformation | None = None
    tried: list[trials.Tried] = []
    try:
        steps = transforms.parse(text)
        tried = trials.preview(conn, ask.viewer, source.id, steps, _PREVIEWED)
    except errors.Invalid as error:
        faults = faults or error.faults
    versions = governance.transform_store.versions(conn, ask.viewer, source.id)
    in_force = _in_force(versions, now.transformation)
    return door.page(
        ask, "transformation.html", http=status, s=source, tab="/transformation", text=text,
        faults=faults, steps=[_said(s) for s in steps.steps] if steps else [], dirty=text.strip()
        != (_written(in_force.transformation).strip() if in_force else _EXAMPLE.strip()),
        now=now, tried=[shown(t) for t in tried], does=DOES, counts=data.counts(conn, ask),
        versions=[
            {**_row(v), "n": len(v.transformation.steps), "current": v is in_force}
            for v in versions
        ],
        field={
            name: ask.form.get(name, "") if faults else ""
            for name in ("do", "field", "to", "events", "when")
        },
    )  # fmt: skip


def _in_force(
    versions: list[governance.transform_store.Version], number: int | None
) -> governance.transform_store.Version | None:
    return next((v for v in versions if v.version == number), None)


def _row(version: governance.transform_store.Version) -> dict[str, Any]:
    return {
        name: getattr(version, name) for name in ("version", "note", "created_by", "created_at")
    }


def _said(step: transforms.Step) -> dict[str, str]:
    """A step in words: what it does, to what, and when."""
    words = {
        "rename": f"{step.event or step.field} → {step.to}",
        "map": f"{step.field}: {len(step.values)} values",
        "drop": step.field or "the whole event",
        "hash": step.field,
        "set": f"{step.field} = {step.expression or _plain(step.value)}",
        "filter": f"keeps {step.when}",
    }[step.do]
    only = [*step.events, *step.types]
    if step.when and step.do != "filter":
        only.append(f"when {step.when}")
    return {"do": step.do, "words": words, "only": ", ".join(only), "note": step.note}


def _plain(value: Any) -> str:
    text = msgspec.json.encode(None if value is msgspec.UNSET else value).decode()
    return text if len(text) <= _VALUE_CHARS_MAX else text[: _VALUE_CHARS_MAX - 1] + "…"


def shown(tried: trials.Tried) -> dict[str, Any]:
    """A tried item as the pages show it."""
    return {
        "event": tried.event or "Item", "outcome": tried.outcome, "why": tried.why,
        "at": tried.received_ms, "raw": msgspec.json.format(
            msgspec.json.encode(tried.before), indent=2
        ).decode(),
        "changes": [
            {
                "path": c.path, "what": c.what,
                "before": _plain(c.before) if c.what != "added" else "",
                "after": _plain(c.after) if c.what != "removed" else "",
            }
            for c in tried.changes
        ],
        "violations": [{"path": v.path, "problem": v.problem} for v in tried.violations],
    }  # fmt: skip


HANDLERS = [transformation_page, transformation_act]
