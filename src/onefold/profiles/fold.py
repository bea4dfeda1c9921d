"""Folding one fact into its fragment's state. Pure but for the state it changes.

Of a trait the latest word of each origin is kept, and the one that counts beside them: who comes
first is a rule (profiles/precedence), and of equals the later time wins, and of two values with the
same time the one whose JSON sorts last, so that order of arrival never matters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from onefold.kernel import clock, facts, limits
from onefold.profiles.model import Buckets, State, Touch, Trait, pair
from onefold.profiles.precedence import DEFAULT, HAND, Precedence, origin_of
from onefold.profiles.precedence.rules import Kind


class Rule(Protocol):
    """How a leaf folds that is more than a plain count (audiences/folding.py)."""

    @property
    def bucket(self) -> Callable[[int], int | None]:
        """From a fact's time to its bucket; None: outside."""
        ...

    @property
    def merge(self) -> Callable[[Any, Any], Any]:
        """A bucket's cell, or None, and one more; the first may be changed."""
        ...

    def cell(self, fact: facts.Fact) -> Any:
        """What the fact adds, or None."""
        ...

    def day(self, bucket: int) -> int | None:
        """The UTC day of a bucket; None for what belongs to no day."""
        ...

    def join(self, parts: Sequence[dict[int, Any]]) -> dict[int, Any]:
        """Several states as one."""
        ...

    def prune(self, buckets: dict[int, Any], now_ms: int) -> None:
        """Drop what no window can see any more."""
        ...

    def bound(self, buckets: dict[int, Any]) -> None:
        """Back to the limits."""
        ...


class LeafFold(msgspec.Struct, frozen=True):
    """How one leaf folds: its id, whether accounts share it, bucket size and property filter.

    `keep`: buckets that its window spans, 0 for ever; `definitions`: ids of those that count it;
    `rule`: of a leaf that is more than a plain count.
    """

    id: int
    key: str
    shared: bool
    size_ms: int
    keep: int
    match: Callable[[Mapping[str, Any]], bool] | None
    definitions: frozenset[int] = frozenset()
    rule: Rule | None = None


def wins(new: Trait, old: Trait | None) -> bool:
    """Does `new` replace `old`? Total order, so that merging is order-independent."""
    if old is None:
        return True
    if new.priority != old.priority:
        return new.priority > old.priority
    if new.at_ms != old.at_ms:
        return new.at_ms > old.at_ms
    if new.value == old.value and type(new.value) is type(old.value):
        return new.source_id > old.source_id
    return msgspec.json.encode(new.value) > msgspec.json.encode(old.value)


def fold(state: State, fact: facts.Fact, name_id: int, seen: Sequence[int]) -> bool:
    """Fold everything but leaves and traits' owners; True when what says of accounts changed.

    That is the groups, what identifiers were carried, and since when.

    For a group call the fact's traits belong to the account and are folded there.
    """
    at = fact.at_ms
    changed = False
    if fact.category not in facts.OURS:  # what we did ourselves is no sign of the customer
        if at < state.first_ms:
            state.first_ms = at
            changed = True
        state.last_ms = max(state.last_ms, at)
    state.events += 1
    names = state.names
    if name_id in names or len(names) < limits.event_names_fragment_max:
        names[name_id] = names.get(name_id, 0) + 1
    else:
        names[0] = names.get(0, 0) + 1
    if seen and _carry(state, seen, at):
        changed = True
    state.tail += pair(at, fact.pos)
    if fact.campaign is not None:
        new = Touch(at, fact.campaign, fact.source_id)
        state.touches = list(first_and_last([*state.touches, new]))
    if fact.account is not None and fact.home.namespace != "account_id":
        group = state.groups.get(fact.account)
        if group is None:
            state.groups[fact.account] = [at, at]
            changed = True
        elif at > group[1]:
            group[1] = at
        elif at < group[0]:
            group[0] = at
            changed = True
    return changed


def first_and_last(touches: Sequence[Touch]) -> tuple[Touch, ...]:
    """The earliest and the latest, or the one that is both.

    Of two at the same time the one whose JSON sorts outermost, so that order never matters.
    """
    if not touches:
        return ()
    first, last = min(touches, key=_moment), max(touches, key=_moment)
    return (first,) if first == last else (first, last)


def _moment(touch: Touch) -> tuple[int, bytes, int]:
    return touch.at_ms, msgspec.json.encode(touch.campaign, order="sorted"), touch.source_id


def _carry(state: State, seen: Sequence[int], at: int) -> bool:
    """Widen the time over which the fragment's facts carried these identifiers.

    True when one was never carried before, or not so early.
    """
    changed = False
    for identifier_id in seen:
        span = state.seen.get(identifier_id)
        if span is None:
            if len(state.seen) < limits.identifiers_seen_fragment_max:
                state.seen[identifier_id] = [at, at]
                changed = True
        elif at > span[1]:
            span[1] = at
        elif at < span[0]:
            span[0] = at
            changed = True
    return changed


def fold_traits(
    state: State, fact: facts.Fact, precedence: Precedence = DEFAULT, of: Kind = "person"
) -> list[str]:
    """Fold the fact's traits; the names whose winning value changed."""
    changed: list[str] = []
    traits = state.traits
    origin = fact.source_id or origin_of(fact)
    ranks = precedence.default
    priority = ranks[origin] if origin in ranks else ranks.learn(origin, fact.category)
    own = precedence.own[of]
    for name, value in fact.traits.items():
        if own and name in own:
            ranks = own[name]
            rank = ranks[origin] if origin in ranks else ranks.learn(origin, fact.category)
        else:
            rank = priority
        new = Trait(value, rank, fact.at_ms, origin)
        old = traits.get(name)
        if origin != HAND:
            if old is not None and old.source_id == origin:
                if later(new, old):  # the same source again: nearly always
                    traits[name] = new
                    if old.value != value:
                        changed.append(name)
                    if rank != old.priority:  # the rules changed since
                        _settle(state, name, _words(state, name))
                continue
            if old is None and name not in state.others:
                if len(traits) < limits.traits_fragment_max:
                    traits[name] = new
                    changed.append(name)
                continue
        if _weigh(state, name, new):
            changed.append(name)
    return changed


def later(new: Trait, old: Trait) -> bool:
    """Does a word of the same origin replace the one before?"""
    if new.at_ms != old.at_ms:
        return new.at_ms > old.at_ms
    return msgspec.json.encode(new.value) > msgspec.json.encode(old.value)


def taken_back(trait: Trait) -> bool:
    """Is it the word that takes an edit by hand back? Then what others say counts."""
    return trait.source_id == HAND and trait.value is None


def elect(words: Iterable[Trait]) -> Trait | None:
    """The word that counts."""
    best: Trait | None = None
    for word in words:
        if not taken_back(word) and wins(word, best):
            best = word
    return best


def _words(state: State, name: str) -> dict[int, Trait]:
    """The latest word of each origin."""
    words = {t.source_id: t for t in state.others.get(name, ())}
    held = state.traits.get(name)
    if held is not None:
        words[held.source_id] = held
    return words


def _weigh(state: State, name: str, new: Trait) -> bool:
    """Take up a word where another origin has one; True when the value that counts changed."""
    words = _words(state, name)
    if not words and len(state.traits) >= limits.traits_fragment_max:
        return False
    mine = words.get(new.source_id)
    if mine is not None and not later(new, mine):
        return False
    words[new.source_id] = new
    before = state.traits.get(name)
    _settle(state, name, words)
    after = state.traits.get(name)
    return (before is None) is not (after is None) or (
        before is not None and after is not None and before.value != after.value
    )


def _settle(state: State, name: str, words: dict[int, Trait]) -> None:
    """Keep the word that counts, and beside it those of the others, the newest of too many."""
    best = elect(words.values())
    rest = [t for t in words.values() if t is not best]
    if best is None:
        state.traits.pop(name, None)
    else:
        state.traits[name] = best
    if rest:
        rest.sort(key=lambda t: (t.at_ms, t.source_id), reverse=True)
        state.others[name] = rest[: limits.trait_origins_max]
    else:
        state.others.pop(name, None)


def decide_again(state: State, precedence: Precedence, of: Kind) -> list[str]:
    """Decide every trait by these rules; names whose word that counts, or its rank, changed."""
    changed: list[str] = []
    for name in [*state.traits, *(n for n in state.others if n not in state.traits)]:
        ranks = precedence.ranks(of, name)
        words = {
            origin: word._replace(priority=ranks.get(origin, 0))
            for origin, word in _words(state, name).items()
        }
        before = state.traits.get(name)
        _settle(state, name, words)
        if state.traits.get(name) != before:
            changed.append(name)
    return changed


Touched = tuple[LeafFold, int, Any]  # a leaf that took a fact, the bucket, what was added


def fold_leaves(state: State, fact: facts.Fact, leaves: Sequence[LeafFold]) -> list[Touched]:
    """Add the fact to each leaf that takes it."""
    touched: list[Touched] = []
    for leaf in leaves:
        if leaf.rule is not None:
            _fold_by_rule(state, fact, leaf, leaf.rule, touched)
            continue
        if leaf.match is not None and not leaf.match(fact.properties):
            continue
        bucket = fact.at_ms // leaf.size_ms if leaf.size_ms else 0
        buckets = _buckets(state, fact, leaf)
        buckets[bucket] = buckets.get(bucket, 0) + 1
        if leaf.keep and len(buckets) > leaf.keep:
            prune(buckets, leaf, fact.received_ms)
        touched.append((leaf, bucket, 1))
    return touched


def _buckets(state: State, fact: facts.Fact, leaf: LeafFold) -> Buckets:
    if leaf.shared:
        return state.shares.setdefault(leaf.id, {}).setdefault(fact.account or "", {})
    return state.leaves.setdefault(leaf.id, {})


def _fold_by_rule(
    state: State, fact: facts.Fact, leaf: LeafFold, rule: Rule, touched: list[Touched]
) -> None:
    cell = rule.cell(fact)
    bucket = None if cell is None else rule.bucket(fact.at_ms)
    if bucket is None:
        return
    buckets = _buckets(state, fact, leaf)
    buckets[bucket] = rule.merge(buckets.get(bucket), cell)
    rule.bound(buckets)
    if leaf.keep and len(buckets) > leaf.keep:
        rule.prune(buckets, fact.received_ms)
    touched.append((leaf, bucket, cell))


def prune(buckets: Buckets, leaf: LeafFold, now_ms: int) -> None:
    """Drop buckets that no window can count any more; time only moves on."""
    if leaf.rule is not None:
        leaf.rule.prune(buckets, now_ms)
        return
    oldest = now_ms // leaf.size_ms - leaf.keep
    for bucket in [b for b in buckets if b <= oldest]:
        del buckets[bucket]


def day_of(leaf: LeafFold, bucket: int) -> int | None:
    """The UTC day that a bucket of an account's leaf is in."""
    if leaf.rule is not None:
        return leaf.rule.day(bucket)
    return bucket * leaf.size_ms // clock.DAY_MS
