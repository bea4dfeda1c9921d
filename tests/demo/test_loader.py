"""The loader against a real server: interrupted, resumed, repeated."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from onefold import audiences
from onefold.demo import client as http
from onefold.demo import loader, office, state
from onefold.demo.client import Client, DemoError
from onefold.demo.events import History
from onefold.kernel import clock
from tests.conftest import swap_database
from tests.demo.server import Server, serving

SEED, SCALE = 7, 0.02
WAIT_S = 240


@pytest.fixture(scope="module")
def server(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    name = f"onefold_demo_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            url = swap_database(server_url, name)
            with serving(tmp_path_factory.mktemp("server"), url) as running:
                yield running
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key


async def load(server: Server, key: str, data: Path, *, days: int | None = None) -> None:
    """Run the loader until it streams, or until so many days are in."""
    stop, now_ms = asyncio.Event(), clock.now_ms()
    running = asyncio.create_task(
        loader.run(
            server.base, key, data, seed=SEED, scale=SCALE, now_ms=now_ms, stop=stop,
            loaded=stop.set,
        )
    )  # fmt: skip
    async with asyncio.timeout(WAIT_S):
        while days is not None and not running.done():
            if state.read(data, SEED, SCALE, now_ms).days >= days:
                stop.set()
                break
            await asyncio.sleep(0.005)
        await running


async def ask(server: Server, path: str, **values: str) -> Any:
    async with Client(server.base, server.key, asyncio.Event()) as client:
        return await client.get(path, **values)


def history_of(data: Path) -> History:
    kept = state.read(data, 0, 0.0, 0)
    return History(kept.seed, kept.scale, kept.now_ms)


@pytest.fixture(scope="module")
def data(server: Server, key: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a load that was interrupted once, then finished."""
    folder = tmp_path_factory.mktemp("demo")
    asyncio.run(load(server, key, folder, days=30))
    assert not state.read(folder, SEED, SCALE, 0).loaded
    asyncio.run(load(server, key, folder))
    assert state.read(folder, SEED, SCALE, 0).loaded
    return folder


def test_an_interrupted_load_goes_on_and_doubles_nothing(
    server: Server, key: str, data: Path
) -> None:
    history = history_of(data)
    wanted: dict[str, set[str]] = {}
    for _, day in history.days():
        for e in day:
            wanted.setdefault(e.source, set()).add(e.item["messageId"])

    async def scene() -> None:
        sources = (await ask(server, http.SOURCES))["items"]
        assert len(sources) == len(wanted)
        for name, source in zip(loader.SOURCES, sources, strict=True):
            assert not source["backfill"]
            hours = (await ask(server, http.LEDGER, id=source["id"]))["items"]
            assert sum(h["refused"] for h in hours) == 0
            extra = sum(h["processed"] for h in hours) - len(wanted[name])
            assert 0 <= extra <= 20  # what the live stream has added in a moment

    asyncio.run(scene())


def test_accounts_have_owners_and_people_have_their_past(
    server: Server, key: str, data: Path
) -> None:
    history = history_of(data)

    async def scene() -> None:
        for account in history.company.accounts:
            found = await ask(server, http.ACCOUNT, key=account.key)
            assert found["owner"]
            assert found["name"] == account.name
        customer = history.stories.customer
        person = await ask(server, "/api/people/user_id%3A{id}", id=customer.user_id)
        values = {i["value"] for i in person["identifiers"]}
        assert {customer.user_id, customer.email} <= values
        assert person["events"]["by_name"]["Export Failed"] >= 6

    asyncio.run(scene())


def test_a_second_start_loads_nothing_and_makes_nothing_twice(
    server: Server, key: str, data: Path
) -> None:
    async def counts() -> dict[str, int]:
        paths = (http.SOURCES, http.USERS, http.AUDIENCES, http.CONTACTS, http.TICKETS)
        async with Client(server.base, key, asyncio.Event()) as client:
            return {path: len(await client.all(path)) for path in paths}

    before = asyncio.run(counts())
    asyncio.run(load(server, key, data))
    assert asyncio.run(counts()) == before
    kept = state.read(data, SEED, SCALE, 0)
    state.write(data, msgspec.structs.replace(kept, loaded=False))
    asyncio.run(load(server, key, data))  # as after a crash just before the end
    assert asyncio.run(counts()) == before


def test_a_wrong_key_is_said_at_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="401"):
        asyncio.run(load(server, "of_live_wrong", tmp_path))


def test_a_stop_is_heard_while_the_server_is_away(tmp_path: Path) -> None:
    async def scene() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(
            loader.run(
                "http://127.0.0.1:9", "of_x", tmp_path, seed=1, scale=SCALE,
                now_ms=clock.now_ms(), stop=stop,
            )
        )  # fmt: skip
        await asyncio.sleep(0)
        stop.set()
        async with asyncio.timeout(60):
            await running

    asyncio.run(scene())


@pytest.mark.parametrize("audience", office.AUDIENCES, ids=lambda a: a["key"])
def test_every_audience_of_the_demo_is_a_definition(audience: dict[str, Any]) -> None:
    made = audiences.parse(audience["definition"], audience.get("feature", ""))
    assert made.of == audience["definition"]["of"]


def test_the_customer_has_no_ticket_yet_and_the_cold_trial_neither() -> None:
    history = History(7, 1.0, 1_795_000_000_000)
    stories = history.stories
    quiet = {stories.customer.account, stories.trial.account}
    people = {p.email: history.company.accounts[p.account].key for p in history.company.people}
    tickets = office.tickets(history.company, stories)
    assert len(tickets) >= 5
    assert not quiet & {people[t["email"]] for t in tickets}
    assert office.contacts(history.company, stories)[0].email == stories.customer.email


def test_the_state_is_whole_or_absent(tmp_path: Path) -> None:
    fresh = state.read(tmp_path, 3, 0.5, 9)
    assert fresh == state.State(3, 0.5, 9)
    state.write(tmp_path, msgspec.structs.replace(fresh, days=4, sent={"product": 7}))
    kept = state.read(tmp_path, 99, 1.0, 100)
    assert (kept.seed, kept.days, kept.sent) == (3, 4, {"product": 7})
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "demo.json.new").unlink()
        pytest.fail("a half-written file was left")


def test_who_looks_around_owns_stories_of_every_kind() -> None:
    stories = History(seed=7, scale=1, now_ms=1_795_000_000_000).stories
    keys = office.shown(stories)
    assert stories.trial.account in keys
    assert stories.customer.account in keys
    assert len({f.account for f in stories.falling} & set(keys)) == 2
