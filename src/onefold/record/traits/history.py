"""A trait's history, and a person as of a past moment: read from the facts themselves.

Facts are taken by the positions that fragments keep, so also of devices that change hands, and as
soon as the worker has read them. They are weighed by the rules that hold now, in the order in which
things happened.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from onefold import profiles
from onefold.kernel import clock, errors, facts, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.profiles import fold, merge
from onefold.profiles.precedence import EDITED, HAND, Precedence, store
from onefold.profiles.precedence.rules import Kind, dump
from onefold.record import accounts, lines, model, people, timelines
from onefold.record import store as rows
from onefold.record.traits import store as own
from onefold.storage import Connection


class Word(TypedDict):
    """What an origin says now. `counts`: it is the trait's value; `taken_back`: an edit was."""

    source: str
    value: Any
    at: str
    counts: bool
    taken_back: bool


class Entry(TypedDict):
    """One time a trait was said. `old` and `new`: the value that counted before and after.

    `by`: who edited it by hand. `event`: what said it; `id` is its place in the log.
    """

    id: str
    at: str
    received_at: str
    source: str
    event: str
    by: str
    reason: str
    said: Any
    old: Any
    new: Any


class History(TypedDict):
    """A trait as it is, and every time it was said, newest first.

    `complete`: every fact was looked at; else only the newest.
    """

    name: str
    value: Any
    source: str | None
    at: str | None
    rule: dict[str, Any]
    words: list[Word]
    items: list[Entry]
    complete: bool


class AsOf(TypedDict):
    """A person as of a moment, by who is who and the rules of now."""

    id: str
    as_of: str
    traits: dict[str, model.TraitLine]
    events: model.Events
    first_seen: str | None
    last_seen: str | None
    touches: model.Touches | None
    audiences: list[model.AudienceLink]


def history(
    conn: Connection, viewer: Viewer, ref: str, name: str, limit: int | None = None
) -> History:
    """A trait's history. Raises `NotFound` for somebody unknown, `Invalid` for a limit."""
    rows_max = timelines.rows_of(limit)
    of, states, fragments, key = _subject(conn, viewer, ref)
    precedence = store.current(conn)
    plain = name.encode() if name.isascii() and name.replace("_", "").isalnum() else b""
    found, complete = profiles.facts_of(
        conn, viewer, fragments, limits.trait_facts_max, contains=plain
    )
    said = [(f, v) for f in found for v in _said(f, of, key, name)]
    items = _told(said, name, of, precedence)
    held = merge.trait(states, name)
    return {
        "name": name,
        "value": None if held is None else held.value,
        "source": None if held is None else precedence.named(held.source_id),
        "at": None if held is None else clock.iso(held.at_ms),
        "rule": dump(precedence.rule(of, name)),
        "words": _words(states, name, held, precedence),
        "items": items[::-1][:rows_max],
        "complete": complete,
    }


def _subject(
    conn: Connection, viewer: Viewer, ref: str
) -> tuple[Kind, Sequence[profiles.State], list[int], str]:
    """Kind, states, the fragments whose facts may say traits, and an account's key."""
    if timelines.is_account(ref):
        row = accounts.find(conn, viewer, ref)
        fragments = profiles.account_fragments(conn, viewer, row["id"])
        return "account", profiles.account_states(conn, viewer, row["id"]), fragments, row["key"]
    person_id = people.find(conn, viewer, ref)
    states = profiles.states_of(conn, viewer, [person_id]).get(person_id, [])
    return "person", states, rows.fragments_of_person(conn, person_id), ""


def _said(fact: facts.Fact, of: Kind, key: str, name: str) -> Iterable[Any]:
    """What a fact says of the trait: nothing or one value."""
    if of == "person":
        if fact.kind != "group" and name in fact.traits:
            yield fact.traits[name]
        return
    about = fact.home.namespace == "account_id" or (fact.kind == "group" and fact.account == key)
    if not about:
        return
    changes = fact.properties.get("changes")
    if fact.category == "crm" and isinstance(changes, dict):
        change = changes.get(name)
        if isinstance(change, list) and len(change) == 2:
            yield change[1]
    elif name in fact.traits:
        yield fact.traits[name]


def _told(
    said: Iterable[tuple[facts.Fact, Any]], name: str, of: Kind, precedence: Precedence
) -> list[Entry]:
    state = profiles.State()
    out: list[Entry] = []
    for fact, value in sorted(said, key=lambda s: (s[0].at_ms, s[0].pos)):
        before = state.traits.get(name)
        one = msgspec.structs.replace(fact, traits={name: value})
        fold.fold_traits(state, one, precedence, of)
        after = state.traits.get(name)
        by_hand = fact.category == "crm" and fact.name == EDITED
        out.append(
            {
                "id": str(fact.pos),
                "at": clock.iso(fact.at_ms) or "",
                "received_at": clock.iso(fact.received_ms) or "",
                "source": precedence.named(profiles.precedence.origin_of(fact)),
                "event": fact.name,
                "by": str(fact.properties.get("by", "")) if by_hand else "",
                "reason": str(fact.properties.get("reason", "")) if by_hand else "",
                "said": value,
                "old": None if before is None else before.value,
                "new": None if after is None else after.value,
            }
        )
    return out


def _words(
    states: Iterable[profiles.State],
    name: str,
    held: profiles.Trait | None,
    precedence: Precedence,
) -> list[Word]:
    found = merge.words(states, name).values()
    ranked = sorted(found, key=lambda w: (w.priority, w.at_ms), reverse=True)
    return [
        {
            "source": precedence.named(word.source_id),
            "value": word.value,
            "at": clock.iso(word.at_ms) or "",
            "counts": held is not None and word.source_id == held.source_id,
            "taken_back": word.source_id == HAND and word.value is None,
        }
        for word in ranked
    ]


def as_of(conn: Connection, viewer: Viewer, ref: str, moment: str) -> AsOf:
    """A person as of a moment: what had happened by then.

    Raises `NotFound`, and `Invalid` for a moment that can't be read or has too many facts before.
    """
    try:
        at_ms = clock.from_datetime(datetime.fromisoformat(moment.strip().replace(" ", "+")))
    except (ValueError, OverflowError):
        remedy = "Send a time in ISO 8601: 2026-11-23T20:00:00Z."
        fault = errors.Fault("as_of", f"`{moment[:40]}` is not a time.", remedy)
        raise errors.Invalid(fault) from None
    person_id = people.find(conn, viewer, ref)
    fragments = rows.fragments_of_person(conn, person_id)
    precedence = store.current(conn)
    most = limits.trait_facts_max
    found, complete = profiles.facts_of(conn, viewer, fragments, most, until_ms=at_ms)
    if not complete:
        remedy = "Ask the lake (docs/operations/lake.md), which holds them all."
        raise errors.Invalid(errors.Fault("as_of", f"has more than {most:,} facts before.", remedy))
    names: dict[str, int] = {}
    state = profiles.State()
    for fact in found:
        fold.fold(state, fact, names.setdefault(fact.name, len(names) + 1), ())
        if fact.traits and fact.kind != "group":
            fold.fold_traits(state, fact, precedence)
    view = merge.view([state], {number: name for name, number in names.items()})
    keys = rows.source_keys(conn)
    return {
        "id": ids.api_id("per", person_id),
        "as_of": clock.iso(at_ms) or "",
        "traits": lines.traits(view.traits, keys),
        "events": lines.events(view),
        "first_seen": clock.iso(view.first_ms),
        "last_seen": clock.iso(view.last_ms),
        "touches": lines.touches(view.touches, keys),
        "audiences": lines.audiences(own.audiences_at(conn, "person", person_id, at_ms)),
    }
