"""How a stream's rows would best be taken, and what is wrong with how they are. Pure.

Columns go where an imported file's would (`sources.imports.suggest`), by the stream's schema and,
when some rows are at hand, by their values. What a stream is about its name tells best.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from onefold.kernel import errors
from onefold.sources import imports
from onefold.sources.connectors.model import Plan, Stream
from onefold.sources.imports import Column, Sample, Target
from onefold.sources.imports.model import FIELDS, OPEN

_PEOPLE = ("user", "people", "person", "customer", "contact", "lead", "member")
_ACCOUNTS = ("account", "compan", "organi", "workspace", "tenant")
_EVENT = frozenset(("event", "eventname", "eventtype"))
_CHANGED = ("updatedat", "modifiedat", "lastmodified", "lastmodifieddate", "updated",
            "systemmodstamp")  # fmt: skip
_DEPTH = 2


def columns(stream: Stream, rows: Sequence[dict[str, Any]] = ()) -> list[str]:
    """Dotted paths of a stream's fields: of its schema, and of rows when it has none of its own."""
    out = list(_paths(stream.schema, "", _DEPTH))
    known = set(out)
    for row in rows:
        new = [name for name in row if name not in known]
        out += new
        known.update(new)
    return out


def _paths(schema: Any, before: str, depth: int) -> Iterable[str]:
    found = schema.get("properties") if isinstance(schema, dict) else None
    for name, inner in (found or {}).items() if isinstance(found, dict) else ():
        yield before + str(name)
        if depth > 1:
            yield from _paths(inner, f"{before}{name}.", depth - 1)


def sample(stream: Stream, rows: Sequence[dict[str, Any]] = (), path: Any = None) -> Sample:
    """A stream as a file's sample: what suggestions go by."""
    names = columns(stream, rows)
    dig = path or (lambda row, name: row.get(name))
    shown = tuple({name: dig(row, name) for name in names} for row in rows)
    return Sample(imports.Format("jsonl"), tuple(names), shown)


def plan(stream: Stream, rows: Sequence[dict[str, Any]] = (), target: Target | None = None) -> Plan:
    """A proposal. With `target` for that one."""
    seen = sample(stream, rows)
    chosen = target or _target(stream, seen)
    cursor = stream.cursor[0] if stream.cursor else ""
    by_cursor = bool(cursor) and "incremental" in stream.modes
    mapped, constants = _mapping(stream, chosen, seen)
    return Plan(
        chosen, "incremental" if by_cursor or "full_refresh" not in stream.modes else
        "full_refresh", cursor, stream.keys, mapped, constants,
    )  # fmt: skip


def _label(stream: Stream) -> str:
    return stream.name.rpartition(".")[2].rpartition("-")[2].lower()


def _target(stream: Stream, seen: Sample) -> Target:
    label, normal = _label(stream), imports.suggest.normal
    if any(normal(c) in _EVENT for c in seen.columns):
        return "events"
    if any(part in label for part in _ACCOUNTS):
        return "accounts"
    if any(part in label for part in _PEOPLE):
        return "people"
    guessed = imports.suggest.target(seen)
    return guessed if guessed in ("tickets", "tasks") else "events"


def _mapping(
    stream: Stream, target: Target, seen: Sample
) -> tuple[dict[str, Column], dict[str, str]]:
    normal = imports.suggest.normal
    names = seen.columns
    if target not in ("people", "accounts", "contacts", "companies"):
        names = tuple(n for n in names if n not in stream.keys or normal(n) != "id")
    if target == "events":  # `name`, `type`: of a file perhaps the event, of a table its columns
        names = tuple(n for n in names if not _only_event(n))
    found = imports.suggest.mapping(target, Sample(seen.format, names, seen.rows))
    out = {}
    for name, column in found.columns.items():
        head, _, trait = column.to.partition(".")
        known = column.to in FIELDS[target] or (trait and trait not in (name, _plain(name)))
        if not column.to or not known or (head == "properties" and trait):
            continue
        late = target in ("people", "accounts") and column.to == "timestamp"
        if late and normal(name) not in _CHANGED:
            continue  # when it was made says nothing of when its traits were so
        out[name] = column
    if target in ("people", "accounts") and all(c.to != "timestamp" for c in out.values()):
        changed = next((n for n in names if normal(n) in _CHANGED), "")
        if changed:
            out[changed] = Column("timestamp", "time")
    if target == "people" and len(stream.keys) == 1 and stream.keys[0] in names:
        out = {n: c for n, c in out.items() if c.to != "user_id"}
        out.setdefault(stream.keys[0], Column("user_id"))
    constants = {}
    if target == "events" and all(c.to != "event" for c in out.values()):
        constants["event"] = _label(stream).replace("_", " ").strip().title() or "Imported"
    return out, constants


def _only_event(name: str) -> bool:
    text = imports.suggest.normal(name)
    return text in ("name", "type", "action", "activity") and text not in _EVENT


def _plain(name: str) -> str:
    return "_".join(name.replace(".", "_").split())


def check(streams: Iterable[Stream], plans: dict[str, Plan]) -> None:
    """Raise `Invalid` with everything that is wrong with the choice of streams."""
    known = {s.name: s for s in streams}
    faults = []
    for name, one in plans.items():
        at = f"streams.{name}"
        if name not in known:
            faults.append(errors.Fault(at, "is no stream of it.", "Discover its streams again."))
            continue
        stream = known[name]
        found = set(columns(stream))
        if not found or stream.schema.get("additionalProperties") is True:
            found |= set(one.columns)
        found |= {c for c in one.columns if "." in c and c.partition(".")[0] in found}
        for fault in imports.items.check(one.target, found, one.mapping):
            problem = fault.problem.replace("of the file", "of the stream")
            faults.append(errors.Fault(f"{at}.{fault.field}", problem, fault.remedy))
        if one.mode not in stream.modes:
            shown = " or ".join(f"`{m}`" for m in stream.modes)
            faults.append(errors.Fault(f"{at}.mode", "is not offered.", f"Use {shown}."))
        elif one.mode == "incremental" and not (one.cursor or stream.cursor):
            faults.append(errors.Fault(f"{at}.cursor", "is missing.", "Name a field that rises."))
    if faults:
        raise errors.Invalid(*faults)


def fields(target: Target) -> list[str]:
    """Where a column may go."""
    return [*FIELDS[target], *([f"{OPEN[target]}."] if target in OPEN else [])]
