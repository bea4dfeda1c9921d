"""The room's frozen types."""

from typing import NamedTuple

import msgspec

from onefold.kernel.facts import Identifier


class Resolved(msgspec.Struct):
    """What a batch of facts resolved to; the lists run parallel to the facts.

    fragments  the fragment of each fact's home: for a device, the chapter of the fact's time
    people     the person of that fragment after the batch; 0 for an account's fragment
    seen       identifier ids on the fact other than its home
    regrouped  people whose set of fragments changed, the emptied ones included
    refold     devices (identifier ids) with earlier facts that now belong to another chapter
    """

    fragments: list[int]
    people: list[int]
    seen: list[tuple[int, ...]]
    regrouped: set[int]
    refold: set[int]


class IdentifierRow(msgspec.Struct, frozen=True):
    """An identifier of a person, or one chapter of it when it is a device."""

    id: int
    namespace: str
    value: str
    fragment_id: int
    chapter_ms: int


class LinkRow(msgspec.Struct, frozen=True):
    """Two identifiers seen on one fact; `suppressed` says why the link does not count, or None."""

    a: Identifier
    b: Identifier
    last_day: int
    suppressed: str | None


class Node(NamedTuple):
    """What f groups: an identifier or one chapter of a device. `ref` is its fragment's id.

    `generic` carries over what is known from links that are not part of the call.
    """

    ref: int
    identifier: Identifier
    chapter_ms: int = 0
    generic: bool = False


class Link(NamedTuple):
    """Two nodes, by `ref`, seen together; `last_day` in days since 1970."""

    a: int
    b: int
    last_day: int


class Decision(NamedTuple):
    """A word on two nodes, by `ref`: the same person, or not. `at_ms`: when it was said.

    `match`: said by likeness, not by a human, so it goes after every link and keeps to the limits.
    """

    a: int
    b: int
    same: bool
    at_ms: int = 0
    match: bool = False


class Partition(msgspec.Struct, frozen=True):
    """What f answers.

    groups      the people: refs in key order; groups in the order of their first keys
    suppressed  (a, b) of each link that does not count, with the reason
    generic     refs of nodes that never link (their links are in `suppressed`)
    """

    groups: list[list[int]]
    suppressed: dict[tuple[int, int], str]
    generic: set[int]
