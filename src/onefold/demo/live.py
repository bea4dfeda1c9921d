"""A trickle that goes on after the history: the same people, a few events a second.

Much faster than the company's real pace, so what counts as usage is rare in it: mostly people look
at the website. Accounts that fall or go cold are left alone, so that an evening's demo does not
undo their stories; exports keep failing where they fail.
"""

import random

from onefold.demo import behaviour, items
from onefold.demo.company import DAYS, Account, Device, Person
from onefold.demo.events import History
from onefold.demo.items import Emission, Writer
from onefold.demo.stories import EXPORTED, FAILED

_PRODUCT = 0.22  # of what happens; the rest is on the website
_FRESH_S = 60  # a visitor of the last minute may look at another page


class Stream:
    """What happens from `start_ms` on. `next` is called a few times a second."""

    def __init__(self, history: History, start_ms: int) -> None:
        self._history = history
        self._rng = random.Random(f"{history.company.seed}/live/{start_ms}")
        self._numbers = Writer(f"l{history.company.seed}-{start_ms:x}", self._rng, repeated=0.01)
        accounts = history.company.accounts
        joined = [p for p in history.company.people if p.joined < DAYS]
        self._people = [p for p in joined if not history.influence.touches(accounts[p.account])]
        self._weights = [p.rate for p in self._people]
        self._fresh: list[tuple[int, Device]] = []

    def next(self, now_ms: int) -> list[Emission]:
        """What happens at this moment: one thing, or one with what goes with it."""
        if self._rng.random() < _PRODUCT:
            person = self._rng.choices(self._people, self._weights)[0]
            account = self._history.company.accounts[person.account]
            self._work(now_ms, person, account)
        else:
            self._browse(now_ms)
        return self._numbers.take()

    def _browse(self, now_ms: int) -> None:
        self._fresh = [(at, d) for at, d in self._fresh if now_ms - at < _FRESH_S * 1000]
        rng = self._rng
        landing = None
        if self._fresh and rng.random() < 0.6:
            device = rng.choice(self._fresh)[1]
        elif rng.random() < 0.5:
            device = rng.choices(self._people, self._weights)[0].devices[0]
        else:
            device = rng.choice(self._history.company.visitors).device
            landing = rng.choice(items.CAMPAIGNS)
        self._fresh.append((now_ms, device))
        page = items.page(rng, device, landing=landing)
        self._numbers.put("website", now_ms, page, device=device)

    def _work(self, now_ms: int, person: Person, account: Account) -> None:
        rng = self._rng
        device = rng.choice(person.devices)
        if rng.random() < 0.15:
            self._numbers.put(
                "product", now_ms, items.identify(person, account, device), device=device
            )
        chosen = behaviour.mix(person.role)
        name = rng.choices(chosen.names, cum_weights=chosen.cumulative)[0]
        told = items.action(rng, name, account)
        if name == EXPORTED and rng.random() < self._history.influence.fails(account, DAYS):
            name = FAILED
            error = rng.choice(self._history.stories.failure.errors)
            told |= {"error": error, "request_id": f"req_{rng.getrandbits(48):012x}"}
        item = items.track(name, told, **items.by(person, account, device))
        self._numbers.put("product", now_ms, item, device=device)
