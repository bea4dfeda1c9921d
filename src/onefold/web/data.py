"""What several pages read, in the words of the pages: choices, counts, people's names."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from onefold import audiences, crm, profiles, record, signals
from onefold.kernel import errors, ids, limits
from onefold.record import matching
from onefold.storage import Connection
from onefold.web import timeline, view
from onefold.web.door import Ask

Option = tuple[str, str]

TICKET_STATUSES: list[Option] = [("open", "Open"), ("paused", "Paused"), ("resolved", "Solved")]
TASK_STATUSES: list[Option] = [("open", "Open"), ("done", "Done"), ("cancelled", "Cancelled")]
TICKET_PRIORITIES: list[Option] = [
    ("low", "Low"), ("medium", "Medium"), ("high", "High"), ("urgent", "Urgent")
]  # fmt: skip
TASK_PRIORITIES = TICKET_PRIORITIES[:3]
TASK_KINDS: list[Option] = [("todo", "To do"), ("call", "Call"), ("email", "E-mail")]
CATEGORIES: list[Option] = [
    ("general_inquiry", "General inquiry"), ("product_issue", "Product issue"),
    ("billing_issue", "Billing issue"), ("feature_request", "Feature request"),
]  # fmt: skip
CHANNELS: list[Option] = [
    ("form", "Form"), ("email", "E-mail"), ("chat", "Chat"), ("phone", "Phone")
]  # fmt: skip
ROLES: list[Option] = [
    ("reader", "Reader: sees"), ("member", "Member: sees and edits records"),
    ("admin", "Admin: also the set-up"),
]  # fmt: skip


def users(conn: Connection, ask: Ask) -> list[Option]:
    """Enabled users to choose an owner from, the viewer first."""
    found = [(u.id, u.name or u.email) for u in crm.users.list_all(conn, ask.viewer) if u.enabled]
    return sorted(found, key=lambda u: u[0] != ask.user_id)


def counts(conn: Connection, ask: Ask) -> dict[str, int]:
    """The numbers in the sidebar: what is open, and of tasks what is mine."""
    mine = {"owner_id": ask.user_id} if ask.user_id else {}
    return {
        "tickets": crm.tickets.count(conn, ask.viewer, {"status": ["open", "paused"]}),
        "tasks": crm.tasks.count(conn, ask.viewer, {"status": "open", **mine}),
        "signals": signals.count_open(conn, ask.viewer),
        "review": matching.answers.waiting(conn, ask.viewer),
    }


def total_text(total: int) -> str:
    """A list's length; lists are counted up to a limit."""
    return f"{total:,}+" if total >= limits.list_count_max else f"{total:,}"


def builtins(thing: Any) -> Any:
    """Frozen values as plain ones, for the pure helpers."""
    return msgspec.to_builtins(thing)


def pretty(value: Any) -> str:
    """A value as JSON that people read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def activity(conn: Connection, ask: Ask, ref: str, rows: int | None = None) -> dict[str, Any]:
    """A page of a timeline as the template wants it."""
    page = record.timeline(conn, ask.viewer, ref, ask.query.get("cursor"), rows)
    items = builtins(page["items"])
    return {
        "days": timeline.days(items, ask.tz, ask.now_ms),
        "next": page["next"],
        "first_words": _beginning(items),
        "base": f"/{'accounts' if ref.startswith('acc_') else 'people'}/{ref}",
    }


def _beginning(items: Sequence[Any]) -> str:
    if not items:
        return ""
    first = items[-1]
    what = f"{timeline.title(first)} {timeline.detail(first)}".strip()
    return f"{what}, an anonymous visit." if _anonymous(first) else f"{what}."


def _anonymous(event: Any) -> bool:
    return str(event.get("identifier", "")).startswith("anonymous_id:")


def open_of(items: Iterable[Any]) -> list[Any]:
    """Tickets or tasks that are not closed."""
    return [i for i in items if i["status"] not in ("resolved", "done", "cancelled")]


def usage_chart(usage: Sequence[Any], mark: tuple[str, str] | None = None) -> dict[str, Any]:
    """Events a day as bars, active people as a line."""
    if mark and usage:
        # The rule may have looked past the last day that is shown.
        mark = (max(mark[0], usage[0]["day"]), min(mark[1], usage[-1]["day"]))
    bars: dict[str, Any] = {
        "name": "Events", "kind": "bar", "colour": "accent-ink", "axis": 0,
        "y": [d["events"] for d in usage],
    }  # fmt: skip
    if mark:
        bars["mark"] = list(mark)
    people = {
        "name": "Active people", "kind": "bar", "colour": "green", "axis": 1,
        "y": [d["people"] for d in usage],
    }  # fmt: skip
    return {"x": [d["day"] for d in usage], "series": [bars, people]}


def usage_words(usage: Sequence[Any]) -> str:
    """The chart for who cannot see it."""
    if not usage:
        return "No usage."
    events = [d["events"] for d in usage]
    return (
        f"Events a day over {view.plural(len(usage), 'day')}: {sum(events):,} in all, "
        f"{max(events):,} on the busiest day, {events[-1]:,} on the last; "
        f"at most {max(d['people'] for d in usage):,} people active on a day."
    )


def trend_words(usage: Sequence[Any]) -> tuple[list[int], int, str]:
    """The last 14 complete days, their sum, and how it compares with the 14 before."""
    events = [int(d["events"]) for d in usage][:-1]
    now, before = events[-14:], events[-28:-14]
    total, was = sum(now), sum(before)
    if len(before) < 14 or not was:
        return now, total, "No earlier days to compare"
    change = round((total - was) / was * 100)
    if change == 0:
        return now, total, "As in the 14 days before"
    return now, total, f"{abs(change)} % {'more' if change > 0 else 'less'} than before"


def wrong(error: errors.OnefoldError) -> tuple[errors.Fault, ...]:
    """An error's faults for a form; one without a field stands above it."""
    if isinstance(error, errors.Invalid):
        return error.faults
    return (errors.Fault("", str(error)),)


def audiences_of(conn: Connection, ask: Ask, refs: Sequence[str]) -> dict[str, list[str]]:
    """Names of the audiences that people on a page are in, by the person's id."""
    numbers = {ids.parse_id("per", ref): ref for ref in refs}
    names = {a.id: a.name for a in audiences.list_all(conn, ask.viewer)}
    found = audiences.current(conn, "person", list(numbers))
    return {
        numbers[number]: sorted(names[a] for a in memberships if a in names)
        for number, memberships in found.items()
    }


def audience_history(
    conn: Connection, ask: Ask, kind: Any, entity_id: int, key: str
) -> list[audiences.Entry]:
    """What happened between an entity and one audience, newest first."""
    return [e for e in audiences.history(conn, ask.viewer, kind, entity_id) if e.key == key]


def signal_row(signal: Any) -> dict[str, Any]:
    """A signal as the pages show it: plain values, its sentences, and the days that it is about."""
    row: dict[str, Any] = builtins(signal)
    row["sentences"] = [str(r["text"]) for r in row["reasons"]]
    row["headline"] = row["headline"] or view.words(str(row["kind"]))
    evidence = row["evidence"]
    row["span"] = None
    if evidence.get("as_of") and evidence.get("window_days"):
        last = date.fromisoformat(evidence["as_of"])
        first = last - timedelta(days=int(evidence["window_days"]) - 1)
        row["span"] = (first.isoformat(), last.isoformat())
    return row


def named(conn: Connection, ask: Ask, people: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """People of a signal or task with their names."""
    refs = [str(p["ref"]) for p in people]
    numbers = [ids.parse_id("per", r) for r in refs if r.startswith("per_")]
    names = profiles.names_of(conn, ask.viewer, numbers)
    return [
        {**p, "name": p.get("name") or names.get(ids.parse_id("per", r), "")}
        if r.startswith("per_") else {"name": "", **p}
        for p, r in zip(people, refs, strict=True)
    ]  # fmt: skip


def measures(health: Any) -> list[dict[str, Any]]:
    """The lines under a health score, the weightiest first; those without an answer last."""
    lines = [m for m in (health or {}).get("measures", ()) if isinstance(m, dict)]
    return [
        {**m, "hue": "gray" if m["score"] is None else band_hue(m["score"])}
        for m in sorted(lines, key=lambda m: (m["score"] is None, -m["weight"]))
    ]


def band_hue(score: float) -> view.Hue:
    """The colour of a score of 0 to 100, by the bands of health."""
    return "red" if score < 50 else "amber" if score < 75 else "green"
