"""Person ids stay where most of the person is."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from onefold.identity import assign
from onefold.identity.component import member
from onefold.kernel.facts import Identifier

MEMBERS = [member(n, Identifier("user_id", v)) for n, v in enumerate("ab", 1)]
MEMBERS += [member(n, Identifier("email", f"{n}@x.y")) for n in range(3, 7)]
MEMBERS += [member(n, Identifier("anonymous_id", str(n))) for n in range(7, 10)]
U1, U2, E1, E2, E3, _, D1, D2, D3 = MEMBERS


def run(
    groups: Sequence[Sequence[assign.Member]],
    former: Mapping[int, int],
    past: Mapping[int, Sequence[int]] | None = None,
) -> assign.Assignment:
    ids = iter(range(100, 200))
    return assign.assign(groups, former, lambda: past or {}, lambda: next(ids))


def test_a_known_person_keeps_the_id_over_an_older_anonymous_one() -> None:
    given_ids = run([[U1, D1]], {D1.ref: 1, U1.ref: 2})
    assert given_ids.ids == [2]
    assert given_ids.merged == {1: 2}
    assert [(e.person_id, e.action, e.other_id) for e in given_ids.entries] == [
        (2, "join", 1),
        (1, "merge", 2),
    ]


def test_of_two_anonymous_people_the_older_id_stays() -> None:
    assert run([[D1, D2]], {D1.ref: 9, D2.ref: 4}).ids == [4]


def test_the_unique_identifier_outweighs_more_of_the_others() -> None:
    assert run([[U1, E1, E2, E3]], {U1.ref: 9, E1.ref: 1, E2.ref: 1, E3.ref: 1}).ids == [9]
    assert run([[E1, E2, E3]], {E3.ref: 1, E1.ref: 9, E2.ref: 9}).ids == [9]


def test_a_new_group_gets_a_new_id_and_a_journal_entry() -> None:
    given_ids = run([[U1, D1]], {})
    assert given_ids.ids == [100]
    assert given_ids.entries == [(100, "create", None, [U1.ref, D1.ref])]


def test_a_split_gives_the_former_id_back() -> None:
    was = {U1.ref: 1, D1.ref: 1, E1.ref: 1, D2.ref: 1}
    given_ids = run([[U1, D1], [E1, D2]], was, past={2: [E1.ref, D2.ref]})
    assert given_ids.ids == [1, 2]
    assert given_ids.restored == [2]
    assert [(e.person_id, e.action) for e in given_ids.entries] == [(1, "leave"), (2, "restore")]
    assert run([[U1, D1], [E1, D2]], was).entries[1] == (100, "split", 1, [E1.ref, D2.ref])


def test_an_identifier_that_changes_sides_takes_no_id_along() -> None:
    given_ids = run([[U1], [U2, E1]], {U1.ref: 1, E1.ref: 1, U2.ref: 2})
    assert given_ids.ids == [1, 2]
    assert not given_ids.merged


groupings = st.lists(st.integers(0, 4), min_size=9, max_size=9)


def _groups(of: Sequence[int]) -> list[list[assign.Member]]:
    found = [[m for m, g in zip(MEMBERS, of, strict=True) if g == n] for n in range(5)]
    return [group for group in found if group]


@given(groupings, groupings)
def test_each_group_has_its_own_id_and_each_former_id_leads_somewhere(
    before: list[int], after: list[int]
) -> None:
    former = {m.ref: 1 + g for m, g in zip(MEMBERS, before, strict=True)}
    given_ids = run(_groups(after), former)
    assert len(set(given_ids.ids)) == len(given_ids.ids)
    for person in former.values():
        assert (person in given_ids.ids) != (given_ids.merged.get(person) in given_ids.ids)
    changed = {e.person_id for e in given_ids.entries}
    now = {i: {m.ref for m in g} for i, g in zip(given_ids.ids, _groups(after), strict=True)}
    for person in {*former.values(), *given_ids.ids}:
        was = {ref for ref, one in former.items() if one == person}
        assert (person in changed) == (was != now.get(person, set()))


@given(groupings, groupings)
def test_going_back_gives_every_known_persons_id_back(before: list[int], after: list[int]) -> None:
    first, second = _groups(before), _groups(after)
    one = run(first, {})
    former = {m.ref: i for i, g in zip(one.ids, first, strict=True) for m in g}
    two = run(second, former)
    middle = {m.ref: i for i, g in zip(two.ids, second, strict=True) for m in g}
    gone = {i: [m.ref for m in g] for i, g in zip(one.ids, first, strict=True) if i in two.merged}
    three = assign.assign(first, middle, lambda: gone, iter(range(300, 400)).__next__)
    users = [n for n, group in enumerate(first) if {U1, U2} & set(group)]
    unambiguous = not any({U1, U2} <= set(group) for group in (*first, *second))
    if unambiguous:
        assert [three.ids[n] for n in users] == [one.ids[n] for n in users]
