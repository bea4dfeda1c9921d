"""What the builder can ask, one row an operator. Pure.

A row says how its condition is laid out (form/shapes.py) and what it is made of (form/parts.py);
pages draw and read cards by the row alone. So a new operator is a row here, and a line in the menu.
"""

from typing import Literal

import msgspec

from onefold.audiences import frames, values
from onefold.audiences.form.cards import Card
from onefold.audiences.form.parts import Part
from onefold.audiences.form.shapes import Shape

Kind = Literal["person", "account"]

OPS = {
    "is": "is", "is_not": "is not", "in": "is one of", "contains": "contains",
    "starts_with": "starts with", "ends_with": "ends with", "matches": "matches pattern",
    "set": "is known", "unset": "is unknown", "greater_than": "more than", "at_least": "at least",
    "less_than": "fewer than", "at_most": "at most", "before": "before", "after": "on or after",
}  # fmt: skip
_VALUE_OPS = tuple(op for op in OPS)
_FIXED_OPS = _VALUE_OPS
_NUMBER_OPS = ("at_least", "at_most", "greater_than", "less_than", "is")
_NUMBER_OR_NONE = (*_NUMBER_OPS, "set", "unset")
_AGO_OPS = tuple(values.ORDERED)
_OWNER_OPS = ("is", "is_not", "in", "ends_with", "set", "unset")


class Operator(msgspec.Struct, frozen=True):
    """One thing to ask.

    head   the key that a condition of it has
    of     whose audiences may ask it
    icon   in static/icons.svg
    tail   words at the end of the sentence
    """

    kind: str
    head: str
    shape: Shape
    label: str
    parts: tuple[Part, ...]
    icon: str = "filter"
    of: tuple[Kind, ...] = ("person", "account")
    tail: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Keys of its mapping that are no comparisons."""
        return tuple(p.key for p in self.parts if p.widget != "tests")

    def part(self, key: str) -> Part | None:
        """A part by its key."""
        return next((p for p in self.parts if p.key == key), None)


def _event(label: str, ask: str = "", place: str = "any event") -> Part:
    return Part("event", "event", label, place, ask, suggest="events")


def _tests(ops: tuple[str, ...], ask: str = "Compare it with a value.", **more: str) -> Part:
    return Part("tests", "tests", ops=ops, ask=ask, **more)  # type: ignore[arg-type]


_FRAME = Part("frame", "frame")
_DAYS = Part("frame", "frame", calendar=True)
_TIMES = _tests(_NUMBER_OPS, of="count", label="happened", place="times")


def _measure(kind: str, label: str, of: str, tests: Part) -> Operator:
    prop = Part("name", "of", of, "property", "Name a property of the event.", suggest="properties")
    return Operator(kind, kind, "inner", label, (prop, _event("of"), _FRAME, tests), "insight")


_NUMBER = _tests(_NUMBER_OR_NONE, of="number")
_ANY_VALUE = _tests(_FIXED_OPS, suggest="property_values")
_PRIORITY = tuple((p, p.capitalize()) for p in ("low", "medium", "high", "urgent"))
_CATEGORY = (
    ("product_issue", "Product issue"), ("billing_issue", "Billing issue"),
    ("feature_request", "Feature request"), ("general_inquiry", "General inquiry"),
)  # fmt: skip
_HOW = (
    ("any", "at least one"), ("all", "all"), ("none", "none"), ("count", "this many"),
    ("share", "this share"),
)  # fmt: skip

OPERATORS: tuple[Operator, ...] = (
    Operator("trait", "trait", "scalar", "Trait", (
        Part("name", "name", "", "trait", "Choose a trait.", suggest="traits"),
        _tests(_VALUE_OPS, suggest="values"),
    ), "people"),
    Operator("account", "account", "nested", "Trait of their account", (
        Part("name", "trait", "their account’s", "trait", "Choose a trait.",
             suggest="account_traits"),
        _tests(_VALUE_OPS, suggest="account_values"),
    ), "account", ("person",)),
    Operator("owner", "owner", "nested", "Owner", (
        _tests(_OWNER_OPS, of="email", label="the owner", suggest="owners"),
    ), "people"),
    Operator("deal", "deal", "where", "Deals", (
        Part("where", "where", "a deal’s", ask="Name what is so of a deal, e.g. its stage."),
    ), "account"),
    Operator("first_touch", "first_touch", "where", "What first brought them", (
        Part("where", "where", "the first campaign’s", ask="Name what the campaign said.",
             suggest="touches"),
    ), "link", ("person",)),
    Operator("last_touch", "last_touch", "where", "What last brought them", (
        Part("where", "where", "the last campaign’s", ask="Name what the campaign said.",
             suggest="touches"),
    ), "link", ("person",)),
    Operator("count", "count", "inner", "How often something happened", (
        _event(""), _TIMES, _FRAME,
    ), "click"),
    Operator("since_last", "since_last", "inner", "How long ago it last happened", (
        _event("last"), _tests(_AGO_OPS, "Say how long ago.", of="span"),
    ), "clock", tail="ago"),
    Operator("since_first", "since_first", "inner", "How long ago it first happened", (
        _event("first"), _tests(_AGO_OPS, "Say how long ago.", of="span"),
    ), "clock", tail="ago"),
    Operator("inactive", "inactive", "inner", "Inactive", (
        Part("span", "for", "has been inactive for", ask="Say for how long."),
        _event("counting only", place="anything they do"),
    ), "clock"),
    Operator("sequence", "sequence", "inner", "One thing, then another", (
        Part("step", "first", "", "event", "Name the first event.", suggest="events",
             keys=("first",)),
        Part("step", "second", "", "event", "Name the second event.", suggest="events",
             keys=("then", "without"), options=(("then", "then"), ("without", "but never"))),
        Part("span", "within", "within", ask="Say within what time."),
        Part("span", "in_last", "all in the last", ask="Say how far back to look."),
    ), "play"),
    _measure("sum", "Sum of a property", "the sum of", _tests(_NUMBER_OPS, of="number")),
    _measure("average", "Average of a property", "the average of", _NUMBER),
    _measure("min", "Least value of a property", "the least", _NUMBER),
    _measure("max", "Greatest value of a property", "the greatest", _NUMBER),
    _measure("distinct", "How many different values", "the number of different values of",
             _tests(_NUMBER_OPS, of="count")),
    _measure("first", "First value of a property", "the first", _ANY_VALUE),
    _measure("last", "Latest value of a property", "the latest", _ANY_VALUE),
    _measure("most_frequent", "Most frequent value of a property", "the most frequent",
             _ANY_VALUE),
    Operator("days", "days", "inner", "On how many days", (
        _event(""), _tests(_NUMBER_OPS, of="count", label="happened on", place="days"), _DAYS,
    ), "insight"),
    Operator("tickets", "tickets", "tickets", "Support tickets", (
        Part("choice", "how", "has", options=(
            ("any", "an open ticket"), ("none", "no open ticket"),
            ("count", "this many open tickets"))),
        _tests(_NUMBER_OPS, "Say how many.", of="count"),
        Part("name", "tag", "tagged", "any tag", suggest="tags"),
        Part("choice", "priority", "of priority", options=(("", "any"), *_PRIORITY)),
        Part("choice", "category", "about", options=(("", "anything"), *_CATEGORY)),
        Part("choice", "status", "", options=(
            ("open", "paused ones too"), ("paused", "paused ones only"), ("", "paused ones too"))),
    ), "ticket"),
    Operator("people", "people", "related", "People of the account", (
        Part("choice", "how", "of its people", options=_HOW),
        _tests(_NUMBER_OPS, "Say how many.", of="count"), Part("node", "node"),
    ), "people", ("account",)),
    Operator("accounts", "accounts", "related", "Accounts of the person", (
        Part("choice", "how", "of their accounts", options=_HOW),
        _tests(_NUMBER_OPS, "Say how many.", of="count"), Part("node", "node"),
    ), "account", ("person",)),
    Operator("member_of", "member_of", "scalar", "In another audience", (
        Part("name", "key", "is in the audience", "audience", "Choose an audience.",
             suggest="audiences"),
    ), "audience"),
)  # fmt: skip

BY_KIND = {op.kind: op for op in OPERATORS}
PERIODS = tuple((u, u) for u in frames.UNITS)
UNITS = (("m", "minutes"), ("h", "hours"), ("d", "days"), ("w", "weeks"), ("s", "seconds"))
FRAMES = (
    ("ever", "ever"), ("within", "in the last"), ("days", "in the last calendar days"),
    ("since", "since"), ("this", "this"), ("last", "last"),
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True):
    """A line of the menu: a kind with what a new card of it begins with."""

    id: str
    label: str
    hint: str
    kind: str
    of: tuple[Kind, ...]
    values: dict[str, str] = {}
    tests: tuple[dict[str, str], ...] = ()


def _entry(kind: str, hint: str, label: str = "", **begin: str) -> Entry:
    op = BY_KIND[kind]
    ready = {k: v for k, v in begin.items() if not k.startswith("test_")}
    test = {k[5:]: v for k, v in begin.items() if k.startswith("test_")}
    own = (test,) if test else ()
    return Entry(label or kind, label or op.label, hint, kind, op.of, ready, own)


_MONTH = {"frame": "within", "frame_n": "30", "frame_unit": "d"}
_ONCE = {"test_op": "at_least", "test_value": "1"}

MENU: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("Who they are", (
        _entry("trait", "plan is trial", test_op="is"),
        _entry("account", "plan is trial", test_op="is"),
        _entry("owner", "who looks after them", test_op="is"),
        _entry("member_of", "or not in it"),
    )),
    ("What they did", (
        _entry("count", "fewer than 3 exports in 7 days", **_MONTH, **_ONCE),
        _entry("count", "in the last 7 days", "Opened an e-mail", event="Email Opened",
               frame="within", frame_n="7", frame_unit="d", **_ONCE),
        _entry("inactive", "for 14 days", **{"for": "14", "for_unit": "d"}),
        _entry("since_last", "more than 30 days ago", test_op="at_least", test_value="30",
               test_unit="d"),
        _entry("since_first", "less than 90 days ago", test_op="less_than", test_value="90",
               test_unit="d"),
        _entry("days", "5 days of the last 30", frame="days", frame_n="30", frame_unit="d",
               test_op="at_least", test_value="5"),
        _entry("sequence", "a trial, but never an invoice", within="3", within_unit="d",
               in_last="60", in_last_unit="d"),
    )),
    ("People and accounts", (
        _entry("people", "an admin among them", how="any"),
        _entry("accounts", "one on a paid plan", how="any"),
    )),
    ("Support", (
        _entry("tickets", "so that it is left in peace", "No open ticket", how="none"),
        _entry("tickets", "by tag, priority or topic", "Open tickets", how="any"),
    )),
    ("What events say", (
        _entry("sum", "of amounts", **_MONTH, test_op="at_least"),
        _entry("average", "of amounts", **_MONTH, test_op="at_least"),
        _entry("min", "the lowest score", **_MONTH, test_op="at_most"),
        _entry("max", "the largest export", **_MONTH, test_op="at_least"),
        _entry("distinct", "3 different reports", **_MONTH, test_op="at_least", test_value="3"),
        _entry("first", "the first format chosen", frame="ever", test_op="is"),
        _entry("last", "the last page seen", **_MONTH, test_op="is"),
        _entry("most_frequent", "the usual format", **_MONTH, test_op="is"),
    )),
    ("Campaigns", (
        _entry("first_touch", "source is google"),
        _entry("last_touch", "source is newsletter"),
    )),
)  # fmt: skip
ENTRIES = {entry.id: entry for _, group in MENU for entry in group}
GROUPS = (
    ("all", "All of", "every condition holds"), ("any", "Any of", "at least one holds"),
    ("none", "None of", "not one holds"),
)  # fmt: skip


def new(entry_id: str) -> Card:
    """A new card by the menu's line, a group's name, or a property of an event."""
    if entry_id in {how for how, _, _ in GROUPS}:
        return Card("group", {"how": entry_id})
    if entry_id == "property":
        return Card("property", {}, {"tests": (Card("test", {"op": "is"}),)})
    if entry_id == "filters":
        return Card("filters", {"how": "any"}, {"of": (new("property"), new("property"))})
    if entry_id == "test":
        return Card("test", {"op": "at_most"})
    if entry_id == "text":
        return Card("text")
    entry = ENTRIES.get(entry_id)
    if entry is None:
        return Card("text")
    lists = {"tests": tuple(Card("test", dict(t)) for t in entry.tests)} if entry.tests else {}
    op = BY_KIND[entry.kind]
    for part in op.parts:
        if part.widget == "node":
            lists[part.key] = (Card("group", {"how": "all", "single": "1"}),)
        if part.widget == "step":
            lists[part.key] = (Card("step", {"key": part.keys[0]}),)
        if part.widget == "where":
            lists[part.key] = (new("property"),)
    return Card(entry.kind, dict(entry.values), lists)
