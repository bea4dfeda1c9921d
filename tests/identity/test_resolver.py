"""The resolver against a naive model: whatever the order, the batches and the crashes."""

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import storage
from tests.identity import parts

DAY = 86_400_000
SLOW = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[int, list[str]]]:
    """(at_ms, identifiers) of up to 25 facts of a few users on a few devices."""
    users, emails = ["user_id:a", "user_id:b", "user_id:c"], ["email:x@y.z", "email:v@w.z"]
    devices = ["anonymous_id:d", "anonymous_id:e", "anonymous_id:f"]
    out = []
    for _ in range(draw(st.integers(1, 25))):
        at = draw(st.integers(0, 3)) * DAY + draw(st.integers(1, 6)) * 1000
        texts: list[str] = draw(st.lists(st.sampled_from(users), max_size=2, unique=True))
        texts += draw(st.lists(st.sampled_from(["contact:1", "contact:2"]), max_size=1))
        texts += draw(st.lists(st.sampled_from(emails), max_size=2, unique=True))
        texts += draw(st.lists(st.sampled_from(devices), max_size=2, unique=True))
        out.append((at, texts or [devices[0]]))
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

