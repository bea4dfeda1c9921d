"""f: order-independent, and no group ever breaks a limit."""

import random
from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from onefold import identity
from onefold.identity import Decision, Link, Node
from onefold.kernel.facts import Identifier

KEYS = [Identifier("user_id", v) for v in "abc"] + [Identifier("contact", v) for v in "12"]
KEYS += [Identifier("email", f"{v}@x.y") for v in "pqrstuv"]
KEYS += [Identifier("anonymous_id", v) for v in "defg"]
NODES = [Node(n, key) for n, key in enumerate(KEYS)]
BY_REF = {node.ref: node for node in NODES}
refs = st.integers(0, len(NODES) - 1)
pairs = st.tuples(refs, refs).filter(lambda p: p[0] != p[1])
links = st.lists(st.builds(lambda p, d: Link(*p, d), pairs, st.integers(0, 3)), max_size=40)
decisions = st.lists(
    st.builds(
        lambda p, s, at, m: Decision(*p, s, at, m),
        pairs,
        st.booleans(),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=4,
)


def refs_of(*texts: str) -> list[int]:
    return [KEYS.index(Identifier(*text.split(":"))) for text in texts]


def grouped(part: identity.Partition) -> set[frozenset[int]]:
    return {frozenset(group) for group in part.groups}


@given(links, decisions, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    found: list[Link], said: list[Decision], rng: random.Random
) -> None:
    first = identity.partition(NODES, found, identity.RULES, said)
    nodes = rng.sample(NODES, len(NODES))
    turned = [Link(b, a, d) if rng.random() < 0.5 else Link(a, b, d) for a, b, d in found]
    again = identity.partition(
        nodes, rng.sample(turned, len(turned)), identity.RULES, rng.sample(said, len(said))
    )
    assert again == first


@given(links, st.randoms(use_true_random=False))
def test_ids_do_not_matter(found: list[Link], rng: random.Random) -> None:
    other = rng.sample(range(1000), len(NODES))
    nodes = [node._replace(ref=other[node.ref]) for node in NODES]
    moved = [Link(other[a], other[b], d) for a, b, d in found]
    first = identity.partition(NODES, found, identity.RULES).groups
    again = identity.partition(nodes, moved, identity.RULES).groups
    assert again == [[other[ref] for ref in group] for group in first]


@given(links, decisions)
def test_limits_and_decisions_hold_for_whole_groups(
    found: list[Link], said: list[Decision]
) -> None:
    part = identity.partition(NODES, found, identity.RULES, said)
    assert sorted(ref for group in part.groups for ref in group) == list(range(len(NODES)))
    for group in part.groups:
        for namespace, count in _counts_as_one(group, said).items():
            limit = identity.RULES.of(namespace).limit
            assert limit is None or count <= limit
        for one in said:
            assert one.same or not {one.a, one.b} <= set(group)


def _counts_as_one(group: list[int], said: list[Decision]) -> Counter[str]:
    """Values by namespace; of a group that humans joined, what cannot be told apart is left out."""
    if any(one.same and not one.match and {one.a, one.b} <= set(group) for one in said):
        return Counter()
    return Counter(BY_REF[ref].identifier.namespace for ref in group)


@given(links, decisions)
def test_humans_can_join_two_full_people_but_links_bring_no_third(
    found: list[Link], said: list[Decision]
) -> None:
    part = identity.partition(NODES, found, identity.RULES, said)
    for group in part.groups:
        joins = sum(1 for one in said if one.same and {one.a, one.b} <= set(group))
        users = sum(1 for ref in group if BY_REF[ref].identifier.namespace == "user_id")
        assert users <= 1 + joins


@given(links)
def test_a_link_holds_or_has_a_reason(found: list[Link]) -> None:
    part = identity.partition(NODES, found, identity.RULES)
    groups = grouped(part)
    for a, b, _ in found:
        together = any({a, b} <= group for group in groups)
        assert together != ((min(a, b), max(a, b)) in part.suppressed)


@given(links)
def test_where_no_limit_breaks_f_is_connected_components(found: list[Link]) -> None:
    """What the resolver's short cut rests on."""
    reach = {node.ref: {node.ref} for node in NODES}
    for a, b, _ in found:
        union = reach[a] | reach[b]
        for ref in union:
            reach[ref] = union
    part = grouped(identity.partition(NODES, found, identity.RULES))
    for component in {frozenset(c) for c in reach.values()}:
        counts = Counter(BY_REF[ref].identifier.namespace for ref in component)
        caps = {n: identity.RULES.of(n).limit for n in counts}
        legal = all(cap is None or counts[n] <= cap for n, cap in caps.items())
        assert legal == (component in part)


def test_the_newest_link_wins_among_equals() -> None:
    a, b, e = refs_of("user_id:a", "user_id:b", "email:p@x.y")
    part = identity.partition(NODES, [Link(a, e, 5), Link(b, e, 6)], identity.RULES)
    assert frozenset((b, e)) in grouped(part)
    assert part.suppressed == {(a, e): "limit:user_id"}


def test_people_outweigh_newer_devices() -> None:
    """Two users through one device, no log-in known: person to person is decided first."""
    a, b, e, d = refs_of("user_id:a", "user_id:b", "email:p@x.y", "anonymous_id:d")
    part = identity.partition(NODES, [Link(a, e, 1), Link(e, d, 9), Link(b, d, 8)], identity.RULES)
    assert frozenset((a, e, d)) in grouped(part)
    assert part.suppressed == {(b, d): "limit:user_id"}


def test_a_decision_comes_first_and_limits_give_way_to_it() -> None:
    a, b, c, e = refs_of("user_id:a", "user_id:b", "user_id:c", "email:p@x.y")
    found = [Link(a, e, 1), Link(b, e, 6)]
    part = identity.partition(NODES, found, identity.RULES, [Decision(a, e, same=True)])
    assert frozenset((a, e)) in grouped(part)
    part = identity.partition(NODES, found, identity.RULES, [Decision(b, e, same=False)])
    assert part.suppressed == {(b, e): "decision"}
    both = [Decision(a, b, same=True)]
    part = identity.partition(NODES, found, identity.RULES, both)
    assert frozenset((a, b, e)) in grouped(part)
    part = identity.partition(NODES, [*found, Link(c, e, 9)], identity.RULES, both)
    assert frozenset((a, b)) in grouped(part), "a third user takes the newest link, not the limit"
    assert frozenset((c, e)) in grouped(part)


def test_not_the_same_outranks_the_same_and_the_latest_word_comes_first() -> None:
    a, b, e = refs_of("user_id:a", "user_id:b", "email:p@x.y")
    apart = Decision(a, b, same=False)
    said = [apart, Decision(a, e, same=True, at_ms=1), Decision(b, e, same=True, at_ms=2)]
    part = identity.partition(NODES, [], identity.RULES, said)
    assert frozenset((b, e)) in grouped(part)
    assert part.suppressed == {(a, e): "decision"}


def test_a_human_can_say_whose_a_generic_address_is() -> None:
    many = identity.RULES.neighbours_max + 1
    users = [Node(n, Identifier("user_id", str(n))) for n in range(many)]
    info = Node(many, Identifier("email", "info@acme.co"))
    found = [Link(n, many, n) for n in range(many)]
    mine = [Decision(7, many, same=True)]
    part = identity.partition([*users, info], found, identity.RULES, mine)
    assert frozenset((7, many)) in grouped(part)
    assert len(part.groups) == many


def test_an_address_that_everybody_uses_says_nothing() -> None:
    many = identity.RULES.neighbours_max + 1
    users = [Node(n, Identifier("user_id", str(n))) for n in range(many)]
    support = Node(many, Identifier("email", "support@acme.co"))
    found = [Link(n, many, n) for n in range(many)]
    part = identity.partition([*users, support], found, identity.RULES)
    assert part.generic == {many}
    assert set(part.suppressed.values()) == {"generic"}
    assert all(len(group) == 1 for group in part.groups)
    part = identity.partition([*users, support], found[1:], identity.RULES)
    assert not part.generic


def test_a_match_joins_last_and_keeps_to_limits() -> None:
    a, b, p, q = refs_of("user_id:a", "user_id:b", "email:p@x.y", "email:q@x.y")
    alike = [Decision(p, q, same=True, match=True)]
    part = identity.partition(NODES, [Link(a, p, 0)], identity.RULES, alike)
    assert {a, p, q} in [set(group) for group in part.groups]
    # both have a user id: whoever is alike, two accounts are not one person's by likeness
    both = [Link(a, p, 0), Link(b, q, 0)]
    part = identity.partition(NODES, both, identity.RULES, alike)
    assert part.suppressed[min(p, q), max(p, q)] == "limit:user_id"
    assert {a, p} in [set(group) for group in part.groups]
    # nor does it take a place that a link needs, however late the link is seen
    part = identity.partition(
        NODES, [Link(b, p, 5)], identity.RULES, [Decision(a, p, same=True, at_ms=9, match=True)]
    )
    assert {b, p} in [set(group) for group in part.groups]


def test_a_human_outranks_a_match() -> None:
    p, q = refs_of("email:p@x.y", "email:q@x.y")
    alike = Decision(p, q, same=True, at_ms=9, match=True)
    part = identity.partition(NODES, [], identity.RULES, [alike, Decision(q, p, same=False)])
    assert {p, q} not in [set(group) for group in part.groups]
    assert part.suppressed[min(p, q), max(p, q)] == "decision"


def test_a_group_beyond_a_limit_by_human_word_has_its_devices_whatever_the_ids() -> None:
    """With a limit of two user ids a human made one person of three."""
    two = msgspec.structs.replace(identity.RULES.of("user_id"), limit=2)
    namespaces = {**identity.RULES.namespaces, "user_id": two}
    rules = msgspec.structs.replace(identity.RULES, namespaces=namespaces)
    keys = [Identifier("user_id", v) for v in "abc"] + [Identifier("anonymous_id", "d")]
    for order in ((0, 1, 2, 3), (3, 2, 1, 0)):
        nodes = [Node(ref, key) for ref, key in zip(order, keys, strict=True)]
        a, b, c, d = order
        said = [Decision(a, b, True, 1), Decision(b, c, True, 2)]
        part = identity.partition(nodes, [Link(c, d, 5)], rules, said)
        assert grouped(part) == {frozenset(order)}
