"""Why a signal fires, in sentences that an account's owner understands. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from onefold.kernel import clock, limits
from onefold.signals.model import Reason, Use
from onefold.signals.usage_drop import WINDOW_DAYS, Comparison, Fall, Verdict

K = TypeVar("K", int, str)
Pair = tuple[int, int]
_FEATURE_PERCENT = 30
_FEATURE_EVENTS_MIN = 5


def evidence(verdict: Verdict, own: Comparison, uses: Sequence[Use]) -> dict[str, Any]:
    """The `evidence` column: numbers, reasons, the people and features that fell most."""
    main = verdict.falls[0]
    split = _split(main, own)
    people = _sums(((u.person_id, u.day, u.n) for u in uses if u.person_id), split)
    features = _sums(((u.event, u.day, u.n) for u in uses), split)
    stopped = sum(1 for before, after in people.values() if before and not after)
    active = sum(1 for before, _ in people.values() if before)
    return {
        "as_of": day_text(verdict.as_of),
        "window_days": WINDOW_DAYS,
        "events": {"before": own.before.events, "after": own.after.events},
        "users": {"before": own.before.people, "after": own.after.people, "stopped": stopped},
        "silent_days": own.silent_days,
        "gap_days": own.gap_days,
        "falls": [
            {
                "reason": f.reason, "severity": f.severity, "before": f.before, "after": f.after,
                "drop": round(f.drop, 4), "peers": round(f.peers, 4),
            }
            for f in verdict.falls
        ],
        "reasons": _reasons(verdict, own, features, (stopped, active)),
        "people": [
            {"person_id": p, "before": b, "after": a, "text": _person(b, a)}
            for p, (b, a) in _fallen(people)[: limits.signal_people_max]
        ],
        "features": [
            {"event": e, "before": b, "after": a}
            for e, (b, a) in _fallen(features)[: limits.signal_features_max]
        ],
    }  # fmt: skip


def subject(reason: str, found: Mapping[str, Any], account_name: str) -> str:
    """The subject of the task that a signal asks for."""
    if reason == "quiet":
        return f"Find out why {account_name} went quiet"
    lost = next((f["drop"] for f in found["falls"] if f["reason"] == reason), None)
    what = "active users" if reason == "active_users" else "usage"
    fell = "fell" if lost is None else f"fell {percent(lost)}"
    return f"Find out why {what} of {account_name} {fell}"


def recovery(reason: Reason, baseline: float, own: Comparison) -> str:
    """The sentence of a signal that resolves."""
    what, now = "Core events", own.after.events
    if reason == "active_users":
        what, now = "Active users", own.after.people
    return (
        f"{what} are back: {now:,} in the last {WINDOW_DAYS} days, {baseline:,.0f} before the drop"
    )


def day_text(day: int) -> str:
    """A day as `2026-11-23`."""
    return clock.to_datetime(day * clock.DAY_MS).date().isoformat()


def percent(share: float) -> str:
    """0.624 is `62 %`. Halves go down, so that a fall is never overstated."""
    return f"{int(share * 100 + 1e-9)} %"


def _split(main: Fall, own: Comparison) -> tuple[int, int, int]:
    """Begin of the time before, end of it, end of the time after."""
    if main.reason == "quiet":
        return own.last_day + 1 - WINDOW_DAYS, own.last_day + 1, own.as_of
    return own.as_of - 2 * WINDOW_DAYS, own.as_of - WINDOW_DAYS, own.as_of


def _sums(rows: Iterable[tuple[K, int, int]], split: tuple[int, int, int]) -> dict[K, Pair]:
    since, middle, until = split
    before: dict[K, int] = defaultdict(int)
    after: dict[K, int] = defaultdict(int)
    for key, day, n in rows:
        if since <= day < middle:
            before[key] += n
        elif middle <= day < until:
            after[key] += n
    return {key: (before.get(key, 0), after.get(key, 0)) for key in before.keys() | after.keys()}


def _fallen(pairs: Mapping[K, Pair]) -> list[tuple[K, Pair]]:
    """Those that lost, the greatest loss first; equal losses in the keys' order."""
    lost = [(key, pair) for key, pair in pairs.items() if pair[0] > pair[1]]
    return sorted(lost, key=lambda found: (found[1][1] - found[1][0], found[0]))


def _reasons(
    verdict: Verdict, own: Comparison, features: Mapping[str, Pair], users: Pair
) -> list[dict[str, Any]]:
    texts = [_sentence(fall, own) for fall in verdict.falls]
    stopped, active = users
    if stopped and stopped < active:
        texts.append(f"{stopped:,} of {active:,} active users stopped")
    if own.after.events and verdict.falls[0].reason != "quiet":
        texts += [
            f"“{event}” fell {percent((b - a) / b)} ({b:,} → {a:,})"
            for event, (b, a) in _fallen(features)[: limits.signal_features_max]
            if b >= _FEATURE_EVENTS_MIN and 100 * (b - a) >= _FEATURE_PERCENT * b
        ]
    main = verdict.falls[0]
    if main.reason != "quiet":
        texts.append(_peers(main))
    return [{"text": text} for text in texts]


def _sentence(fall: Fall, own: Comparison) -> str:
    if fall.reason == "quiet":
        usual = "day" if own.gap_days < 1.5 else f"{own.gap_days:.0f} days"
        return f"No activity for {own.silent_days} days; it used to be active every {usual}"
    what = "Active users" if fall.reason == "active_users" else "Core events"
    return (
        f"{what} fell {percent(fall.drop)} ({fall.before:,} → {fall.after:,}) "
        f"in the last {WINDOW_DAYS} days"
    )


def _peers(fall: Fall) -> str:
    moved = round(abs(fall.peers) * 100)
    if moved == 0:
        return "Other accounts stayed level"
    way = "fell" if fall.peers > 0 else "grew"
    return f"Other accounts typically {way} by {moved} % in the same time"


def _person(before: int, after: int) -> str:
    if after == 0:
        return f"stopped; {before:,} events in the {WINDOW_DAYS} days before"
    return f"{before:,} → {after:,} events"
