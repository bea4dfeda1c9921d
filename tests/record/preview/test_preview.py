"""A draft asked of history has the members that the worker gives it."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from onefold import audiences, crm, lake, record
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import history
from onefold.record.preview import Population, backtest, preview
from onefold.storage import Connection, pool
from tests.worker.harness import NOW, Bench, group, identify, track

DAY = clock.DAY_MS
DRAFTS: dict[str, dict[str, Any]] = {
    "counted": {"of": "person", "where": {"count": {"event": "Exported"}, "at_least": 2}},
    "lately": {
        "of": "person", "where": {"count": {"event": "Exported", "within": "7d"}, "less_than": 1},
    },
    "pdf": {
        "of": "person",
        "where": {"sum": {"event": "Exported", "of": "n", "where": {"f": "pdf"}}, "at_least": 3},
    },
    "idle": {"of": "person", "where": {"inactive": {"for": "5d"}}},
    "then": {
        "of": "person",
        "where": {"sequence": {"first": {"event": "Exported"}, "then": {"event": "Shared"},
                               "within": "2d", "in_last": "30d"}},
    },
    "trial": {"of": "person", "where": {"account": {"trait": "plan", "is": "trial"}}},
    "titled": {"of": "person", "where": {"trait": "it's/~a \"title\"", "is": "VP"}},
    "touched": {"of": "person", "where": {"first_touch": {"source": "mail"}}},
    "quiet": {"of": "person", "where": {"none": {"tickets": {"tag": "exports"}}}},
    "both": {"of": "person", "where": {"all": [{"member_of": "counted"}, {"member_of": "quiet"}]}},
    "busy": {"of": "account", "where": {"count": {"event": "Exported"}, "at_least": 3}},
    "weekly": {
        "of": "account", "where": {"count": {"event": "Exported", "within": "7d"}, "at_least": 1},
    },
    "pro": {"of": "account", "where": {"trait": "plan", "is": "pro"}},
    "people": {
        "of": "account",
        "where": {"people": {"any": {"count": {"event": "Shared"}, "at_least": 1}}},
    },
    "owned": {"of": "account", "where": {"owner": {"set": True}}},
    "selling": {"of": "account", "where": {"deal": {"amount": {"at_least": 5}}}},
    "buyers": {"of": "person", "where": {"deal": {"status": "open"}}},
    "asked": {"of": "account", "where": {"tickets": {}, "at_least": 1}},
}  # fmt: skip


class World(msgspec.Struct):
    """A worker, a lake, and what asks both."""

    bench: Bench
    lake: lake.Lake
    population: Population

    def settle_into_lake(self) -> None:
        history.append(self.bench.conn, self.lake, lambda: None)

    def ask(self, source: dict[str, Any]) -> set[int]:
        definition = self.population.understood(SYSTEM, source)
        now_ms = self.bench.now_ms
        with self.population.over(definition, [now_ms]) as question:
            question.answer(definition, now_ms)
            return question.ids()

    def compare(self) -> None:
        """Every draft has the members of the audience that it is."""
        for key, source in DRAFTS.items():
            assert self.ask(source) == self.bench.members(key), key


@pytest.fixture
def world(conn: Connection, database: str, tmp_path: Path) -> Iterator[World]:
    chosen = msgspec.structs.replace(settings.load(data=tmp_path), database_url=database)
    with (
        history.open_lake(database, chosen) as one,
        pool(database, size=2) as opened,
    ):
        population = Population(record.Connections(opened).open, chosen, accounts_ms=0)
        yield World(Bench(conn), one, population)
        population.close()


def _define(bench: Bench) -> None:
    for key, source in DRAFTS.items():
        audiences.create(bench.conn, SYSTEM, key, key, source)
    bench.conn.commit()
    bench.wait(200)


def _at(days_ago: float) -> str:
    return clock.iso(int(NOW - days_ago * DAY)) or ""


def _exported(user: str, days_ago: float, **properties: Any) -> dict[str, Any]:
    return track(user, "Exported", timestamp=_at(days_ago), properties=properties)


def _company(bench: Bench) -> None:
    bench.send(
        identify("ann", email="ann@acme.co", **{"it's/~a \"title\"": "VP"}),
        group("ann", "acme", plan="pro"), group("bob", "acme"),
        group("eve", "globex", plan="trial"),
        _exported("ann", 20, f="pdf", n=2), _exported("ann", 1, f="pdf", n=1.5),
        _exported("bob", 9), _exported("eve", 3, f="csv", n=9),
        track("ann", "Shared", timestamp=_at(19)), track("eve", "Shared", timestamp=_at(0.5)),
        {"type": "page", "anonymousId": "a1", "timestamp": _at(2),
         "properties": {"url": "https://x.io/?utm_source=mail"}},
        {"type": "track", "anonymousId": "a1", "event": "Exported", "timestamp": _at(1)},
    )  # fmt: skip


def test_a_draft_has_the_members_that_the_worker_gives_it_wherever_the_facts_are(
    world: World,
) -> None:
    bench = world.bench
    _define(bench)
    _company(bench)
    bench.settle()
    world.compare()  # from the log alone
    world.settle_into_lake()
    world.compare()  # from files alone
    bench.send(identify("cat", plan="x"), _exported("cat", 2), _exported("cat", 1),
               {"type": "identify", "userId": "bob", "anonymousId": "a1", "timestamp": _at(0.9)},
               group("bob", "globex", plan="pro"))  # fmt: skip
    bench.settle()
    world.compare()  # from both; a device turned out to be bob's
    world.settle_into_lake()
    bench.wait(3 * DAY)
    world.compare()


def test_tickets_and_owners_are_read_as_the_crm_has_them(world: World) -> None:
    bench = world.bench
    _define(bench)
    _company(bench)
    bench.settle()
    acme = f"acc_{crm.accounts_by_key(bench.conn, ['acme'])['acme']}"
    now_ms = bench.now_ms
    kim = crm.users.create(
        bench.conn, SYSTEM, "kim@onefold.test", "Kim", "member", "a long password", now_ms
    )
    crm.accounts.update(bench.conn, SYSTEM, acme, {"owner_id": kim.id}, now_ms)
    of_ann = {"subject": "Exports fail", "tags": ["exports"], "email": "ann@acme.co"}
    crm.tickets.create(bench.conn, SYSTEM, {**of_ann, "account_id": acme}, now_ms)
    contact = crm.contacts.create(bench.conn, SYSTEM, {"email": "eve@globex.co"}, now_ms)
    deal = {"name": "Acme", "account_id": acme, "contact_id": contact.id, "amount": 7}
    crm.deals.create(bench.conn, SYSTEM, deal, now_ms)
    bench.conn.commit()
    bench.settle()
    assert bench.members("owned")
    assert bench.members("selling")
    assert bench.members("buyers")
    assert bench.members("asked")
    assert bench.person("user_id", "ann") not in bench.members("quiet")
    world.compare()


def test_a_preview_tells_size_sample_and_overlap(world: World) -> None:
    bench = world.bench
    _define(bench)
    _company(bench)
    bench.settle()
    found = preview(world.population, SYSTEM, {**DRAFTS["counted"]}, bench.now_ms)
    assert (found["size"], found["of"], found["kind"]) == (1, 4, "person")
    assert found["sample"] == [
        {"id": f"per_{bench.person('user_id', 'ann')}", "name": "", "email": "ann@acme.co"}
    ]
    shared = {o["audience"]: (o["both"], o["size"]) for o in found["overlap"]}
    assert shared["counted"] == (1, 1)
    assert shared["quiet"] == (1, 4)
    bench.send(_exported("bob", 1))
    bench.settle()
    found = preview(world.population, SYSTEM, DRAFTS["counted"], bench.now_ms)
    assert found["size"] == 2
    assert {o["audience"]: o["both"] for o in found["overlap"]}["counted"] == 2


def test_a_faulty_draft_is_answered_with_its_faults_and_readers_may_not_ask(world: World) -> None:
    with pytest.raises(errors.Invalid) as raised:
        preview(world.population, SYSTEM, {"of": "person", "where": {"trait": 1}}, NOW)
    assert raised.value.faults
    with pytest.raises(errors.Invalid):
        preview(world.population, SYSTEM, {"of": "person", "where": {"member_of": "nobody"}}, NOW)
    reader = Viewer(kind="key", id=1, name="r", role="reader")
    with pytest.raises(errors.Forbidden):
        preview(world.population, reader, DRAFTS["counted"], NOW)


def test_a_back_test_says_for_each_past_day_what_live_had_at_its_end(world: World) -> None:
    bench, random = world.bench, Random(7)
    _define(bench)
    _company(bench)
    bench.settle()
    had: dict[str, dict[str, set[int]]] = {key: {} for key in DRAFTS}
    for n in range(6):
        day = clock.day_of(bench.now_ms)
        for _ in range(6):
            bench.now_ms += random.randrange(2 * 3_600_000)
            user = random.choice(("ann", "bob", "eve", "cat"))
            name = random.choice(("Exported", "Shared"))
            late = random.randrange(3) * 9 * 3_600_000
            stamp = clock.iso(bench.now_ms - late) or ""
            bench.send(track(user, name, properties={"f": "pdf", "n": n}, timestamp=stamp))
            bench.settle()
        bench.now_ms = max(bench.now_ms, (day + 1) * DAY - 1)
        bench.settle()
        told = clock.to_datetime(bench.now_ms).date().isoformat()
        for key in DRAFTS:
            had[key][told] = bench.members(key)
        if n == 2:
            world.settle_into_lake()
        bench.now_ms += 1
    first, last = date.fromisoformat(min(had["idle"])), date.fromisoformat(max(had["idle"]))
    for key, source in DRAFTS.items():
        definition = world.population.understood(SYSTEM, source)
        found = backtest(world.population, SYSTEM, definition, (first, last), bench.now_ms,
                         known_then=True)  # fmt: skip
        sizes = {d["day"]: d["size"] for d in found["days"] if d["day"] in had[key]}
        assert sizes == {day: len(members) for day, members in had[key].items()}, key
        days = found["days"]
        for before, after in pairwise(days):
            assert after["size"] == before["size"] + after["entered"] - after["exited"]
    sizes_kept = audiences.sizes(bench.conn, SYSTEM, "idle", clock.day_of(NOW), clock.day_of(NOW))
    assert [day for day, *_ in sizes_kept] == [clock.day_of(NOW)]


def test_sizes_by_day_add_up_from_who_came_and_went(world: World) -> None:
    bench = world.bench
    bench.audience("idle", DRAFTS["idle"]["where"])
    _company(bench)
    bench.settle()
    had: dict[int, int] = {}
    for n in range(8):
        bench.send(track(f"new{n}", "Exported"))
        bench.settle()
        had[clock.day_of(bench.now_ms)] = len(bench.members("idle"))
        bench.wait(DAY)
    bench.settle()
    had[clock.day_of(bench.now_ms)] = len(bench.members("idle"))
    first, last = min(had), max(had) + 1
    kept = audiences.sizes(bench.conn, SYSTEM, "idle", first, last)
    assert [day for day, *_ in kept] == list(range(first, last + 1))
    for (_, before, _, _), (_, size, entered, exited) in pairwise(kept):
        assert size == before + entered - exited
    assert kept[-1][1] == len(bench.members("idle"))
    with pytest.raises(errors.NotFound):
        audiences.sizes(bench.conn, SYSTEM, "nobody", first, last)
