"""Identifier rules at any door: what holds, what a change would do, applying it, going back."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from onefold.identity import namespaces
from onefold.identity.namespaces import preview as previews
from onefold.identity.namespaces import segment, store
from onefold.identity.namespaces.model import Preview, Row, Version
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.record import store as records
from onefold.record import whywords
from onefold.storage import Connection, jobs

_REASONS = {
    "blocked": "the value is on a block list",
    "generic": "it is seen with too many others",
    "shared_device": "the device has several users",
    "size": "too many identifiers hang together",
    "decision": "a human said that they are different people",
}


class State(TypedDict):
    """How far the rules in force are. `state`: waiting, replaying or in_force."""

    state: str
    percent: int
    people_changed: int


class Rules(TypedDict):
    """The namespaces that hold, the strongest first, and how far they are applied."""

    version: int
    reason: str
    by: str
    at: str | None
    progress: State
    items: list[dict[str, Any]]


class Change(TypedDict):
    """One field of one namespace that differs."""

    namespace: str
    field: str
    before: Any
    after: Any


class Side(TypedDict):
    """A person in an example. `name` is empty for one who would be new."""

    person: str | None
    name: str
    url: str | None
    identifiers: list[str]


class Example(TypedDict):
    """Some people who would change, before and after, and what makes them."""

    what: str
    before: list[Side]
    after: list[Side]
    why: str


class Previewed(TypedDict):
    """What a change would do. `status`: waiting, running, done, failed or cancelled."""

    id: str
    status: str
    percent: int
    base: int
    back_to: int | None
    changes: list[Change]
    people: int
    merged: int
    split: int
    moved: int
    identifiers: int
    examples: list[Example]
    error: str


class Past(TypedDict):
    """A version: who changed what, when and why."""

    version: int
    back_to: int | None
    reason: str
    by: str
    at: str | None
    progress: State
    changes: list[Change]


class History(TypedDict):
    """Versions, newest first."""

    items: list[Past]
    next: int | None


def shown(conn: Connection, viewer: Viewer) -> Rules:
    """What holds, or will from the next batch on."""
    viewer.must_read()
    version = store.get(conn, viewer, store.newest(conn))
    return {
        "version": version.id,
        "reason": version.reason,
        "by": version.actor_name,
        "at": clock.iso(version.at_ms) if version.at_ms else None,
        "progress": _progress(version),
        "items": [msgspec.to_builtins(row) for row in store.rows(conn, version.id)],
    }


def propose(
    conn: Connection, viewer: Viewer, given: Any, base: int | None, now_ms: int
) -> Previewed:
    """Ask what a change would do. Nothing is changed. Raises `Invalid`, or `Conflict`."""
    viewer.must_admin()
    newest = store.newest(conn)
    if base is not None and base != newest:
        raise errors.Conflict(
            f"The rules were changed meanwhile: version {newest} holds. Read them again.",
            {"version": newest},
        )
    before = store.rows(conn, newest)
    return _asked(conn, viewer, before, namespaces.proposed(given, before), newest, now_ms)


def propose_segment(conn: Connection, viewer: Viewer, given: Any, now_ms: int) -> Previewed:
    """The same for settings of Segment Unify."""
    viewer.must_admin()
    before = store.rows(conn)
    return propose(conn, viewer, segment.read(given, before), None, now_ms)


def propose_back(conn: Connection, viewer: Viewer, version: int, now_ms: int) -> Previewed:
    """The same for a former version. Raises `NotFound`."""
    viewer.must_admin()
    store.get(conn, viewer, version)
    newest = store.newest(conn)
    before, after = store.rows(conn, newest), store.rows(conn, version)
    return _asked(conn, viewer, before, after, newest, now_ms, version)


def _asked(
    conn: Connection,
    viewer: Viewer,
    before: Sequence[Row],
    after: Sequence[Row],
    base: int,
    now_ms: int,
    back_to: int | None = None,
) -> Previewed:
    if not namespaces.changes(before, after):
        raise errors.Invalid(
            errors.Fault("namespaces", "are as they were.", "Change something first.")
        )
    store.other_kind(conn, before, after)
    number = store.add_preview(conn, viewer, after, base, now_ms, back_to)
    jobs.defer(conn, previews.RUN, {"preview": number}, lock=previews.RUN)
    return preview(conn, viewer, ids.api_id("nsp", number))


def preview(conn: Connection, viewer: Viewer, ref: str) -> Previewed:
    """A preview, with what it found so far. Raises `NotFound`."""
    found = store.preview(conn, viewer, _number(ref))
    people = {side["person"] for one in found.examples for side in one["before"]}
    names = records.people_names(conn, list(people)) if people else {}
    before = store.rows(conn, found.base)
    return {
        "id": ids.api_id("nsp", found.id),
        "status": found.status,
        "percent": found.percent,
        "base": found.base,
        "back_to": found.back_to,
        "changes": _changes(before, found.rules),
        "people": found.people,
        "merged": found.merged,
        "split": found.split,
        "moved": found.moved,
        "identifiers": found.identifiers,
        "examples": [_example(one, names, found) for one in found.examples],
        "error": found.error,
    }


def apply(conn: Connection, viewer: Viewer, ref: str, reason: str, now_ms: int) -> Rules:
    """Let a change hold that was previewed; the worker replays it in the background.

    Raises `NotFound`, or `Conflict` when the preview is not done or other rules hold by now.
    """
    viewer.must_admin()
    if len(reason) > limits.decision_reason_chars_max:
        most = limits.decision_reason_chars_max
        raise errors.Invalid(errors.Fault("reason", "is too long.", f"At most {most} characters."))
    found = store.preview(conn, viewer, _number(ref), hold=True)
    if found.status != "done":
        raise errors.Conflict(
            f"The preview is {found.status}, {found.percent} % looked at. Wait until it is done, "
            "or ask for a new one."
        )
    store.add(
        conn, viewer, found.rules, base=found.base, reason=reason, now_ms=now_ms,
        back_to=found.back_to,
    )  # fmt: skip
    return shown(conn, viewer)


def history(conn: Connection, viewer: Viewer, before: int | None = None) -> History:
    """Versions with what each changed, newest first; `before`: with a smaller number."""
    found = store.versions(conn, viewer, before, limits.page_rows_default)
    items: list[Past] = []
    for version in found:
        rows = store.rows(conn, version.id)
        former = store.rows(conn, version.id - 1) if version.id > 1 else rows
        items.append(
            {
                "version": version.id,
                "back_to": version.back_to,
                "reason": version.reason,
                "by": version.actor_name,
                "at": clock.iso(version.at_ms) if version.at_ms else None,
                "progress": _progress(version, store.newest(conn)),
                "changes": _changes(former, rows),
            }
        )
    more = len(found) == limits.page_rows_default
    return {"items": items, "next": found[-1].id if more else None}


def _progress(version: Version, newest: int | None = None) -> State:
    if newest is not None and version.id != newest and version.done_ms is None:
        state = "replaced"
    elif version.from_seq is None:
        state = "waiting"
    elif version.done_ms is None:
        state = "replaying"
    else:
        state = "in_force" if newest in (None, version.id) else "former"
    return {"state": state, "percent": version.percent, "people_changed": version.changed}


def _changes(before: Sequence[Row], after: Sequence[Row]) -> list[Change]:
    return [
        {"namespace": name, "field": field, "before": was, "after": now}
        for name, field, was, now in namespaces.changes(before, after)
    ]


# ── examples in words ──────────────────────────────────────────────────────────────────────────


def _example(
    one: Mapping[str, Any], names: Mapping[int, tuple[str, str]], found: Preview
) -> Example:
    return {
        "what": one["what"],
        "before": [_side(side["person"], side["identifiers"], names) for side in one["before"]],
        "after": [_side(None, values, names) for values in one["after"]],
        "why": " ".join(_why(why, found) for why in one["why"][:1]) or "Other links hold now.",
    }


def _side(
    person: int | None, values: Sequence[Sequence[Any]], names: Mapping[int, tuple[str, str]]
) -> Side:
    ref = ids.api_id_or_none("per", person)
    name = "" if person is None else next((n for n in names.get(person, ()) if n), "")
    return {
        "person": ref,
        "name": name,
        "url": f"/people/{ref}?tab=identity" if ref else None,
        "identifiers": list(dict.fromkeys(f"{namespace}:{v}" for namespace, v, _ in values)),
    }


def _why(why: Mapping[str, Any], found: Preview) -> str:
    a, b = (whywords.key(Identifier(*end)) for end in (why["a"], why["b"]))
    if why["is"] is None:
        return f"The link of {a} and {b} would count: so far {_because(why['was'], None)}."
    return f"The link of {a} and {b} would not count: {_because(why['is'], found.rules)}."


def _because(reason: str | None, rules: Sequence[Row] | None) -> str:
    if reason is None:
        return "nothing speaks against it"
    namespace = reason.removeprefix("limit:")
    if namespace == reason:
        return _REASONS.get(reason, reason)
    row = next((r for r in rules or () if r.name == namespace), None)
    if row is None or row.limit is None:
        return f"one person would have too many values of {namespace}"
    within = f" within {row.window_days} days" if row.window_days else ""
    return f"one person may have {row.limit} of {namespace}{within}"


def _number(ref: str) -> int:
    with contextlib.suppress(errors.Invalid):
        return ids.parse_id("nsp", ref)
    raise errors.NotFound(f"There is no preview `{ref[:50]}`. Ask by id: `nsp_4`.")
