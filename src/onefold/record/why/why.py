"""The answer: conditions in the definition's shape, each with value, times, people and facts."""

from collections.abc import Sequence
from typing import Any, TypedDict, cast

from onefold import audiences, profiles
from onefold.audiences import frames, outline
from onefold.audiences.model import (
    AccountTrait,
    Chain,
    Count,
    Leaf,
    Measure,
    Node,
    Related,
    Since,
    Trait,
)
from onefold.kernel import clock, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.profiles import merge
from onefold.record import accounts, people, store
from onefold.record.why.subjects import Account, Person, Reading
from onefold.storage import Connection

_FAR = 2**62


class Fact(TypedDict):
    """A fact behind a condition; `cursor` is the timeline's page that begins with it, `of` whose
    timeline that is."""

    id: str
    at: str
    name: str
    properties: dict[str, Any]
    of: str
    cursor: str


class Matching(TypedDict):
    """One of the people (or accounts) that a condition asks about, with its conditions."""

    id: str
    name: str
    holds: bool
    conditions: "Condition"


class Condition(TypedDict):
    """One condition. `join`: all, any, none, not, or empty for one that asks something itself.

    `changes_at`: when time alone may change it next. `facts`: newest first, a few.
    """

    join: str
    asked: str
    holds: bool
    text: str
    value: Any
    since: str | None
    changes_at: str | None
    of: list["Condition"]
    facts: list[Fact]
    matching: list[Matching]


class Why(TypedDict):
    """Whether somebody is in an audience, since when, and why.

    member      as the audience has it now; `holds`: as the conditions are now
    changes_at  when time alone may change that next; null: only when something happens
    entered     the reasons written when it last entered or left
    ready       False while the audience is being built: numbers may be short
    """

    audience: str
    name: str
    of: str
    id: str
    subject: str
    member: bool
    holds: bool
    since: str | None
    changes_at: str | None
    as_of: str
    ready: bool
    conditions: Condition
    entered: list[dict[str, Any]]


def why(conn: Connection, viewer: Viewer, key: str, ref: str, now_ms: int) -> Why:
    """Every condition of an audience for a person or account. Raises `NotFound`."""
    viewer.must_read()
    audience = audiences.get(conn, viewer, key)
    catalog = audiences.load(conn)
    reading = Reading(conn, catalog, now_ms)
    definition = next(a.definition for a in catalog.audiences if a.id == audience.id)
    subject, name = _subject(conn, viewer, reading, audience.of, ref)
    tree = outline.outline(definition.where, subject, now_ms)
    _, next_ms = audiences.compile_node(definition.where)(subject, now_ms)
    since = audiences.current(conn, audience.of, [subject.id]).get(subject.id, {}).get(audience.id)
    history = audiences.history(conn, viewer, audience.of, subject.id, limits.timeline_rows_max)
    last = next((entry for entry in history if entry.key == key), None)
    known = [reading.leaf_rows.get(leaf.key) for leaf in audiences.leaves(definition)]
    return {
        "audience": audience.key,
        "name": audience.name,
        "of": audience.of,
        "id": _id(audience.of, subject.id),
        "subject": name,
        "member": since is not None,
        "holds": tree.holds,
        "since": clock.iso(since if since is not None else last.at_ms if last else None),
        "changes_at": clock.iso(next_ms),
        "as_of": clock.iso(now_ms) or "",
        "ready": audience.status == "live" and all(row and row.filled for row in known),
        "conditions": _told(tree, subject, viewer, depth=0),
        "entered": list(last.why) if last else [],
    }


def _subject(
    conn: Connection, viewer: Viewer, reading: Reading, of: str, ref: str
) -> tuple[Person | Account, str]:
    if of == "account":
        account_id = accounts.resolve(conn, viewer, ref)
        return reading.account(account_id), _names(conn, "account", [account_id])[account_id]
    person_id = people.find(conn, viewer, ref)
    return reading.people([person_id])[person_id], _names(conn, of, [person_id])[person_id]


def _names(conn: Connection, of: str, numbers: Sequence[int]) -> dict[int, str]:
    if of == "account":
        found = store.account_names(conn, list(numbers))
        return {i: (found[i][0] or found[i][1]) if i in found else "" for i in numbers}
    named = store.people_names(conn, list(numbers))
    return {i: (named[i][0] or named[i][1]) if i in named else "" for i in numbers}


def _id(of: str, number: int) -> str:
    return ids.api_id("per" if of == "person" else "acc", number)


def _told(line: outline.Line, subject: Person | Account, viewer: Viewer, depth: int) -> Condition:
    return {
        "join": line.join,
        "asked": line.asked,
        "holds": line.holds,
        "text": line.text,
        "value": line.value,
        "since": line.since,
        "changes_at": clock.iso(line.until_ms),
        "of": [_told(below, subject, viewer, depth) for below in line.of],
        "facts": _facts(line.node, subject, viewer) if not line.join else [],
        "matching": _matching(line.node, subject, viewer) if depth == 0 else [],
    }


def _matching(node: Node, subject: Person | Account, viewer: Viewer) -> list[Matching]:
    """Of the people (or accounts) asked about: those for whom it holds first, a few."""
    if not isinstance(node, Related):
        return []
    asked = subject.inside if isinstance(subject, Account) else list(subject.accounts.values())
    reading = subject.reading
    ask = audiences.compile_node(node.where)
    found = sorted(((not ask(one, reading.now_ms)[0], one.id, one) for one in asked),
                   key=lambda f: f[:2])[: limits.why_matching_max]  # fmt: skip
    names = _names(reading.conn, node.of, [i for _, i, _ in found])
    out: list[Matching] = []
    for misses, number, one in found:
        line = outline.outline(node.where, one, reading.now_ms)
        told = _told(line, one, viewer, 1)
        shown = _id(node.of, number)
        out.append({"id": shown, "name": names[number], "holds": not misses, "conditions": told})
    return out


# ── the facts behind ───────────────────────────────────────────────────────────────────────────


def _facts(node: Node, subject: Person | Account, viewer: Viewer) -> list[Fact]:
    if isinstance(node, Count | Measure | Since | Chain):
        return _of_leaf(node.leaf, subject, viewer)
    if isinstance(node, Trait):
        return _of_trait(node.name, subject, viewer)
    if isinstance(node, AccountTrait) and isinstance(subject, Person):
        found = [_of_trait(node.name, a, viewer) for a in subject.accounts.values()]
        return [fact for facts in found for fact in facts][: limits.why_facts_max]
    return []


def _of_trait(name: str, subject: Person | Account, viewer: Viewer) -> list[Fact]:
    """The fact that set the winning value."""
    trait = merge.trait(subject.states, name)
    if trait is None:
        return []
    page, _ = _page(subject.reading.conn, viewer, subject, (trait.at_ms, _FAR))
    return [
        _fact(fact, subject)
        for fact in page
        if fact.at_ms == trait.at_ms and (name in fact.traits or name in fact.properties)
    ][:1]


def _of_leaf(leaf: Leaf, subject: Person | Account, viewer: Viewer) -> list[Fact]:
    """The newest facts that count, among the newest `why_facts_read_max` of the subject."""
    conn, now_ms = subject.reading.conn, subject.reading.now_ms
    since_ms, until_ms = frames.bounds_ms(leaf.frame, now_ms)
    folding = audiences.Folding(leaf)
    before: tuple[int, int] | None = (min(until_ms - 1, now_ms), _FAR)
    out: list[Fact] = []
    read = 0
    while before is not None and read < limits.why_facts_read_max:
        page, before = _page(conn, viewer, subject, before)
        read += len(page)
        for fact in page:
            if fact.at_ms < since_ms or len(out) >= limits.why_facts_max:
                return out
            counts = None in leaf.events or fact.name in leaf.events
            # `cell` reads name, properties, category and time, which a timeline's fact has as well.
            if counts and folding.cell(cast("Any", fact)) is not None:
                out.append(_fact(fact, subject))
    return out


def _page(
    conn: Connection, viewer: Viewer, subject: Person | Account, before: tuple[int, int]
) -> tuple[list[profiles.TimelineFact], tuple[int, int] | None]:
    rows = limits.timeline_rows_max
    if isinstance(subject, Person):
        return profiles.timeline(conn, viewer, subject.fragments, before, rows)
    page, more = profiles.account_timeline(conn, viewer, subject.id, before, rows)
    keys = {None, subject.key, *subject.keys}
    return [fact for fact in page if fact.account in keys], more


def _fact(fact: profiles.TimelineFact, subject: Person | Account) -> Fact:
    return {
        "id": str(fact.pos),
        "at": clock.iso(fact.at_ms) or "",
        "name": fact.name or fact.kind,
        "properties": fact.properties or fact.traits,
        "of": _id(subject.kind, subject.id),
        "cursor": f"f.{fact.at_ms}.{fact.pos + 1}",
    }
