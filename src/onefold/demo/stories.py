"""What happens to Plotline's customers, and the truth about it.

Chosen from the seed before any event is made, from what accounts are (plan, age, people), never
from what somebody's detector makes of them. Settled: not to be tuned.

- Some accounts fall: their heaviest users stop, the rest do less, one group of features hardly
  anything. After the ramp at most a third is left.
- One trial goes cold after a lively start.
- Exports start failing for some accounts ten days ago, and their people give up trying.
- A campaign about exports goes out in waves; one customer whose exports fail is about to write in.
- A holiday week and an outage day touch everybody.
"""

import random

import msgspec

from onefold.demo.company import DAYS, Account, Company, Person

EXPORTED, FAILED = "Report Exported", "Export Failed"
CAMPAIGN = "exports_launch"
FEATURE_GROUPS = (
    ("Dashboard Viewed", "Dashboard Created", "Report Shared"),
    ("Report Exported", "Report Scheduled", "Report Created"),
    ("Report Viewed", "Filter Applied", "Comment Added"),
)
_ERRORS = (
    "render_timeout: the renderer did not answer within 30 s",
    "render_timeout: the renderer did not answer within 30 s",
    "storage_denied: the export could not be written",
)


class Falling(msgspec.Struct, frozen=True):
    """An account whose usage falls between two days, and stays low.

    quitters  users who stop altogether
    features  events that fall the most
    left      what the others still do, as a share
    """

    account: str
    from_day: int
    to_day: int
    quitters: tuple[str, ...]
    features: tuple[str, ...]
    left: float


class Trial(msgspec.Struct, frozen=True):
    """A trial that hardly anybody touches after `quiet_day`."""

    account: str
    created_day: int
    quiet_day: int


class Failure(msgspec.Struct, frozen=True):
    """Exports that fail from `from_ms` on for these accounts, mostly."""

    accounts: tuple[str, ...]
    from_day: int
    share: float
    errors: tuple[str, ...]


class Campaign(msgspec.Struct, frozen=True):
    """A mailing about one feature. `mailed`: who got the first wave; the rest wait for the next."""

    name: str
    feature: str
    sent_day: int
    mailed: tuple[str, ...]


class Customer(msgspec.Struct, frozen=True):
    """The one who is about to open a ticket: what they would write."""

    user_id: str
    email: str
    name: str
    account: str
    subject: str
    content: str
    tags: tuple[str, ...]


class Stories(msgspec.Struct, frozen=True):
    """Everything that is planted. Days count from the first day of the history."""

    falling: tuple[Falling, ...]
    trial: Trial
    failure: Failure
    campaign: Campaign
    customer: Customer
    holiday: tuple[int, ...]
    outage_day: int


def plant(company: Company, first_weekday: int) -> Stories:
    """The stories of this company. `first_weekday`: of day 0, Monday is 0."""
    rng = random.Random(f"{company.seed}/stories")
    trial = company.accounts[0]
    steady = [a for a in company.accounts if _is_steady(a)]
    falling = rng.sample(steady, min(max(2, round(6 * company.scale)), len(steady) - 2))
    rest = [a for a in steady if a not in falling]
    failing = rng.sample(rest, min(max(2, round(14 * company.scale)), len(rest)))
    failure = Failure(tuple(a.key for a in failing), DAYS - 10, 0.85, _ERRORS)
    customer = _customer(rng, company, failing)
    outage = rng.randint(DAYS - 32, DAYS - 24)
    weekday = (first_weekday + outage) % 7
    outage += 7 - weekday if weekday > 4 else 0  # an outage that is felt
    monday = 7 * rng.randint(7, 9) + (-first_weekday) % 7
    return Stories(
        falling=tuple(_fall(rng, company, a) for a in falling),
        trial=Trial(trial.key, trial.created, DAYS - 10),
        failure=failure,
        campaign=_campaign(rng, company, customer),
        customer=_told(customer, company),
        holiday=tuple(range(monday, monday + 7)),
        outage_day=outage,
    )


class Influence:
    """The stories as behaviour asks for them, looked up by account."""

    def __init__(self, stories: Stories) -> None:
        self.stories = stories
        self._falling = {f.account: f for f in stories.falling}
        self._failing = frozenset(stories.failure.accounts)

    def activity(self, account: Account, person: Person, day: int) -> float:
        """What is left of the person's activity on a day, 0 to 1."""
        fall = self._falling.get(account.key)
        if fall is not None and day >= fall.from_day:
            done = min(1.0, (day - fall.from_day + 1) / (fall.to_day - fall.from_day + 1))
            left = 0.0 if person.user_id in fall.quitters else fall.left
            return 1 - done * (1 - left)
        if account.key == self.stories.trial.account:
            return 1.6 if day < self.stories.trial.quiet_day else 0.02
        return 1.0

    def keeps(self, account: Account, event: str, day: int) -> float:
        """The share of an event's occurrences that is left, 0 to 1."""
        fall = self._falling.get(account.key)
        if fall is not None and day >= fall.to_day and event in fall.features:
            return 0.3
        if event == EXPORTED and account.key in self._failing:
            since = day - self.stories.failure.from_day
            return 1.0 if since < 0 else max(0.35, 1 - 0.08 * since)  # they give up trying
        return 1.0

    def fails(self, account: Account, day: int) -> float:
        """The probability that an export fails."""
        if account.key in self._failing and day >= self.stories.failure.from_day:
            return self.stories.failure.share
        return 0.004

    def touches(self, account: Account) -> bool:
        """Whether the account falls or goes cold: a live stream must leave it alone."""
        return account.key in self._falling or account.key == self.stories.trial.account


def _is_steady(account: Account) -> bool:
    """Old and large enough to have something to lose."""
    return (
        account.plan in ("pro", "enterprise")
        and account.created <= DAYS - 70
        and account.changed < DAYS - 60
        and len(account.people) >= 6
    )


def _fall(rng: random.Random, company: Company, account: Account) -> Falling:
    crew = sorted((company.people[i] for i in account.people), key=lambda p: -p.rate)
    from_day = DAYS - rng.randint(17, 19)
    return Falling(
        account=account.key,
        from_day=from_day,
        to_day=from_day + 3,
        quitters=tuple(p.user_id for p in crew[: max(2, len(crew) // 4)]),
        features=rng.choice(FEATURE_GROUPS),
        left=rng.uniform(0.30, 0.45),
    )


def _customer(rng: random.Random, company: Company, failing: list[Account]) -> Person:
    people = [company.people[i] for a in failing for i in a.people]
    keen = [p for p in people if p.role == "power" and p.joined < DAYS - 60] or people
    return rng.choice([p for p in keen if p.opted_in] or keen)


def _campaign(rng: random.Random, company: Company, customer: Person) -> Campaign:
    """A third of the people of larger plans who take mail; the customer waits for the next wave."""
    mailed = [
        p.email
        for p in company.people
        if company.accounts[p.account].plan in ("pro", "enterprise")
        and p.opted_in
        and p.joined < DAYS - 10
        and p is not customer
        and rng.random() < 0.33
    ]
    return Campaign(CAMPAIGN, "exports", DAYS - 3, tuple(mailed))


def _told(person: Person, company: Company) -> Customer:
    return Customer(
        user_id=person.user_id,
        email=person.email,
        name=person.name,
        account=company.accounts[person.account].key,
        subject="PDF export of the weekly report fails since last week",
        content=(
            "Hello, every time I export our weekly report as PDF I get “render_timeout” after half "
            "a minute. Nobody here can export anything, and our board meets on Thursday. "
            "Please help."
        ),
        tags=("exports",),
    )
