"""Identity in sentences: what links two identifiers, what cut a link, what became of a person."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from onefold import governance, identity, log, sources
from onefold.identity import decisions, graph
from onefold.kernel import clock, facts, ids
from onefold.kernel.identifiers import FORMER
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_NAMES = {
    "user_id": "user id", "email": "e-mail", "contact": "contact", "anonymous_id": "device",
    "account_id": "account", FORMER: "former id",
}  # fmt: skip
_VALUE_CHARS = 60


class Event(msgspec.Struct, frozen=True):
    """The first event that carried a link: name, time and source."""

    name: str
    at_ms: int
    source: str

    def __str__(self) -> str:
        return f"the event “{self.name}” from {self.source} on {when(self.at_ms)}"


class Evidence:
    """Events by their position, read once for all sentences of an answer."""

    def __init__(self, conn: Connection, viewer: Viewer, positions: Iterable[int]) -> None:
        stored = log.fetch(conn, sorted({pos for pos in positions if pos}))
        names = {s.id: s.name for s in sources.list_all(conn, viewer)}
        self.rules = identity.namespaces.current(conn)
        rules = governance.load(conn)
        self._events: dict[int, Event] = {}
        for pos, (row, envelope, raw) in stored.items():
            fact = governance.admit_at(row, envelope, pos, raw, rules)
            if isinstance(fact, facts.Fact):
                source = names.get(fact.source_id, "the CRM")
                self._events[pos] = Event(fact.name, fact.at_ms, source)

    def at(self, pos: int) -> Event | None:
        """The event there, if the log still has it."""
        return self._events.get(pos)


def when(at_ms: int) -> str:
    """A time in a sentence: `3 Nov 2026, 14:05 UTC`."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def day(number: int) -> str:
    """A day in a sentence, of days since 1970."""
    at = datetime.fromtimestamp(number * clock.DAY_MS / 1000, UTC)
    return f"{at.day} {at:%b %Y}"


def name(spot: graph.Spot) -> str:
    """An identifier, or a chapter, as people read it."""
    text = key(spot.identifier)
    return f"{text} (from {when(spot.chapter_ms)})" if spot.chapter_ms else text


def key(identifier: facts.Identifier) -> str:
    """An identifier as people read it: `e-mail ann@acme.co`."""
    value = identifier.value
    if identifier.namespace == "contact":
        value = f"con_{value}"
    if len(value) > _VALUE_CHARS:
        value = value[: _VALUE_CHARS - 1] + "…"
    what = _NAMES.get(identifier.namespace, identifier.namespace.replace("_", " "))
    return f"{what} {value}"


def names(spots: Collection[graph.Spot], most: int = 4) -> str:
    """Several identifiers in a sentence; chapters of one device once."""
    found = list(dict.fromkeys(key(spot.identifier) for spot in _strongest_first(spots)))
    shown = ", ".join(found[:most])
    return f"{shown} and {len(found) - most} more" if len(found) > most else shown


def rule(edge: graph.Edge, spots: Mapping[int, graph.Spot]) -> str:
    """How strong a link is, in the terms of docs/reference/identity.md."""
    if edge.kind == "decision":
        return "human decision"
    if edge.kind == "chapter":
        return "chapters of one device"
    if FORMER in (spots[edge.a].identifier.namespace, spots[edge.b].identifier.namespace):
        return "alias call"
    kinds = {spots[ref].rule.kind for ref in (edge.a, edge.b)}
    if kinds == {"person"}:
        return "person with person"
    return "device with device" if kinds == {"device"} else "log-in on a device"


def joined(edge: graph.Edge, spots: Mapping[int, graph.Spot], evidence: Evidence) -> str:
    """What speaks for two identifiers being one person's."""
    a, b = (key(s.identifier) for s in _strongest_first([spots[edge.a], spots[edge.b]]))
    if edge.said is not None:
        return decided(edge.said)
    if edge.kind == "chapter":
        return f"The {a} is one device used by different people, one after another."
    if is_former(spots[edge.a].identifier, spots[edge.b].identifier):
        return f"An alias call named the {b}, and there is a user with that id."
    event = evidence.at(edge.first_pos)
    last = f" They were last seen together on {day(edge.last_day)}."
    if event is None:
        return f"One event carried both {a} and {b}.{last}"
    return f"The {str(event).removeprefix('the ')} carried both {a} and {b}.{last}"


def cut(
    edge: graph.Edge,
    spots: Mapping[int, graph.Spot],
    sides: Mapping[int, list[str]],
    evidence: Evidence,
) -> str:
    """Why a link does not count. `sides`: values by person, of the namespace whose limit broke."""
    reason = edge.reason or ""
    a, b = spots[edge.a], spots[edge.b]
    if reason.startswith("limit:"):
        namespace = reason.removeprefix("limit:")
        return _limit(namespace, evidence.rules.of(namespace).limit, a, b, sides)
    if reason == "generic":
        one = a if a.generic or not b.generic else b
        if one.identifier.namespace == FORMER:
            return (
                f"Alias calls name {key(one.identifier)} for several users, so it says nothing "
                "about any of them."
            )
        return (
            f"The {key(one.identifier)} is seen with so many different people that it says nothing "
            "about who somebody is: a shared inbox or a kiosk. Its links never count by themselves."
        )
    if reason == "chapter":
        later = a if a.chapter_ms > b.chapter_ms else b
        return (
            f"The {key(a.identifier)} changed hands on {when(later.chapter_ms)}, when somebody "
            "else logged in. Each log-in by another user begins a new chapter: what happens on "
            "the device belongs to whoever logged in last, and sharing it joins nobody."
        )
    if reason == "shared_device":
        return "A device here has several users, so being seen on it together joins nobody."
    if reason == "size":
        return "Together that would be more identifiers than one person can have."
    if edge.said is not None and not edge.said.same:
        return decided(edge.said)
    return "Somebody decided that identifiers on the two sides are different people."


def is_former(a: facts.Identifier, b: facts.Identifier) -> bool:
    """Whether a link is that of a former id with the user id that it is."""
    return a.value == b.value and {a.namespace, b.namespace} == {FORMER, "user_id"}


def decided(said: decisions.Said) -> str:
    """A decision in a sentence."""
    a, b = key(said.a.identifier), key(said.b.identifier)
    what = {
        "same": "are the same person",
        "not_same": "are different people",
        "pin": "stay together",
        "match": "are alike enough to be the same person",
    }[said.kind]
    reason = f": “{said.reason}”" if said.reason else ""
    return f"{said.actor_name} decided on {when(said.at_ms)} that {a} and {b} {what}{reason}."


def moment(one: graph.Moment, evidence: Evidence) -> str:
    """An entry of a person's history."""
    me = ids.api_id("per", one.person_id)
    other = ids.api_id("per", one.other_id) if one.other_id is not None else "another person"
    gained, lost = names(one.gained), names(one.lost)
    because = _because(one, evidence)
    if one.action == "create":
        return f"{me} began, with {gained}.{because}"
    if one.action == "merge":
        with_what = f" with {lost}" if lost else ""
        return f"{me} merged into {other}{with_what}.{because}"
    if one.action == "restore":
        return f"{me} is a person of its own again, with {gained or lost}.{because}"
    if one.action == "split":
        return f"{me} was split off from {other}, with {gained}.{because}"
    if one.action == "leave":
        return f"{me} lost {lost or 'an identifier'}.{because}"
    kinds = {spot.rule.kind for spot in one.gained}
    if kinds == {"device"}:
        return f"{me} was seen on {gained}.{because}"
    return f"{me} gained {gained}.{because}" if gained else f"{me} changed.{because}"


def _because(one: graph.Moment, evidence: Evidence) -> str:
    if one.said is not None:
        said = one.said
        if one.undone and said.replaced_by is not None:
            return f" Decision {ids.api_id('dec', said.id)} was replaced by a later one."
        if one.undone:
            why = f": “{said.undone_reason}”" if said.undone_reason else ""
            return f" {said.undone_by_name} undid decision {ids.api_id('dec', said.id)}{why}."
        return f" {decided(said)}"
    if one.link is not None:
        a, b, pos = one.link
        if is_former(a.identifier, b.identifier):
            return f" Cause: an alias call named {a.identifier.value} as a user's former id."
        event = evidence.at(pos)
        seen = str(event) if event is not None else "an event"
        return f" Cause: {seen} carried both {key(a.identifier)} and {key(b.identifier)}."
    return ""


def _limit(
    namespace: str,
    most: int | None,
    a: graph.Spot,
    b: graph.Spot,
    sides: Mapping[int, list[str]],
) -> str:
    what = _NAMES.get(namespace, namespace.replace("_", " "))
    values = f"one {what}" if most == 1 else f"{most} values of {what}"
    out = f"One person can have {values}"
    found = sorted(", ".join(sorted(sides.get(spot.person, []))) for spot in (a, b))
    if a.person != b.person and all(found):
        return f"{out}, and here they would have {found[0]} and {found[1]}."
    return f"{out}, and with this link they would have more."


def _strongest_first(spots: Collection[graph.Spot]) -> list[graph.Spot]:
    def strength(spot: graph.Spot) -> tuple[int, str]:
        return spot.rule.priority, spot.identifier.value

    return sorted(spots, key=strength)
