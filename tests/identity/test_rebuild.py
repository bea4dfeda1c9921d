"""A rebuild from the stored links says what the live resolver says, whatever happened."""

import random

import pytest

from onefold import storage
from onefold.identity import rebuild
from onefold.identity.rebuild import solve
from onefold.kernel.viewer import SYSTEM
from tests.identity import parts, worlds


@pytest.fixture(scope="module")
def world() -> worlds.World:
    return worlds.World(11, 120)


def _lived(conn: storage.Connection, world: worlds.World, decided: int) -> parts.Worker:
    """The world through the resolver, with some decisions in between."""
    rng = random.Random(decided)
    worker = parts.Worker(conn)
    facts = list(world.facts)
    rng.shuffle(facts)
    said = worlds.words(world, rng, decided) if decided else []
    for first in range(0, len(facts), 400):
        worker.feed(facts[first : first + 400])
        worlds._say_or_undo(worker, said, rng)
    return worker


@pytest.mark.parametrize("decided", [0, 8])
def test_a_rebuild_finds_the_live_groups(
    conn: storage.Connection, world: worlds.World, decided: int
) -> None:
    worker = _lived(conn, world, decided)
    found = rebuild.check(conn, SYSTEM)
    assert (found.different, found.people) == (0, [])
    assert found.groups == len(worker.people())
    assert 0 < found.solved < found.groups


def test_a_fragment_in_the_wrong_group_is_noticed(
    conn: storage.Connection, world: worlds.World
) -> None:
    _lived(conn, world, 0)
    people = conn.execute("SELECT min(person_id), max(person_id) FROM fragment WHERE person_id > 0")
    one, other = people.fetchone() or (0, 0)
    conn.execute("UPDATE fragment SET person_id = %s WHERE person_id = %s", (one, other))
    found = rebuild.check(conn, SYSTEM)
    assert found.different >= 2
    assert found.people == [one]


class Frame:
    """As much of a pandas frame as Spark's `applyInPandas` function needs."""

    def __init__(self, columns: dict[str, list[object]]) -> None:
        self.columns = columns

    def __getitem__(self, names: list[str]) -> "Frame":
        return Frame({name: self.columns[name] for name in names})

    def itertuples(self, *, index: bool, name: None) -> object:
        assert not index
        assert name is None
        return zip(*self.columns.values(), strict=True)


def test_a_component_as_a_frame_gives_its_people() -> None:
    nothing = (None,) * 4
    rows = [
        (7, "node", 1, None, "user_id", "a", 0, False, *nothing, None),
        (7, "node", 2, None, "user_id", "b", 0, False, *nothing, None),
        (7, "node", 3, None, "email", "x@y.z", 0, False, *nothing, None),
        (7, "link", 1, 3, None, None, None, None, 4, "{}", None, None, None),
        (7, "link", 2, 3, None, None, None, None, 9, "{}", None, None, None),
    ]
    columns = {name: [row[n] for row in rows] for n, name in enumerate(solve.COLUMNS)}
    answer = solve.frame(Frame(columns))
    people = dict(zip(answer.columns["fragment"], answer.columns["person"], strict=True))
    assert people[2] == people[3] != people[1]
    assert set(answer.columns["component"]) == {7}
