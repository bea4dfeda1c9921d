"""Marks: who has to be concluded again, and for which definitions.

A micro-batch's marks are one packed row of the durable queue `dirty`, whatever their number;
conclusions take rows, coalesce, and delete them in the transaction that holds the outcome.
"""

from collections.abc import Iterable

import msgspec

PERSON, ACCOUNT = 1, 2

VIEW = 1  # the row in lists has to be written again
GROUPS = 2  # accounts may have changed
ALL = 4  # every definition has to be looked at
CRM = 8  # CRM rows that definitions read have changed
SEEN = 32  # of the row in lists, only when the person was last seen
CLAIMS = 64  # of an account: what it can be found by may have changed
WAKE = 16  # a window may have expired: every definition, but nothing else, is looked at again
SHOWN = VIEW | GROUPS | ALL  # any of them: the row in lists is written whole


class Mark(msgspec.Struct, array_like=True, gc=False):
    """One entity: flags, and the ids of definitions that its change touches."""

    kind: int
    entity_id: int
    flags: int = 0
    definitions: set[int] = set()


class Marks:
    """Marks that coalesce by entity."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self.by_entity: dict[tuple[int, int], Mark] = {}
        for mark in marks:
            self.add(mark.kind, mark.entity_id, mark.flags, mark.definitions)

    def add(
        self, kind: int, entity_id: int, flags: int = 0, definitions: Iterable[int] = ()
    ) -> None:
        """Mark an entity, or widen the mark it has."""
        mark = self.by_entity.get((kind, entity_id))
        if mark is None:
            self.by_entity[kind, entity_id] = Mark(kind, entity_id, flags, set(definitions))
        else:
            mark.flags |= flags
            mark.definitions.update(definitions)

    def __len__(self) -> int:
        return len(self.by_entity)

    def take(self, entities_max: int) -> list[Mark]:
        """Remove and return up to `entities_max` marks, oldest first."""
        keys = list(self.by_entity)[:entities_max]
        return [self.by_entity.pop(key) for key in keys]

    def pack(self) -> bytes:
        """The body of a row of `dirty`."""
        return msgspec.msgpack.encode(list(self.by_entity.values()))


_decoder = msgspec.msgpack.Decoder(list[Mark])


def unpack(body: bytes) -> list[Mark]:
    """The marks of a row."""
    return _decoder.decode(body)
