"""The customers of Plotline, an invented vendor of reports and exports: accounts, people, devices.

All of it follows from the seed. Days count from the first day of the history; negative ones are
before it. `scale` 1 is about 300 accounts and 3,000 people.
"""

import random
import uuid

import msgspec

from onefold.demo import names

DAYS = 120  # complete days of history; the day after them is today

PLANS = ("trial", "starter", "pro", "enterprise")
_PLAN_SHARE = (0.08, 0.35, 0.40, 0.17)
_FIRST_PLANS = ("trial", "enterprise", "pro", "enterprise", "pro", "enterprise")  # however small
_PEOPLE = {"trial": (2, 6), "starter": (2, 8), "pro": (5, 15), "enterprise": (12, 31)}
_PRICE = {"trial": 0, "starter": 19, "pro": 39, "enterprise": 59}
_ROLES = ("power", "regular", "light")
_ROLE_SHARE = (0.16, 0.42, 0.42)
_RATE = {"power": (0.45, 0.85), "regular": (0.12, 0.36), "light": (0.01, 0.10)}
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_7) AppleWebKit/605.1.15 Version/26.0 Safari/605.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
)
_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
_SKEWS_MS = (-7_200_000, -900_000, -45_000, 60_000, 5_400_000, 172_800_000, 31_536_000_000)


class Device(msgspec.Struct, frozen=True):
    """A browser or phone. Its clock is `skew_ms` ahead of the true time."""

    anonymous_id: str
    agent: str
    phone: bool
    skew_ms: int


class Person(msgspec.Struct, frozen=True):
    """Somebody at an account.

    rate      share of working days on which they use the product
    joined    day of sign-up; before 0: they were there already
    away      days of leave
    visits    visits to the website before sign-up
    second    index of another account they also work for (consultants), or -1
    opted_in  gets newsletters
    """

    index: int
    user_id: str
    account: int
    first: str
    last: str
    name: str
    email: str
    title: str
    role: str
    rate: float
    joined: int
    away: frozenset[int]
    visits: int
    devices: tuple[Device, ...]
    opted_in: bool
    second: int = -1


class Account(msgspec.Struct, frozen=True):
    """A customer company. `plan` is today's; `was` and `changed` tell of an earlier one.

    `owner` is an index in `names.REPS`; `people` are indices; `mrr` is dollars a month.
    """

    index: int
    key: str
    name: str
    domain: str
    industry: str
    region: names.Region
    plan: str
    was: str
    changed: int
    seats: int
    mrr: int
    created: int
    billing_day: int
    owner: int
    people: tuple[int, ...]


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who looks at the website and never signs up."""

    device: Device
    day: int
    visits: int


class Company(msgspec.Struct, frozen=True):
    """Everybody. `shared`: devices that two people use, by anonymous id and user ids."""

    seed: int
    scale: float
    accounts: tuple[Account, ...]
    people: tuple[Person, ...]
    visitors: tuple[Visitor, ...]
    shared: tuple[tuple[str, tuple[str, str]], ...]


def build(seed: int, scale: float = 1.0) -> Company:
    """The company of this seed."""
    rng = random.Random(f"{seed}/company")
    accounts: list[Account] = []
    people: list[Person] = []
    taken: set[str] = set()
    for index in range(max(6, round(300 * scale))):
        account = _account(rng, index, taken)
        crew = _crew(rng, account, len(people))
        people.extend(crew)
        seats = len(crew) + rng.randint(0, max(1, len(crew) // 2))
        mrr = seats * _PRICE[account.plan]
        indices = tuple(p.index for p in crew)
        accounts.append(msgspec.structs.replace(account, seats=seats, mrr=mrr, people=indices))
    people = _consultants(rng, people, accounts)
    people, shared = _share_devices(rng, people, accounts)
    visitors = tuple(
        Visitor(_device(rng), rng.randrange(DAYS + 1), rng.choice((1, 1, 1, 2, 2, 3, 5)))
        for _ in range(round(1_500 * scale))
    )
    return Company(seed, scale, tuple(accounts), tuple(people), visitors, shared)


def _account(rng: random.Random, index: int, taken: set[str]) -> Account:
    region = rng.choices(names.REGIONS, [r.share for r in names.REGIONS])[0]
    name, key, industry = _company_name(rng, region, taken)
    plan = rng.choices(PLANS, _PLAN_SHARE)[0]
    if index < len(_FIRST_PLANS):
        plan = _FIRST_PLANS[index]
    if plan == "trial":
        created = DAYS - (24 if index == 0 else rng.randint(3, 26))
    elif index < len(_FIRST_PLANS):
        created = -rng.randint(100, 900)
    elif rng.random() < 0.75:
        created = -rng.randint(20, 900)
    else:
        created = rng.randint(0, DAYS - 20)
    was, changed = plan, -1
    if plan in ("pro", "enterprise") and rng.random() < 0.10:
        was = PLANS[PLANS.index(plan) - 1]
        changed = rng.randint(max(created, 0) + 5, DAYS - 5)
    return Account(
        index=index, key=key, name=name, domain=f"{key}.test", industry=industry, region=region,
        plan=plan, was=was, changed=changed, seats=0, mrr=0, created=created,
        billing_day=rng.randrange(28), owner=rng.randrange(len(names.REPS)), people=(),
    )  # fmt: skip


def _company_name(
    rng: random.Random, region: names.Region, taken: set[str]
) -> tuple[str, str, str]:
    for native in names.NATIVE_COMPANIES.get(region.country, ()):
        if native[1] not in taken:
            taken.add(native[1])
            return native
    while True:
        first = rng.choice(names.FIRST_WORDS)
        second, industry = rng.choice(names.SECOND_WORDS)
        key = f"{first}-{second}".lower()
        if key not in taken:
            taken.add(key)
            return f"{first} {second}", key, industry


def _crew(rng: random.Random, account: Account, first_index: int) -> list[Person]:
    low, high = _PEOPLE[account.plan]
    emails: set[str] = set()
    out: list[Person] = []
    for n in range(rng.randint(low, high)):
        if n == 0:
            role, joined = "power", account.created
        else:
            role = rng.choices(_ROLES, _ROLE_SHARE)[0]
            joined = account.created + int(rng.expovariate(1 / 12))
            if rng.random() < 0.25:
                joined = rng.randint(min(account.created, DAYS - 3), DAYS - 2)
            joined = min(joined, DAYS - 1)
        out.append(_person(rng, account, first_index + n, role, joined, emails))
    return out


def _person(
    rng: random.Random, account: Account, index: int, role: str, joined: int, emails: set[str]
) -> Person:
    region = account.region
    (first, first_latin), (last, last_latin) = rng.choice(region.given), rng.choice(region.family)
    local = f"{first_latin}.{last_latin}".lower().replace("’", "")
    email, n = f"{local}@{account.domain}", 2
    while email in emails:
        email, n = f"{local}{n}@{account.domain}", n + 1
    emails.add(email)
    devices = [_device(rng, phone=False)]
    if rng.random() < 0.35:
        devices.append(_device(rng, phone=rng.random() < 0.7))
    if rng.random() < 0.08:
        devices.append(_device(rng))
    away: set[int] = set()
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        start = rng.randrange(DAYS)
        away.update(range(start, start + rng.choice((2, 5, 7, 9, 14))))
    low, high = _RATE[role]
    return Person(
        index=index, user_id=f"u{10_000 + index}", account=account.index, first=first, last=last,
        name=f"{last}{first}" if region.family_first else f"{first} {last}", email=email,
        title=rng.choice(names.TITLES[role]), role=role, rate=rng.uniform(low, high),
        joined=joined, away=frozenset(away), visits=rng.choice((1, 1, 2, 2, 3, 4, 6)),
        devices=tuple(devices), opted_in=rng.random() < 0.45,
    )  # fmt: skip


def _device(rng: random.Random, *, phone: bool | None = None) -> Device:
    if phone is None:
        phone = rng.random() < 0.3
    skew_ms = rng.choice(_SKEWS_MS) if rng.random() < 0.02 else 0
    anonymous_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return Device(anonymous_id, _PHONE if phone else rng.choice(_AGENTS), phone, skew_ms)


def _consultants(rng: random.Random, people: list[Person], accounts: list[Account]) -> list[Person]:
    """One in a hundred works for a second account as well."""
    out = list(people)
    for person in rng.sample(people, len(people) // 100):
        second = rng.randrange(len(accounts))
        if second != person.account and accounts[second].created < DAYS - 30:
            out[person.index] = msgspec.structs.replace(person, second=second, title="Consultant")
    return out


def _share_devices(
    rng: random.Random, people: list[Person], accounts: list[Account]
) -> tuple[list[Person], tuple[tuple[str, tuple[str, str]], ...]]:
    """In one account of twenty a colleague also logs in on somebody's first device."""
    shared = []
    crews = [a for a in accounts if len(a.people) >= 4]
    for account in rng.sample(crews, max(1, len(accounts) // 20)):
        owner, guest = (people[i] for i in rng.sample(account.people, 2))
        device = owner.devices[0]
        people[guest.index] = msgspec.structs.replace(guest, devices=(*guest.devices, device))
        shared.append((device.anonymous_id, (owner.user_id, guest.user_id)))
    return people, tuple(shared)
