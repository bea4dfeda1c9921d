"""The frozen types of the ladder."""

from enum import IntEnum
from typing import Literal, NamedTuple

import msgspec

Kind = Literal["member", "not_member", "primary", "merge", "domain", "not_domain"]
Outcome = Literal[
    "attached", "agrees", "outranked", "cut", "several", "unsure", "unknown", "made",
    "free", "disposable", "shared", "reserved", "own",
]  # fmt: skip


class Rung(IntEnum):
    """What says that a person is in an account, the strongest first.

    GROUP and CRM name the account by its id and stand side by side; of the others a rung is asked
    only when nothing above it speaks. HAND adds to what the ladder finds and silences nothing.
    """

    HAND = 0
    GROUP = 1
    CRM = 2
    REGISTRY = 3
    EMAIL = 4
    WEBSITE = 5
    NAME = 6


CONFIDENCE = {
    Rung.HAND: 1.0,
    Rung.GROUP: 1.0,
    Rung.CRM: 1.0,
    Rung.REGISTRY: 0.99,
    Rung.EMAIL: 0.95,
    Rung.WEBSITE: 0.85,
    Rung.NAME: 0.8,
}
NAME_AND_PLACE = 0.9  # a name in the same country and city


class Clue(NamedTuple):
    """What of a person's facts points to an account.

    value     the account's key, a registry id (`vat:de123`), a domain, or a name in normal form
    first_ms  since when
    until_ms  no longer since then; None: still
    place     of a name: legal form, country and city as far as known
    current   of an e-mail address: it is the one in use
    """

    rung: Rung
    value: str
    first_ms: int
    until_ms: int | None = None
    place: str = ""
    current: bool = True


class Claim(NamedTuple):
    """That an account can be found by a domain, a registry id or a name. `key` is the account's.

    `strength`: who says so; see directory.STRENGTH. `top`: no other claimant is above it.
    """

    key: str
    strength: int
    place: str = ""
    top: bool = True


class Read(NamedTuple):
    """A clue and what became of it; `key`: the account it points to, if it is one."""

    clue: Clue
    outcome: Outcome
    key: str | None = None


class Membership(msgspec.Struct, frozen=True):
    """That a person is, or was, in an account. `until_ms` None: still."""

    key: str
    since_ms: int
    until_ms: int | None
    rung: Rung
    confidence: float
    role: str = ""


class Ladder(msgspec.Struct, frozen=True):
    """What the ladder answers for one person.

    memberships  by the time of joining, then key
    primary      the key of the account that lists show, or None
    spans        (from_ms, key) of facts that name no account; key "" for nobody's
    read         every clue, with what became of it
    """

    memberships: tuple[Membership, ...] = ()
    primary: str | None = None
    spans: tuple[tuple[int, str], ...] = ()
    read: tuple[Read, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """A decision of a person on accounts.

    kind  member (with role and dates), not_member, primary: of `namespace:value` in `account_key`;
          merge: `account_key` is the account `value`; domain, not_domain: the domain `value` is
          the account's, or is not
    """

    id: int
    kind: Kind
    account_key: str
    namespace: str
    value: str
    role: str
    from_ms: int | None
    until_ms: int | None
    reason: str
    actor: str
    actor_name: str
    at_ms: int
    undone_by: str | None = None
    undone_by_name: str | None = None
    undone_reason: str | None = None
    undone_ms: int | None = None
    replaced_by: int | None = None
    pending: bool = True
    taken_ms: int | None = None

    @property
    def in_force(self) -> bool:
        """Whether it counts."""
        return self.undone_ms is None and self.replaced_by is None
