"""The usage drop: has an account stopped using what it used? Pure.

The last 14 complete days stand against the 14 before: the same weekdays, so weekends cancel out. A
fall counts when it is large, larger than chance, and larger than what other accounts show at the
same time, which is what tells a holiday or an outage from a customer who leaves. See
docs/reference/signals.md for the formulae and their sources.
"""

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from onefold.signals.model import REASONS, SEVERITIES, AccountUsage, Reason, Severity

WINDOW_DAYS = 14
AGE_DAYS_MIN = 42
EVENTS_MIN, DAYS_MIN, PEOPLE_MIN = 20, 3, 2  # of the baseline, all three
WARNING_PERCENT, CRITICAL_PERCENT = 30, 50
NOISE_MIN = 2.6
PEERS_MARGIN = 0.20
QUIET_DAYS_MIN = 7
QUIET_GAPS = 3
RECOVERED_PERCENT = 85
COOLDOWN_DAYS = 14


class Window(NamedTuple):
    """Core events, distinct people and active days in a span of days."""

    events: int
    people: int
    days: int

    @property
    def sufficient(self) -> bool:
        """Enough to be the baseline of a comparison."""
        return self.events >= EVENTS_MIN and self.days >= DAYS_MIN and self.people >= PEOPLE_MIN


class Comparison(NamedTuple):
    """An account's numbers as of the beginning of day `as_of`: only days before it count.

    `until_last`: the 14 days that end with its last active day, the baseline of silence.
    `gap_days`: its median distance between active days; 0 with fewer than two of them.
    """

    account_id: int
    as_of: int
    age_days: int
    before: Window
    after: Window
    until_last: Window
    last_day: int
    silent_days: int
    gap_days: float

    @property
    def comparable(self) -> bool:
        """Old enough, and with a baseline: a peer to others, and judged itself."""
        return self.age_days >= AGE_DAYS_MIN and self.before.sufficient


class Fall(NamedTuple):
    """One test that fired."""

    reason: Reason
    severity: Severity
    before: int
    after: int
    drop: float
    peers: float


class Verdict(NamedTuple):
    """What fired as of a day, the telling one first."""

    as_of: int
    falls: tuple[Fall, ...]

    @property
    def severity(self) -> Severity:
        """The worst."""
        return self.falls[0].severity


def compare(usage: AccountUsage, as_of: int) -> Comparison:
    """Sum up the series around `as_of`."""
    active = sorted({d for p in usage.people for d in p.days if d < as_of})
    last = active[-1] if active else usage.first_day
    gaps = [b - a for a, b in itertools.pairwise(active)]
    return Comparison(
        account_id=usage.account_id,
        as_of=as_of,
        age_days=as_of - usage.first_day,
        before=window(usage, as_of - 2 * WINDOW_DAYS, as_of - WINDOW_DAYS),
        after=window(usage, as_of - WINDOW_DAYS, as_of),
        until_last=window(usage, last + 1 - WINDOW_DAYS, last + 1),
        last_day=last,
        silent_days=as_of - 1 - last,
        gap_days=median(gaps) if gaps else 0,
    )


def window(usage: AccountUsage, since: int, until: int) -> Window:
    """The days `since` ≤ day < `until`."""
    events = people = 0
    active: set[int] = set()
    for person in usage.people:
        first = bisect.bisect_left(person.days, since)
        last = bisect.bisect_left(person.days, until)
        if first < last:
            events += sum(person.counts[first:last])
            people += person.person_id != 0
            active.update(person.days[first:last])
    return Window(events, people, len(active))


def drop(before: int, after: int) -> float:
    """The share lost: 1 when all is gone, negative when it grew."""
    return 1 - after / before


def noise(before: int, after: int) -> float:
    """The fall in standard deviations of the difference of two Poisson counts."""
    return (before - after) / math.sqrt(before + after) if before + after else 0.0


def median_drop(drops: Sequence[float]) -> float:
    """The typical movement; 0 when there is nobody to compare with."""
    return median(drops) if drops else 0.0


class Peers:
    """What the comparable accounts do as of one day; each is judged against the others."""

    def __init__(self, comparisons: Iterable[Comparison]) -> None:
        peers = [c for c in comparisons if c.comparable]
        self._drops: dict[Reason, list[float]] = {
            "core_events": sorted(drop(c.before.events, c.after.events) for c in peers),
            "active_users": sorted(drop(c.before.people, c.after.people) for c in peers),
        }
        self._members = {c.account_id for c in peers}
        self._silent = {c.account_id for c in peers if c.silent_days >= QUIET_DAYS_MIN}

    def median_drop(self, reason: Reason, own: Comparison) -> float:
        """The median drop of the others."""
        drops = self._drops[reason]
        if own.account_id in self._members:
            before, after = _pair(reason, own)
            at = bisect.bisect_left(drops, drop(before, after))
            drops = drops[:at] + drops[at + 1 :]
        return median_drop(drops)

    def silent_share(self, own: Comparison) -> float:
        """The share of the others that have been silent for a week."""
        others = len(self._members - {own.account_id})
        return len(self._silent - {own.account_id}) / others if others else 0.0


def judge(own: Comparison, peers: Peers) -> Verdict | None:
    """What fires as of the comparison's day; None when nothing does."""
    falls: list[Fall] = []
    if own.comparable:
        for reason in REASONS[:2]:
            fall = _fall(reason, own, peers)
            if fall is not None:
                falls.append(fall)
    silence = _silence(own, peers)
    if silence is not None:
        falls.append(silence)
    falls.sort(key=lambda f: (-SEVERITIES.index(f.severity), REASONS.index(f.reason)))
    return Verdict(own.as_of, tuple(falls)) if falls else None


def opens(today: Verdict | None, yesterday: Verdict | None) -> Verdict | None:
    """Two evaluations in a row: only what fired yesterday too can open a signal."""
    if today is None or yesterday is None:
        return None
    before = {f.reason for f in yesterday.falls}
    falls = tuple(f for f in today.falls if f.reason in before)
    return Verdict(today.as_of, falls) if falls else None


def recovered(reason: Reason, baseline: float, own: Comparison) -> bool:
    """Is the measure that opened the signal back at 85 % of what was frozen then?"""
    now = own.after.people if reason == "active_users" else own.after.events
    return 100 * now >= RECOVERED_PERCENT * baseline


def _pair(reason: Reason, own: Comparison) -> tuple[int, int]:
    if reason == "active_users":
        return own.before.people, own.after.people
    return own.before.events, own.after.events


def _fall(reason: Reason, own: Comparison, peers: Peers) -> Fall | None:
    before, after = _pair(reason, own)
    if 100 * (before - after) < WARNING_PERCENT * before or noise(before, after) < NOISE_MIN:
        return None
    lost, typical = drop(before, after), peers.median_drop(reason, own)
    if lost - typical < PEERS_MARGIN - 1e-12:  # 0.5 − 0.3 is a margin of 0.2 on paper only
        return None
    critical = 100 * (before - after) >= CRITICAL_PERCENT * before
    return Fall(reason, "critical" if critical else "warning", before, after, lost, typical)


def _silence(own: Comparison, peers: Peers) -> Fall | None:
    """Nothing at all for a week, and for three times its usual distance between active days.

    Not while half of the others are silent as well: that is a holiday, or our own outage.
    """
    if own.age_days < AGE_DAYS_MIN or not own.until_last.sufficient:
        return None
    if own.silent_days < max(QUIET_DAYS_MIN, QUIET_GAPS * own.gap_days):
        return None
    if peers.silent_share(own) >= 0.5:
        return None
    severity: Severity = "critical" if own.silent_days >= WINDOW_DAYS else "warning"
    return Fall("quiet", severity, own.until_last.events, 0, 1.0, 0.0)
