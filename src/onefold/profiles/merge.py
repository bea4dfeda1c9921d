"""A person is the merge of its fragments: commutative, associative, and free to undo."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from onefold.kernel import clock
from onefold.profiles.fold import LeafFold, day_of, elect, first_and_last, later, wins
from onefold.profiles.model import Buckets, PersonView, State, Trait
from onefold.profiles.precedence import HAND

Spans = Sequence[tuple[int, str]]  # (from_ms, account key, "" for none), by time


def trait(states: Collection[State], name: str) -> Trait | None:
    """The winning value of a trait."""
    best: Trait | None = None
    for state in states:
        new = state.traits.get(name)
        if new is not None and wins(new, best):
            best = new
    if best is not None and best.source_id == HAND and len(states) > 1:
        return _unless_taken_back(states, name)
    return best


def traits(states: Collection[State]) -> dict[str, Trait]:
    """All winning traits."""
    out: dict[str, Trait] = {}
    for state in states:
        for name, new in state.traits.items():
            if wins(new, out.get(name)):
                out[name] = new
    if len(states) > 1:
        for name in [name for name, found in out.items() if found.source_id == HAND]:
            left = _unless_taken_back(states, name)
            if left is None:
                del out[name]
            else:
                out[name] = left
    return out


def words(states: Iterable[State], name: str) -> dict[int, Trait]:
    """The latest word of each origin on a trait."""
    out: dict[int, Trait] = {}
    for state in states:
        held = state.traits.get(name)
        for word in [*state.others.get(name, ()), *([] if held is None else [held])]:
            old = out.get(word.source_id)
            if old is None or later(word, old):
                out[word.source_id] = word
    return out


def _unless_taken_back(states: Iterable[State], name: str) -> Trait | None:
    """The word that counts when one by hand would: another fragment may have taken it back."""
    return elect(words(states, name).values())


def carried(parts: Iterable[Mapping[int, list[int]]]) -> dict[int, tuple[int, int]]:
    """First and last times by key, over all parts."""
    out: dict[int, tuple[int, int]] = {}
    for part in parts:
        for key, (first, last) in part.items():
            old = out.get(key)
            out[key] = (first, last) if old is None else (min(first, old[0]), max(last, old[1]))
    return out


def groups(states: Iterable[State]) -> dict[str, tuple[int, int]]:
    """Account key → first and last time a fact put the person in it."""
    out: dict[str, tuple[int, int]] = {}
    for state in states:
        for key, (first, last) in state.groups.items():
            old = out.get(key)
            out[key] = (first, last) if old is None else (min(first, old[0]), max(last, old[1]))
    return out


def account_on(spans: Spans, day: int) -> str | None:
    """The account that a person's facts of a UTC day belong to, where they name none: whose span
    the day ends in, the first's before any began. Usage goes by the same rule.
    """
    found: str | None = spans[0][1] if spans else None
    end_ms = (day + 1) * clock.DAY_MS
    for from_ms, key in spans:
        if from_ms >= end_ms:
            break
        found = key
    return found


def buckets(states: Iterable[State], leaf: LeafFold) -> Buckets:
    """A person's buckets of a leaf: the merge over fragments."""
    found = [s.leaves[leaf.id] for s in states if leaf.id in s.leaves]
    return found[0] if len(found) == 1 else _join(found, leaf)


def shared_buckets(
    people: Iterable[tuple[Sequence[State], Spans]],
    leaf: LeafFold,
    account: str,
    also: Sequence[str] = (),
) -> Buckets:
    """An account's buckets of a leaf: facts that name it, and unnamed ones of its members then.

    `also`: keys of accounts that turned out to be it; facts may name them.
    """
    parts: list[Buckets] = []
    for states, spans in people:
        for state in states:
            shares = state.shares.get(leaf.id)
            if not shares:
                continue
            parts += [shares[key] for key in (account, *also) if key in shares]
            if "" in shares:
                parts.append(_owned(shares[""], spans, leaf, account))
    return _join(parts, leaf)


def _owned(found: Buckets, spans: Spans, leaf: LeafFold, account: str) -> Buckets:
    if len(spans) == 1:
        return found if spans[0][1] == account else {}
    out: Buckets = {}
    for bucket, cell in found.items():
        day = day_of(leaf, bucket)
        if day is None or account_on(spans, day) == account:
            out[bucket] = cell
    return out


def _join(parts: Sequence[Buckets], leaf: LeafFold) -> Buckets:
    if leaf.rule is not None:
        return leaf.rule.join(parts)
    out: Buckets = {}
    for part in parts:
        for bucket, n in part.items():
            out[bucket] = out.get(bucket, 0) + n
    return out


def view(states: Sequence[State], names: Mapping[int, str]) -> PersonView:
    """Everything at once, as pages and API show it."""
    live = [s for s in states if s.events]
    by_name: dict[str, int] = {}
    for state in live:
        for name_id, n in state.names.items():
            name = names.get(name_id, "(other)")
            by_name[name] = by_name.get(name, 0) + n
    return PersonView(
        traits=traits(states),
        events_total=sum(s.events for s in live),
        by_name=by_name,
        first_ms=min((s.first_ms for s in live if s.was_seen), default=None),
        last_ms=max((s.last_ms for s in live if s.was_seen), default=None),
        groups=groups(live),
        seen=carried(s.seen for s in live),
        touches=first_and_last([touch for s in live for touch in s.touches]),
    )
