"""Invented worlds: invariants in many small ones, and how near to the truth in a large one."""

import sys

import pytest

from onefold import storage
from tests.identity import parts, worlds


@pytest.mark.parametrize("seed", range(0, 300, 100))
def test_invariants_hold_in_small_worlds(seed: int) -> None:
    """`make simulate` looks at 10,000."""
    wrong = {n: found for n in range(seed, seed + 100) if (found := worlds.wrong(n))}
    assert wrong == {}


def test_the_audit_notices_two_users_in_one_person() -> None:
    world = worlds.World(1, 8)
    truth = parts.Truth(world.facts)
    together = frozenset(key for keys in truth.people() for key in keys)
    truth.people = lambda: {together}  # type: ignore[method-assign]
    assert any("values of user_id in one person" in line for line in worlds._broken(truth, []))


@pytest.mark.parametrize("seed", range(1000, 1004))
def test_the_resolver_says_what_f_says(conn: storage.Connection, seed: int) -> None:
    assert worlds.resolved_wrong(conn, seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_thousand_people(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Identifiers are what is grouped. Facts are harder: what a device does before a log-in belongs
    to the chapter before it, so on a family's tablet a page or two go to who had it last."""
    world = worlds.World(seed, 20_000)
    truth = parts.Truth(world.facts)
    found, facts = worlds.score_identifiers(world, truth), worlds.score(world, truth)
    with capsys.disabled():
        sys.stdout.write(f"\n20,000 people: identifiers {found}\n20,000 people: facts {facts}\n")
    assert found.f1 >= 0.97
    assert found.precision >= 0.99
    assert found.largest <= 3
    assert facts.f1 >= 0.95
