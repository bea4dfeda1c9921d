"""f: who is who, as a pure function of links, rules and decisions.

Links are taken strongest first, and each joins the groups of its ends unless that would break a
limit, a human's "not the same", or the size cap; such a link is suppressed, with the reason.
Strength: a human's decision, the latest first; then what alias calls say; then person to person,
person to device, device to device, and last what was matched by likeness; between people what a
trusted source proved before what is only claimed; then the newest day; then the sum of the
namespaces' priorities; then the key. Nothing depends on the order of the input. A group is checked
as a whole, so limits hold however long the chain of links.

A limit with a window counts values by the newest day on which each was seen with others: no span of
so many days may hold more of them.

A human's "the same" outranks the limits: a group that humans made of n people, each with a user id
of its own, may hold n times what one person can. It yields to "not the same" and the cap.

A former id (of an alias call) is linked to the user id that succeeds it, and to the user id that it
is. The latter link outranks the limit of one user id, for up to `former_ids_max` of them, and the
group counts like one that humans made. A former id with two successors says nothing: it is generic.

A node that is linked to more values of one limited namespace than its hub limit (an address like
support@) says nothing about who somebody is: it is generic, and none of its links counts, unless a
human says whose it is. The same goes for a value on a block list.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from onefold.identity import model
from onefold.identity.rules import BLOCKED, GENERIC, Rules
from onefold.kernel import limits
from onefold.kernel.identifiers import FORMER

_DECIDED, _SUCCEEDS, _IS = 0, 1, 2  # the latter two: links of a former id
_TIERS = {("person", "person"): 3, ("device", "person"): 4, ("device", "device"): 5}
_MATCHED = 6  # after every link
_Key = tuple[str, str, int]


class _Group:
    __slots__ = ("apart", "counts", "dated", "people", "refs")

    def __init__(self, ref: int) -> None:
        self.refs = [ref]
        self.people = 1  # how many people humans said are this one
        self.counts: dict[str, int] = {}
        self.dated: dict[str, list[int]] = {}  # days of values whose limit has a window
        self.apart: set[int] = set()  # refs a human said are somebody else


def partition(
    nodes: Iterable[model.Node],
    links: Iterable[model.Link],
    rules: Rules,
    decisions: Iterable[model.Decision] = (),
    proofs: Mapping[tuple[int, int], int] = MappingProxyType({}),
) -> model.Partition:
    """Group the nodes. Links and decisions must name nodes that are given; pairs are unordered.

    `proofs`: links of which a source told whose word is proof, with the newest such day; the
    lesser ref first. All others are claims.
    """
    by_ref = {node.ref: node for node in nodes}
    days: dict[tuple[int, int], int] = {}
    for link in links:
        pair = (link.a, link.b) if link.a < link.b else (link.b, link.a)
        days[pair] = max(link.last_day, days.get(pair, link.last_day))
    generic = _generic(by_ref, days, rules)
    silent = {ref for ref, node in by_ref.items() if rules.blocked(node.identifier)}
    same, apart, matched = _decided(decisions)
    groups = _singles(by_ref, rules, apart)
    _date(groups, by_ref, days, rules)
    suppressed: dict[tuple[int, int], str] = {}
    for pair in _strongest_first(by_ref, days, same, matched, proofs, rules):
        a, b = groups[pair[0]], groups[pair[1]]
        decided = pair in same
        if not decided and silent and not silent.isdisjoint(pair):
            reason: str | None = BLOCKED
        elif not decided and (pair[0] in generic or pair[1] in generic):
            reason = GENERIC
        elif a is b:
            continue
        else:
            decided = decided or (_is_former(by_ref, pair) and _may_be_former(a, b))
            reason = _forbids(a, b, rules, decided=decided)
        if reason is None:
            _join(groups, a, b, rules)
        else:
            suppressed[pair] = reason
    return model.Partition(_sorted(by_ref, groups), suppressed, generic)


def _generic(
    by_ref: dict[int, model.Node], days: Iterable[tuple[int, int]], rules: Rules
) -> set[int]:
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    successors: dict[int, int] = defaultdict(int)
    for pair in days:
        for one, other in (pair, pair[::-1]):
            namespace = by_ref[other].identifier.namespace
            if rules.of(namespace).limit is not None:
                counts[one][namespace] += 1
            if by_ref[one].identifier.namespace == FORMER and not _is_former(by_ref, pair):
                successors[one] += 1
    claimed = {ref for ref, n in successors.items() if n > 1}
    crowd = claimed | {
        ref
        for ref, n in counts.items()
        if max(n.values()) > rules.hub(by_ref[ref].identifier.namespace)
    }
    return crowd | {ref for ref, node in by_ref.items() if node.generic}


def _decided(
    decisions: Iterable[model.Decision],
) -> tuple[dict[tuple[int, int], int], dict[int, set[int]], dict[tuple[int, int], int]]:
    same: dict[tuple[int, int], int] = {}
    matched: dict[tuple[int, int], int] = {}
    apart: dict[int, set[int]] = defaultdict(set)
    for decision in decisions:
        if decision.same:
            pair = min(decision.a, decision.b), max(decision.a, decision.b)
            found = matched if decision.match else same
            found[pair] = max(decision.at_ms, found.get(pair, decision.at_ms))
        else:
            apart[decision.a].add(decision.b)
            apart[decision.b].add(decision.a)
    return same, apart, matched


def _singles(
    by_ref: dict[int, model.Node], rules: Rules, apart: dict[int, set[int]]
) -> dict[int, _Group]:
    groups = {}
    for ref, node in by_ref.items():
        group = groups[ref] = _Group(ref)
        if rules.of(node.identifier.namespace).limit is not None:
            group.counts[node.identifier.namespace] = 1
        if ref in apart:
            group.apart = set(apart[ref])
    return groups


def _date(
    groups: dict[int, _Group],
    by_ref: dict[int, model.Node],
    days: dict[tuple[int, int], int],
    rules: Rules,
) -> None:
    """Date the values whose limit has a window: a person's by others of persons, else by any."""
    dated = {
        ref
        for ref, node in by_ref.items()
        if rules.of(node.identifier.namespace).window_days is not None
    }
    if not dated:
        return
    newest: dict[int, int] = dict.fromkeys(dated, 0)
    for (a, b), day in days.items():
        for one, other in ((a, b), (b, a)):
            if one in dated and (
                rules.of(by_ref[one].identifier.namespace).kind != "person"
                or rules.of(by_ref[other].identifier.namespace).kind == "person"
            ):
                newest[one] = max(newest[one], day)
    for ref, day in newest.items():
        groups[ref].dated = {by_ref[ref].identifier.namespace: [day]}


def _strongest_first(
    by_ref: dict[int, model.Node],
    days: dict[tuple[int, int], int],
    same: dict[tuple[int, int], int],
    matched: dict[tuple[int, int], int],
    proofs: Mapping[tuple[int, int], int],
    rules: Rules,
) -> list[tuple[int, int]]:
    def strength(pair: tuple[int, int]) -> tuple[int, bool, int, int, _Key, _Key]:
        a, b = by_ref[pair[0]], by_ref[pair[1]]
        one, other = rules.of(a.identifier.namespace), rules.of(b.identifier.namespace)
        kinds = (one.kind, other.kind) if one.kind < other.kind else (other.kind, one.kind)
        first, second = sorted((_key(a), _key(b)))
        claimed = False
        if pair in same:
            tier, newest = _DECIDED, same[pair]
        elif pair not in days:
            tier, newest = _MATCHED, matched[pair]
        elif FORMER in (a.identifier.namespace, b.identifier.namespace):
            tier, newest = _IS if _is_former(by_ref, pair) else _SUCCEEDS, days[pair]
        else:
            tier, newest = _TIERS[kinds], days[pair]
            if kinds == ("person", "person"):
                claimed, newest = pair not in proofs, proofs.get(pair, newest)
        return tier, claimed, -newest, one.priority + other.priority, first, second

    return sorted(days.keys() | same.keys() | matched.keys(), key=strength)


def _is_former(by_ref: dict[int, model.Node], pair: tuple[int, int]) -> bool:
    """Whether a link is between a former id and the user id that it is."""
    a, b = by_ref[pair[0]].identifier, by_ref[pair[1]].identifier
    return a.value == b.value and {a.namespace, b.namespace} == {FORMER, "user_id"}


def _may_be_former(a: _Group, b: _Group) -> bool:
    users = a.counts.get("user_id", 0) + b.counts.get("user_id", 0)
    return users <= limits.former_ids_max


def _forbids(a: _Group, b: _Group, rules: Rules, *, decided: bool) -> str | None:
    if not decided:
        for namespace in _beyond(a, b, rules):
            return f"limit:{namespace}"
    if not a.apart.isdisjoint(b.refs):
        return "decision"
    if len(a.refs) + len(b.refs) > rules.component_max:
        return "size"
    return None


def _beyond(a: _Group, b: _Group, rules: Rules) -> Iterator[str]:
    """The namespaces of which the two together would have too many values.

    Where only one of them has any, the other makes it no worse: a group that humans took beyond a
    limit still has its devices.
    """
    people = max(a.people, b.people)
    for namespace in sorted(a.counts.keys() & b.counts.keys()):
        rule = rules.of(namespace)
        limit = rule.limit
        if limit is None or a.counts[namespace] + b.counts[namespace] <= limit * people:
            continue
        if rule.window_days is not None:
            found = sorted(a.dated.get(namespace, []) + b.dated.get(namespace, []))
            most = limit * people
            spans = zip(found, found[most:], strict=False)
            if all(last - first >= rule.window_days for first, last in spans):
                continue
        yield namespace


def _join(groups: dict[int, _Group], a: _Group, b: _Group, rules: Rules) -> None:
    people = max(a.people, b.people)
    if any(rules.of(namespace).limit == 1 for namespace in _beyond(a, b, rules)):
        people = a.people + b.people  # only a human's word, or an alias call, gets here
    if len(a.refs) < len(b.refs):
        a, b = b, a
    a.people = people
    a.refs += b.refs
    a.apart |= b.apart
    for namespace, count in b.counts.items():
        a.counts[namespace] = a.counts.get(namespace, 0) + count
    for namespace, found in b.dated.items():
        a.dated[namespace] = a.dated.get(namespace, []) + found
    for ref in b.refs:
        groups[ref] = a


def _sorted(by_ref: dict[int, model.Node], groups: dict[int, _Group]) -> list[list[int]]:
    once = {id(group): group for group in groups.values()}.values()
    out = [sorted(group.refs, key=lambda ref: _key(by_ref[ref])) for group in once]
    return sorted(out, key=lambda refs: _key(by_ref[refs[0]]))


def _key(node: model.Node) -> _Key:
    return node.identifier.namespace, node.identifier.value, node.chapter_ms
