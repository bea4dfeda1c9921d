"""The state of a fragment, and what a person or account looks like when its fragments are merged.

`State` is the one mutable value of the hot path: the fold changes it in place and the worker writes
it once a micro-batch. Everything in it merges commutatively and associatively (profiles/merge.py).
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

Buckets = dict[int, Any]  # bucket → n, or what the leaf keeps (audiences/cells.py)


class Trait(NamedTuple):
    """A value with its origin and time. Later wins; a higher `priority` wins over later.

    `source_id`: who said it, `profiles.precedence.origin_of`. A null by hand takes the word back.
    """

    value: Any
    priority: int
    at_ms: int
    source_id: int


class Touch(NamedTuple):
    """A visit that a campaign brought: what the campaign said (governance/campaign.py)."""

    at_ms: int
    campaign: dict[str, str]
    source_id: int


class State(msgspec.Struct, array_like=True, gc=False):
    """What the facts of one fragment add up to.

    first_ms, last_ms  of the customer's own facts; `was_seen` is False when all are ours
    names    event_name.id → how often
    traits   name → Trait
    groups   account key → [first_ms, last_ms] of facts that put the person in it
    seen     identifier.id → [first_ms, last_ms] of facts that carried it
    leaves   leaf.id → bucket → n (person definitions)
    shares   leaf.id → account key named by the fact, or "" → bucket → n (account definitions)
    tail     newest facts, `pair` after `pair`; older ones are in fact_chunk
    touches  the first and the last Touch, or the one that is both; empty without a campaign
    others   name → the latest word of each other origin that has one
    """

    first_ms: int = 1 << 62
    last_ms: int = -(1 << 62)
    events: int = 0
    names: dict[int, int] = {}
    traits: dict[str, Trait] = {}
    groups: dict[str, list[int]] = {}
    seen: dict[int, list[int]] = {}
    leaves: dict[int, Buckets] = {}
    shares: dict[int, dict[str, Buckets]] = {}
    tail: bytearray = bytearray()
    touches: list[Touch] = []
    others: dict[str, list[Trait]] = {}

    @property
    def was_seen(self) -> bool:
        """Is any of its facts the customer's own, rather than the CRM's or a delivery?"""
        return self.last_ms >= self.first_ms


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    """The bytes of the `fragment.state` column."""
    return _encoder.encode(state)


def decode(data: bytes) -> State:
    """A state from its bytes; no bytes are the empty state."""
    if not data:
        return State()
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        return _with_flat_tail(data)


def _with_flat_tail(data: bytes) -> State:
    """A state as it was written when a tail was a list of numbers: at_ms, pos, at_ms, pos …"""
    fields = msgspec.msgpack.decode(data, strict=False)
    at = State.__struct_fields__.index("tail")
    flat = fields[at]
    fields[at] = b"".join(map(pair, flat[::2], flat[1::2]))
    return msgspec.convert(fields, State)


# A fact's time and place in the log: 16 bytes, at_ms signed, the bytes in order of significance.
_PAIR = struct.Struct(">qQ")
pair = _PAIR.pack
PAIR_BYTES = _PAIR.size


def pairs(packed: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """(at_ms, pos) of each fact in a tail or a sealed chunk."""
    return _PAIR.iter_unpack(packed)


class PersonView(msgspec.Struct, frozen=True):
    """A person (or account) as its fragments' states add up.

    traits   name → Trait
    by_name  event name → how often
    groups   account key → (first_ms, last_ms)
    seen     identifier.id → (first_ms, last_ms)
    touches  the first and the last Touch, or the one that is both, or none
    """

    traits: dict[str, Trait]
    events_total: int
    by_name: dict[str, int]
    first_ms: int | None
    last_ms: int | None
    groups: dict[str, tuple[int, int]]
    seen: dict[int, tuple[int, int]]
    touches: tuple[Touch, ...] = ()


class TimelineFact(msgspec.Struct, frozen=True):
    """A fact on a timeline; `category` and `source_id` say where it came from."""

    pos: int
    at_ms: int
    received_ms: int
    kind: str
    name: str
    source_id: int
    category: str
    account: str | None
    home: str
    traits: dict[str, Any]
    properties: dict[str, Any]
