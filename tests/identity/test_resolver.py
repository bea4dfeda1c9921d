"""The resolver against a naive model: whatever the order, the batches and the crashes."""

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import storage
from onefold.identity import decisions
from onefold.kernel.viewer import SYSTEM
from tests.identity import parts

DAY = 86_400_000
SLOW = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[int, list[str]]]:
    """(at_ms, identifiers) of up to 25 facts of a few users on a few devices."""
    users, emails = ["user_id:a", "user_id:b", "user_id:c"], ["email:x@y.z", "email:v@w.z"]
    devices = ["anonymous_id:d", "anonymous_id:e", "anonymous_id:f"]
    out = []

    def some(of: list[str], most: int, least: int = 0) -> list[str]:
        return draw(st.lists(st.sampled_from(of), min_size=least, max_size=most, unique=True))

    for _ in range(draw(st.integers(1, 25))):
        at = draw(st.integers(0, 3)) * DAY + draw(st.integers(1, 6)) * 1000
        kind = draw(st.sampled_from(["visit", "log-in", "devices", "people", "alias", "anything"]))
        if kind == "visit":
            texts = some(devices, 1, 1)
        elif kind == "log-in":
            texts = some([*users, emails[0]], 1, 1) + some(devices, 1, 1)
        elif kind == "devices":
            texts = some(devices, 2, 2)
        elif kind == "alias":
            texts = some(users, 1, 1) + some(["former_id:a", "former_id:b", "former_id:z"], 1, 1)
            texts += some(devices, 1)
        elif kind == "people":
            texts = some(users, 1) + some(emails, 1, 1)
        else:
            texts = some(users, 2) + some(["contact:1", "contact:2"], 1) + some(emails, 2)
            texts += some(devices, 2)
        out.append((at, texts or some(devices, 1, 1)))
    return out


def _run(conn: storage.Connection, history: Any, rng: random.Random, cached: int) -> parts.Worker:
    """Feed the history in a random order, in random batches, with crashes and restarts."""
    worker = parts.Worker(conn, identifiers_max=cached)
    facts = [parts.fact(n, at, *texts) for n, (at, texts) in enumerate(history)]
    rng.shuffle(facts)
    while facts:
        size = rng.randint(1, len(facts))
        batch, facts = facts[:size], facts[size:]
        if rng.random() < 0.3:
            worker.crash(batch)
        if rng.random() < 0.3:
            worker.restart()
        worker.feed(batch)
        if rng.random() < 0.2:
            worker.feed(rng.sample(batch, 1))  # delivered again
    return worker


@SLOW
@given(history=_histories(), rng=st.randoms(use_true_random=False), cached=st.sampled_from([2, 99]))
def test_any_order_batches_crashes_and_repeats_give_what_f_gives(
    conn: storage.Connection, history: Any, rng: random.Random, cached: int
) -> None:
    with conn.transaction(force_rollback=True):
        _run(conn, history, rng, cached).check()


_ENDS = [
    "user_id:a", "user_id:b", "user_id:c", "email:x@y.z", "email:v@w.z", "contact:1",
    "anonymous_id:d@2000", "anonymous_id:d@90000000", "anonymous_id:e@90000000", "user_id:never",
]  # fmt: skip
_SAID = st.lists(
    st.tuples(
        st.sampled_from(["same", "not_same", "not_same", "pin", "match"]),
        st.lists(st.sampled_from(_ENDS), min_size=2, max_size=2, unique=True),
    ),
    min_size=1,
    max_size=4,
)


def _decide(worker: parts.Worker, said: Any, rng: random.Random) -> None:
    """Say the next thing, or take something back; or let somebody else be the worker."""
    if said and rng.random() < 0.6:
        kind, (a, b) = said.pop()
        worker.decide(kind, a, b, rng.randint(1, 3))
    elif found := [s for s in decisions.listed(worker.conn, SYSTEM) if s.in_force]:
        worker.undo(rng.choice(found).id)
    if rng.random() < 0.2:
        worker.restart()


@SLOW
@given(
    history=_histories(),
    said=_SAID,
    seed=st.integers(0, 1 << 32),
    cached=st.sampled_from([2, 99]),
)
def test_decisions_count_whenever_they_are_made_and_undone(
    conn: storage.Connection, history: Any, said: Any, seed: int, cached: int
) -> None:
    rng = random.Random(seed)
    with conn.transaction(force_rollback=True):
        worker = parts.Worker(conn, identifiers_max=cached)
        facts = [parts.fact(n, at, *texts) for n, (at, texts) in enumerate(history)]
        rng.shuffle(facts)
        while facts or said:
            if rng.random() < 0.4:
                _decide(worker, said, rng)
            size = rng.randint(0, len(facts))
            batch, facts = facts[:size], facts[size:]
            if batch:
                worker.feed(batch)
            worker.check()
