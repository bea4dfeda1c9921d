"""One hundred and twenty days of the company, day by day, as items in the order they arrive.

    history = History(seed=7, scale=1.0, now_ms=…)
    for day, emissions in history.days(): …
    history.truth()

Deterministic by (seed, scale, now): one generator of random numbers a day, nothing else. What
happens after `now` is left out, and so is what would arrive after it.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator

from onefold.demo import behaviour, items, truth
from onefold.demo.company import DAYS, Account, Device, Person, Visitor, build
from onefold.demo.items import Emission, Writer
from onefold.demo.stories import EXPORTED, FAILED, Influence, plant
from onefold.kernel import clock

_LATE = 0.10  # of sessions on a phone: sent when there is a network again
_DOCS = 0.05  # of active days: a look at the website as well
_SUPPORT = 0.0009  # conversations a person and day
_LEAD_MINUTES = (172, 166, 141, 139, 38, 27)  # before now: the customer's last tries


class History:
    """The company's past. `first_ms` is midnight UTC of day 0; day `DAYS` is today, unfinished."""

    def __init__(self, seed: int, scale: float, now_ms: int) -> None:
        self.now_ms = now_ms
        self.first_ms = (clock.day_of(now_ms) - DAYS) * clock.DAY_MS
        first_weekday = clock.to_datetime(self.first_ms).weekday()
        self.company = build(seed, scale)
        self.stories = plant(self.company, first_weekday)
        self.influence = Influence(self.stories)
        self.behaviour = behaviour.Behaviour(self.company, self.influence, first_weekday)
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._seen: set[tuple[str, str]] = set()
        self._numbers = Writer(f"h{seed}", random.Random(f"{seed}/repeats"))
        self._visits = self._plan_visits(random.Random(f"{seed}/visits"))

    def truth(self) -> truth.Truth:
        """What is planted, and what came out so far."""
        return truth.of(self.company, self.stories, self.first_ms, self.now_ms, dict(self.counts))

    def days(self) -> Iterator[tuple[int, list[Emission]]]:
        """Each day from 0 to `DAYS` with what arrives on it, in order of arrival.

        People's days begin at their own midnight, so the day before and after are made as well.
        """
        waiting: defaultdict[int, list[Emission]] = defaultdict(list)
        for day in range(-1, DAYS + 2):
            self._make(day, random.Random(f"{self._seed}/{day}"))
            for emission in self._numbers.take():
                if emission.arrive_ms <= self.now_ms:
                    waiting[(emission.arrive_ms - self.first_ms) // clock.DAY_MS].append(emission)
            if 0 <= day - 1 <= DAYS:
                ready = waiting.pop(day - 1, [])
                ready.sort(key=lambda e: e.arrive_ms)
                for emission in ready:
                    self.counts[emission.source] += 1
                yield day - 1, ready

    # ── a day ──────────────────────────────────────────────────────────────────────────────────

    def _make(self, day: int, rng: random.Random) -> None:
        accounts = self.company.accounts
        for person in self.company.people:
            account = accounts[person.account]
            share = self.behaviour.active(account, person, day)
            if share and rng.random() < share:
                self._spend(rng, day, person, account)
            if day >= person.joined and rng.random() < _SUPPORT:
                self._converse(rng, day, person)
        for visitor, first in self._visits.get(day, ()):
            self._browse(rng, self._at(day, rng.uniform(7, 21), 0.0), visitor, landing=first)
        if 0 <= day <= DAYS:
            for account in accounts:
                self._bill(rng, day, account)
            self._mail(rng, day)
        if day == DAYS:
            self._lead_up(rng)

    def _at(self, day: int, hour: float, offset_h: float) -> int:
        return self.first_ms + day * clock.DAY_MS + int((hour - offset_h) * clock.HOUR_MS)

    def _put(
        self, source: str, at_ms: int, item: items.Item, *, device: Device | None = None,
        arrive_ms: int | None = None,
    ) -> None:  # fmt: skip
        if self.first_ms <= at_ms <= self.now_ms:
            self._numbers.put(source, at_ms, item, device=device, arrive_ms=arrive_ms)

    # ── the product ────────────────────────────────────────────────────────────────────────────

    def _spend(self, rng: random.Random, day: int, person: Person, account: Account) -> None:
        """A day of somebody who uses the product on it."""
        hours = sorted(
            behaviour.start_hour(rng) for _ in range(behaviour.sessions(rng, person.role))
        )
        for hour in hours:
            at_ms = self._at(day, hour, account.region.offset_h)
            if at_ms > self.now_ms:
                return
            where = account
            if person.second >= 0 and rng.random() < 0.35:
                where = self.company.accounts[person.second]
            self._session(rng, day, at_ms, person, where)
        if rng.random() < _DOCS:
            self._browse(rng, at_ms + 900_000, person.devices[0], landing=None)

    def _session(
        self, rng: random.Random, day: int, at_ms: int, person: Person, account: Account
    ) -> None:
        device = person.devices[0]
        if len(person.devices) > 1 and rng.random() < 0.3:
            device = rng.choice(person.devices[1:])
        arrive_ms = None
        if device.phone and rng.random() < _LATE:
            arrive_ms = at_ms + int(rng.uniform(2, 60) * clock.HOUR_MS)
            self.counts["late"] += 1
        at_ms = self._enter(rng, at_ms, person, account, device, arrive_ms)
        chosen = behaviour.mix(person.role)
        for name in rng.choices(
            chosen.names, cum_weights=chosen.cumulative, k=behaviour.actions(rng, person.role)
        ):
            at_ms += int(rng.expovariate(1 / 60_000)) + 1_500
            keeps = self.influence.keeps(account, name, day)
            if keeps < 1 and rng.random() >= keeps:
                continue
            if name == EXPORTED:
                at_ms = self._export(rng, day, at_ms, person, account, device)
                continue
            item = items.track(name, items.action(rng, name, account))
            item |= items.by(person, account, device)
            self._put("product", at_ms, item, device=device, arrive_ms=arrive_ms)

    def _enter(
        self, rng: random.Random, at_ms: int, person: Person, account: Account, device: Device,
        arrive_ms: int | None,
    ) -> int:  # fmt: skip
        """Signing in: who it is, the first time on a device; returns when the work begins."""
        who = (person.user_id, device.anonymous_id)
        first = who not in self._seen
        by = items.by(person, account, device)
        if first:
            self._put("website", at_ms, items.page(rng, device), device=device)
        calls: list[items.Item] = []
        if first and person.joined >= 0 and (person.user_id, "") not in self._seen:
            calls.append(items.track("Signed Up", {"plan": account.plan}, **by))
        elif first or rng.random() < 0.3:
            calls.append(items.track("Signed In", {"method": "password"}, **by))
        if first or rng.random() < 0.03:
            calls.insert(0, items.identify(person, account, device))
            calls.append(items.group(person, account, device))
        if self.first_ms <= at_ms <= self.now_ms:
            self._seen.update((who, (person.user_id, "")))
        for call in calls:
            at_ms += rng.randint(300, 4_000)
            self._put("product", at_ms, call, device=device, arrive_ms=arrive_ms)
        return at_ms

    def _export(
        self, rng: random.Random, day: int, at_ms: int, person: Person, account: Account,
        device: Device,
    ) -> int:  # fmt: skip
        """An export, by the server half of the time; one that fails is tried again, then not."""
        wanted = items.action(rng, EXPORTED, account)
        sender = device if rng.random() < 0.5 else None
        by = items.by(person, account, sender)
        for _ in range(3):
            at_ms += rng.randint(2_000, 9_000)
            if rng.random() >= self.influence.fails(account, day):
                done = {**wanted, "rows": int(rng.lognormvariate(6, 1.2))}
                self._put("product", at_ms, items.track(EXPORTED, done, **by), device=sender)
                return at_ms
            at_ms += 30_000
            self._fail(rng, at_ms, wanted, by)
            if rng.random() < 0.45:
                return at_ms
        return at_ms

    def _fail(self, rng: random.Random, at_ms: int, wanted: items.Item, by: items.Item) -> None:
        error = rng.choice(self.stories.failure.errors)
        told = {**wanted, "error": error, "request_id": f"req_{rng.getrandbits(48):012x}"}
        self._put("product", at_ms, items.track(FAILED, told, **by))

    def _lead_up(self, rng: random.Random) -> None:
        """The last hours of the customer who is about to write in."""
        customer = self.stories.customer
        person = next(p for p in self.company.people if p.user_id == customer.user_id)
        account = self.company.accounts[person.account]
        by = items.by(person, account, person.devices[0])
        wanted = {"format": "pdf", "report_id": f"rep_{account.index * 10}",
                  "report": items.REPORTS[0]}  # fmt: skip
        for minutes in _LEAD_MINUTES:
            at_ms = self.now_ms - minutes * clock.MINUTE_MS
            viewed = items.track("Report Viewed", {**wanted, "seconds": 24}, **by)
            viewed.pop("format", None)
            self._put("product", at_ms, viewed, device=person.devices[0])
            self._fail(rng, at_ms + 41_000, wanted, by)

    # ── the website ────────────────────────────────────────────────────────────────────────────

    def _plan_visits(self, rng: random.Random) -> dict[int, list[tuple[Device, bool]]]:
        """Anonymous visits by day: of those who will sign up, and of those who never do."""
        out: defaultdict[int, list[tuple[Device, bool]]] = defaultdict(list)
        for person in self.company.people:
            if person.joined > 0:
                for n in range(person.visits):
                    day = person.joined - rng.randint(1, 21)
                    out[day].append((person.devices[0], n == 0))
        visitors: tuple[Visitor, ...] = self.company.visitors
        for visitor in visitors:
            for n in range(visitor.visits):
                out[visitor.day + n * rng.randint(1, 6)].append((visitor.device, n == 0))
        return out

    def _browse(
        self, rng: random.Random, at_ms: int, device: Device, *, landing: bool | None
    ) -> None:
        campaign = rng.choice(items.CAMPAIGNS) if landing else None
        for n in range(rng.choice((1, 1, 2, 3, 4, 6))):
            first = campaign if n == 0 else None
            self._put("website", at_ms, items.page(rng, device, landing=first), device=device)
            at_ms += int(rng.expovariate(1 / 45_000)) + 2_000

    # ── the other tools ────────────────────────────────────────────────────────────────────────

    def _bill(self, rng: random.Random, day: int, account: Account) -> None:
        if day < account.created:
            return
        at_ms = self._at(day, 2 + account.index % 5, 0)
        plan = items.plan_on(account, day)
        if day == max(account.created, 0):
            self._put("billing", at_ms, items.subscription(account, plan))
            if account.created >= 0:
                told = {"plan": plan, "seats": account.seats}
                item = items.of_account("Subscription Created", account, told)
                self._put("billing", at_ms + 900, item)
        if day == account.changed:
            changed = {"from": account.was, "to": account.plan}
            self._put("billing", at_ms, items.of_account("Subscription Updated", account, changed))
            self._put("billing", at_ms + 900, items.subscription(account, plan))
        if plan != "trial" and day % 30 == account.billing_day:
            invoice = {
                "invoice_id": f"in_{account.index}_{day}", "amount": account.mrr * 100,
                "currency": "usd",
            }  # fmt: skip
            if rng.random() < 0.04:
                failed = {**invoice, "reason": "card_declined"}
                self._put("billing", at_ms, items.of_account("Payment Failed", account, failed))
                at_ms += int(rng.uniform(1, 3) * clock.DAY_MS)
            self._put("billing", at_ms, items.of_account("Invoice Paid", account, invoice))

    def _converse(self, rng: random.Random, day: int, person: Person) -> None:
        account = self.company.accounts[person.account]
        at_ms = self._at(day, behaviour.start_hour(rng), account.region.offset_h)
        subject, topic = rng.choice(items.TOPICS)
        failing = rng.random() < self.influence.fails(account, day) / 2
        if failing:
            subject, topic = "Export does not finish", "exports"
        told = {"conversation_id": f"cnv_{rng.getrandbits(32):08x}", "subject": subject,
                "topic": topic, "channel": rng.choice(("email", "chat"))}  # fmt: skip
        self._put("support", at_ms, items.by_mail("Conversation Opened", person.email, told))
        at_ms += int(rng.expovariate(1 / 5_400_000)) + 120_000
        self._put("support", at_ms, items.by_mail("Conversation Replied", person.email, told))
        if not failing:
            at_ms += int(rng.expovariate(1 / 40_000_000)) + 600_000
            self._put("support", at_ms, items.by_mail("Conversation Closed", person.email, told))

    def _mail(self, rng: random.Random, day: int) -> None:
        campaign = self.stories.campaign
        if day == campaign.sent_day:
            at_ms = self._at(day, 14, 0)
            for email in campaign.mailed:
                self._letter(rng, at_ms, email, campaign.name, "Exports, now twice as fast")
        if day % 7 == 2:
            at_ms = self._at(day, 9.5, 0)
            for person in self.company.people:
                if person.opted_in and person.joined < day:
                    name = f"newsletter_{day // 7 + 1}"
                    self._letter(rng, at_ms, person.email, name, "What is new at Plotline")

    def _letter(
        self, rng: random.Random, at_ms: int, email: str, campaign: str, subject: str
    ) -> None:
        told = {"campaign": campaign, "subject": subject}
        at_ms += rng.randint(0, 600_000)
        self._put("email", at_ms, items.by_mail("Email Delivered", email, dict(told)))
        if rng.random() < 0.38:
            at_ms += int(rng.expovariate(1 / 20_000_000)) + 30_000
            self._put("email", at_ms, items.by_mail("Email Opened", email, dict(told)))
            if rng.random() < 0.14:
                clicked = {**told, "url": "https://plotline.test/features/exports"}
                at_ms += rng.randint(5_000, 90_000)
                self._put("email", at_ms, items.by_mail("Email Clicked", email, clicked))
