"""The graph of identity as people look at it."""

from typing import Literal, NamedTuple

import msgspec

from onefold.identity.decisions import Said
from onefold.identity.rules import Namespace
from onefold.kernel.facts import Identifier


class Spot(NamedTuple):
    """An identifier, or one chapter of a device. `ref` is its fragment's id.

    person   whom it belongs to
    owner    identifier id of who logged in, of a chapter
    generic  seen with too many others, or a kiosk: it never links by itself
    rule     of its namespace, as the workspace has it
    """

    ref: int
    identifier_id: int
    identifier: Identifier
    chapter_ms: int
    owner: int | None
    person: int
    generic: bool
    events: int
    rule: Namespace


class Edge(msgspec.Struct, frozen=True):
    """Two spots and what stands between them.

    kind     link: seen together. decision: a human's word. chapter: one device, changing hands
    holds    it is part of why the two are one person
    reason   why it does not hold, as in `link.suppressed`; `chapter` for one between chapters
    """

    a: int
    b: int
    kind: Literal["link", "decision", "chapter"]
    holds: bool
    reason: str | None = None
    first_pos: int = 0
    last_day: int = 0
    source_id: int = 0
    said: Said | None = None


class Graph(msgspec.Struct):
    """Spots and edges around some people. `people`: those whose spots are all here."""

    spots: dict[int, Spot] = {}
    edges: list[Edge] = []
    people: set[int] = set()
