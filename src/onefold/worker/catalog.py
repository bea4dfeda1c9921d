"""The definitions in force, arranged for the hot path.

Rebuilt when `audiences.revision` moves. A leaf that account definitions read is folded by account
share as well; one that only people's definitions read is not.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from onefold import audiences
from onefold.profiles import precedence as precedences
from onefold.profiles.fold import LeafFold
from onefold.profiles.precedence import Precedence, store
from onefold.record.folds import fold_of
from onefold.storage import Connection

__all__ = ["Catalog", "Live", "changed", "fold_of", "load"]

NONE: frozenset[int] = frozenset()
Kind = Literal["person", "account"]


class Live(msgspec.Struct, frozen=True):
    """One audience as the worker evaluates it."""

    id: int
    key: str
    name: str
    of: Kind
    definition: audiences.Definition
    evaluate: Callable[[Any, int], tuple[bool, int | None]]


class Catalog:
    """All definitions, by what can touch them.

    `people` and `accounts` are the ids of those that are evaluated; one that is building is folded
    but not asked until its leaves are filled.
    """

    def __init__(
        self, loaded: audiences.Catalog, precedence: Precedence = precedences.DEFAULT
    ) -> None:
        self.precedence = precedence
        self.revision = loaded.revision
        self.gone = [a.id for a in loaded.audiences if a.status == "deleted"]
        alive = [a for a in loaded.audiences if a.status != "deleted"]
        self.building = {a.id: a.version for a in alive if a.status == "building"}
        self.index = audiences.Index([(a.id, a.definition) for a in alive])
        self.live = {
            a.id: Live(
                id=a.id,
                key=a.key,
                name=a.name,
                of=a.of,
                definition=a.definition,
                evaluate=audiences.compile_live(a.definition),
            )
            for a in alive
        }
        ready = {a.id for a in alive if a.status == "live"}
        self.people = self.index.by_kind["person"] & ready
        self.accounts = self.index.by_kind["account"] & ready
        self.ids = {a.key: a.id for a in alive}
        self.listed = frozenset(a.id for a in alive if a.kind != "live")  # whose members are rows
        self.unanswered = {a.id for a in alive if not a.answered}
        asks = self.index.related
        self.through_people = asks["person"] & self.accounts
        self.through_accounts = asks["account"] & self.people
        of_accounts = (
            ids for (whose, _), ids in self.index.touched_by_trait.items() if whose == "account"
        )
        self.through_traits = NONE.union(*of_accounts) & self.index.by_kind["person"]
        self.verdicts = {
            i: [
                (node, audiences.compile_node(node.where))
                for node in audiences.related(self.live[i].definition)
            ]
            for i in self.through_accounts
        }
        self.leaves = {leaf.key: leaf for leaf in loaded.leaves}
        self.leaf_ids = {key: leaf.id for key, leaf in self.leaves.items()}
        self._folds: dict[str, tuple[LeafFold, ...]] = {}
        made = [
            fold_of(leaf, self.leaf_ids[key], self.index.touched_by_leaf[key])
            for key, leaf in self.index.leaves.items()
        ]
        self._made = {fold.key: fold for fold in made}
        self._shared = {fold.key: fold for fold in made if fold.shared}

    def folds(self, event_name: str) -> tuple[LeafFold, ...]:
        """How a fact of this name folds into leaves."""
        found = self._folds.get(event_name)
        if found is None:
            found = tuple(self._made[leaf.key] for leaf in self.index.leaves_for(event_name))
            if len(self._folds) > 10_000:
                self._folds.clear()
            self._folds[event_name] = found
        return found

    def holds(self, leaf_key: str, pos: int) -> bool:
        """Is a fact of an earlier batch in the leaf already, live or by the backfill so far?"""
        leaf = self.leaves[leaf_key]
        return leaf.live_pos is not None and (pos > leaf.live_pos or pos <= leaf.filled_pos)

    def fold(self, leaf_key: str) -> LeafFold:
        """How a leaf folds."""
        return self._made[leaf_key]

    @property
    def shared_leaves(self) -> Iterable[LeafFold]:
        """Every account leaf."""
        return self._shared.values()

    def touched_by_traits(self, names: list[str], whose: Kind) -> set[int]:
        """Definitions that read any of these traits of a person, or of an account."""
        out: set[int] = set()
        for name in names:
            out |= self.index.touched_by_trait.get((whose, name), NONE)
        return out


def load(conn: Connection) -> Catalog:
    """The catalogue as committed now."""
    return Catalog(audiences.load(conn), store.current(conn))


def changed(conn: Connection, catalog: Catalog) -> bool:
    """Has a definition been created, changed or deleted since?"""
    return audiences.revision(conn) != catalog.revision


def weighed_anew(conn: Connection, catalog: Catalog, now_ms: int) -> bool:
    """Let changed rules of precedence hold from here on; were there any? The caller commits."""
    if not store.take_up(conn, now_ms):
        return False
    catalog.precedence = store.current(conn)
    return True
