"""Loads the simulated company through the public HTTP interface, then keeps it alive.

Sources, audiences and reps first; then the history in the order it happened, day by day, a few
requests under way for each source; then owners, contacts and tickets; then the live stream. Every
step can be interrupted and repeated: what is there is left as it is.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console

from onefold.demo import client as http
from onefold.demo import office, state
from onefold.demo.client import Client, DemoError, StoppedError
from onefold.demo.company import DAYS
from onefold.demo.events import History
from onefold.demo.items import SOURCES, Emission
from onefold.demo.live import Stream
from onefold.kernel import clock

_BATCH = 200
_BATCHES_UNDER_WAY = 3  # for each source
_CALLS_UNDER_WAY = 4
_CATCH_UP_S = 900
_LIVE_S = 0.4

WriteKeys = dict[str, str]
Records = dict[str, dict[str, Any]]


async def run(
    base_url: str,
    api_key: str,
    data: Path,
    *,
    seed: int,
    scale: float,
    now_ms: int,
    stop: asyncio.Event,
    webhook: str | None = None,
    loaded: Callable[[], object] | None = None,
) -> None:
    """Load what is missing, call `loaded`, and stream until `stop` is set.

    `data` keeps how far it has come; what it says wins over `seed`, `scale` and `now_ms`.
    `webhook`: where changes of the campaign's audience are sent. Raises `DemoError`.
    """
    kept = state.read(data, seed, scale, now_ms)
    async with Client(base_url, api_key, stop) as client:
        try:
            sources = await _sources(client)
            history = None
            if not kept.loaded:
                history = await _history(kept)
                await Loader(client, history, kept, data, sources).load()
            if webhook:
                await _destination(client, webhook)
            if loaded is not None:
                loaded()
            await _live(client, history or await _history(kept), sources)
        except StoppedError:
            return


class Loader:
    """One load, from where it was left."""

    def __init__(
        self, client: Client, history: History, kept: state.State, data: Path, sources: Records
    ) -> None:
        self._client = client
        self._history = history
        self._kept = kept
        self._data = data
        self._sources = sources
        self._calls = asyncio.Semaphore(_CALLS_UNDER_WAY)

    async def load(self) -> None:
        """Everything, in order; the signals wait until it is there."""
        await self._backfill(True)
        await _make(self._client, http.AUDIENCES, "key", office.AUDIENCES)
        people = [{**u, "password": clock.token("")} for u in office.users()]
        users = await _make(self._client, http.USERS, "email", people)
        columns = (
            progress.TextColumn("{task.description:<22}"),
            progress.BarColumn(),
            progress.TextColumn("{task.percentage:>3.0f} %"),
            progress.TextColumn("{task.fields[told]}"),
            progress.TimeElapsedColumn(),
        )
        with progress.Progress(*columns, console=Console(stderr=True)) as bars:
            await self._send_history(bars)
            await self._catch_up(bars)
            accounts = await self._owners(bars, [u["id"] for u in users])
        await self._contacts(accounts)
        await self._tickets([u["id"] for u in users])
        await self._backfill(False)
        self._kept.loaded = True
        state.write(self._data, self._kept)

    async def _backfill(self, on: bool) -> None:
        for source in self._sources.values():
            await self._client.post(http.BACKFILL, {"on": on}, id=source["id"])

    # ── the history ────────────────────────────────────────────────────────────────────────────

    async def _send_history(self, bars: progress.Progress) -> None:
        bar = bars.add_task("Sending the history", total=DAYS + 1, told="")
        days = self._history.days()
        ready = asyncio.ensure_future(asyncio.to_thread(next, days, None))
        try:
            while (made := await ready) is not None:
                ready = asyncio.ensure_future(asyncio.to_thread(next, days, None))
                day, emissions = made
                if day >= self._kept.days:
                    await self._send_day(emissions)
                    self._kept.days = day + 1
                    state.write(self._data, self._kept)
                total = sum(self._kept.sent.values())
                bars.update(bar, completed=day + 1, told=f"{total:,} events")
        finally:
            await asyncio.gather(ready, return_exceptions=True)

    async def _send_day(self, emissions: Sequence[Emission]) -> None:
        by_source: dict[str, list[Emission]] = {}
        for emission in emissions:
            by_source.setdefault(emission.source, []).append(emission)
        await _together(self._send_source(name, found) for name, found in by_source.items())
        counted = Counter(self._kept.sent)
        counted.update({name: len(found) for name, found in by_source.items()})
        self._kept.sent = dict(counted)

    async def _send_source(self, name: str, emissions: Sequence[Emission]) -> None:
        under_way = asyncio.Semaphore(_BATCHES_UNDER_WAY)
        key = self._sources[name]["write_key"]

        async def send(batch: Sequence[Emission]) -> None:
            async with under_way:
                await self._client.send(key, batch)

        await _together(send(emissions[n : n + _BATCH]) for n in range(0, len(emissions), _BATCH))

    async def _catch_up(self, bars: progress.Progress) -> None:
        """Wait until the server has made something of everything that was sent."""
        wanted = sum(self._kept.sent.values())
        bar = bars.add_task("Making people of it", total=wanted, told="")
        last, idle_s = -1, 0.0
        while True:
            done = 0
            for name, source in self._sources.items():
                ledger = await self._client.get(http.LEDGER, id=source["id"])
                told = sum(h["processed"] + h["duplicate"] + h["refused"] for h in ledger["items"])
                done += min(told, self._kept.sent.get(name, 0))
            bars.update(bar, completed=done, told=f"{done:,} events")
            if done >= wanted:
                return
            idle_s = idle_s + 0.25 if done == last else 0.0
            last = done
            if idle_s > _CATCH_UP_S:
                raise DemoError(f"The worker stands at {done:,} of {wanted:,} events; see its log.")
            await self._client.pause(0.25)

    # ── the office ─────────────────────────────────────────────────────────────────────────────

    async def _owners(self, bars: progress.Progress, users: Sequence[str]) -> Records:
        """Give each account its owner. Returns the accounts by key."""
        found: Records = {}
        accounts = self._history.company.accounts
        visitor = await self._visitor()
        shown = office.shown(self._history.stories) if visitor else ()
        bar = bars.add_task("Giving accounts owners", total=len(accounts), told="")

        async def give(key: str, owner_id: str) -> None:
            async with self._calls:
                account = await self._account(key)
                if (account.get("owner") or {}).get("id") != owner_id:
                    await self._client.patch(http.ACCOUNT, {"owner_id": owner_id}, key=key)
            found[key] = account
            bars.update(bar, completed=len(found), told=f"{len(found)} accounts")

        await _together(
            give(a.key, visitor if a.key in shown else users[a.owner % len(users)])
            for a in accounts
        )
        return found

    async def _visitor(self) -> str:
        """Who logs in to look around: the first admin; empty when there is none."""
        users = await self._client.all(http.USERS)
        return next((u["id"] for u in users if u["role"] == "admin"), "")

    async def _account(self, key: str) -> dict[str, Any]:
        """An account, waiting for conclusions to make it."""
        waited_s = 0.0
        while True:
            try:
                found: dict[str, Any] = await self._client.get(http.ACCOUNT, key=key)
            except DemoError as error:
                if error.answered != 404 or waited_s > _CATCH_UP_S:
                    raise
            else:
                return found
            await self._client.pause(0.25)
            waited_s += 0.25

    async def _contacts(self, accounts: Records) -> None:
        company = self._history.company
        wanted = []
        for person in office.contacts(company, self._history.stories):
            account = accounts[company.accounts[person.account].key]
            wanted.append(
                {
                    "email": person.email, "first_name": person.first, "last_name": person.last,
                    "title": person.title, "account_id": account["id"],
                }
            )  # fmt: skip
        await _make(self._client, http.CONTACTS, "email", wanted)

    async def _tickets(self, users: Sequence[str]) -> None:
        wanted = office.tickets(self._history.company, self._history.stories)
        visitor = await self._visitor()
        for n, ticket in list(enumerate(wanted))[self._kept.tickets :]:
            owner = users[n % len(users)] if n or not visitor else visitor
            await self._client.post(http.TICKETS, {**ticket, "owner_id": owner})
            self._kept.tickets += 1
            state.write(self._data, self._kept)


async def _history(kept: state.State) -> History:
    return await asyncio.to_thread(History, kept.seed, kept.scale, kept.now_ms)


async def _sources(client: Client) -> Records:
    """Our sources by our names; made when they are missing."""
    wanted = [{"name": name, "category": category} for name, category in SOURCES.values()]
    found = await _make(client, http.SOURCES, "name", wanted)
    return dict(zip(SOURCES, found, strict=True))


async def _destination(client: Client, url: str) -> None:
    """Send changes of the campaign's audience to `url`, unless that is done already."""
    there = await client.all(http.DESTINATIONS)
    if not any(d["url"] == url for d in there):
        wanted = {"name": "Campaign tool", "url": url, "audiences": [office.CAMPAIGN_AUDIENCE]}
        await client.post(http.DESTINATIONS, wanted)


async def _make(
    client: Client, path: str, key: str, wanted: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is wanted, in its order, made unless something with the same `key` is there."""
    there = {one[key]: one for one in await client.all(path)}
    return [there.get(one[key]) or await client.post(path, one) for one in wanted]


async def _live(client: Client, history: History, sources: Records) -> None:
    stream = Stream(history, clock.now_ms())
    while True:
        for emission in stream.next(clock.now_ms()):
            await client.send(sources[emission.source]["write_key"], [emission])
        await client.pause(_LIVE_S)


async def _together(work: Any) -> None:
    """Run all; the first error ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as raised:
        raise raised.exceptions[0] from None
