"""The worker's SQL: states, chunks, usage, the dirty queue, due times, list rows.

Written in bulk, once a micro-batch. Reads for people are in reads.py.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from onefold.kernel import facts, limits
from onefold.profiles import dirty, model
from onefold.storage import Connection, arrays

LOAD = "SELECT id, state FROM fragment WHERE id = ANY(%s) AND state <> ''"
SAVE = """
UPDATE fragment f SET state = t.state, first_seen_ms = t.first_ms, last_seen_ms = t.last_ms,
  events = t.events
FROM unnest(%b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bigint[])
  AS t (id, state, first_ms, last_ms, events)
WHERE f.id = t.id
"""
CHUNKS = """
INSERT INTO fact_chunk (fragment_id, first_ms, last_ms, first_pos, positions)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[])
"""
DROP_CHUNKS = "DELETE FROM fact_chunk WHERE fragment_id = ANY(%s)"
USAGE = """
INSERT INTO usage (fragment_id, account_id, day, name_id, n)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::int[], %b::int[], %b::bigint[])
ON CONFLICT (fragment_id, account_id, day, name_id) DO UPDATE SET n = usage.n + excluded.n
"""
POSITIONS = "SELECT fragment_id, positions FROM fact_chunk WHERE fragment_id = ANY(%s)"
DROP_USAGE = "DELETE FROM usage WHERE fragment_id = ANY(%s)"
NAMES = "SELECT id, name FROM event_name"
ADD_NAMES = "INSERT INTO event_name (id, name) SELECT * FROM unnest(%b::int[], %b::text[])"
PUT_DIRTY = "INSERT INTO dirty (body) VALUES (%s)"
READ_DIRTY = "SELECT id, body FROM dirty ORDER BY id LIMIT %s"
DROP_DIRTY = "DELETE FROM dirty WHERE id = ANY(%s)"
DUE = "SELECT kind, entity_id FROM due WHERE at_ms <= %s ORDER BY at_ms LIMIT %s"
DUE_OF = "SELECT entity_id, at_ms FROM due WHERE kind = %s AND entity_id = ANY(%s)"
SET_DUE = """
INSERT INTO due (kind, entity_id, at_ms)
SELECT * FROM unnest(%b::smallint[], %b::bigint[], %b::bigint[])
ON CONFLICT (kind, entity_id) DO UPDATE SET at_ms = excluded.at_ms
"""
DROP_DUE = "DELETE FROM due WHERE kind = %s AND entity_id = ANY(%s)"
SAVE_PEOPLE = """
INSERT INTO person (id, known, name, name_sort, email, title, account_id, identifiers,
  first_seen_ms, last_seen_ms, updated_ms)
SELECT * FROM unnest(%b::bigint[], %b::bool[], %b::text[], %b::text[], %b::text[], %b::text[],
  %b::bigint[], %b::text[], %b::bigint[], %b::bigint[], %b::bigint[])
ON CONFLICT (id) DO UPDATE SET known = excluded.known, name = excluded.name,
  name_sort = excluded.name_sort, email = excluded.email, title = excluded.title,
  account_id = excluded.account_id, identifiers = excluded.identifiers,
  first_seen_ms = excluded.first_seen_ms, last_seen_ms = excluded.last_seen_ms,
  updated_ms = excluded.updated_ms
"""
SEE_PEOPLE = """
UPDATE person p SET last_seen_ms = t.last_ms
FROM unnest(%b::bigint[], %b::bigint[]) AS t (id, last_ms)
WHERE p.id = t.id AND p.last_seen_ms IS DISTINCT FROM t.last_ms
"""
DROP_PEOPLE = "DELETE FROM person WHERE id = ANY(%s)"
DROP_ACCOUNTS = "DELETE FROM person_account WHERE person_id = ANY(%s)"
SAVE_ACCOUNTS = """
INSERT INTO person_account (person_id, account_id, since_ms, last_ms, is_primary, until_ms, rung,
  confidence, role)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bool[],
  %b::bigint[], %b::smallint[], %b::real[], %b::text[])
"""
DROP_SPANS = "DELETE FROM person_span WHERE person_id = ANY(%s)"
SAVE_SPANS = """
INSERT INTO person_span (person_id, from_ms, account_id)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[])
"""
MEMBERSHIPS = """
SELECT p.person_id, a.key, p.until_ms IS NULL, p.is_primary
FROM person_account p JOIN account a ON a.id = p.account_id
WHERE p.person_id = ANY(%s) ORDER BY p.person_id, p.since_ms, a.key
"""
SPANS = """
SELECT s.person_id, s.from_ms, coalesce(a.key, '')
FROM person_span s LEFT JOIN account a ON a.id = s.account_id
WHERE s.person_id = ANY(%s) ORDER BY s.person_id, s.from_ms
"""
MEMBERS_INSIDE = """
SELECT account_id, person_id FROM person_account WHERE account_id = ANY(%s) AND until_ms IS NULL
"""
MEMBERS = "SELECT account_id, person_id FROM person_account WHERE account_id = ANY(%s)"
MEMBERS_FRAGMENTS = """
SELECT f.id FROM account a JOIN person_account p ON p.account_id = coalesce(a.merged_into, a.id)
JOIN fragment f ON f.person_id = p.person_id WHERE md5(a.key) = md5(%s)
"""
PRIMARIES = "SELECT DISTINCT account_id FROM person WHERE id = ANY(%s) AND account_id IS NOT NULL"
PEOPLE_AFTER = "SELECT id FROM person WHERE id > %s ORDER BY id LIMIT %s"
ACCOUNTS_ALL = "SELECT id FROM account"
SAVE_LEDGER = """
INSERT INTO ledger (source_id, hour_ms, received, processed, duplicate, refused, filtered)
SELECT * FROM unnest(%b::int[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[],
  %b::bigint[], %b::bigint[])
ON CONFLICT (source_id, hour_ms) DO UPDATE SET received = ledger.received + excluded.received,
  processed = ledger.processed + excluded.processed,
  duplicate = ledger.duplicate + excluded.duplicate, refused = ledger.refused + excluded.refused,
  filtered = ledger.filtered + excluded.filtered
"""
SAVE_REASONS = """
INSERT INTO ledger_reason (source_id, hour_ms, outcome, reason, n)
SELECT * FROM unnest(%b::int[], %b::bigint[], %b::text[], %b::text[], %b::bigint[])
ON CONFLICT (source_id, hour_ms, outcome, reason) DO UPDATE SET n = ledger_reason.n + excluded.n
"""
SAVE_REFUSED = """
INSERT INTO refused (pos, source_id, received_ms, code, field, problem, remedy, raw)
SELECT * FROM unnest(%b::bigint[], %b::int[], %b::bigint[], %b::text[], %b::text[], %b::text[],
  %b::text[], %b::bytea[])
"""

UsageKey = tuple[int, int, int, int]  # fragment, account (0: by membership), day, event name


class ListRow(msgspec.Struct, frozen=True, gc=False):
    """A person as lists show it; the columns of table `person`."""

    id: int
    known: bool
    name: str
    name_sort: str
    email: str
    title: str
    account_id: int | None
    identifiers: str
    first_seen_ms: int | None
    last_seen_ms: int | None
    updated_ms: int


class AccountRow(msgspec.Struct, frozen=True, gc=False):
    """That a person is in an account; the columns of table `person_account`."""

    person_id: int
    account_id: int
    since_ms: int
    last_ms: int
    is_primary: bool
    until_ms: int | None = None
    rung: int = 1
    confidence: float = 1.0
    role: str = ""


def load_states(conn: Connection, ids: Sequence[int]) -> dict[int, model.State]:
    """States by fragment id; a fragment without a row is the empty state."""
    found = stored_states(conn, ids)
    return {i: found.get(i) or model.State() for i in ids}


def stored_states(conn: Connection, ids: Collection[int]) -> dict[int, model.State]:
    """States by fragment id, of those alone in which there is something."""
    rows = conn.execute(LOAD, (list(ids),), binary=True)
    return {fragment_id: model.decode(data) for fragment_id, data in rows}


def save_states(conn: Connection, states: Mapping[int, model.State]) -> None:
    """Write states, moving all but the newest facts of a full tail into sealed chunks."""
    chunks = []
    for fragment_id, state in states.items():
        if len(state.tail) > limits.tail_positions_max * model.PAIR_BYTES:
            chunks.append(_seal(fragment_id, state))
    if chunks:
        conn.execute(CHUNKS, _columns(chunks, 5), binary=True)
    rows = [
        (i, model.encode(s), *((s.first_ms, s.last_ms) if s.was_seen else (None, None)), s.events)
        for i, s in states.items()
    ]
    if rows:
        conn.execute(SAVE, _columns(rows, 5), binary=True)


def _seal(fragment_id: int, state: model.State) -> tuple[int, int, int, int, bytes]:
    pairs = sorted(model.pairs(state.tail))
    keep = limits.tail_positions_max // 4
    old, new = pairs[:-keep], pairs[-keep:]
    state.tail = bytearray(pack_pairs(new))
    return (fragment_id, old[0][0], old[-1][0], min(p for _, p in old), pack_pairs(old))


def pack_pairs(pairs: Sequence[tuple[int, int]]) -> bytes:
    """(at_ms, pos) pairs as the bytes of a chunk."""
    return b"".join(model.pair(*pair) for pair in pairs)


def positions_of(conn: Connection, fragment_ids: Sequence[int]) -> list[int]:
    """The positions of all facts of fragments, in order."""
    found = positions_by(conn, load_states(conn, fragment_ids))
    return sorted(pos for positions in found.values() for pos in positions)


def positions_by(conn: Connection, states: Mapping[int, model.State]) -> dict[int, list[int]]:
    """The positions of all facts of each fragment."""
    out = {i: [pos for _, pos in model.pairs(s.tail)] for i, s in states.items()}
    for fragment_id, packed in conn.execute(POSITIONS, (list(states),), binary=True):
        out[fragment_id] += [pos for _, pos in model.pairs(packed)]
    return out


def drop_history(conn: Connection, fragment_ids: Sequence[int]) -> None:
    """Forget fragments' chunks and usage before they are folded again."""
    conn.execute(DROP_USAGE, (list(fragment_ids),))
    conn.execute(DROP_CHUNKS, (list(fragment_ids),))


def add_usage(conn: Connection, usage: Mapping[UsageKey, int]) -> None:
    """Add to the additive usage counts."""
    if usage:
        rows = [(*key, n) for key, n in sorted(usage.items())]
        conn.execute(USAGE, _columns(rows, 5), binary=True)


def names(conn: Connection) -> dict[str, int]:
    """Event names by name."""
    return {name: i for i, name in conn.execute(NAMES)}


def add_names(conn: Connection, new: Mapping[str, int]) -> None:
    """New event names with the ids that the worker gave them."""
    conn.execute(ADD_NAMES, (list(new.values()), list(new)), binary=True)


def put_marks(conn: Connection, marks: dirty.Marks) -> None:
    """Add a row to the dirty queue."""
    if marks:
        conn.execute(PUT_DIRTY, (marks.pack(),), binary=True)


def read_marks(conn: Connection, rows_max: int) -> tuple[list[int], dirty.Marks]:
    """The oldest rows of the queue, coalesced, and their ids; they stay until `drop_marks`."""
    rows = conn.execute(READ_DIRTY, (rows_max,), binary=True).fetchall()
    marks = dirty.Marks(mark for _, body in rows for mark in dirty.unpack(body))
    return [row_id for row_id, _ in rows], marks


def drop_marks(conn: Connection, row_ids: Sequence[int]) -> None:
    """Take concluded rows off the queue."""
    conn.execute(DROP_DIRTY, (list(row_ids),))


def due(conn: Connection, now_ms: int, rows_max: int) -> list[tuple[int, int]]:
    """(kind, id) of entities whose answers may change about now."""
    return [(kind, i) for kind, i in conn.execute(DUE, (now_ms, rows_max))]


def due_of(conn: Connection, kind: int, ids: Sequence[int]) -> dict[int, int]:
    """When entities are due next, where they are."""
    return dict(conn.execute(DUE_OF, (kind, list(ids))).fetchall())


def set_due(conn: Connection, rows: Sequence[tuple[int, int, int]]) -> None:
    """Set (kind, id, at_ms)."""
    if rows:
        conn.execute(SET_DUE, _columns(rows, 3), binary=True)


def drop_due(conn: Connection, kind: int, ids: Sequence[int]) -> None:
    """Entities that nothing is due for."""
    if ids:
        conn.execute(DROP_DUE, (kind, list(ids)))


def save_people(conn: Connection, rows: Sequence[ListRow], gone: Sequence[int]) -> None:
    """Write list rows; `gone` are people without fragments."""
    if rows:
        conn.execute(SAVE_PEOPLE, _columns([msgspec.structs.astuple(r) for r in rows], 11))
    if gone:
        conn.execute(DROP_PEOPLE, (list(gone),))
        conn.execute(DROP_ACCOUNTS, (list(gone),))
        conn.execute(DROP_SPANS, (list(gone),))


def see_people(conn: Connection, last_ms: Mapping[int, int | None]) -> None:
    """Write when people were last seen, where that is all that changed in their rows."""
    if last_ms:
        conn.execute(SEE_PEOPLE, _columns(sorted(last_ms.items()), 2))


def save_accounts(
    conn: Connection,
    people: Sequence[int],
    rows: Sequence[AccountRow],
    spans: Sequence[tuple[int, int, int]],
) -> None:
    """Replace these people's memberships; `spans`: (person, from_ms, account) of unnamed facts."""
    conn.execute(DROP_ACCOUNTS, (list(people),))
    conn.execute(DROP_SPANS, (list(people),))
    if rows:
        conn.execute(SAVE_ACCOUNTS, _columns([msgspec.structs.astuple(r) for r in rows], 9))
    if spans:
        conn.execute(SAVE_SPANS, _columns(spans, 3))


def memberships(
    conn: Connection, people: Sequence[int]
) -> tuple[dict[int, list[tuple[str, bool, bool]]], dict[int, list[tuple[int, str]]]]:
    """(account key, still in, primary) by person, and (from_ms, key) of facts that name none."""
    joined: dict[int, list[tuple[str, bool, bool]]] = {}
    spans: dict[int, list[tuple[int, str]]] = {}
    for person, *row in conn.execute(MEMBERSHIPS, (list(people),)):
        joined.setdefault(person, []).append((row[0], row[1], row[2]))
    if joined:
        for person, from_ms, key in conn.execute(SPANS, (list(joined),)):
            spans.setdefault(person, []).append((from_ms, key))
    return joined, spans


def primaries(conn: Connection, people: Collection[int]) -> list[int]:
    """The accounts that lists show for these people."""
    return [i for (i,) in conn.execute(PRIMARIES, (list(people),))] if people else []


def members(
    conn: Connection, account_ids: Sequence[int], *, inside: bool = False
) -> dict[int, list[int]]:
    """People by account: all that ever were in it, or those `inside` now."""
    out: dict[int, list[int]] = {i: [] for i in account_ids}
    for account_id, person_id in conn.execute(
        MEMBERS_INSIDE if inside else MEMBERS, (list(account_ids),)
    ):
        out[account_id].append(person_id)
    return out


def members_fragments(conn: Connection, account_key: str) -> list[int]:
    """Fragments of the people in an account, as of the last conclusion."""
    return [int(i) for (i,) in conn.execute(MEMBERS_FRAGMENTS, (account_key,))]


def people_after(conn: Connection, person_id: int, rows_max: int) -> list[int]:
    """Person ids in order, for a sweep over everyone."""
    return [i for (i,) in conn.execute(PEOPLE_AFTER, (person_id, rows_max))]


def accounts_all(conn: Connection) -> list[int]:
    """Every account's id."""
    return [i for (i,) in conn.execute(ACCOUNTS_ALL)]


def add_ledger(conn: Connection, rows: Mapping[tuple[int, int], Sequence[int]]) -> None:
    """(source, hour_ms) → received, processed, duplicate, refused, filtered: added to it."""
    if rows:
        flat = [(*key, *counts) for key, counts in sorted(rows.items())]
        conn.execute(SAVE_LEDGER, _columns(flat, 7))


def add_reasons(conn: Connection, rows: Mapping[tuple[int, int, str, str], int]) -> None:
    """(source, hour_ms, outcome, reason) → how many more of them."""
    if rows:
        flat = [(*key, n) for key, n in sorted(rows.items())]
        conn.execute(SAVE_REASONS, _columns(flat, 5))


def save_refused(conn: Connection, refusals: Sequence[facts.Refusal]) -> None:
    """Keep refused items with their reasons."""
    if refusals:
        rows = [msgspec.structs.astuple(r) for r in refusals]
        conn.execute(SAVE_REFUSED, _columns(rows, 8), binary=True)


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[object]:
    """Rows as one array a column, for unnest."""
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * width
    return [_array(column) for column in columns]


def _array(column: tuple[Any, ...]) -> object:
    """Integers all at once (storage/arrays.py); everything else as psycopg does it."""
    if column and type(column[0]) is int and None not in column:
        return arrays.bigints(column)
    return list(column)
