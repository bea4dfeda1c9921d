"""Definitions arranged for the hot path: which leaves an event feeds, whom a change can touch."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from onefold.audiences.model import (
    AccountTrait,
    Chain,
    Count,
    Deal,
    Definition,
    Kind,
    Leaf,
    Measure,
    Member,
    Owner,
    Related,
    Since,
    Tickets,
    Touch,
    Trait,
    walk_of,
)

K = TypeVar("K")


class Index:
    """Look-ups over (audience id, definition) pairs. Sets hold audience ids.

    leaves             key → leaf, each distinct leaf once
    touched_by_leaf    leaf key → definitions that count it
    touched_by_trait   (whose, name) → definitions that read it
    touched_by_crm     whose → definitions that read their tickets or owners
    touched_by_touch   definitions that read campaigns
    touched_by_member  audience key → definitions that read its rows
    related            "person" → account definitions that ask about people, "account" → the mirror
    by_kind            "person" and "account" → definitions of them
    """

    def __init__(self, definitions: Sequence[tuple[int, Definition]]) -> None:
        leaves: dict[str, Leaf] = {}
        by_leaf: dict[str, set[int]] = {}
        by_trait: dict[tuple[Kind, str], set[int]] = {}
        by_member: dict[str, set[int]] = {}
        crm: dict[Kind, set[int]] = {"person": set(), "account": set()}
        related: dict[Kind, set[int]] = {"person": set(), "account": set()}
        touch: set[int] = set()
        kinds: dict[Kind, set[int]] = {"person": set(), "account": set()}
        for audience_id, definition in definitions:
            kinds[definition.of].add(audience_id)
            for node, of in walk_of(definition.where, definition.of):
                match node:
                    case Count() | Measure() | Since() | Chain():
                        leaf = node.leaf
                        leaves.setdefault(leaf.key, leaf)
                        by_leaf.setdefault(leaf.key, set()).add(audience_id)
                    case Trait(name=name):
                        by_trait.setdefault((of, name), set()).add(audience_id)
                    case AccountTrait(name=name):
                        by_trait.setdefault(("account", name), set()).add(audience_id)
                    case Tickets() | Owner() | Deal():
                        crm[of].add(audience_id)
                    case Touch():
                        touch.add(audience_id)
                    case Related(of=whose):
                        related[whose].add(audience_id)
                    case Member(key=key, by_row=True):
                        by_member.setdefault(key, set()).add(audience_id)
        self.leaves = leaves
        self.touched_by_leaf = _frozen(by_leaf)
        self.touched_by_trait = _frozen(by_trait)
        self.touched_by_crm = _frozen(crm)
        self.touched_by_touch = frozenset(touch)
        self.touched_by_member = _frozen(by_member)
        self.related = _frozen(related)
        self.by_kind = _frozen(kinds)
        self._any_event = tuple(leaf for leaf in leaves.values() if None in leaf.events)
        self._by_event: dict[str, tuple[Leaf, ...]] = {}
        for leaf in leaves.values():
            for event in {e for e in leaf.events if e is not None}:
                found = self._by_event.get(event, self._any_event)
                self._by_event[event] = (*found, leaf)
            leaf.match  # noqa: B018, compiles the predicate now rather than within a batch

    def leaves_for(self, event_name: str) -> tuple[Leaf, ...]:
        """The leaves that may count such an event; `leaf.match` decides for those with `where`."""
        return self._by_event.get(event_name, self._any_event)


def _frozen(sets: Mapping[K, set[int]]) -> dict[K, frozenset[int]]:
    return {key: frozenset(ids) for key, ids in sets.items()}
