"""What identity costs: a known identifier, a conflicting link, a merge and an unmerge.

The people are the simulator's (tests/identity/worlds.py): households, kiosks, shared inboxes, wrong
addresses. A conflicting link is an event of a known user with somebody else's address.
"""

import argparse
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from onefold import identity, storage
from onefold.identity import decisions
from onefold.kernel import clock
from onefold.kernel.facts import Fact, Identifier
from onefold.kernel.viewer import SYSTEM
from onefold.worker.main import GC_THRESHOLDS
from tests.identity import parts, worlds
from tests.worker.harness import Bench, track

PEOPLE = 10_000
CONFLICTS = 1_000
KNOWN = 200_000
BATCH = 500
EVENTS = 10_000


@contextmanager
def _database() -> Iterator[storage.Connection]:
    folder = tempfile.TemporaryDirectory(prefix="onefold-bench-")
    Path(folder.name).chmod(0o711)
    with folder as path, storage.Cluster(Path(path) / "pg") as cluster:
        storage.migrate(cluster.url)
        with storage.connect(cluster.url) as conn:
            conn.execute("SET synchronous_commit = off")  # as the worker does
            conn.commit()
            yield conn


def _feed(
    resolver: identity.Resolver, conn: storage.Connection, facts: Sequence[Fact], batch: int
) -> list[float]:
    """Seconds that each batch took, its commit included."""
    took = []
    for first in range(0, len(facts), batch):
        start = time.perf_counter()
        resolver.resolve(conn, facts[first : first + batch])
        conn.commit()
        took.append(time.perf_counter() - start)
    return took


def _ms(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=1000, method="inclusive")
    return {
        "p50_ms": round(cuts[499] * 1000, 2),
        "p99_ms": round(cuts[989] * 1000, 2),
        "max_ms": round(max(values) * 1000, 2),
    }


def _conflicts(world: worlds.World, rng: random.Random) -> list[Fact]:
    """Known users who give the address of somebody else, on the days after the world's last."""
    start = (worlds.DAYS + 20) * worlds.DAY
    out = []
    for n in range(CONFLICTS):
        one, other = rng.sample(range(world.people), 2)
        texts = f"user_id:u{one}", f"email:{world.email[other]}", world.devices[one][0]
        out.append(parts.fact(10_000_000 + n, start + n * worlds.MINUTE, *texts))
    return out


def _known(world: worlds.World, rng: random.Random) -> list[Fact]:
    """Events of identifiers that are known, on a day that their links know."""
    out = []
    chosen = [f for f in world.facts if f.at_ms < worlds.DAYS * worlds.DAY]
    for n, f in enumerate(rng.choices(chosen, k=KNOWN)):
        texts = [":".join(i) for i in f.identifiers]
        out.append(parts.fact(20_000_000 + n, f.at_ms, *texts))
    return out


def resolving(conn: storage.Connection) -> dict[str, Any]:
    """µs an event of known identifiers adds, and how long one conflicting link takes."""
    rng = random.Random(1)
    world = worlds.World(1, PEOPLE)
    resolver = identity.Resolver(conn)
    loaded = sum(_feed(resolver, conn, world.facts, BATCH))
    conn.execute("ANALYZE")
    conn.commit()
    known = _known(world, rng)
    _feed(resolver, conn, known, BATCH)  # their entries are in memory from here on
    steady = sum(_feed(resolver, conn, known, BATCH))
    conflicting = _feed(resolver, conn, _conflicts(world, rng), 1)
    cold = _feed(identity.Resolver(conn), conn, _conflicts(world, rng), 1)
    return {
        "people": PEOPLE,
        "first_load_us_per_event": round(loaded / len(world.facts) * 1e6, 1),
        "known_us_per_event": round(steady / len(known) * 1e6, 2),
        "conflicting_link": _ms(conflicting),
        "conflicting_link_empty_cache": _ms(cold),
    }


def _fill(bench: Bench) -> None:
    """Two people with 10,000 events each."""
    for user in ("u1", "u2"):
        for first in range(0, EVENTS, 1_000):
            bench.send(
                *[
                    {**track(user, f"Event {n % 7}"), "anonymousId": f"phone-{user}"}
                    for n in range(first, first + 1_000)
                ]
            )
        bench.settle()


def deciding(conn: storage.Connection, times: int = 20) -> dict[str, Any]:
    """Merge and unmerge two large people by decision, conclusions included."""
    bench = Bench(conn)
    bench.audience("many", {"count": {"event": "Event 1", "within": "7d"}, "at_least": 2_000})
    _fill(bench)
    ends = [decisions.End(Identifier("user_id", user)) for user in ("u1", "u2")]
    merges, unmerges = [], []
    for n in range(times):
        start = time.perf_counter()
        said = decisions.say(conn, SYSTEM, "same", *ends, "one desk", bench.now_ms + n)
        conn.commit()
        bench.settle()
        merges.append(time.perf_counter() - start)
        start = time.perf_counter()
        decisions.undo(conn, SYSTEM, said.id, "two after all", bench.now_ms + n)
        conn.commit()
        bench.settle()
        unmerges.append(time.perf_counter() - start)
        bench.now_ms += clock.MINUTE_MS
    return {
        "events_each": EVENTS,
        "merge": {"median_ms": _median(merges), "max_ms": round(max(merges) * 1000, 1)},
        "unmerge": {"median_ms": _median(unmerges), "max_ms": round(max(unmerges) * 1000, 1)},
    }


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values) * 1000, 1)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Each on a fresh database."""
    del options
    gc.set_threshold(*GC_THRESHOLDS)  # as the worker does
    out = {}
    with _database() as conn:
        out["resolving"] = resolving(conn)
        print(out["resolving"], flush=True)
    with _database() as conn:
        out["deciding"] = deciding(conn)
    return out
