"""The webhooks' only SQL. Secrets leave it for the collector's checks, and for nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from onefold import log
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import Viewer
from onefold.sources import store as sources
from onefold.sources.model import Source
from onefold.sources.webhooks import setup
from onefold.sources.webhooks.model import Config, Known
from onefold.storage import Connection, secrets

SEALED = "SELECT source_id, secret, former_secret FROM webhook FOR UPDATE"
SET_SEALED = "UPDATE webhook SET secret = %s, former_secret = %s WHERE source_id = %s"
GET = """
SELECT w.kind, w.options, w.mapping, w.version, w.updated_by, w.updated_ms,
  w.secret <> '', w.former_secret <> '',
  coalesce(t.accepted, 0), coalesce(t.unmapped, 0), coalesce(t.pings, 0), coalesce(t.bad, 0),
  t.last_ms, t.last_bad_ms, coalesce(t.last_bad_why, '')
FROM webhook w LEFT JOIN webhook_traffic t USING (source_id) WHERE w.source_id = %s
"""
LOCK = "SELECT version, kind, secret FROM webhook WHERE source_id = %s FOR UPDATE"
INSERT = """
INSERT INTO webhook (source_id, kind, secret, options, mapping, updated_by, updated_ms)
VALUES (%(source_id)s, %(kind)s, %(secret)s, %(options)s, %(mapping)s, %(by)s, %(now_ms)s)
ON CONFLICT (source_id) DO NOTHING RETURNING source_id
"""
UPDATE = """
UPDATE webhook SET kind = %(kind)s, options = %(options)s, mapping = %(mapping)s,
  secret = coalesce(%(secret)s, secret),
  former_secret = CASE WHEN %(secret)s::text IS NULL THEN former_secret
    WHEN %(keep)s THEN secret ELSE '' END,
  version = version + 1, updated_by = %(by)s, updated_ms = %(now_ms)s
WHERE source_id = %(source_id)s
"""
DELETE = "DELETE FROM webhook WHERE source_id = %s"
ENDPOINT = """
SELECT s.id, s.key, s.name, s.category, s.write_key, s.enabled, s.backfill, s.created_by,
  s.created_at, s.test, w.kind, w.options, w.mapping, w.secret, w.former_secret
FROM source s JOIN webhook w ON w.source_id = s.id
WHERE s.key = %(key)s OR s.write_key = %(key)s
ORDER BY s.key = %(key)s DESC LIMIT 1
"""
KNOWN = "SELECT ref, known FROM webhook_known WHERE source_id = %s AND ref = ANY(%s)"
LEARN = """
INSERT INTO webhook_known (source_id, ref, known, updated_ms)
SELECT %s, ref, known::jsonb, %s FROM unnest(%s::text[], %s::text[]) AS t (ref, known) ORDER BY ref
ON CONFLICT (source_id, ref) DO UPDATE
SET known = excluded.known, updated_ms = excluded.updated_ms
"""
PRUNE_KNOWN = """
DELETE FROM webhook_known WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM webhook_known WHERE updated_ms < %s ORDER BY updated_ms LIMIT %s))
"""
COUNT = """
INSERT INTO webhook_traffic AS t (source_id, accepted, unmapped, pings, bad, last_ms, last_bad_ms,
  last_bad_why)
VALUES (%(source_id)s, %(accepted)s, %(unmapped)s, %(pings)s, %(bad)s, %(last_ms)s,
  %(last_bad_ms)s, %(last_bad_why)s)
ON CONFLICT (source_id) DO UPDATE SET accepted = t.accepted + excluded.accepted,
  unmapped = t.unmapped + excluded.unmapped, pings = t.pings + excluded.pings,
  bad = t.bad + excluded.bad, last_ms = coalesce(excluded.last_ms, t.last_ms),
  last_bad_ms = coalesce(excluded.last_bad_ms, t.last_bad_ms),
  last_bad_why = coalesce(nullif(excluded.last_bad_why, ''), t.last_bad_why)
"""
TURNED_AWAY = """
INSERT INTO ledger_reason AS r (source_id, hour_ms, outcome, reason, n)
VALUES (%s, %s, 'turned_away', 'bad_signature', %s)
ON CONFLICT (source_id, hour_ms, outcome, reason) DO UPDATE SET n = r.n + excluded.n
"""
ADD_RECENT = """
INSERT INTO webhook_recent (source_id, seq, received_ms, event, items, refused)
SELECT %s, seq, received_ms, event, items, refused
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::int[])
  AS t (seq, received_ms, event, items, refused)
ON CONFLICT DO NOTHING
"""
PRUNE_RECENT = """
DELETE FROM webhook_recent WHERE source_id = %(source_id)s AND seq <= (
  SELECT seq FROM webhook_recent WHERE source_id = %(source_id)s
  ORDER BY seq DESC OFFSET %(keep)s LIMIT 1)
"""
RECENT = """
SELECT seq, received_ms, event, items, refused FROM webhook_recent
WHERE source_id = %s ORDER BY seq DESC LIMIT %s
"""
NOT_MAPPED = """
SELECT pos, received_ms, raw FROM refused
WHERE source_id = %s AND code = 'not_mapped' AND resolution = '' AND pos > %s
ORDER BY pos LIMIT %s
"""
REPLAYING = """
INSERT INTO refused_action (source_id, kind, code, items, done_by, done_ms)
VALUES (%s, 'replayed', 'not_mapped', %s, %s, %s) RETURNING id
"""
REPLAYED = """
UPDATE refused SET resolution = 'replayed', action_id = %s, new_pos = t.new_pos
FROM unnest(%s::bigint[], %s::bigint[]) AS t (pos, new_pos) WHERE refused.pos = t.pos
"""


class Setup(msgspec.Struct, frozen=True):
    """A source's webhook as people see it: everything but the secrets."""

    source: Source
    config: Config
    version: int
    updated_by: str
    updated_ms: int
    has_secret: bool
    has_former_secret: bool
    accepted: int
    unmapped: int
    pings: int
    bad: int
    last_ms: int | None
    last_bad_ms: int | None
    last_bad_why: str


class Endpoint(msgspec.Struct, frozen=True):
    """What the collector needs to take a delivery. Never shown, never logged."""

    source: Source
    config: Config
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Endpoint({self.source.key})"


class Recent(msgspec.Struct, frozen=True):
    """One of the newest deliveries, with its body as it came."""

    seq: int
    received_ms: int
    event: str
    items: int
    refused: int
    headers: dict[str, str]
    body: bytes


class Note(msgspec.Struct, frozen=True):
    """What the collector has to write down of one source since the last time."""

    source_id: int
    accepted: int = 0
    unmapped: int = 0
    pings: int = 0
    bad: int = 0
    last_ms: int | None = None
    last_bad_ms: int | None = None
    last_bad_why: str = ""
    recent: tuple[tuple[int, int, str, int, int], ...] = ()


def get(conn: Connection, viewer: Viewer, source_id: int) -> Setup | None:
    """How a source's webhook is set up, None when it has none. Raises `NotFound`: no source."""
    source = sources.get(conn, viewer, source_id)
    row = conn.execute(GET, (source_id,)).fetchone()
    if row is None:
        return None
    kind, options, mapping, *rest = row
    return Setup(source, _config(kind, options, mapping), *rest)


def save(
    conn: Connection, viewer: Viewer, source_id: int, config: Config, *, now_ms: int,
    secret: str | None = None, keep_former: bool = False, expected_version: int | None = None,
) -> Setup:  # fmt: skip
    """Set a webhook up, or change it. `secret` None leaves the one that is set.

    `keep_former`: the secret that is replaced is still taken until the next change of it.
    """
    viewer.must_admin()
    sources.get(conn, viewer, source_id)
    row = conn.execute(LOCK, (source_id,)).fetchone()
    if secret is not None or row is None or row[1] != config.kind:
        held = secrets.unseal(row[2]) if row else ""
        setup.check_secret(config.kind, secret if secret is not None else held)
    if expected_version is not None and expected_version != (row[0] if row else 0):
        raise errors.Conflict("The webhook was changed meanwhile. Reload, then change it again.")
    values = {
        "source_id": source_id, "kind": config.kind, "keep": keep_former,
        "secret": None if secret is None else secrets.seal(conn, secret),
        "options": msgspec.json.encode(config.options).decode(),
        "mapping": msgspec.json.encode(config.mapping).decode() if config.mapping else None,
        "by": viewer.actor, "now_ms": now_ms,
    }  # fmt: skip
    if row is not None:
        conn.execute(UPDATE, values)
    elif conn.execute(INSERT, values).fetchone() is None:
        raise errors.Conflict("The webhook was set up meanwhile. Reload, then change it.")
    found = get(conn, viewer, source_id)
    assert found is not None  # noqa: S101 - just written, in this transaction
    return found


def remove(conn: Connection, viewer: Viewer, source_id: int) -> None:
    """Take no more deliveries for a source; what it sent stays."""
    viewer.must_admin()
    sources.get(conn, viewer, source_id)
    conn.execute(DELETE, (source_id,))


def endpoint(conn: Connection, key: str) -> Endpoint | None:
    """The webhook at an address: by the source's key or its write key. No viewer: a sender asks."""
    row = conn.execute(ENDPOINT, {"key": key}).fetchone()
    if row is None:
        return None
    source, (kind, options, mapping, secret, former) = Source(*row[:10]), row[10:]
    known = tuple(secrets.unseal(s) for s in (secret, former) if s)
    return Endpoint(source, _config(kind, options, mapping), known)


def recent(
    conn: Connection, viewer: Viewer, source_id: int, rows_max: int = limits.webhook_recent_max
) -> list[Recent]:
    """The newest deliveries of a source with their bodies, newest first."""
    viewer.must_read()
    rows = conn.execute(RECENT, (source_id, rows_max)).fetchall()
    stored = log.fetch(conn, [facts.position(row[0], 0) for row in rows])
    out = []
    for seq, received_ms, event, items, refused in rows:
        found = stored.get(facts.position(seq, 0))
        if found is not None:
            headers, body = log.webhook_of(found[1])
            out.append(Recent(seq, received_ms, event, items, refused, headers, body))
    return out


def not_mapped(
    conn: Connection, viewer: Viewer, source_id: int, after_pos: int, rows_max: int
) -> list[tuple[int, int, bytes, dict[str, str]]]:
    """Events that no mapping fitted, oldest first: position, time, bytes, headers."""
    viewer.must_read()
    rows = conn.execute(NOT_MAPPED, (source_id, after_pos, rows_max)).fetchall()
    stored = log.fetch(conn, [row[0] for row in rows])
    return [
        (pos, received_ms, bytes(raw), log.webhook_of(stored[pos][1])[0] if pos in stored else {})
        for pos, received_ms, raw in rows
    ]


def replaying(conn: Connection, viewer: Viewer, source_id: int, items: int, now_ms: int) -> int:
    """Note that refused events are about to enter after all. Returns the action's number."""
    viewer.must_admin()
    row = conn.execute(REPLAYING, (source_id, items, viewer.actor, now_ms)).fetchone()
    return int(row[0]) if row else 0


def replayed(conn: Connection, action_id: int, old: Sequence[int], new: Sequence[int]) -> None:
    """Mark refusals as settled, each with the place of what it became."""
    conn.execute(REPLAYED, (action_id, list(old), list(new)))


# ── for the collector ──────────────────────────────────────────────────────────────────────────


def known(conn: Connection, source_id: int, refs: Sequence[str]) -> dict[str, Known]:
    """Whom these references stand for, as far as earlier events told."""
    if not refs:
        return {}
    rows = conn.execute(KNOWN, (source_id, list(refs)))
    return {ref: msgspec.convert(told, Known) for ref, told in rows}


def learn(conn: Connection, source_id: int, told: Mapping[str, Known], now_ms: int) -> None:
    """Keep what a delivery told of its references."""
    if told:
        refs = list(told)
        texts = [msgspec.json.encode(told[ref]).decode() for ref in refs]
        conn.execute(LEARN, (source_id, now_ms, refs, texts))


def reseal(conn: Connection) -> int:
    """Seal secrets with the newest key where they are not; how many. The caller commits."""
    n = 0
    for source_id, *stored in conn.execute(SEALED).fetchall():
        new = [secrets.resealed(one) for one in stored]
        if new != [None, None]:
            kept = [one if fresh is None else fresh for one, fresh in zip(stored, new, strict=True)]
            conn.execute(SET_SEALED, (*kept, source_id))
            n += 1
    return n


def forget_old(conn: Connection, before_ms: int) -> int:
    """Drop references that nothing has told of since. Returns how many."""
    return conn.execute(PRUNE_KNOWN, (before_ms, limits.webhook_known_prune_max)).rowcount


def note(conn: Connection, notes: Sequence[Note]) -> None:
    """Write down traffic and the newest deliveries."""
    for one in notes:
        conn.execute(COUNT, msgspec.structs.asdict(one))
        if one.bad and one.last_bad_ms is not None:
            hour_ms = one.last_bad_ms // clock.HOUR_MS * clock.HOUR_MS
            conn.execute(TURNED_AWAY, (one.source_id, hour_ms, one.bad))
        if one.recent:
            columns = [list(column) for column in zip(*one.recent, strict=True)]
            conn.execute(ADD_RECENT, (one.source_id, *columns))
            keep = {"source_id": one.source_id, "keep": limits.webhook_recent_max}
            conn.execute(PRUNE_RECENT, keep)


def _config(kind: str, options: Any, mapping: Any) -> Config:
    return msgspec.convert({"kind": kind, "options": options, "mapping": mapping}, Config)
