"""The definitions in force, arranged for the hot path.

Rebuilt when `audiences.revision` moves. A leaf that account definitions read is folded by account
share as well; one that only people's definitions read is not.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from onefold import audiences
from onefold.profiles.fold import LeafFold
from onefold.storage import Connection

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
    needs_crm: bool


class Catalog:
    """All definitions, by what can touch them.

    `people` and `accounts` are the ids of those that are evaluated; one that is building is folded
    but not asked until its leaves are filled.
    """

    def __init__(self, loaded: audiences.Catalog) -> None:
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
                needs_crm=a.id in self.index.touched_by_crm,
            )
            for a in alive
        }
        ready = {a.id for a in alive if a.status == "live"}
        self.people = self.index.by_kind["person"] & ready
        self.accounts = self.index.by_kind["account"] & ready
        self.leaves = {leaf.key: leaf for leaf in loaded.leaves}
        self.leaf_ids = {key: leaf.id for key, leaf in self.leaves.items()}
        self._folds: dict[str, tuple[LeafFold, ...]] = {}
        self._shared = {
            fold.key: fold
            for leaf in self.index.leaves.values()
            for fold in self._fold(leaf)
            if fold.shared
        }

    def folds(self, event_name: str) -> tuple[LeafFold, ...]:
        """How a fact of this name folds into leaves."""
        found = self._folds.get(event_name)
        if found is None:
            found = tuple(
                fold for leaf in self.index.leaves_for(event_name) for fold in self._fold(leaf)
            )
            if len(self._folds) > 10_000:
                self._folds.clear()
            self._folds[event_name] = found
        return found

    def _fold(self, leaf: audiences.Leaf) -> list[LeafFold]:
        size_ms = audiences.bucket_ms(leaf.window_ms)
        keep = -(-leaf.window_ms // size_ms) if leaf.window_ms else 0
        by = self.index.touched_by_leaf[leaf.key]
        return [
            LeafFold(
                id=self.leaf_ids[leaf.key],
                key=leaf.key,
                shared=shared,
                size_ms=size_ms if leaf.window_ms else 0,
                keep=keep,
                match=leaf.match if leaf.where else None,
                definitions=by,
            )
            for shared in (False, True)
            if by & self.index.by_kind["account" if shared else "person"]
        ]

    def holds(self, leaf_key: str, pos: int) -> bool:
        """Is a fact of an earlier batch in the leaf already, live or by the backfill so far?"""
        leaf = self.leaves[leaf_key]
        return leaf.live_pos is not None and (pos > leaf.live_pos or pos <= leaf.filled_pos)

    @property
    def shared_leaves(self) -> Iterable[LeafFold]:
        """Every account leaf."""
        return self._shared.values()

    def shared(self, leaf_key: str) -> LeafFold:
        """How an account leaf folds."""
        return self._shared[leaf_key]

    def touched_by_traits(self, names: list[str], of: Kind) -> set[int]:
        """Definitions of people or accounts that read any of their own traits `names`."""
        kind = self.index.by_kind[of]
        out: set[int] = set()
        for name in names:
            out |= self.index.touched_by_trait.get(name, NONE) & kind
        return out

    def touched_by_account_traits(self, names: list[str]) -> set[int]:
        """People's definitions that read their account's traits `names`."""
        out: set[int] = set()
        for name in names:
            out |= self.index.touched_by_account_trait.get(name, NONE)
        return out


def load(conn: Connection) -> Catalog:
    """The catalogue as committed now."""
    return Catalog(audiences.load(conn))


def changed(conn: Connection, catalog: Catalog) -> bool:
    """Has a definition been created, changed or deleted since?"""
    return audiences.revision(conn) != catalog.revision
