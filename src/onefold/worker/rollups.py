"""What an account's people add up to, kept current as facts are folded.

An account definition counts events of all the account's people. Summing their states at every
evaluation costs as much as the account is large; so the sum of a leaf is made once
(`merge.shared_buckets`), kept, and moved on with each fact. It is a cache and never the truth: an
account's sums are dropped whenever who belongs to it may have changed, and everything is dropped
after a failed transaction.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from onefold.profiles import fold, merge
from onefold.profiles.fold import LeafFold
from onefold.profiles.model import Buckets

Verdict = tuple[bool, int | None]


class Rollups:
    """Leaf sums by account. `accounts_max` bounds how many accounts are kept."""

    def __init__(self, accounts_max: int) -> None:
        self._accounts_max = accounts_max
        self._sums: dict[str, dict[int, Buckets]] = {}

    def get(self, account: str, leaf_id: int) -> Buckets | None:
        """The sum if it is kept."""
        leaves = self._sums.get(account)
        return leaves.get(leaf_id) if leaves else None

    def put(self, account: str, leaf_id: int, buckets: Buckets) -> None:
        """Keep a sum that was just made."""
        if account not in self._sums and len(self._sums) >= self._accounts_max:
            del self._sums[next(iter(self._sums))]
        self._sums.setdefault(account, {})[leaf_id] = buckets

    def add(self, account: str, leaf: LeafFold, bucket: int, cell: Any) -> None:
        """What one more fact adds, in the sums that are kept."""
        leaves = self._sums.get(account)
        buckets = leaves.get(leaf.id) if leaves else None
        if buckets is None:
            return
        if leaf.rule is None:
            buckets[bucket] = buckets.get(bucket, 0) + cell
        else:
            buckets[bucket] = leaf.rule.merge(buckets.get(bucket), cell)

    def drop(self, accounts: Iterable[str]) -> None:
        """Forget accounts whose people may have changed."""
        for account in accounts:
            self._sums.pop(account, None)

    def clear(self) -> None:
        """Forget everything."""
        self._sums.clear()


class Verdicts:
    """For whom a condition on an account's people, or on a person's accounts, holds.

    `people` of an account: condition → person → (holds, until). A person whose facts changed is
    asked again; whoever belongs to the account may change, then all are. `told` of an account:
    condition → (holds, until) as its people know it, so that they are looked at only when it turns.
    Like the sums it is a cache: dropped when in doubt.
    """

    def __init__(self, accounts_max: int) -> None:
        self._accounts_max = accounts_max
        self._people: dict[str, dict[int, dict[int, Verdict]]] = {}
        self.told: dict[tuple[int, int], Verdict] = {}

    def people(self, account: str, condition: int) -> dict[int, Verdict]:
        """What is known of an account's people; the caller adds to it."""
        if account not in self._people and len(self._people) >= self._accounts_max:
            del self._people[next(iter(self._people))]
        return self._people.setdefault(account, {}).setdefault(condition, {})

    def tell(self, account_id: int, condition: int, verdict: Verdict) -> bool:
        """Note what an account's people are to know; True when that is news."""
        key = account_id, condition
        old = self.told.get(key)
        if old is None and len(self.told) >= self._accounts_max:
            self.told.clear()
        self.told[key] = verdict
        return old is None or old[0] is not verdict[0]

    def ask_again(self, account: str, person: int) -> None:
        """A person's facts changed."""
        for known in self._people.get(account, {}).values():
            known.pop(person, None)

    def drop(self, accounts: Iterable[str]) -> None:
        """Forget accounts whose people may have changed."""
        for account in accounts:
            self._people.pop(account, None)

    def clear(self) -> None:
        """Forget everything."""
        self._people.clear()
        self.told.clear()


class Pending:
    """Facts of a batch that account leaves took, until it is known whose they are.

    A fact that names its account is that account's; another belongs to the account its person was
    in that day (`merge.account_on`).
    """

    def __init__(self) -> None:
        self._notes: list[tuple[int, str | None, LeafFold, int, Any]] = []
        self.note = self._notes.append  # (person, account named, leaf, bucket, what was added)

    def people(self) -> list[int]:
        """Those whose accounts have to be known."""
        return list({person for person, account, *_ in self._notes if not account})

    def settle(
        self, rollups: Rollups, spans: Mapping[int, merge.Spans], aliases: Mapping[str, str]
    ) -> None:
        """Move the sums on. `aliases`: keys of accounts that turned out to be another."""
        for person, named, leaf, bucket, cell in self._notes:
            account = named
            if not account:
                found = spans[person]
                if not found:
                    continue
                account = found[0][1]
                if len(found) > 1:
                    account = merge.account_on(found, fold.day_of(leaf, bucket) or 0)
            elif aliases:
                account = aliases.get(account, account)
            rollups.add(account or "", leaf, bucket, cell)
