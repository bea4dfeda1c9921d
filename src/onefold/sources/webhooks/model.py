"""What passes through a webhook source: a delivery, what it was read as, what was not understood.

    Delivery ── verify ──▶ read ──▶ Reading(Part(Call, …), …) ── envelope ──▶ a log row

A `Call` is one call of the Segment spec before it is written as an item. `asks` and `tells` are
references (`customer:cus_1`, `charge:ch_1`): an event that names only a reference borrows who it is
about from an earlier event that told (a dispute names a charge, the charge named the customer).
"""

from typing import Any, Literal

import msgspec

from onefold.kernel import errors

Kind = Literal["track", "identify", "group", "page", "screen"]


class BadSignature(errors.NotSignedIn):
    """The delivery does not prove that it comes from the vendor."""

    code = "bad_signature"


class Delivery(msgspec.Struct, frozen=True):
    """One HTTP request as it came. Header names are lower case.

    `urls`: the addresses that the sender may have called us by; some vendors sign theirs.
    """

    method: str
    urls: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    now_ms: int


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a payload nobody here has seen becomes calls. Values are JMESPath expressions.

    `header:Name` reads a header, `root:expression` the whole payload when `each` has cut it into
    parts. `names` turns the sender's event names into ours. `properties` and `traits` are either
    one expression that gives an object, or an expression a name.
    """

    type: Kind = "track"
    each: str = ""
    event: str = ""
    names: dict[str, str] = {}
    message_id: str = ""
    time: str = ""
    user_id: str = ""
    anonymous_id: str = ""
    email: str = ""
    account_id: str = ""
    external_ids: dict[str, str] = {}
    properties: str | dict[str, str] = ""
    traits: str | dict[str, str] = ""


class Config(msgspec.Struct, frozen=True):
    """How a source's webhook is set up. Secrets are not in it: they travel beside it."""

    kind: str
    options: dict[str, str] = {}
    mapping: Mapping | None = None


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom a reference stands for, as an earlier event told."""

    user_id: str | None = None
    account_id: str | None = None
    external_ids: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True):
    """One call, with whatever identifiers the payload gives.

    `at`: ISO 8601, seconds or milliseconds since 1970. `account_else`: the vendor's own id of the
    account, for an event that has neither a person nor an account that is known otherwise.
    """

    event: str
    message_id: str = ""
    kind: Kind | Literal["merge"] = "track"
    at: Any = None
    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    account_id: str | None = None
    account_else: str | None = None
    external_ids: dict[str, str] = {}
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    asks: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    merges: tuple[tuple[str, str], ...] = ()  # of kind `merge`: two identifiers of one person


class Part(msgspec.Struct, frozen=True):
    """One event of a delivery: the calls that it is, or the `fault` why it is none.

    `raw` is the event alone, as JSON (the whole body where that could not be taken apart), so
    that it can be read again after the mapping is put right.
    """

    raw: bytes
    calls: tuple[Call, ...] = ()
    fault: errors.Fault | None = None


class Reading(msgspec.Struct, frozen=True):
    """What a delivery says. `ping`: the vendor only wants to know that somebody answers."""

    parts: tuple[Part, ...]
    ping: bool = False


class NotMapped(Exception):
    """Raised by a vendor's rules for a payload that they cannot turn into a call."""

    def __init__(self, problem: str, remedy: str, field: str = "payload") -> None:
        self.fault = errors.Fault(field, problem, remedy)
        super().__init__(str(self.fault))
