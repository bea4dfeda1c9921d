"""From people to records: whoever changed is read again, and what no longer is goes.

Pairs settle here too: when facts made two people one, or somebody decided about them elsewhere,
nobody is asked any more.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any

from onefold import identity, profiles
from onefold.identity import likeness, review
from onefold.kernel import limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import SYSTEM
from onefold.record.matching import store
from onefold.storage import Connection, fold_name, jobs

_OVERLAP_MS = 30_000  # a row may be committed this much later than it says
_TICKET, _TASK = 2.0, 1.0  # what an open one adds to the impact


def gather(running: jobs.Running, conn: Connection, now_ms: int) -> int:
    """Read everybody who changed since the last time, committing as it goes; how many did.

    Pairs of those whose grouping changed settle with it.
    """
    setting = likeness.store.setting(conn)
    rows = store.changed(conn, setting.seen_ms - _OVERLAP_MS)
    upto, moved = store.journal(conn, setting.seen_journal)
    conn.commit()
    count = 0
    for first in range(0, len(rows), limits.match_gather_chunk):
        chunk = rows[first : first + limits.match_gather_chunk]
        count += read(conn, [person for person, _ in chunk])
        likeness.store.change_setting(conn, seen_ms=chunk[-1][1])
        conn.commit()
        running.check()
    found = sorted(moved)
    for first in range(0, len(found), limits.match_gather_chunk):
        part = found[first : first + limits.match_gather_chunk]
        count += read(conn, part)
        settle(conn, part, now_ms)
        conn.commit()
        running.check()
    if upto != setting.seen_journal:
        likeness.store.change_setting(conn, seen_journal=upto)
        conn.commit()
    return count


def read(conn: Connection, person_ids: Sequence[int]) -> int:
    """Make these people's records as they are now; how many changed. Their pairs follow."""
    values = identity.values_of(conn, SYSTEM, person_ids)
    states = profiles.states_of(conn, SYSTEM, person_ids)
    accounts = store.accounts(conn, person_ids)
    worth = _mrr(conn, {key for _, _, key in accounts.values()})
    contacts = identity.contacts_of(conn, SYSTEM, person_ids)
    work = store.work(conn, [c for found in contacts.values() for c in found])
    known = likeness.store.digests(conn, person_ids)
    rules = identity.namespaces.current(conn)
    made: list[tuple[likeness.Record, bytes]] = []
    gone: list[int] = []
    for person in person_ids:
        anchor = _anchor(values.get(person, ()), rules)
        if anchor is None or person not in states:
            gone.append(person)
            continue
        _, account, key = accounts.get(person, (0, "", ""))
        fields, names = _fields(values[person], states[person], account or key)
        hung = [work[c] for c in contacts.get(person, ()) if c in work]
        why = _why(states[person], hung, worth.get(key, 0.0))
        impact = _impact(why)
        record = likeness.Record(person, anchor, fields, names, impact, why)
        digest = likeness.fields.digest(
            record.fields, [str(anchor)], record.names, [str(round(impact))]
        )
        if known.get(person) != digest:
            made.append((record, digest))
    if made:
        comparable = likeness.keys.records_of([r.fields for r, _ in made])
        found = likeness.keys.keys_of(comparable)
        keys = {r.person_id: k for (r, _), k in zip(made, found, strict=True)}
        likeness.store.put(conn, made, keys)
    likeness.store.drop(conn, [person for person in gone if person in known])
    return len(made)


def settle(conn: Connection, person_ids: Collection[int], now_ms: int) -> int:
    """Take pairs of these people off the queue that facts have answered; how many."""
    rows = review.store.of_people(conn, person_ids)
    if not rows:
        return 0
    people = review.store.people_of(conn, {end for row in rows for end in row[3:]})
    apart = review.store.apart(conn)
    taken = set(review.store.open_pairs(conn).values())
    reasons: dict[int, str] = {}
    for number, a, b, one, other in rows:
        now = people.get(one), people.get(other)
        if now[0] is None or now[1] is None:
            reasons[number] = "gone"
            continue
        pair = min(now[0], now[1]), max(now[0], now[1])
        if pair[0] == pair[1]:
            reasons[number] = "same"
        elif pair in apart:
            reasons[number] = "apart"
        elif pair != (a, b):
            if pair in taken:
                reasons[number] = "gone"
            else:
                review.store.move(conn, number, *pair)
                taken.add(pair)
    return review.store.settle(conn, reasons, now_ms)


def settle_decided(conn: Connection, now_ms: int) -> int:
    """Take pairs off the queue that a decision made elsewhere keeps apart; how many."""
    apart = review.store.apart(conn)
    pairs = review.store.open_pairs(conn)
    reasons = {number: "apart" for number, pair in pairs.items() if pair in apart}
    return review.store.settle(conn, reasons, now_ms)


def _anchor(values: Sequence[tuple[str, str]], rules: identity.Rules) -> Identifier | None:
    """The strongest identifier of a person; None for somebody known by devices alone."""
    for namespace, value in values:
        if rules.of(namespace).kind == "person":
            return Identifier(namespace, value)
    return None


def _fields(
    values: Sequence[tuple[str, str]],
    states: Sequence[profiles.State],
    account: str,
) -> tuple[dict[str, str], list[str]]:
    """(fields, different names that its parts carry)."""
    traits = {name: t.value for name, t in profiles.merge.traits(states).items()}
    emails = [value for namespace, value in values if namespace == "email"]
    found = likeness.fields.of_traits(traits, emails, account)
    names: dict[str, str] = {}
    for state in states:
        own = likeness.fields.of_traits({n: t.value for n, t in state.traits.items()})
        if {"given", "surname", "name"} & own.keys():
            name = likeness.fields.name_of(own)
            names.setdefault(fold_name(name), name)
    return found, sorted(names.values())


def _why(
    states: Sequence[profiles.State], hung: Sequence[tuple[int, int]], mrr: float
) -> dict[str, float]:
    own = profiles.merge.trait(states, "mrr")
    numbers = {
        "events": float(sum(s.events for s in states if s.was_seen)),
        "tickets": float(sum(t for t, _ in hung)),
        "tasks": float(sum(k for _, k in hung)),
        "mrr": _number(own.value if own else None) or mrr,
    }
    return {name: number for name, number in numbers.items() if number}


def _impact(why: dict[str, float]) -> float:
    """How much depends on who this is; grows with the order of magnitude of events and revenue."""
    grown = math.log10(1 + why.get("events", 0)) + math.log10(1 + why.get("mrr", 0))
    return round(grown + _TICKET * why.get("tickets", 0) + _TASK * why.get("tasks", 0), 3)


def _mrr(conn: Connection, keys: Collection[str]) -> dict[str, float]:
    """Account key → monthly revenue, where tools tell it."""
    fragments = identity.account_fragments_of(conn, keys)
    states = profiles.store.load_states(conn, list(fragments.values()))
    out: dict[str, float] = {}
    for key, fragment in fragments.items():
        trait = states[fragment].traits.get("mrr")
        if trait is not None:
            out[key] = _number(trait.value)
    return out


def _number(value: Any) -> float:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if ok else 0.0
