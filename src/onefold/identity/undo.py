"""Taking links back: facts that told of them are facts no more.

A link holds as long as some fact carries both its ends. What is left without facts and links is an
identifier that nobody has seen, and goes with its fragments.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from onefold.identity import chapters
from onefold.storage import Connection

Pair = tuple[int, int]

DROP_LINKS = """
DELETE FROM link l USING unnest(%b::bigint[], %b::bigint[]) AS t (a, b)
WHERE l.a = t.a AND l.b = t.b
"""
SET_LINKS = """
UPDATE link l SET first_pos = t.first_pos, last_day = t.last_day,
  told = CASE WHEN l.told IS NOT NULL THEN t.told::jsonb END
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::int[], %b::text[])
  AS t (a, b, first_pos, last_day, told)
WHERE l.a = t.a AND l.b = t.b
"""
# Links of former ids with the user ids that they are hold while both are there for another reason.
DROP_FORMER = """
DELETE FROM link l USING identifier x, identifier y
WHERE x.id = ANY(%(empty)s) AND l.a = least(x.id, y.id) AND l.b = greatest(x.id, y.id)
AND y.value = x.value AND md5(y.value) = md5(x.value)
AND (x.namespace, y.namespace) IN (('user_id', 'former_id'), ('former_id', 'user_id'))
AND NOT EXISTS (SELECT FROM link o WHERE o.a = x.id AND o.b <> y.id)
AND NOT EXISTS (SELECT FROM link o WHERE o.b = x.id AND o.a <> y.id)
RETURNING y.id
"""
ALONE = """
SELECT i.id FROM identifier i WHERE i.id = ANY(%s)
AND NOT EXISTS (SELECT FROM link WHERE a = i.id) AND NOT EXISTS (SELECT FROM link WHERE b = i.id)
"""
DROP_LOGINS = "DELETE FROM login WHERE device_id = ANY(%s) OR who_id = ANY(%s)"
DROP_FRAGMENTS = "DELETE FROM fragment WHERE identifier_id = ANY(%s) RETURNING person_id"
DROP_IDENTIFIERS = "DELETE FROM identifier WHERE id = ANY(%s)"
NOT_GENERIC = "UPDATE identifier SET generic = false WHERE id = ANY(%s) AND generic"


class Gone(msgspec.Struct):
    """What a revert found out.

    touched   ids of all identifiers on the facts that go
    pairs     links that those facts told of → (first position, last day, newest day by source) of
              the facts that still tell of it, or None
    empty     those of `touched` that are at home on no fact any more
    logins    device → every log-in that is left
    devices   those of `touched` that are devices: `generic` of a kiosk is left alone
    people    of fragments that went: filled in here
    dropped   identifiers that went: filled in here
    """

    touched: set[int]
    pairs: Mapping[Pair, tuple[int, int, dict[str, int]] | None]
    empty: Collection[int]
    logins: Mapping[int, Sequence[chapters.Login]]
    devices: Collection[int] = ()
    people: set[int] = set()
    dropped: set[int] = set()

    def who(self) -> set[int]:
        """Everybody who logged in."""
        return {login.who for found in self.logins.values() for login in found}


def forget_links(conn: Connection, gone: Gone) -> None:
    """Drop links that nothing tells of, and date the others by what does."""
    lost = [pair for pair, told in gone.pairs.items() if told is None]
    kept = [
        (*pair, found[0], found[1], msgspec.json.encode(found[2]).decode())
        for pair, found in gone.pairs.items()
        if found is not None
    ]
    if lost:
        conn.execute(DROP_LINKS, _columns(lost), binary=True)
        ends = {i for pair in lost for i in pair} - set(gone.devices)
        conn.execute(NOT_GENERIC, (list(ends),))
    if kept:
        conn.execute(SET_LINKS, _columns(kept), binary=True)


def forget_identifiers(conn: Connection, gone: Gone) -> set[int]:
    """Drop identifiers that nothing is left of; the others are to be grouped again."""
    parted: set[int] = set()
    if gone.empty:
        parted = {int(i) for (i,) in conn.execute(DROP_FORMER, {"empty": list(gone.empty)})}
    rows = conn.execute(ALONE, (list(gone.empty),)) if gone.empty else ()
    alone = [int(i) for (i,) in rows]
    if alone:
        conn.execute(DROP_LOGINS, (alone, alone))
        gone.people |= {int(p) for (p,) in conn.execute(DROP_FRAGMENTS, (alone,)) if p}
        conn.execute(DROP_IDENTIFIERS, (alone,))
        gone.dropped |= set(alone)
    return (gone.touched | parted) - set(alone)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
