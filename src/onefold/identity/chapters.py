"""Chapters: which user a device belongs to, and when.

A log-in is a fact that carries a device and a person-kind identifier (`who`). In order of time the
log-ins on a device form runs by the same who, and each run opens a chapter: what the device does
without a user belongs to the run before it, and what it did before any log-in to the first run.

Only runs are kept, not all log-ins: the first log-in of a run exactly, and a time after which the
run has none (`until`). That suffices to place a late log-in, unless it falls inside another's run:
then `insert` answers None and the caller needs all log-ins of the device again. Either way the runs
are a function of the set of log-ins, whatever order they came in.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from onefold.kernel import limits

Rank = tuple[int, str, str]  # priority, namespace, value: tells log-ins of one instant apart


class Login(NamedTuple):
    """Somebody on a device at a time. Sorts by time, then by who, whatever the ids are."""

    at_ms: int
    rank: Rank
    who: int


class Run(NamedTuple):
    """Log-ins of one who, with nobody else's between; none of them is after `until_ms`."""

    first: Login
    until_ms: int


class Chapter(NamedTuple):
    """From `start_ms` to the next chapter's start; 0 for the first, which has no beginning."""

    start_ms: int
    who: int | None


def runs_of(logins: Iterable[Login]) -> list[Run]:
    """The runs of a set of log-ins."""
    out: list[Run] = []
    for login in sorted(set(logins)):
        if out and out[-1].first.who == login.who:
            out[-1] = Run(out[-1].first, login.at_ms)
        else:
            out.append(Run(login, login.at_ms))
    return out


def insert(runs: Sequence[Run], login: Login) -> list[Run] | None:
    """The runs with one more log-in, or None when it falls inside the run of another."""
    out = list(runs)
    i = bisect_right(out, login, key=_first) - 1
    if i >= 0:
        run = out[i]
        if run.first.who == login.who:
            out[i] = Run(run.first, max(run.until_ms, login.at_ms))
            return out
        if (login.at_ms, login.rank) < (run.until_ms, run.first.rank):
            return None
    if i + 1 < len(out) and out[i + 1].first.who == login.who:
        out[i + 1] = Run(login, out[i + 1].until_ms)
    else:
        out.insert(i + 1, Run(login, login.at_ms))
    return out


def chapters(runs: Sequence[Run]) -> list[Chapter]:
    """The chapters of a device: at least one, the first without a who when nobody logged in."""
    if not runs:
        return [Chapter(0, None)]
    starts = [run.first.at_ms for run in runs]
    lasting = [  # of runs that begin in the same instant, the last one's
        Chapter(start, run.first.who)
        for start, run, following in zip(starts, runs, [*starts[1:], None], strict=True)
        if start != following
    ]
    lasting[0] = Chapter(0, lasting[0].who)
    return lasting


def crowded(runs: Sequence[Run]) -> bool:
    """Whether so many log in here that the device can belong to nobody: a kiosk.

    More log-ins never take it back: adding one neither removes a who nor a run.
    """
    return (
        len(runs) > limits.device_chapters_max
        or len({run.first.who for run in runs}) > limits.device_users_max
    )


def at(starts: Sequence[int], at_ms: int) -> int:
    """Which chapter holds a time, given the starts in order."""
    return max(bisect_right(starts, at_ms) - 1, 0)


def _first(run: Run) -> Login:
    return run.first
