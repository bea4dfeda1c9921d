"""What the debugger and the repair shop speak of."""

from typing import Any

import msgspec

from onefold.kernel import facts

OUTCOMES = ("processed", "duplicate", "refused", "filtered", "waiting")


class Correction(msgspec.Struct, frozen=True):
    """What admission made different from what was sent: `field`, and why in words."""

    field: str
    what: str
    sent: str
    taken: str


class Settled(msgspec.Struct, frozen=True):
    """A refused item's end: replayed or dropped, by whom and when; `new_pos`: the corrected one."""

    resolution: str
    done_by: str
    done_ms: int | None
    new_pos: int | None
    action_id: int | None


class Event(msgspec.Struct, frozen=True):
    """One item and what it became.

    outcome      one of OUTCOMES
    raw          as sent; `shared` what the batch gave it: its type, context, sentAt
    kind, name   of the fact, or of the item where there is none
    who          (field, value) of what names somebody on it, as sent
    fact         when it is processed, a duplicate or waiting
    refusal      when it is refused, with `settled` when that has been dealt with
    rule         when it is filtered
    corrections  what admission changed
    person_id    of the fact's home, today
    first_pos    of a duplicate: the item that came first, when it is found (`event` looks for it)
    """

    pos: int
    source_id: int
    received_ms: int
    outcome: str
    raw: bytes
    kind: str
    name: str
    who: tuple[tuple[str, str], ...]
    fact: facts.Fact | None = None
    refusal: facts.Refusal | None = None
    rule: str = ""
    corrections: tuple[Correction, ...] = ()
    settled: Settled | None = None
    person_id: int | None = None
    first_pos: int | None = None
    shared: dict[str, Any] = {}


class Search(msgspec.Struct, frozen=True):
    """What to look for. `who` is a user, anonymous, group or message id, or an e-mail address."""

    event: str = ""
    who: str = ""
    outcome: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class Found(msgspec.Struct, frozen=True):
    """A page of events, newest first.

    `next` is the position below which to go on, None at the end; a page may be empty and have one:
    then the work of one page was done, and `reached_ms` says how far back that was.
    """

    events: list[Event]
    next: int | None
    looked_at: int
    reached_ms: int | None


class Selection(msgspec.Struct, frozen=True):
    """Refused items that nothing was done about yet: of a code, of a field, or chosen by id."""

    code: str | None = None
    field: str | None = None
    positions: tuple[int, ...] | None = None


class Group(msgspec.Struct, frozen=True):
    """Refused items that are alike, with the newest of them."""

    code: str
    field: str
    items: int
    first_ms: int
    last_ms: int
    samples: list[facts.Refusal]


class Tried(msgspec.Struct, frozen=True):
    """A refused item under corrections. `after` is None where it is not JSON at all."""

    before: facts.Refusal
    after: dict[str, Any] | None
    result: facts.Fact | facts.Refusal | facts.Filtered

    @property
    def passes(self) -> bool:
        """Would it become a fact?"""
        return isinstance(self.result, facts.Fact)


class Preview(msgspec.Struct, frozen=True):
    """What corrections would come to, tried on the items themselves.

    matched  refused items selected; tried: of these, how many were tried
    left     still refused: (code, field, problem, how many)
    """

    matched: int
    tried: int
    passes: int
    filtered: int
    left: list[tuple[str, str, str, int]]
    samples: list[Tried]


class Replayed(msgspec.Struct, frozen=True):
    """What a replay did. `remaining` selected ones are for another call.

    `rows` are the new items' places, to be noted once the append has committed.
    """

    action_id: int | None
    replayed: int
    still_refused: int
    filtered: int
    remaining: int
    rows: list[tuple[int, int]]


class Action(msgspec.Struct, frozen=True):
    """Something that was done about refused items."""

    id: int
    kind: str
    code: str
    field: str
    fixes: list[dict[str, Any]]
    items: int
    done_by: str
    done_ms: int
    undone_by: str
    undone_ms: int | None
