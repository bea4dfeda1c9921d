"""Audiences as they are kept: definitions with what is known of them, leaves, memberships."""

from typing import Any, Literal

import msgspec

from onefold.audiences.model import Definition, Kind, Reason


class Audience(msgspec.Struct, frozen=True):
    """A definition as kept. `source` is what was written (canonical), `definition` what it means.

    `kind` is live, sql or list; `answered`: a query has been, as it is written now. `members` is
    None where it was not counted. Times in milliseconds since 1970 UTC.
    """

    id: int
    key: str
    name: str
    of: Kind
    source: dict[str, Any]
    feature: str
    status: Literal["building", "live", "deleted"]
    version: int
    created_by: str
    created_ms: int
    updated_ms: int
    definition: Definition
    kind: str = "live"
    answered: bool = True
    members: int | None = None


class LeafRow(msgspec.Struct):
    """A leaf as kept; the worker moves its copy on while it backfills.

    live_pos    facts after this position are folded live; None until the worker took the leaf up
    filled_pos  how far the backfill of earlier facts has come; `filled` when all the way
    """

    id: int
    key: str
    live_pos: int | None
    filled_pos: int
    filled: bool


class Catalog(msgspec.Struct, frozen=True):
    """Everything the worker needs at one instant; `audiences` holds deleted ones with members."""

    revision: int
    audiences: list[Audience]
    leaves: list[LeafRow]


class Change(msgspec.Struct, frozen=True):
    """An entity entered or left an audience; `why` are reasons (audiences/explain.py)."""

    audience_id: int
    entity_id: int
    entered: bool
    at_ms: int
    why: list[Reason]


class Entry(msgspec.Struct, frozen=True):
    """A change as history tells it."""

    id: int
    key: str
    name: str
    entered: bool
    at_ms: int
    why: list[Reason]


class Membership(msgspec.Struct, frozen=True):
    """An audience that an entity is in."""

    key: str
    name: str
    since_ms: int
