"""How much people do, and what: rates by day, and the mix of a session.

Everything is a product of plain factors: the person's own rate, the weekday where they live, the
holiday week, the outage, how new they are, a slow drift of each account, and the stories.
"""

import random
from functools import lru_cache
from typing import NamedTuple

from onefold.demo.company import DAYS, Account, Company, Person
from onefold.demo.stories import EXPORTED, Influence

_WEEKDAY = (1.0, 1.05, 1.04, 1.0, 0.82)
_WEEKEND = 0.09
_HOLIDAY = 0.32
_OUTAGE = 0.12

ACTIONS = {
    "Report Viewed": 38, "Dashboard Viewed": 20, "Filter Applied": 13, EXPORTED: 10,
    "Comment Added": 4, "Report Created": 3.5, "Report Shared": 3, "Report Scheduled": 1.5,
    "Dashboard Created": 1.5, "Settings Updated": 0.8, "Member Invited": 0.5,
    "Integration Connected": 0.4,
}  # fmt: skip
_LIKES = {
    "power": {
        EXPORTED: 1.8, "Report Created": 2.0, "Dashboard Created": 2.0, "Report Scheduled": 2.0,
    },
    "regular": {},
    "light": {"Dashboard Viewed": 1.6, EXPORTED: 0.5, "Report Created": 0.3, "Member Invited": 0.3},
}  # fmt: skip
_MEAN_ACTIONS = {"power": 3.9, "regular": 3.1, "light": 2.4}
FORMATS = (("pdf", "xlsx", "csv"), (0.55, 0.30, 0.15))
HOURS = ((9.6, 1.1), (14.6, 1.5))  # mean and deviation of local session starts


class Mix(NamedTuple):
    """Names of actions and their cumulative weights, for one role."""

    names: tuple[str, ...]
    cumulative: tuple[float, ...]


@lru_cache
def mix(role: str) -> Mix:
    """What somebody of a role does in a session."""
    total, out = 0.0, []
    for name, weight in ACTIONS.items():
        total += weight * _LIKES[role].get(name, 1.0)
        out.append(total)
    return Mix(tuple(ACTIONS), tuple(out))


class Behaviour:
    """The company's daily rates. `first_weekday`: of day 0, Monday is 0."""

    def __init__(self, company: Company, influence: Influence, first_weekday: int) -> None:
        self._influence = influence
        self._first_weekday = first_weekday
        rng = random.Random(f"{company.seed}/drift")
        weeks = DAYS // 7 + 2
        self._drift = [_drift(rng, weeks) for _ in company.accounts]

    def active(self, account: Account, person: Person, day: int) -> float:
        """The probability that the person uses the product on a day of their own calendar."""
        if day < person.joined or day in person.away:
            return 0.0
        weekday = (self._first_weekday + day) % 7
        rest = account.region.weekend
        factor = _WEEKEND if weekday in rest else _WEEKDAY[min(weekday, 4)]
        stories = self._influence.stories
        if day in stories.holiday:
            factor *= _HOLIDAY
        if day == stories.outage_day:
            factor *= _OUTAGE
        age = day - person.joined
        if age == 0:
            return 1.0  # the day of sign-up
        if age < 10:
            factor *= 1.15  # new things are tried
        factor *= self._drift[account.index][max(day, 0) // 7]
        return min(0.98, person.rate * factor * self._influence.activity(account, person, day))


def sessions(rng: random.Random, role: str) -> int:
    """How often somebody comes back on a day on which they come at all."""
    more = 0.45 if role == "power" else 0.2
    n = 1
    while n < 4 and rng.random() < more:
        n += 1
    return n


def actions(rng: random.Random, role: str) -> int:
    """How many things are done in a session: many short ones, a few long ones."""
    return max(1, min(40, round(rng.gammavariate(1.6, _MEAN_ACTIONS[role] / 1.6))))


def start_hour(rng: random.Random) -> float:
    """When a session begins, in hours of the person's own day."""
    mean, deviation = HOURS[0] if rng.random() < 0.52 else HOURS[1]
    if rng.random() < 0.04:
        return rng.uniform(6, 23)
    return min(23.5, max(5.0, rng.gauss(mean, deviation)))


def _drift(rng: random.Random, weeks: int) -> tuple[float, ...]:
    """A slow random walk around 1, one value a week."""
    value, out = 0.0, []
    for _ in range(weeks):
        value = 0.7 * value + rng.gauss(0, 0.06)
        out.append(2.718281828 ** max(-0.25, min(0.25, value)))
    return tuple(out)
