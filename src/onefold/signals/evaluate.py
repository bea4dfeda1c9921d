"""One evaluation of all accounts: the usage read, the rules asked, the rows written.

Each evaluation judges every account as of today and as of yesterday from the same series, so that
"twice in a row" does not depend on when the worker ran.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from onefold.kernel import clock, limits
from onefold.signals import explain, health, store, usage_drop
from onefold.signals.model import SEVERITIES, AccountUsage, Change, Severity
from onefold.signals.usage_drop import Comparison, Verdict
from onefold.storage import Connection

KIND = "usage_drop"
_EXPLAINED_TOGETHER = 100  # accounts whose usage by event is in memory at once


class Finding(NamedTuple):
    """An account as of today: its numbers, what fires today, and what may open a signal."""

    own: Comparison
    today: Verdict | None
    opening: Verdict | None


def evaluate(conn: Connection, now_ms: int) -> list[Change]:
    """Open, update and resolve usage-drop signals; what changed, in the order of account ids.

    Reads complete days only. The caller commits; it acts on the changes in the same transaction.
    """
    today = clock.day_of(now_ms)
    since = today - limits.usage_history_days
    findings = judge_all(store.usage_of(conn, since, today - 1), today)
    open_now = store.open_signals(conn, KIND)
    cooling = store.closed_since(conn, KIND, now_ms - usage_drop.COOLDOWN_DAYS * clock.DAY_MS)
    resolving = [f for f in findings if _resolves(f, open_now.get(f.own.account_id))]
    firing = [f for f in findings if _writes(f, open_now, cooling)]
    changes = [_resolve(conn, f, open_now[f.own.account_id], now_ms) for f in resolving]
    for at in range(0, len(firing), _EXPLAINED_TOGETHER):
        chunk = firing[at : at + _EXPLAINED_TOGETHER]
        accounts = [f.own.account_id for f in chunk]
        uses = store.uses_of(conn, since, today - 1, accounts)
        names = store.names(conn, accounts)
        for finding in chunk:
            account = finding.own.account_id
            if account in names:
                change = _fire(
                    conn, finding, uses[account], names[account], open_now.get(account), now_ms
                )
                changes += [change] if change is not None else []
    return sorted(changes, key=lambda c: c.account_id)


def judge_all(usages: Iterable[AccountUsage], today: int) -> list[Finding]:
    """Every account's finding: pure, one pass over the usage."""
    pairs = [
        (usage_drop.compare(usage, today), usage_drop.compare(usage, today - 1)) for usage in usages
    ]
    peers_now = usage_drop.Peers(now for now, _ in pairs)
    peers_then = usage_drop.Peers(then for _, then in pairs)
    out = []
    for now, then in pairs:
        verdict = usage_drop.judge(now, peers_now)
        before = usage_drop.judge(then, peers_then) if verdict else None
        out.append(Finding(now, verdict, usage_drop.opens(verdict, before)))
    return out


def health_of(
    conn: Connection, now_ms: int, account_ids: Sequence[int] | None = None
) -> dict[int, dict[str, Any]]:
    """`account.health` of the accounts named, or of all: see `health.health` for the shape."""
    today = clock.day_of(now_ms)
    since = today - limits.usage_history_days
    used: dict[int, tuple[Comparison, int]] = {}
    for usage in store.usage_of(conn, since, today, account_ids):
        last = max(person.days[-1] for person in usage.people)
        used[usage.account_id] = usage_drop.compare(usage, today), today - last
    pressing = store.pressing(conn, account_ids)
    out = {}
    for account, band in store.bands(conn, account_ids).items():
        comparison, idle = used.get(account, (None, None))
        urgent, high = pressing.get(account, (0, 0))
        inputs = health.Inputs(comparison, idle, urgent, high)
        out[account] = health.health(inputs, band)
    return out


def _writes(
    finding: Finding, open_now: Mapping[int, store.Row], cooling: Mapping[int, str]
) -> bool:
    """Does it fire on an open signal, or may it open one?"""
    account = finding.own.account_id
    if account in open_now:
        return finding.today is not None
    if finding.opening is None:
        return False
    closed = cooling.get(account)
    return closed is None or _rank(finding.opening.severity) > _rank(closed)


def _resolves(finding: Finding, row: store.Row | None) -> bool:
    return (
        row is not None
        and finding.today is None
        and usage_drop.recovered(row["reason"], row["baseline"], finding.own)
    )


def _resolve(conn: Connection, finding: Finding, row: store.Row, now_ms: int) -> Change:
    store.resolve(conn, row["id"], "recovered", now_ms)
    text = explain.recovery(row["reason"], row["baseline"], finding.own)
    return Change(
        account_id=row["account_id"],
        signal_id=row["id"],
        action="resolved",
        severity=row["severity"],
        subject=f"{row['account_name']} is back",
        reasons=[{"text": text}],
        people=[],
    )


def _fire(
    conn: Connection,
    finding: Finding,
    uses: Sequence[Any],
    name: str,
    row: store.Row | None,
    now_ms: int,
) -> Change | None:
    """Write the signal; None when there is nothing new to say."""
    verdict = finding.today if row is not None else finding.opening
    if verdict is None:
        return None
    main = verdict.falls[0]
    found = explain.evidence(verdict, finding.own, uses)
    severity: Severity = verdict.severity
    reason = main.reason
    if row is None:
        signal_id = store.insert(
            conn,
            {
                "kind": KIND, "reason": reason, "account_id": finding.own.account_id,
                "severity": severity, "evidence": found, "baseline": main.before,
                "now": clock.to_datetime(now_ms),
            },
        )  # fmt: skip
        if signal_id is None:
            return None
    else:
        signal_id, reason = row["id"], row["reason"]
        severity = max(severity, row["severity"], key=_rank)
        if row["evidence"] == found and row["severity"] == severity:
            return None
        store.refresh(
            conn,
            {
                "id": signal_id, "severity": severity, "evidence": found,
                "fired": int(row["evidence"].get("as_of") != found["as_of"]),
                "now": clock.to_datetime(now_ms),
            },
        )  # fmt: skip
    return Change(
        account_id=finding.own.account_id,
        signal_id=signal_id,
        action="opened" if row is None else "updated",
        severity=severity,
        subject=explain.subject(reason, found, name),
        reasons=found["reasons"],
        people=[{"person_id": p["person_id"], "text": p["text"]} for p in found["people"]],
    )


def _rank(severity: str) -> int:
    return [*SEVERITIES].index(severity)  # type: ignore[arg-type]
