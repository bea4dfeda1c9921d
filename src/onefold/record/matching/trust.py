"""The trust page: how far the answer to "who is who" can be relied on, as numbers with lists.

A task makes all of it now and then and keeps it, so that looking costs nothing; each number says
when it was made, and what stands behind it up to a limit.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, cast

from rapidfuzz import fuzz

from onefold import identity, profiles
from onefold.identity import review
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record.matching import trust_store
from onefold.storage import Connection, fold_name, jobs

TASK = "identity.trust"
_DEVICES_MANY = 10  # devices of one person from which somebody should look
_NAMES_ALIKE = 60.0  # likeness of two names, to 100, below which they are of different people
_DAYS = 14

_COVERED = {
    "name": ("Name", "cannot be found or matched by it"),
    "email": ("E-mail", "cannot be written to, and is joined only by other identifiers"),
    "phone": ("Phone", "cannot be called"),
    "account": ("Account", "counts for no account's usage or health"),
    "title": ("Title", "has no role that is known"),
    "user_id": ("User id", "has not been seen logged in"),
    "contact": ("Contact in the CRM", "is unknown to the CRM"),
}
_RULES = {
    "generic": "Shared inbox or kiosk",
    "shared_device": "Device of several people",
    "decision": "Somebody's decision",
    "size": "Too many identifiers in one piece",
}


class Line(TypedDict):
    """One line of the list behind a number: one person, or two identifiers and whose they are."""

    person: str | None
    name: str
    other: str | None
    other_name: str
    text: str


class Number(TypedDict):
    """One number. `of`: what it is a part of, or null; `shown`: how many lines are kept."""

    key: str
    group: str
    label: str
    count: int
    of: int | None
    text: str
    shown: int


class Day(TypedDict):
    """What was answered on a day, in UTC."""

    day: str
    same: int
    different: int
    joined: int


class Trust(TypedDict):
    """All numbers. `at`: when they were made; `took_ms`: how long that took."""

    at: str
    took_ms: int
    numbers: list[Number]
    days: list[Day]


class TrustList(TypedDict):
    """A number with the list behind it."""

    at: str
    number: Number
    lines: list[Line]


def refresh_task(running: jobs.Running) -> None:
    """The periodic task."""
    with running.connect() as conn:
        refresh(conn, clock.now_ms())
        conn.commit()


def refresh(conn: Connection, now_ms: int) -> None:
    """Make all numbers anew."""
    began = time.monotonic()
    numbers: list[dict[str, Any]] = [
        *_suspected(conn), *_coverage(conn), *_conflicts(conn), *_load(conn, now_ms),
        *_over_merged(conn),
    ]  # fmt: skip
    body = {"numbers": numbers, "days": trust_store.days(conn, now_ms, _DAYS)}
    took = int((time.monotonic() - began) * 1000)
    trust_store.put(conn, now_ms, took, body)


def latest(conn: Connection, viewer: Viewer) -> Trust | None:
    """The numbers as last made, or None before the first time."""
    viewer.must_read()
    found = trust_store.get(conn)
    if found is None:
        return None
    at_ms, took, body = found
    return {
        "at": clock.iso(at_ms) or "",
        "took_ms": took,
        "numbers": [_number(one) for one in body["numbers"]],
        "days": body["days"],
    }


def behind(conn: Connection, viewer: Viewer, key: str) -> TrustList:
    """What stands behind a number. Raises `NotFound`."""
    viewer.must_read()
    found = trust_store.get(conn)
    one = next((n for n in found[2]["numbers"] if n["key"] == key), None) if found else None
    if found is None or one is None:
        raise errors.NotFound(
            f"There is no number `{key[:60]}`. `GET /api/identity/trust` lists them."
        )
    lines = one["lines"]
    names = profiles.names_of(conn, viewer, [p for p, *_ in lines] + [o for _, o, *_ in lines if o])
    return {
        "at": clock.iso(found[0]) or "",
        "number": _number(one),
        "lines": [
            {
                "person": ids.api_id_or_none("per", person or None),
                "name": names.get(person, "") or shown,
                "other": ids.api_id_or_none("per", other or None),
                "other_name": names.get(other, "") or other_shown if other else "",
                "text": text,
            }
            for person, other, shown, other_shown, text in lines
        ],
    }


def _number(one: Mapping[str, Any]) -> Number:
    found = {name: one[name] for name in ("key", "group", "label", "count", "of", "text")}
    return cast("Number", {**found, "shown": len(one["lines"])})


def _made(
    group: str, key: str, label: str, count: int, text: str,
    lines: Iterable[tuple[Any, ...]] = (), of: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A number; its lines are (person, other person, shown, other shown, text)."""
    return {
        "group": group, "key": key, "label": label, "count": count, "of": of, "text": text,
        "lines": [list(line) for line in lines][: limits.trust_listed_max],
    }  # fmt: skip


# ── the parts ──────────────────────────────────────────────────────────────────────────────────


def _suspected(conn: Connection) -> list[dict[str, Any]]:
    counts = review.store.counts(conn, SYSTEM)
    people = trust_store.people_suspected(conn)
    known = trust_store.coverage(conn)["known"]
    queue = review.store.queue(conn, SYSTEM, 0, most=limits.trust_listed_max)
    lines = [
        (c.a_person, c.b_person, str(c.a), str(c.b), f"{c.chance:.0%} likely: {c.pattern}")
        for c in queue
    ]
    joined = review.store.listed(conn, SYSTEM, ["joined"], most=limits.page_rows_max)
    return [
        _made(
            "suspected", "duplicates", "Pairs that may be one person", counts.get("open", 0),
            "They wait for an answer in the review queue.", lines,
        ),
        _made(
            "suspected", "people_suspected", "People in such a pair", people,
            "Each may be counted twice in audiences and reports.", lines, known,
        ),
        _made(
            "suspected", "joined", "Joined by likeness without asking", counts.get("joined", 0),
            "Above the threshold that an admin switched on. Each is a decision and can be undone.",
            [(c.a_person, c.b_person, str(c.a), str(c.b), f"{c.chance:.2%}") for c in joined],
        ),
    ]  # fmt: skip


def _coverage(conn: Connection) -> list[dict[str, Any]]:
    counts = trust_store.coverage(conn)
    out = [
        _made(
            "coverage", "known", "Known people", counts["known"],
            "Somebody of whom at least one identifier is not a device.",
            of=counts["people"],
        )
    ]  # fmt: skip
    for key, (label, without) in _COVERED.items():
        rows = trust_store.without(conn, key)
        out.append(
            _made(
                "coverage", key, label, counts[key], f"The list shows who {without}.",
                [(person, None, shown, "", "") for person, shown in rows], counts["known"],
            )
        )  # fmt: skip
    return out


def _conflicts(conn: Connection) -> list[dict[str, Any]]:
    rules = identity.namespaces.current(conn)
    out = []
    for reason, count in trust_store.suppressed(conn):
        label, text = _rule(reason, rules)
        lines = [
            (a, b, shown, other, "seen together, and not joined")
            for a, b, shown, other in trust_store.suppressed_with(conn, reason)
        ]
        out.append(_made("conflicts", f"cut:{reason}", label, count, text, lines))
    barred = review.store.listed(conn, SYSTEM, ["barred"], most=limits.page_rows_max)
    by_reason: dict[str, list[review.Candidate]] = {}
    for one in barred:
        by_reason.setdefault(one.reason, []).append(one)
    counts = trust_store.barred(conn)
    for reason, found in by_reason.items():
        label, text = _rule(reason, rules)
        lines = [
            (c.a_person, c.b_person, str(c.a), str(c.b), f"{c.chance:.0%} likely: {c.pattern}")
            for c in found
        ]
        label = f"Alike, but: {label[0].lower()}{label[1:]}"
        out.append(_made("conflicts", f"alike:{reason}", label, counts[reason], text, lines))
    ignored = trust_store.ignored(conn)
    if ignored:
        out.append(
            _made(
                "conflicts", "ignored", "Decisions that cannot be followed", len(ignored),
                "Another decision or a limit outranks them.",
                [(0, None, a, "", f"{kind} as {b}, by {who}: {why}") for kind, a, b, who, why
                 in ignored],
            )
        )  # fmt: skip
    return out


def _rule(reason: str, rules: identity.Rules) -> tuple[str, str]:
    """(label, what it means) of a reason why a link does not count."""
    if reason.startswith("limit:"):
        namespace = reason.removeprefix("limit:")
        most = rules.of(namespace).limit
        what = namespace.replace("_", " ")
        return f"More than {most} {what}", (
            f"One person can have {most} {what}; these links would give somebody more. "
            "The stronger link counts, the other is kept."
        )
    return _RULES.get(reason, reason), {
        "generic": "Seen with so many people that it says nothing about who somebody is.",
        "shared_device": "Several users log in on it, so being seen there together joins nobody.",
        "decision": "Somebody said that the two sides are different people.",
        "size": "Joining all of them would make one enormous person; nothing is joined there.",
    }.get(reason, "The rule that cut these links.")


def _load(conn: Connection, now_ms: int) -> list[dict[str, Any]]:
    load = trust_store.load(conn, now_ms)
    answered = load["answered"]
    return [
        _made("load", "open", "Waiting for an answer", load["open"],
              f"The oldest has waited for {load['oldest_days']} days."),
        _made("load", "answered", "Answered in the last 90 days", answered,
              "By people, in the review queue."),
        _made("load", "agreement", "Answers as the model expected", load["agreed"],
              "“Same” above a chance of 50 %, “different” below it.", of=answered),
        _made("load", "undone", "Answers taken back", load["undone"],
              "Somebody, perhaps another, saw it differently later.", of=answered),
    ]  # fmt: skip


def _over_merged(conn: Connection) -> list[dict[str, Any]]:
    rules = identity.namespaces.current(conn)
    caps = {n: rule.limit for n, rule in rules.namespaces.items() if rule.limit}
    near = trust_store.many_identifiers(conn, caps, rules.other.limit or 0)
    devices = trust_store.many_devices(conn, _DEVICES_MANY)
    names = [
        (person, None, found[0], "", " / ".join(found))
        for person, found in trust_store.names(conn)
        if _disagree(found)
    ]
    return [
        _made(
            "over", "near_limit", "At or above a limit of identifiers", len(near),
            "Several people may have been joined through a shared address or device.",
            [(p, None, shown, "", f"{count} × {ns.replace('_', ' ')}") for p, ns, count, shown
             in near],
        ),
        _made(
            "over", "many_devices", f"{_DEVICES_MANY} devices or more", len(devices),
            "Cookies that are cleared make new devices; a log-in that is shared does too.",
            [(p, None, shown, "", f"{count} devices") for p, count, shown in devices],
        ),
        _made(
            "over", "names_disagree", "Names that do not fit one person", len(names),
            "Different identifiers of the person carry unlike names.", names,
        ),
    ]  # fmt: skip


def _disagree(names: list[str]) -> bool:
    """Whether two of the names look like two people's, rather than two spellings."""
    folded = [fold_name(name) for name in names if "@" not in name][:10]
    return any(
        fuzz.token_set_ratio(a, b) < _NAMES_ALIKE and not _initials(a, b)
        for n, a in enumerate(folded)
        for b in folded[n + 1 :]
    )


def _initials(a: str, b: str) -> bool:
    """`a lee` and `ann lee`, or `al`."""
    short, long = sorted((a.split(), b.split()), key=lambda parts: len("".join(parts)))
    return "".join(short) == "".join(part[0] for part in long) or any(
        part in long for part in short if len(part) > 1
    )
