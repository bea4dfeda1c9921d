"""Text to tree and back. `parse` finds every fault before it raises; `dump` is its inverse
(audiences/dump.py).

The language is told, operator by operator, in docs/reference/audiences.md.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from onefold.audiences import query, values, windows
from onefold.audiences import source as sources
from onefold.audiences.dump import TICKET_FIELDS
from onefold.audiences.model import (
    DEAL_FIELDS,
    AccountTrait,
    All,
    Deal,
    Definition,
    Group,
    Kind,
    Member,
    Node,
    Not,
    Owner,
    Related,
    Rows,
    Tickets,
    Touch,
    Trait,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.parse_events import EVENT_HEADS, Events
from onefold.audiences.parse_values import cut, near
from onefold.kernel import definitions, errors, limits

TOP = ("audience", "name", "of", "where", "sql", "every", "list")
OTHER_HEADS = (
    "tickets",
    "owner",
    "deal",
    "first_touch",
    "last_touch",
    "member_of",
    "people",
    "accounts",
)
HEADS = ("all", "any", "not", "none", "trait", "account", *OTHER_HEADS, *EVENT_HEADS)
How = Literal["any", "all", "none", "count", "share"]
RELATED: tuple[How, ...] = ("any", "all", "none", "count", "share")
PRIORITIES = ("low", "medium", "high", "urgent")
CATEGORIES = ("product_issue", "billing_issue", "feature_request", "general_inquiry")
_ALIASES = {"company": "account"}
_HEADS_HINT = "Begin it with one of " + ", ".join(f"`{h}`" for h in HEADS) + "."


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
    if "sql" in raw or "list" in raw or "every" in raw:
        where = reader.rows(raw)
    elif "where" in raw:
        where = reader.node(raw["where"], "where", of)
    else:
        reader.fault(
            "where", "is missing.", "Say who belongs, e.g. `where: {trait: plan, is: pro}`."
        )
    if feature and reader.string(feature, "feature") and not tag_text(feature):
        reader.fault("feature", "is blank.", "Write a ticket's tag, or leave it out.")
    if reader.faults or where is None:
        faults = reader.faults[: limits.definition_faults_max]
        raise errors.Invalid(*(faults if isinstance(source, dict) else _on_lines(source, faults)))
    return Definition(of=of, where=_with_feature(where, feature) if feature else where)


def _on_lines(source: str, faults: list[errors.Fault]) -> list[errors.Fault]:
    """The faults with the line of the text that each is on."""
    lines = definitions.lines(source)
    out = []
    for fault in faults:
        path = fault.field
        while path and path not in lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        line = lines.get(path)
        problem = f"(line {line}) {fault.problem}" if line else fault.problem
        out.append(msgspec.structs.replace(fault, problem=problem))
    return out


def tag_text(text: str) -> str:
    """A tag as tickets keep it: lower case, single spaces."""
    return " ".join(text.split()).lower()


def _with_feature(where: Node, feature: str) -> Node:
    quiet = Tickets(exists=False, tag=tag_text(feature))
    if isinstance(where, All):
        return where if quiet in where.of else All((*where.of, quiet))
    return where if where == quiet else All((where, quiet))


class _Reader(Events):
    """One reading of one definition; collects faults."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.within = False  # a condition on an account's people, or on a person's accounts

    # ── the frame ──────────────────────────────────────────────────────────────────────────────

    def kind(self, raw: Mapping[str, Any]) -> Kind:
        """`of`; person when it is wrong, so that the rest can be read."""
        of = raw.get("of")
        of = _ALIASES.get(of, of) if isinstance(of, str) else of
        if of in get_args(Kind):
            return "account" if of == "account" else "person"
        problem = f"is `{cut(of)}`." if "of" in raw else "is missing."
        self.fault("of", problem, "Write `of: person` or `of: account`.")
        return "person"

    def rows(self, raw: Mapping[str, Any]) -> Rows | None:
        """What makes the members of an audience without a condition."""
        given = [k for k in ("where", "sql", "list") if k in raw]
        if len(given) != 1:
            told = " and ".join(f"`{k}`" for k in given) or "`every` alone"
            remedy = "Write one of `where`, `sql` (with `every`) and `list`."
            self.fault(given[0] if given else "every", f"stands with others: {told}.", remedy)
            return None
        if "list" in raw:
            if raw["list"] is not True or "every" in raw:
                self.fault("list", "is not just `true`.", "Write `list: true`, then upload to it.")
                return None
            return Rows("list")
        if "sql" not in raw:
            self.fault("every", "goes with `sql`.", "A condition is live: leave `every` out.")
            return None
        text = raw["sql"]
        fault = query.fault_of(text) if isinstance(text, str) else "is no text."
        if fault:
            self.fault("sql", fault, "Write one SELECT that answers ids: see audiences.md.")
        every = raw.get("every", "1h")
        every_ms = windows.parse_window(every) if isinstance(every, str) else None
        least, most = limits.audience_sql_every_s_min, limits.audience_sql_every_s_max
        if every_ms is None or not least * 1000 <= every_ms <= most * 1000:
            self.fault("every", f"is `{cut(every)}`.", "Write `5m` to `31d`, e.g. `1h`.")
        if self.faults or every_ms is None:
            return None
        return Rows("sql", text.strip(), every_ms)

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
        else:
            hints = [hint for k in raw if (hint := near(k, HEADS))]
            self.fault(path, "does not say what it asks.", hints[0] if hints else _HEADS_HINT)

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
                tests = self.tests(raw, path, values.OPS, beside=head)
                return Trait(name, tests) if name and tests else None
            case "account":
                return self._account(raw, head, path, of)
            case other if other in OTHER_HEADS:
                return self._other(raw, head, path, of)
            case event_head:
                return self.on_events(raw, event_head, path, of)

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
        if self.within:
            self.fault(at, "is the account itself.", "Ask its trait beside `people:`.")
            return None
        if not isinstance(inner, dict) or "trait" not in inner:
            self.fault(at, "names no trait.", "Write `account: {trait: plan, is: trial}`.")
            return None
        name = self.string(inner["trait"], f"{at}.trait")
        tests = self.tests(inner, at, values.OPS, beside="trait")
        return AccountTrait(name, tests) if name and tests else None

    def _other(self, raw: dict[Any, Any], head: str, path: str, of: Kind) -> Node | None:
        at = f"{path}.{head}"
        match head:
            case "tickets":
                return self._ticket_count(raw, path)
            case "owner":
                self.keys(raw, path, (head,))
                return self._owner(raw[head], at)
            case "first_touch" | "last_touch":
                self.keys(raw, path, (head,))
                if of == "account":
                    self.fault(at, "is for people.", "Ask `people: {any: {…}}` of an account's.")
                    return None
                where = self.filters(raw[head], at)
                return Touch(head == "first_touch", where) if where else None
            case "deal":
                self.keys(raw, path, (head,))
                return self._deal(raw[head], at)
            case "member_of":
                self.keys(raw, path, (head,))
                key = self.string(raw[head], at)
                return Member(key) if key else None
        return self._related(raw, head, path, of)

    def _owner(self, raw: Any, path: str) -> Node | None:
        if isinstance(raw, str):
            raw = {"is": raw}
        if not isinstance(raw, dict):
            self.fault(path, "does not say who.", "Write `owner: ann@acme.co` or `{set: true}`.")
            return None
        tests = self.tests(raw, path, ("is", "is_not", "in", "ends_with", "set"))
        return Owner(tests) if tests else None

    def _deal(self, raw: Any, path: str) -> Node | None:
        where = self.filters(raw, path)
        waiting = list(where)
        while waiting:
            one = waiting.pop()
            if isinstance(one, Group):
                waiting += one.of
            elif one.path not in DEAL_FIELDS:
                known = ", ".join(f"`{f}`" for f in DEAL_FIELDS)
                remedy = near(one.path, DEAL_FIELDS) or f"They have {known}."
                self.fault(f"{path}.{one.path}", "is nothing that deals have.", remedy)
                where = ()
        return Deal(where) if where else None

    def _related(self, raw: dict[Any, Any], head: str, path: str, of: Kind) -> Node | None:
        at, inner = f"{path}.{head}", raw[head]
        whose: Kind = "person" if head == "people" else "account"
        if whose == of or self.within:
            remedy = f"`{head}` is for audiences of {'accounts' if of == 'person' else 'people'}."
            if self.within:
                remedy = "Conditions on people or accounts do not nest."
            self.fault(at, "cannot be asked here.", remedy)
            return None
        hows = [h for h in RELATED if isinstance(inner, dict) and h in inner]
        if len(hows) != 1:
            remedy = f"Write `{head}: {{any: {{trait: …}}}}`; also `all`, `none`, `count`, `share`."
            self.fault(at, "does not say for how many.", remedy)
            return None
        self.keys(inner, at, hows)
        how = hows[0]
        tests: tuple[values.Test, ...] = ()
        before = len(self.faults)
        if how == "count":
            tests = self.count_tests(raw, path, head)
        elif how == "share":
            tests = self.share_tests(raw, path, head)
        else:
            self.keys(raw, path, (head,))
        self.within = True
        where = self.node(inner[how], f"{at}.{how}", whose)
        self.within = False
        if where is None or len(self.faults) > before:
            return None
        return Related(whose, how, where, tests)

    def _ticket_count(self, raw: dict[Any, Any], path: str) -> Node | None:
        if not any(op in raw for op in values.COUNT_OPS):
            remedy = "Write `any: {tickets: …}` for some, `none: {tickets: …}`, or `at_least: 2`."
            self.fault(f"{path}.tickets", "does not say how many.", remedy)
            return None
        tests = self.count_tests(raw, path, "tickets")
        found = self._tickets({"tickets": raw["tickets"]}, path, exists=True)
        if not isinstance(found, Tickets) or not tests:
            return None
        return msgspec.structs.replace(found, tests=tests)

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
            self.one_of(status, f"{at}.status", ("open", "paused"))
        tag = self.string(inner["tag"], f"{at}.tag") if "tag" in inner else None
        if tag is not None and not tag_text(tag):
            self.fault(f"{at}.tag", "is blank.", "Write a tag, or leave it out for any ticket.")
        for field, known in (("priority", PRIORITIES), ("category", CATEGORIES)):
            if field in inner:
                self.one_of(inner[field], f"{at}.{field}", known)
        if len(self.faults) > before:
            return None
        tag = tag if tag is None else tag_text(tag)
        return Tickets(exists, status, tag, inner.get("priority"), inner.get("category"))
