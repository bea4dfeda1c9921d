"""Folding the facts of a batch into states, and noting whom and which definitions that touches."""

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold import profiles
from onefold.identity.accounts import clues
from onefold.kernel import clock, facts
from onefold.profiles import dirty, fold
from onefold.worker.catalog import Catalog
from onefold.worker.rollups import Pending

_SEEN_STEP_MS = clock.MINUTE_MS  # lists show "last seen" to the minute; finer is not written again
# Traits of group calls, and fields of our own account facts, that are columns of the account.
_ACCOUNT_COLUMNS = ("name", "domain", "industry", "plan")


class Folder:
    """Folds facts into states and notes whom that touches."""

    def __init__(
        self,
        catalog: Catalog,
        states: dict[int, profiles.State],
        names: dict[str, int],
        accounts: dict[str, int],
        marks: dirty.Marks,
        usage: dict[profiles.store.UsageKey, int],
        own: dict[str, int],
        *,
        again: bool = False,
    ) -> None:
        self.catalog = catalog
        self.states = states
        self.names = names
        self.accounts = accounts
        self.marks = marks
        self.usage = usage
        self.own = own
        self.again = again
        self._account_traits: dict[str, None] = {}
        self.pending = Pending()

    def take(self, fact: facts.Fact, fragment: int, person: int, seen: Sequence[int]) -> None:
        """One fact into its fragment, and whom that touches onto the marks."""
        state = self.states[fragment]
        before = state.last_ms // _SEEN_STEP_MS if state.was_seen else None
        name_id = self.names.get(fact.name, 0)
        joined = fold.fold(state, fact, name_id, seen)
        if person == 0:
            self._fold_account(state, fact)
            return
        flags = dirty.VIEW | dirty.GROUPS if joined else 0
        if state.last_ms // _SEEN_STEP_MS != before:
            flags |= dirty.VIEW if before is None else dirty.SEEN
        definitions: set[int] = set()
        if fact.traits and fact.kind != "group":
            names = fold.fold_traits(state, fact, self.catalog.precedence)
            if names:
                flags |= _flags(names)
                definitions |= self.catalog.touched_by_traits(names, "person")
        for leaf, bucket, cell in fold.fold_leaves(state, fact, self._leaves(fact)):
            definitions |= leaf.definitions
            if leaf.shared:
                self.pending.note((person, fact.account, leaf, bucket, cell))
        if fact.campaign is not None:
            definitions |= self.catalog.index.touched_by_touch
        if fact.account and fact.kind == "group":
            self._fold_group(fact, fact.account)
        elif fact.kind == "track":
            flags |= self._count(fact, fragment, name_id)
        if flags or definitions:
            self.marks.add(dirty.PERSON, person, flags, definitions)

    def _leaves(self, fact: facts.Fact) -> Sequence[fold.LeafFold]:
        """The leaves that take the fact; a refold leaves to a backfill what it will still add."""
        leaves = self.catalog.folds(fact.name)
        if not self.again or not leaves:
            return leaves
        return [leaf for leaf in leaves if self.catalog.holds(leaf.key, fact.pos)]

    def _count(self, fact: facts.Fact, fragment: int, name_id: int) -> int:
        """Usage of the product; what our CRM did is no usage, but may be read by definitions."""
        account = self.accounts[fact.account] if fact.account else 0
        if fact.category == "product":
            self.usage[fragment, account, clock.day_of(fact.at_ms), name_id] += 1
        elif fact.category == "crm":
            if account:
                self.marks.add(dirty.ACCOUNT, account, dirty.CRM)
            return dirty.CRM | dirty.GROUPS  # a contact's row says which account it is in
        return 0

    def _fold_group(self, fact: facts.Fact, account: str) -> None:
        """A group call's traits are the account's."""
        own = self.own.get(account)  # a refold of the person leaves the account as it is
        if fact.traits and own is not None:
            names = self._weigh(self.states[own], fact)
            self._mark_account(account, names)

    def _fold_account(self, state: profiles.State, fact: facts.Fact) -> None:
        """A fact at home at the account; what a person edited in the CRM is a trait as well."""
        account = fact.account or fact.home.value
        changes = fact.properties.get("changes")
        names: list[str] = []
        if fact.category == "crm" and isinstance(changes, dict):
            edited = {k: v[1] for k, v in changes.items() if isinstance(v, list) and len(v) == 2}
            names = self._weigh(state, msgspec.structs.replace(fact, traits=edited))
        elif fact.traits:
            names = self._weigh(state, fact)
        self._mark_account(account, names)
        ours = dirty.CRM | dirty.CLAIMS if fact.category == "crm" else dirty.CRM
        self.marks.add(dirty.ACCOUNT, self.accounts[account], ours)

    def trait(self, fact: facts.Fact, state: profiles.State) -> None:
        """Only an account's traits: of its own fact, or of a group call of one of its people."""
        before = dict(state.traits)
        if fact.kind == "group":
            self._weigh(state, fact)
        else:
            self._fold_account(state, fact)
        names = [n for n, trait in state.traits.items() if before.get(n) != trait]
        self._mark_account(fact.account or fact.home.value, names)

    def _weigh(self, state: profiles.State, fact: facts.Fact) -> list[str]:
        """An account's traits by its rules."""
        return fold.fold_traits(state, fact, self.catalog.precedence, "account")

    def decided(self, person: int, account: str, names: list[str]) -> None:
        """Mark whose traits were decided anew: a person's, or an account's by its key."""
        if not person:
            self._mark_account(account, names)
            return
        touched = self.catalog.touched_by_traits(names, "person")
        self.marks.add(dirty.PERSON, person, _flags(names), touched)

    def _mark_account(self, account: str, names: list[str]) -> None:
        if not names:
            return
        if any(n in _ACCOUNT_COLUMNS for n in names):
            self._account_traits[account] = None
        touched = self.catalog.touched_by_traits(names, "account")
        flags = dirty.CLAIMS if any(map(clues.reads, names)) else 0
        self.marks.add(dirty.ACCOUNT, self.accounts[account], flags, touched)

    def account_traits(self, ids: dict[str, int]) -> list[tuple[int, dict[str, Any]]]:
        """(account id, columns) of accounts whose columns follow changed traits."""
        out = []
        for key in self._account_traits:
            if key in self.own:
                traits = self.states[self.own[key]].traits
                columns = {n: traits[n].value for n in _ACCOUNT_COLUMNS if n in traits}
                out.append((ids[key], columns))
        return out


def _flags(names: list[str]) -> int:
    """What a person's changed traits mean for lists and accounts."""
    return dirty.VIEW | (dirty.GROUPS if any(map(clues.reads, names)) else 0)
