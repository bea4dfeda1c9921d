"""Suggestions by field, the likeliest first: what begins as was typed, then by how common."""

from collections.abc import Iterable
from typing import Any, Literal, get_args

import msgspec

from onefold import audiences
from onefold.audiences.form import texts
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.record.suggest import sample, store
from onefold.storage import Connection

Field = Literal[
    "events", "properties", "property_values", "traits", "values", "touches", "touch_values",
    "tags", "owners", "audiences",
]  # fmt: skip
FIELDS: tuple[str, ...] = get_args(Field)
_TOUCHES = ("source", "medium", "name", "term", "content")
Found = Iterable[tuple[Any, int]]


class Suggestion(msgspec.Struct, frozen=True):
    """One value. `write` is what to put into a field of the builder, `hint` how common it is."""

    value: Any
    write: str
    hint: str = ""


def suggest(
    conn: Connection,
    viewer: Viewer,
    field: str,
    now_ms: int,
    *,
    of: str = "person",
    q: str = "",
    event: str = "",
    name: str = "",
) -> list[Suggestion]:
    """At most `suggestions_max` values for a field.

    of     whose traits or audiences: `person` or `account`
    event  whose properties; empty: of any event
    name   of which property, trait or part of a campaign the values are wanted
    q      what was typed so far
    Raises `Invalid` for a field that is not known.
    """
    viewer.must_read()
    if field not in FIELDS:
        remedy = f"Ask for one of {', '.join(FIELDS)}."
        raise errors.Invalid(errors.Fault("field", f"is `{field[:60]}`.", remedy))
    kind = "account" if of == "account" else "person"
    found, total = _found(conn, viewer, field, now_ms, (kind, event, name))
    typed = texts.read_name(q).casefold()
    ranked = sorted(
        ((rank, -n, str(value), value, n) for value, n in found
         if (rank := _rank(str(value).casefold(), typed)) is not None),
        key=lambda r: r[:3],
    )  # fmt: skip
    names = field not in ("values", "property_values", "touch_values")
    return [
        Suggestion(value, texts.show_name(value) if names else texts.show(value), _hint(n, total))
        for _, _, _, value, n in ranked[: limits.suggestions_max]
    ]


def _found(
    conn: Connection, viewer: Viewer, field: str, now_ms: int, about: tuple[str, str, str]
) -> tuple[Found, int]:
    """(value, how often it was seen) and how often of all; 0 where that says nothing."""
    kind, event, name = about
    listed: Found | None = None
    if field == "tags":
        listed = store.tags(conn)
    elif field == "owners":
        listed = [(email, 0) for email in store.owners(conn)]
    elif field == "audiences":
        listed = [(a.key, 0) for a in audiences.list_all(conn, viewer) if a.of == kind]
    if listed is not None:
        return listed, 0
    seen = sample.of(conn, now_ms)
    if field == "events":
        known = dict.fromkeys(store.event_names(conn), 0)
        return {**known, **seen.n_events}.items(), seen.n_events.total()
    fields = {"touch": [seen.touches], "prope": _fields(seen, event)}.get(
        field[:5], [seen.traits[kind]]
    )
    if field.endswith("values"):
        return _values(fields, name)
    known = dict.fromkeys(_TOUCHES, 0) if field == "touches" else {}
    return {**known, **dict(_names(fields))}.items(), 0


def _fields(seen: sample.Sample, event: str) -> list[sample.Fields]:
    if event:
        return [seen.events.get(event, {})]
    return list(seen.events.values())


def _names(fields: list[sample.Fields]) -> list[tuple[str, int]]:
    out: dict[str, int] = {}
    for one in fields:
        for name, found in one.items():
            out[name] = out.get(name, 0) + found.n
    return list(out.items())


def _values(fields: list[sample.Fields], name: str) -> tuple[Found, int]:
    out: dict[tuple[type, Any], int] = {}
    total = 0
    for one in fields:
        if found := one.get(name):
            total += found.n
            for key, n in found.found.items():
                out[key] = out.get(key, 0) + n
    return [(value, n) for (_, value), n in out.items()], total


def _rank(text: str, typed: str) -> int | None:
    if not typed or text.startswith(typed):
        return 0
    if any(word.startswith(typed) for word in text.replace("_", " ").replace(".", " ").split()):
        return 1
    return 2 if typed in text else None


def _hint(n: int, total: int) -> str:
    if not n or not total:
        return ""
    share = 100 * n / total
    return f"{share:.0f} %" if share >= 1 else "< 1 %"
