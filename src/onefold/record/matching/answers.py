"""The review queue: what waits, one pair side by side, and answers.

An answer is a decision with its actor and reason, keyed by identifiers: it survives replays, counts
for what arrives later, and the pair never returns. Undoing an answer undoes the decision.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from onefold import identity, profiles
from onefold.identity import decisions, likeness, review
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import whois, whywords
from onefold.record.matching import house
from onefold.storage import Connection

ANSWERS = {"same": "same", "different": "not_same"}
ZONES = {"all": (0.0, 2.0), "certain": (0.99, 2.0), "unsure": (0.0, 0.99)}


class PairLine(TypedDict):
    """A pair in the queue. `rank` is impact × uncertainty; `why` what the impact is made of.

    `undone`: the decision that answered it counts no more.
    """

    id: int
    a: str
    a_name: str
    a_ref: str
    b: str
    b_name: str
    b_ref: str
    status: str
    chance: float
    bits: float
    impact: float
    rank: float
    why: list[str]
    pattern: str
    assignee: str | None
    found_at: str
    answered_by: str
    answered_at: str | None
    decision: str | None
    undone: bool


class Queue(TypedDict):
    """A page of the queue; `open` is how many wait in all."""

    items: list[PairLine]
    open: int
    next: str | None


class FieldLine(TypedDict):
    """A field of both people, and how the values agree."""

    name: str
    label: str
    a: str
    b: str
    outcome: str


class StepLine(TypedDict):
    """A bar of the waterfall; `from_bits` and `to_bits` are the sums before and after it."""

    name: str
    label: str
    outcome: str
    a: str
    b: str
    bits: float
    from_bits: float
    to_bits: float


class Person(TypedDict):
    """A person as the other side of a pair, or as both would be."""

    id: str
    name: str
    identifiers: list[str]
    traits: dict[str, str]
    events: int
    first_seen: str | None
    last_seen: str | None


class PairView(TypedDict):
    """A pair side by side: fields, waterfall, what joining would do and whom it would make."""

    pair: PairLine
    people: list[Person]
    fields: list[FieldLine]
    steps: list[StepLine]
    simulation: whois.Simulation
    result: Person | None
    alike: int


class Answered(TypedDict):
    """What answers did. `left`: how many wait still; `batch` undoes all of them at once."""

    answered: list[int]
    decisions: list[str]
    batch: int
    left: int


def queue(
    conn: Connection,
    viewer: Viewer,
    now_ms: int,
    *,
    zone: str = "all",
    pattern: str | None = None,
    assignee: str | None = None,
    cursor: str | None = None,
    most: int = limits.page_rows_default,
) -> Queue:
    """Pairs that wait, by impact × uncertainty. `assignee`: `usr_3`, or `none`."""
    viewer.must_read()
    if zone not in ZONES:
        remedy = f"Use one of {', '.join(ZONES)}."
        raise errors.Invalid(errors.Fault("zone", f"`{zone[:40]}` is not known.", remedy))
    who = None
    if assignee is not None:
        who = 0 if assignee == "none" else ids.parse_id("usr", assignee, "assignee")
    found = review.store.queue(
        conn, viewer, now_ms, after=_after(cursor), pattern=pattern or None, assignee=who,
        zone=ZONES[zone], most=most,
    )  # fmt: skip
    more = f"{found[-1].rank!r}:{found[-1].id}" if len(found) == most else None
    return {
        "items": lines(conn, viewer, found),
        "open": review.store.open_count(conn),
        "next": more,
    }


def waiting(conn: Connection, viewer: Viewer) -> int:
    """How many pairs wait."""
    viewer.must_read()
    return review.store.open_count(conn)


def answered_lately(conn: Connection, viewer: Viewer, before: str | None = None) -> Queue:
    """Pairs that were answered or joined, newest first."""
    last = ids.parse_id("pair", before, "cursor") if before else None
    found = review.store.listed(conn, viewer, ["same", "different", "joined"], last)
    more = str(found[-1].id) if len(found) == limits.page_rows_default else None
    return {
        "items": lines(conn, viewer, found),
        "open": review.store.open_count(conn),
        "next": more,
    }


def _after(cursor: str | None) -> tuple[float, int] | None:
    if not cursor:
        return None
    rank, _, number = cursor.partition(":")
    try:
        return float(rank), int(number)
    except ValueError:
        raise errors.Invalid(
            errors.Fault("cursor", "is not of this list.", "Send `next` of the page before.")
        ) from None


def lines(conn: Connection, viewer: Viewer, found: Sequence[review.Candidate]) -> list[PairLine]:
    """Pairs as lists show them."""
    names = profiles.names_of(conn, viewer, [p for c in found for p in (c.a_person, c.b_person)])
    undone = review.store.undone(conn, [c.decision_id for c in found if c.decision_id])
    return [
        {
            "id": c.id,
            "a": ids.api_id("per", c.a_person),
            "a_name": names.get(c.a_person) or whywords.key(c.a),
            "a_ref": str(c.a),
            "b": ids.api_id("per", c.b_person),
            "b_name": names.get(c.b_person) or whywords.key(c.b),
            "b_ref": str(c.b),
            "status": c.status,
            "chance": round(c.chance, 6),
            "bits": c.bits,
            "impact": c.impact,
            "rank": c.rank,
            "why": weighty(c.why),
            "pattern": c.pattern,
            "assignee": ids.api_id_or_none("usr", c.assignee_id),
            "found_at": clock.iso(c.found_ms) or "",
            "answered_by": c.actor_name,
            "answered_at": clock.iso(c.done_ms),
            "decision": ids.api_id_or_none("dec", c.decision_id),
            "undone": c.decision_id in undone,
        }
        for c in found
    ]


def weighty(why: Mapping[str, float]) -> list[str]:
    """What an impact is made of, in words."""
    words = {"tickets": "open ticket", "tasks": "open task", "events": "event"}
    out = []
    for name, word in words.items():
        count = int(why.get(name, 0))
        if count:
            out.append(f"{count:,} {word}{'' if count == 1 else 's'}")
    if why.get("mrr"):
        out.append(f"MRR {why['mrr']:,.0f}")
    return out


def pair(conn: Connection, viewer: Viewer, candidate_id: int, now_ms: int) -> PairView:
    """One pair side by side. Raises `NotFound`."""
    found = review.store.get(conn, viewer, candidate_id)
    records = likeness.store.records(conn, viewer, [found.a_person, found.b_person])
    one, other = records.get(found.a_person), records.get(found.b_person)
    both = [one.fields if one else {}, other.fields if other else {}]
    sides = [_side(conn, viewer, [found.a_person]), _side(conn, viewer, [found.b_person])]
    simulation = whois.simulate(
        conn, viewer, now_ms, decision="same", a=str(found.a), b=str(found.b)
    )
    waits = found.status == "open"
    return {
        "pair": lines(conn, viewer, [found])[0],
        "people": [side for side in sides if side is not None],
        "fields": _fields(both[0], both[1], found.steps),
        "steps": _steps(found.steps),
        "simulation": simulation,
        "result": _side(conn, viewer, [found.a_person, found.b_person]) if waits else None,
        "alike": review.store.count_like(conn, found.pattern) if waits else 0,
    }


def _side(conn: Connection, viewer: Viewer, people: list[int]) -> Person | None:
    """A person, or two as one: traits by their rules of priority, sums, all identifiers."""
    states = [s for found in profiles.states_of(conn, viewer, people).values() for s in found]
    if not states:
        return None
    values = identity.values_of(conn, viewer, people)
    listed = dict.fromkeys(f"{n}:{v}" for i in people for n, v in values.get(i, ()))
    seen = profiles.merge.view(states, {})
    traits = {name: str(t.value)[:200] for name, t in sorted(seen.traits.items())}
    fields = likeness.fields.of_traits({n: t.value for n, t in seen.traits.items()})
    return {
        "id": ids.api_id("per", people[0]),
        "name": likeness.fields.name_of(fields),
        "identifiers": list(listed)[: limits.page_rows_default],
        "traits": traits,
        "events": seen.events_total,
        "first_seen": clock.iso(seen.first_ms),
        "last_seen": clock.iso(seen.last_ms),
    }


# The comparison that a field is part of, where its name is another.
_COMPARED = {"title": "occupation", "phone_2": "phone", "phone_3": "phone"}
_NAMES = ("given", "surname", "name")


def _fields(
    a: Mapping[str, str], b: Mapping[str, str], steps: Sequence[Mapping[str, Any]]
) -> list[FieldLine]:
    outcomes = {step["name"]: str(step["outcome"]) for step in steps}
    out: list[FieldLine] = []
    names = [likeness.fields.name_of({n: side.get(n, "") for n in _NAMES}) for side in (a, b)]
    whole = bool(a.get("name") or b.get("name"))  # one has no first and last name apart
    if whole and any(names):
        parts = {outcomes.get(n, "missing") for n in ("given", "surname")}
        outcome = parts.pop() if len(parts) == 1 else "in part"
        out.append(_line("name", names[0], names[1], outcome))
    for name in likeness.fields.LABELS:
        if (a.get(name) or b.get(name)) and not (whole and name in _NAMES):
            outcome = outcomes.get(_COMPARED.get(name, name), "")
            out.append(_line(name, a.get(name, ""), b.get(name, ""), outcome))
    return out


def _line(name: str, a: str, b: str, outcome: str) -> FieldLine:
    both = outcome if a and b else ""  # else the other side has it under another field
    return {"name": name, "label": likeness.fields.LABELS[name], "a": a, "b": b, "outcome": both}


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[StepLine]:
    total = 0.0
    out: list[StepLine] = []
    for step in steps:
        before, total = total, total + step["bits"]
        out.append(
            {
                "name": step["name"],
                "label": house.label_of(step["name"]),
                "outcome": step["outcome"],
                "a": step["left"] or "",
                "b": step["right"] or "",
                "bits": round(step["bits"], 2),
                "from_bits": round(before, 2),
                "to_bits": round(total, 2),
            }
        )
    return out


# ── answers ────────────────────────────────────────────────────────────────────────────────────


def answer(
    conn: Connection, viewer: Viewer, candidate_id: int, said: str, reason: str, now_ms: int
) -> tuple[Answered, list[decisions.Said]]:
    """Answer one pair: `same` or `different`. Raises `NotFound`, `Invalid`, `Conflict`."""
    viewer.must_write()
    held = review.store.get(conn, viewer, candidate_id, hold=True)
    if held.status != "open":
        raise errors.Conflict(
            f"This pair was answered already: {held.status}"
            + (f", by {held.actor_name}." if held.actor_name else "."),
            {"id": held.id, "status": held.status},
        )
    return _answer(conn, viewer, [held], said, reason, now_ms)


def answer_alike(
    conn: Connection, viewer: Viewer, pattern: str, said: str, reason: str, now_ms: int
) -> tuple[Answered, list[decisions.Said]]:
    """Answer every waiting pair that agrees in the same way. Raises `Invalid`, `NotFound`."""
    viewer.must_write()
    found = review.store.like(conn, pattern)
    if not found:
        raise errors.NotFound("There is no pair with that pattern that waits for an answer.")
    held = [review.store.get(conn, viewer, i, hold=True) for i in sorted(found)]
    return _answer(conn, viewer, [c for c in held if c.status == "open"], said, reason, now_ms)


def _answer(
    conn: Connection, viewer: Viewer, held: Sequence[review.Candidate], said: str, reason: str,
    now_ms: int,
) -> tuple[Answered, list[decisions.Said]]:  # fmt: skip
    kind: Any = ANSWERS.get(said)
    if kind is None:
        raise errors.Invalid(
            errors.Fault("answer", f"`{said[:40]}` is not known.", "Use same or different.")
        )
    made = []
    batch = min((c.id for c in held), default=0)
    for one in held:
        words = reason.strip() or f"Reviewed: {one.chance:.0%} likely ({one.pattern})"
        decision = decisions.say(
            conn, viewer, kind, decisions.End(one.a), decisions.End(one.b),
            words[: limits.decision_reason_chars_max], now_ms,
        )  # fmt: skip
        review.store.answer(conn, viewer, one.id, said, decision.id, batch, now_ms)
        made.append(decision)
    done: Answered = {
        "answered": [c.id for c in held],
        "decisions": [ids.api_id("dec", d.id) for d in made],
        "batch": batch,
        "left": review.store.open_count(conn),
    }
    return done, made


def undo(
    conn: Connection, viewer: Viewer, batch: int, reason: str, now_ms: int
) -> list[decisions.Said]:
    """Take answers given at once back: each pair waits again. Raises `NotFound`."""
    viewer.must_write()
    found = review.store.of_batch(conn, batch)
    if not found:
        raise errors.NotFound(f"There is no answer with the number {batch} to undo.")
    undone = []
    for candidate_id, decision_id in found:
        said = decisions.get(conn, viewer, decision_id)
        if said.in_force:
            undone.append(decisions.undo(conn, viewer, decision_id, reason, now_ms))
        review.store.reopen(conn, viewer, candidate_id)
    return undone


def undo_one(
    conn: Connection, viewer: Viewer, candidate_id: int, reason: str, now_ms: int
) -> decisions.Said | None:
    """Take one answer, or a join without asking, back. A join is not made again, nor asked about.

    Raises `NotFound`, or `Conflict` when there is no answer to undo.
    """
    viewer.must_write()
    held = review.store.get(conn, viewer, candidate_id, hold=True)
    if held.decision_id is None:
        raise errors.Conflict(f"Pair {held.id} has no answer to undo: it is {held.status}.")
    said = decisions.get(conn, viewer, held.decision_id)
    undone = None
    if said.in_force:
        undone = decisions.undo(conn, viewer, held.decision_id, reason, now_ms)
    if held.status != "joined":
        review.store.reopen(conn, viewer, candidate_id)
    return undone


def skip(conn: Connection, viewer: Viewer, candidate_id: int, now_ms: int) -> None:
    """Do not show this pair to the viewer for a week; others still see it. Raises `NotFound`."""
    viewer.must_write()
    review.store.get(conn, viewer, candidate_id)
    review.store.skip(conn, viewer, candidate_id, now_ms)


def unskip(conn: Connection, viewer: Viewer, candidate_id: int) -> None:
    """Show a skipped pair again. Raises `NotFound`."""
    viewer.must_write()
    review.store.get(conn, viewer, candidate_id)
    review.store.unskip(conn, viewer, candidate_id)


def assign(conn: Connection, viewer: Viewer, found: Sequence[int], user: str | None) -> None:
    """Give pairs to a member, or to nobody. Raises `Invalid`."""
    viewer.must_write()
    if len(found) > limits.match_answers_max:
        most = limits.match_answers_max
        raise errors.Invalid(errors.Fault("ids", "are too many.", f"Send at most {most}."))
    number = house.user_of(conn, viewer, user) if user else None
    review.store.assign(conn, viewer, found, number)
