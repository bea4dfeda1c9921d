"""What operators are made of: fields of a card, each with its way from a mapping and back. Pure.

`take` reads a part out of the flat mapping of a condition (form/shapes.py) into values and lists of
a card; `give` is its inverse. What is missing is given as None, so that text and cards show the
same half-written condition; `lacks` says which field to fill in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from onefold.audiences import frames
from onefold.audiences.form import texts
from onefold.audiences.form.cards import Card, made

Widget = Literal[
    "name", "choice", "span", "tests", "event", "where", "frame", "step", "node"
]  # fmt: skip
TestOf = Literal["value", "count", "number", "span", "share", "email"]
TEXT_OPS = ("starts_with", "ends_with", "matches", "before", "after")


class Part(msgspec.Struct, frozen=True):
    """One part of an operator.

    key      in the flat mapping, and of the card's value or list
    label    words before the field, as part of the sentence; `place` stands in it while empty
    ask      what to say while a needed part is empty; a part without it may stay so
    options  of a choice: (value, words)
    ops, of  of comparisons: which there are, and what is compared
    suggest  what is suggested while typing (record/suggest.py)
    keys     of a step that may stand under one of several keys
    calendar of a window: `within` means days of the calendar
    """

    widget: Widget
    key: str
    label: str = ""
    place: str = ""
    ask: str = ""
    options: tuple[tuple[str, str], ...] = ()
    ops: tuple[str, ...] = ()
    of: TestOf = "value"
    suggest: str = ""
    keys: tuple[str, ...] = ()
    calendar: bool = False


Lack = tuple[str, str] | None  # a field's name from its card on, and what to say


class Taken(msgspec.Struct):
    """A card being read."""

    values: dict[str, str] = {}
    lists: dict[str, tuple[Card, ...]] = {}


def take(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    """Read a part; what does not fit it is left out, and noticed when the card is written back."""
    _WAYS[part.widget][0](part, flat, into)


def give(part: Part, card: Card) -> dict[str, Any]:
    """The part as keys of the flat mapping; nothing for one that is empty and may be."""
    return _WAYS[part.widget][1](part, card)


def lacks(part: Part, card: Card) -> Lack:
    """The field that is empty and may not be, from the card on, with what to say; or None."""
    return _WAYS[part.widget][2](part, card)


# ── names and spans ────────────────────────────────────────────────────────────────────────────


def _name_in(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    if isinstance(flat.get(part.key), str):
        into.values[part.key] = texts.show_name(flat[part.key])


def _name_out(part: Part, card: Card) -> dict[str, Any]:
    text = texts.read_name(card.get(part.key))
    return {part.key: text or None} if text or part.ask else {}


def _name_lacks(part: Part, card: Card) -> Lack:
    return (f"/{part.key}", part.ask) if part.ask and not card.get(part.key).strip() else None


def _span_in(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    if span := texts.show_span(flat.get(part.key)):
        into.values |= {part.key: span[0], f"{part.key}_unit": span[1]}


def _span_out(part: Part, card: Card) -> dict[str, Any]:
    span = texts.read_span(card.get(part.key), card.get(f"{part.key}_unit"))
    return {part.key: span or None} if span or part.ask else {}


# ── events ─────────────────────────────────────────────────────────────────────────────────────


def _event_in(_: Part, flat: Mapping[str, Any], into: Taken) -> None:
    if isinstance(flat.get("event"), str):
        into.values["event"] = texts.show_name(flat["event"])
    if isinstance(flat.get("where"), Mapping):
        into.lists["where"] = where_in(flat["where"])


def _event_out(part: Part, card: Card) -> dict[str, Any]:
    event = texts.read_name(card.get("event"))
    told = {"event": event or None} if event or part.ask else {}
    return {**told, **_where_key("where", card)}


def _event_lacks(part: Part, card: Card) -> Lack:
    if part.ask and not card.get("event").strip():
        return "/event", part.ask
    return _where_lacks(card.cards("where"), ".where")


def _step_in(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    key = next((k for k in part.keys if k in flat), part.keys[0])
    inner = flat.get(key)
    if isinstance(inner, Mapping):
        told = Taken()
        _event_in(part, inner, told)
        into.lists[part.key] = (made("step", {"key": key, **told.values}, told.lists),)


def _step_out(part: Part, card: Card) -> dict[str, Any]:
    step = next(iter(card.cards(part.key)), Card("step"))
    key = step.get("key") if step.get("key") in part.keys else part.keys[0]
    event = texts.read_name(step.get("event"))
    return {key: {"event": event or None, **_where_key("where", step)}}


def _step_lacks(part: Part, card: Card) -> Lack:
    step = next(iter(card.cards(part.key)), Card("step"))
    found = _event_lacks(part, step)
    if found is None:
        return None
    return f".{part.key}.0{found[0]}", found[1]


# ── comparisons ────────────────────────────────────────────────────────────────────────────────


def _tests_in(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    if isinstance(flat.get(part.key), Mapping):
        into.lists[part.key] = tests_in(flat[part.key], part.of)


def _tests_out(part: Part, card: Card) -> dict[str, Any]:
    return {part.key: tests_out(card.cards(part.key), part.of)}


def _tests_lack(part: Part, card: Card) -> Lack:
    return tests_lack(card.cards(part.key), f".{part.key}", part.ask)


def tests_in(found: Mapping[str, Any], of: TestOf) -> tuple[Card, ...]:
    """Comparisons as cards."""
    return tuple(_test_in(op, value, of) for op, value in found.items())


def _test_in(op: str, value: Any, of: TestOf) -> Card:
    if op == "set" and isinstance(value, bool):
        return Card("test", {"op": "set" if value else "unset"})
    if op == "in" and isinstance(value, list):
        return Card("test", {"op": op, "value": texts.show_list(value)})
    if of == "span" and (span := texts.show_span(value)):
        return Card("test", {"op": op, "value": span[0], "unit": span[1]})
    if of == "share" and isinstance(value, int | float) and not isinstance(value, bool):
        percent = texts.show(round(value * 100, 10))
        if _share(percent) == value:
            return Card("test", {"op": op, "value": percent.removesuffix(".0"), "unit": "%"})
    if op in TEXT_OPS and isinstance(value, str):
        return Card("test", {"op": op, "value": texts.show_name(value)})
    shown = texts.show(value) if isinstance(value, str | int | float | bool) else ""
    return Card("test", {"op": op, "value": shown} if shown else {"op": op})


def tests_out(cards: tuple[Card, ...], of: TestOf) -> dict[str, Any]:
    """Cards as comparisons; of two with one operator the last stays (`twice` finds them)."""
    return dict(_test_out(card, of) for card in cards)


def _test_out(card: Card, of: TestOf) -> tuple[str, Any]:
    op, text = card.get("op") or "is", card.get("value")
    if op in ("set", "unset"):
        return "set", op == "set"
    if op == "in":
        return op, texts.read_list(text)
    if of == "span":
        return op, texts.read_span(text, card.get("unit")) or None
    if of == "share" and card.get("unit") == "%":
        share = _share(text)
        return op, texts.read(text) if share is None else share
    if op in TEXT_OPS:
        return op, texts.read_name(text) if text.strip() else None
    return op, texts.read(text)


def _share(text: str) -> float | int | None:
    number = texts.read(text)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    share = round(number / 100, 12)
    return int(share) if share == int(share) else share


def twice(cards: tuple[Card, ...]) -> str:
    """An operator that two comparisons of one condition have, or nothing."""
    ops = ["set" if c.get("op") == "unset" else c.get("op") for c in cards]
    return next((op for op in ops if ops.count(op) > 1), "")


def tests_lack(cards: tuple[Card, ...], at: str, ask: str) -> Lack:
    """The first comparison without a value."""
    if not cards:
        return ("", ask) if ask else None
    for i, card in enumerate(cards):
        if card.get("op") not in ("set", "unset") and not card.get("value").strip():
            return f"{at}.{i}/value", "Say what to compare with."
    if op := twice(cards):
        return f"{at}.{len(cards) - 1}/op", f"`{op}` stands twice. Add a condition of its own."
    return None


# ── properties of events ───────────────────────────────────────────────────────────────────────


def _props_in(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    if isinstance(flat.get(part.key), Mapping):
        into.lists[part.key] = where_in(flat[part.key])


def _props_out(part: Part, card: Card) -> dict[str, Any]:
    return _where_key(part.key, card)


def _props_lack(part: Part, card: Card) -> Lack:
    if part.ask and not card.cards(part.key):
        return "", part.ask
    return _where_lacks(card.cards(part.key), f".{part.key}")


def where_in(where: Mapping[str, Any]) -> tuple[Card, ...]:
    """Conditions on properties as cards."""
    return tuple(_filter_in(key, wanted) for key, wanted in where.items())


def _filter_in(key: str, wanted: Any) -> Card:
    if key in ("all", "any", "none") and isinstance(wanted, list):
        return made("filters", {"how": key}, {"of": tuple(map(_joined_in, wanted))})
    if isinstance(wanted, Mapping):
        tests = tests_in(wanted, "value")
    else:
        tests = (_test_in("is", wanted, "value"),)
    return made("property", {"path": texts.show_name(key)}, {"tests": tests})


def _joined_in(one: Any) -> Card:
    if not isinstance(one, Mapping):
        return Card("property")
    cards = where_in(one)
    return cards[0] if len(cards) == 1 else made("filters", {"how": "all"}, {"of": cards})


def where_out(cards: tuple[Card, ...]) -> dict[str, Any]:
    """Cards as conditions on properties; what one mapping cannot hold twice goes into a list."""
    told = [_filter_out(card) for card in cards]
    keys = [key for key, _ in told]
    if len(set(keys)) == len(keys):
        return dict(told)
    return {"all": [{key: wanted} for key, wanted in told]}


def _filter_out(card: Card) -> tuple[str, Any]:
    if card.kind == "filters":
        return card.get("how") or "all", [_joined_out(one) for one in card.cards("of")]
    tests = tests_out(card.cards("tests"), "value")
    plain = len(tests) == 1 and "is" in tests and tests["is"] is not None
    return texts.read_name(card.get("path")), tests["is"] if plain else tests


def _joined_out(card: Card) -> dict[str, Any]:
    """An `all` within a list is one mapping, where a mapping in order says the same."""
    if card.kind == "filters" and card.get("how") == "all":
        told = [_filter_out(one) for one in card.cards("of")]
        keys = [key for key, _ in told]
        if len(keys) > 1 and len(set(keys)) == len(keys):
            return dict(told)
    key, wanted = _filter_out(card)
    return {key: wanted}


def _where_key(key: str, card: Card) -> dict[str, Any]:
    cards = card.cards(key)
    return {key: where_out(cards)} if cards else {}


def _where_lacks(cards: tuple[Card, ...], at: str) -> Lack:
    for i, card in enumerate(cards):
        if card.kind == "filters":
            inner = card.cards("of")
            found = _where_lacks(inner, f"{at}.{i}.of") if inner else (f"{at}.{i}/how", "Add one.")
        elif not card.get("path"):
            found = f"{at}.{i}/path", "Name a property."
        else:
            found = tests_lack(card.cards("tests"), f"{at}.{i}.tests", "Compare it with a value.")
        if found:
            return found
    return None


# ── windows ────────────────────────────────────────────────────────────────────────────────────


def _frame_in(part: Part, flat: Mapping[str, Any], into: Taken) -> None:
    into.values |= _frame(flat, calendar=part.calendar)


def _frame(flat: Mapping[str, Any], *, calendar: bool) -> dict[str, str]:
    zone, date = flat.get("zone"), flat.get("since")
    out = {"frame_zone": zone} if isinstance(zone, str) and zone else {}
    if "within" in flat:
        out["frame"] = "days" if calendar or flat.get("by") == "day" else "within"
        if span := texts.show_span(flat["within"]):
            out |= {"frame_n": span[0], "frame_unit": span[1]}
    elif "since" in flat:
        out |= {"frame": "since"} | ({"frame_date": date} if isinstance(date, str) else {})
    else:
        found = [(k, flat[k]) for k in ("this", "last") if flat.get(k) in frames.UNITS]
        out |= {"frame": found[0][0], "frame_period": found[0][1]} if found else {"frame": "ever"}
    return out


def _frame_out(part: Part, card: Card) -> dict[str, Any]:
    kind = card.get("frame") or "ever"
    zone = {"zone": card.get("frame_zone")} if card.get("frame_zone") else {}
    span = texts.read_span(card.get("frame_n"), card.get("frame_unit") or "d") or None
    match kind:
        case "within":
            return {"within": span}
        case "days":
            return {"within": span, **({} if part.calendar else {"by": "day"}), **zone}
        case "since":
            return {"since": card.get("frame_date") or None, **zone}
        case "this" | "last":
            return {kind: card.get("frame_period") or "month", **zone}
    return {}


def _frame_lacks(_: Part, card: Card) -> Lack:
    name = {"within": "n", "days": "n", "since": "date"}.get(card.get("frame"))
    if name is None or card.get(f"frame_{name}").strip():
        return None
    return f"/frame_{name}", "Say how long." if name == "n" else "Say since when."


Way = tuple[
    Callable[[Part, Mapping[str, Any], Taken], None],
    Callable[[Part, Card], dict[str, Any]],
    Callable[[Part, Card], Lack],
]
_NAME: Way = (_name_in, _name_out, _name_lacks)
_WAYS: dict[Widget, Way] = {
    "name": _NAME,
    "choice": _NAME,
    "span": (_span_in, _span_out, _name_lacks),
    "tests": (_tests_in, _tests_out, _tests_lack),
    "event": (_event_in, _event_out, _event_lacks),
    "where": (_props_in, _props_out, _props_lack),
    "frame": (_frame_in, _frame_out, _frame_lacks),
    "step": (_step_in, _step_out, _step_lacks),
    "node": (lambda *_: None, lambda *_: {}, lambda *_: None),
}
