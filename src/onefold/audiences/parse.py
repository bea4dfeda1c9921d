"""Text to tree and back. `parse` finds every fault before it raises; `dump` is its inverse.

The language is told, operator by operator, in docs/reference/audiences.md.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from onefold.audiences import source as sources
from onefold.audiences import values, windows
from onefold.audiences.model import (
    AccountTrait,
    All,
    Count,
    Definition,
    Kind,
    Node,
    Not,
    Property,
    Tickets,
    Trait,
    leaf_of,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.values import Op, Test
from onefold.kernel import clock, errors, limits

TOP = ("audience", "name", "of", "where")
HEADS = ("all", "any", "not", "none", "trait", "account", "count")
TICKET_FIELDS = ("status", "tag", "priority", "category")
PRIORITIES = ("low", "medium", "high", "urgent")
CATEGORIES = ("product_issue", "billing_issue", "feature_request", "general_inquiry")
_ALIASES = {"company": "account"}
_HEADS_HINT = "Begin it with one of `all`, `any`, `not`, `none`, `trait`, `account`, `count`."
_STEP_REFUSED = re.compile(r'["\\\x00-\x1f]')


def parse(source: str | dict[str, Any], feature: str = "") -> Definition:
    """The definition that a YAML or JSON text, or its mapping, holds.

    `feature` is a campaign's: it adds the condition that no unresolved ticket carries that tag.
    Raises `Invalid` with every fault: the field's path, what is wrong and what to write instead.
    """
    raw = sources.read(source)
    reader = _Reader()
    reader.keys(raw, "", TOP)
    of = reader.kind(raw)
    where: Node | None = None
    if "where" in raw:
        where = reader.node(raw["where"], "where", of)
    else:
        reader.fault(
            "where", "is missing.", "Say who belongs, e.g. `where: {trait: plan, is: pro}`."
        )
    if feature and reader.string(feature, "feature") and not tag_text(feature):
        reader.fault("feature", "is blank.", "Write a ticket's tag, or leave it out.")
    if reader.faults or where is None:
        raise errors.Invalid(*reader.faults[: limits.definition_faults_max])
    return Definition(of=of, where=_with_feature(where, feature) if feature else where)


def dump(definition: Definition) -> dict[str, Any]:
    """The mapping that parses to this definition, JSON-ready."""
    return {"of": definition.of, "where": _dump(definition.where)}


def tag_text(text: str) -> str:
    """A tag as tickets keep it: lower case, single spaces."""
    return " ".join(text.split()).lower()


def _with_feature(where: Node, feature: str) -> Node:
    quiet = Tickets(exists=False, tag=tag_text(feature))
    if isinstance(where, All):
        return where if quiet in where.of else All((*where.of, quiet))
    return where if where == quiet else All((where, quiet))


class _Reader:
    """One reading of one definition; collects faults."""

    def __init__(self) -> None:
        self.faults: list[errors.Fault] = []
        self.nodes = 0
        self.depth = 0

    def fault(self, field: str, problem: str, remedy: str = "") -> None:
        self.faults.append(errors.Fault(field, problem, remedy))

    # ── the frame ──────────────────────────────────────────────────────────────────────────────

    def keys(self, raw: Mapping[Any, Any], path: str, known: Iterable[str]) -> None:
        """Fault every key that is not known, with the nearest that is."""
        known = tuple(known)
        for key in raw:
            if key not in known:
                self.fault(_join(path, key), "is not known here.", _near(key, known))

    def kind(self, raw: Mapping[str, Any]) -> Kind:
        """`of`; person when it is wrong, so that the rest can be read."""
        of = raw.get("of")
        of = _ALIASES.get(of, of) if isinstance(of, str) else of
        if of in get_args(Kind):
            return "account" if of == "account" else "person"
        problem = f"is `{_cut(of)}`." if "of" in raw else "is missing."
        self.fault("of", problem, "Write `of: person` or `of: account`.")
        return "person"

    def node(self, raw: Any, path: str, of: Kind) -> Node | None:
        """A condition, or None after a fault."""
        self.nodes += 1
        if self.nodes > limits.definition_nodes_max or self.depth >= limits.definition_depth_max:
            if self.nodes == limits.definition_nodes_max + 1:
                self.fault(path, f"is condition {self.nodes}.", "Split the audience in two.")
            elif self.depth >= limits.definition_depth_max:
                self.fault(path, "is nested too deeply.", "Write it with fewer levels.")
            return None
        if not isinstance(raw, dict):
            remedy = (
                "Put the list under `all:` or `any:`." if isinstance(raw, list) else _HEADS_HINT
            )
            self.fault(path, "is no condition.", remedy)
            return None
        heads = [k for k in raw if _ALIASES.get(k, k) in HEADS]
        if len(heads) != 1:
            self._headless(raw, heads, path)
            return None
        self.depth += 1
        try:
            return self._condition(raw, heads[0], path, of)
        finally:
            self.depth -= 1

    def _headless(self, raw: dict[Any, Any], heads: list[Any], path: str) -> None:
        if heads:
            both = " and ".join(f"`{h}`" for h in heads)
            self.fault(path, f"has {both} in one condition.", "List them apart, under `all`.")
        elif "tickets" in raw:
            remedy = "Write `any: {tickets: …}` for some, `none: {tickets: …}` for no ticket."
            self.fault(f"{path}.tickets", "does not say how many.", remedy)
        else:
            near = [n for k in raw if (n := _near(k, HEADS))]
            self.fault(path, "does not say what it asks.", near[0] if near else _HEADS_HINT)

    def _condition(self, raw: dict[Any, Any], head: str, path: str, of: Kind) -> Node | None:
        inner, at = raw[head], f"{path}.{head}"
        match _ALIASES.get(head, head):
            case "any" | "none" if not isinstance(inner, list):
                self.keys(raw, path, (head,))
                return self._tickets(inner, at, exists=head == "any")
            case "all" | "any":
                self.keys(raw, path, (head,))
                return self._several(inner, at, of, head)
            case "none":
                self.fault(at, "is a list.", "Write `not: {any: […]}`; `none` is for `tickets`.")
                return None
            case "not":
                self.keys(raw, path, (head,))
                node = self.node(inner, at, of)
                return None if node is None else Not(node)
            case "trait":
                name = self.string(inner, at)
                tests = self._tests(raw, path, values.OPS, beside=head)
                return Trait(name, tests) if name and tests else None
            case "account":
                return self._account(raw, head, path, of)
            case _:
                return self._count(raw, path, of)

    def _several(self, inner: Any, path: str, of: Kind, head: str) -> Node | None:
        if not isinstance(inner, list) or not inner:
            self.fault(
                path, "is no list of conditions.", "Begin each with a dash: `- trait: plan`."
            )
            return None
        nodes = [self.node(one, f"{path}[{i}]", of) for i, one in enumerate(inner)]
        good = tuple(n for n in nodes if n is not None)
        return (All(good) if head == "all" else AnyOf(good)) if len(good) == len(nodes) else None

    # ── conditions ─────────────────────────────────────────────────────────────────────────────

    def _account(self, raw: dict[Any, Any], head: str, path: str, of: Kind) -> Node | None:
        at = f"{path}.{head}"
        self.keys(raw, path, (head,))
        inner = raw[head]
        if of == "account":
            self.fault(at, "is for people.", "In an audience of accounts write `trait:` itself.")
            return None
        if not isinstance(inner, dict) or "trait" not in inner:
            self.fault(at, "names no trait.", "Write `account: {trait: plan, is: trial}`.")
            return None
        name = self.string(inner["trait"], f"{at}.trait")
        tests = self._tests(inner, at, values.OPS, beside="trait")
        return AccountTrait(name, tests) if name and tests else None

    def _count(self, raw: dict[Any, Any], path: str, of: Kind) -> Node | None:
        at, inner = f"{path}.count", raw["count"]
        tests = self._count_tests(raw, path)
        if not isinstance(inner, dict):
            self.fault(
                at, "says nothing of the event.", "Write `count: {event: Signed In, within: 7d}`."
            )
            return None
        self.keys(inner, at, ("event", "where", "within"))
        before = len(self.faults)
        event = self.string(inner["event"], f"{at}.event") if "event" in inner else None
        window = self._window(inner["within"], f"{at}.within") if "within" in inner else None
        where = self._where(inner["where"], f"{at}.where") if "where" in inner else ()
        if len(self.faults) > before or not tests:
            return None
        return Count(leaf_of(of, event, where, window), tests)

    def _window(self, raw: Any, path: str) -> int | None:
        window = windows.parse_window(raw) if isinstance(raw, str) else None
        if window is None:
            problem = (
                f"is `{_cut(raw)}`." if isinstance(raw, str | int | float) else "is no window."
            )
            self.fault(
                path, problem, "Write a number and s, m, h, d or w: `7d`. Ever: leave it out."
            )
        elif window > limits.window_days_max * clock.DAY_MS:
            self.fault(path, f"is `{raw}`.", f"The longest window is {limits.window_days_max}d.")
        return window

    def _where(self, raw: Any, path: str) -> tuple[Property, ...]:
        if not isinstance(raw, dict) or not raw:
            self.fault(path, "names no property.", "Write `where: {format: pdf}`, or leave it out.")
            return ()
        out = []
        for key, wanted in raw.items():
            at = _join(path, key)
            self.nodes += 1
            if not isinstance(key, str) or not all(map(_step_known, key.split("."))):
                remedy = 'Write names joined by dots, like `file.format`, without `"` and `\\`.'
                self.fault(at, "is no property's path.", remedy)
                continue
            name = self.string(key, at)
            if isinstance(wanted, dict):
                tests = self._tests(wanted, at, values.OPS)
            elif isinstance(wanted, list):
                self.fault(at, "is a list.", "Write `{in: […]}` for one of several values.")
                continue
            else:
                value = self._scalar(wanted, at)
                tests = () if value is None else (Test("is", value),)
            if name and tests:
                out.append(Property(name, tests))
        if self.nodes > limits.definition_nodes_max:
            self.fault(path, "has too many conditions.", "Split the audience in two.")
        return tuple(sorted(out, key=lambda p: p.path))

    def _tickets(self, raw: Any, path: str, *, exists: bool) -> Node | None:
        inner = raw.get("tickets") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or not isinstance(inner, dict):
            remedy = "Write `{tickets: {tag: exports}}`" + (
                ", or a list of conditions." if exists else "."
            )
            self.fault(path, "asks for nothing known.", remedy)
            return None
        before = len(self.faults)
        self.keys(raw, path, ("tickets",))
        at = f"{path}.tickets"
        self.keys(inner, at, TICKET_FIELDS)
        status = inner.get("status", "open")
        if status == "resolved":
            remedy = "Conditions see unresolved tickets; count the event `Ticket Solved` instead."
            self.fault(f"{at}.status", "is `resolved`.", remedy)
        else:
            self._one_of(status, f"{at}.status", ("open", "paused"))
        tag = self.string(inner["tag"], f"{at}.tag") if "tag" in inner else None
        if tag is not None and not tag_text(tag):
            self.fault(f"{at}.tag", "is blank.", "Write a tag, or leave it out for any ticket.")
        for field, known in (("priority", PRIORITIES), ("category", CATEGORIES)):
            if field in inner:
                self._one_of(inner[field], f"{at}.{field}", known)
        if len(self.faults) > before:
            return None
        tag = tag if tag is None else tag_text(tag)
        return Tickets(exists, status, tag, inner.get("priority"), inner.get("category"))

    def _one_of(self, value: Any, path: str, known: tuple[str, ...]) -> None:
        if not isinstance(value, str) or value not in known:
            told = ", ".join(f"`{k}`" for k in known)
            near = _near(value, known)
            self.fault(path, f"is `{_cut(value)}`.", near or f"Write one of {told}.")

    # ── comparisons ────────────────────────────────────────────────────────────────────────────

    def _tests(
        self, raw: dict[Any, Any], path: str, known: tuple[Op, ...], beside: str = ""
    ) -> tuple[Test, ...]:
        """The comparisons in a mapping; empty after a fault."""
        before = len(self.faults)
        self.keys(raw, path, (*known, beside) if beside else known)
        out = [
            Test(op, value)
            for op in known
            if op in raw and (value := self._value(op, raw[op], f"{path}.{op}")) is not None
        ]
        if len(self.faults) == before and not out:
            self.fault(
                path, "does not compare.", "Add one, e.g. `is: pro`, `at_least: 3`, `set: true`."
            )
        if len(self.faults) == before and len(out) > 1 and any(t.op == "set" for t in out):
            self.fault(f"{path}.set", "stands beside another comparison.", "Leave `set` out.")
        return tuple(out) if len(self.faults) == before else ()

    def _value(self, op: Op, raw: Any, path: str) -> Any:
        if op == "set":
            if not isinstance(raw, bool):
                self.fault(path, f"is `{_cut(raw)}`.", "Write `true` or `false`.")
                return None
            return raw
        if op == "in":
            return self._values(raw, path)
        value = self._scalar(raw, path)
        if op in values.ORDERED and isinstance(value, bool):
            self.fault(path, "is true or false.", "Compare with a number or text, or use `is`.")
            return None
        if op == "contains" and value == "":
            self.fault(path, "is empty.", "Every text contains it; use `set: true`.")
            return None
        return value

    def _values(self, raw: Any, path: str) -> tuple[Any, ...] | None:
        if not isinstance(raw, list) or not raw:
            self.fault(path, "is no list of values.", "Write `in: [pro, team]`.")
            return None
        if len(raw) > limits.definition_values_max:
            self.fault(path, f"has {len(raw)} values.", f"At most {limits.definition_values_max}.")
            return None
        found = [self._scalar(one, f"{path}[{i}]") for i, one in enumerate(raw)]
        by_text = {msgspec.json.encode(v): v for v in found if v is not None}
        return tuple(by_text[text] for text in sorted(by_text))

    def _scalar(self, raw: Any, path: str) -> Any:
        """Text, a number or a bool in canonical form; None after a fault."""
        if isinstance(raw, str):
            return self.string(raw, path, empty=True)
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, int | float):
            if not math.isfinite(values.number(raw) or 0):
                self.fault(path, "is no finite number.", "Write a smaller one.")
                return None
            return values.canonical_number(raw)
        remedy = "Use `set: false` for a missing value." if raw is None else "Write one value."
        self.fault(path, "is no text, number, true or false.", remedy)
        return None

    def string(self, raw: Any, path: str, *, empty: bool = False) -> str | None:
        """Text within its limits; None after a fault."""
        problem = remedy = ""
        if not isinstance(raw, str):
            problem, remedy = "is no text.", "Quote it." if raw is not None else "Write a name."
        elif not raw and not empty:
            problem, remedy = "is empty.", "Write a name."
        elif len(raw) > limits.definition_string_chars_max:
            problem = f"has {len(raw)} characters."
            remedy = f"At most {limits.definition_string_chars_max}."
        elif "\0" in raw or any("\ud800" <= c <= "\udfff" for c in raw):
            problem, remedy = "holds a character that cannot be stored.", "Remove it."
        if problem:
            self.fault(path, problem, remedy)
            return None
        return str(raw)

    def _count_tests(self, raw: dict[Any, Any], path: str) -> tuple[Test, ...]:
        before = len(self.faults)
        self.keys(raw, path, ("count", *values.COUNT_OPS))
        out = []
        for op in values.COUNT_OPS:
            if op in raw:
                n = raw[op]
                if isinstance(n, float) and n.is_integer():
                    n = int(n)
                if type(n) is not int or not 0 <= n <= limits.count_max:
                    self.fault(
                        f"{path}.{op}", f"is `{_cut(n)}`.", "Write a whole number from 0 on."
                    )
                else:
                    out.append(Test(op, n))
        if len(self.faults) > before:
            return ()
        low, high = windows.limits_of(tuple(out))
        if not out:
            self.fault(path, "does not say how often.", "Add e.g. `at_least: 1`.")
        elif high is not None and high < low:
            self.fault(path, "can never hold.", "No number is within these bounds.")
        elif low == 0 and high is None:
            self.fault(path, "always holds.", "Leave it out, or ask `at_least: 1`.")
        return tuple(out) if len(self.faults) == before else ()


def _dump(node: Node) -> dict[str, Any]:
    match node:
        case All():
            return {"all": [_dump(n) for n in node.of]}
        case AnyOf():
            return {"any": [_dump(n) for n in node.of]}
        case Not():
            return {"not": _dump(node.node)}
        case Trait():
            return {"trait": node.name, **_dump_tests(node.tests)}
        case AccountTrait():
            return {"account": {"trait": node.name, **_dump_tests(node.tests)}}
        case Tickets():
            fields = {f: getattr(node, f) for f in TICKET_FIELDS if getattr(node, f) is not None}
            return {"any" if node.exists else "none": {"tickets": fields}}
        case Count():
            return {"count": _dump_leaf(node), **_dump_tests(node.tests)}


def _dump_leaf(node: Count) -> dict[str, Any]:
    leaf, out = node.leaf, dict[str, Any]()
    if leaf.event is not None:
        out["event"] = leaf.event
    if leaf.where:
        out["where"] = {
            p.path: p.tests[0].value if _plain(p.tests) else _dump_tests(p.tests)
            for p in leaf.where
        }
    if leaf.window_ms is not None:
        out["within"] = windows.window_text(leaf.window_ms)
    return out


def _plain(tests: tuple[Test, ...]) -> bool:
    return len(tests) == 1 and tests[0].op == "is"


def _dump_tests(tests: tuple[Test, ...]) -> dict[str, Any]:
    return {t.op: list(t.value) if t.op == "in" else t.value for t in tests}


def _step_known(step: str) -> bool:
    return step not in ("", "*") and not _STEP_REFUSED.search(step)


def _join(path: str, key: Any) -> str:
    name = _cut(key) or '""'
    return f"{path}.{name}" if path else name


def _cut(value: Any) -> str:
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


def _near(key: Any, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(str(key).lower(), tuple(known), n=1, cutoff=0.5)
    return f"Did you mean `{found[0]}`?" if found else ""
