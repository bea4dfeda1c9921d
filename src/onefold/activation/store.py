"""The room's only SQL: destinations, the outbox, and what became of its rows.

The outbox is a queue in a table. Per destination only the oldest pending row of a subject (an
audience and somebody in it) can be claimed, so that an exit never overtakes an enter that is being
tried again. A claim is a lease: it moves `next_ms` past the time that an attempt can take, and a
deliverer that dies gives the row back by letting it pass. Claims and manual retries of one
destination take turns by a lock on its row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from onefold import log
from onefold.activation import outcome as outcomes
from onefold.activation import urls
from onefold.activation.kinds import KINDS
from onefold.activation.model import (
    AudienceChange,
    Batch,
    Deliveries,
    Delivery,
    Destination,
    Job,
    Outcome,
    Verdict,
    slug,
)
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, locks, secrets

_COLUMNS = """id, key, name, kind, config->>'url', audiences, enabled, disabled_reason, created_by,
created_at, version"""
LOCK = "SELECT pg_advisory_xact_lock(%s)"
COUNT = "SELECT count(*) FROM destination"
INSERT = f"""
INSERT INTO destination (key, name, kind, config, audiences, enabled, created_by, created_at)
VALUES (%(key)s, %(name)s, %(kind)s, %(config)s::jsonb, %(audiences)s, %(enabled)s, %(created_by)s,
  %(created_at)s)
ON CONFLICT (key) DO NOTHING RETURNING {_COLUMNS}
"""
GET = f"SELECT {_COLUMNS} FROM destination WHERE id = %(id)s"
HOLD = GET + " FOR NO KEY UPDATE"
LIST = f"SELECT {_COLUMNS} FROM destination ORDER BY id"
UPDATE = f"""
UPDATE destination SET name = %(name)s, audiences = %(audiences)s, enabled = %(enabled)s,
  config = config || jsonb_build_object('url', %(url)s::text),
  disabled_reason = CASE WHEN %(enabled)s THEN '' ELSE disabled_reason END,
  version = version + 1
WHERE id = %(id)s RETURNING {_COLUMNS}
"""
SEALED = (
    "SELECT id, config->>'secret' FROM destination WHERE config ? 'secret' ORDER BY id FOR UPDATE"
)
SEAL = """
UPDATE destination SET config = config || jsonb_build_object('secret', %s::text) WHERE id = %s
"""
SUBSCRIBED = "SELECT DISTINCT unnest(audiences) FROM destination WHERE enabled"
ENQUEUE = """
INSERT INTO outbox (destination_id, subject, home, payload, next_ms, created_ms)
SELECT d.id, c.subject, c.home, c.payload::jsonb, %(now_ms)s, %(now_ms)s
FROM unnest(%(audiences)s::text[], %(subjects)s::text[], %(homes)s::text[], %(payloads)s::text[])
  WITH ORDINALITY AS c (audience, subject, home, payload, n)
JOIN destination d ON d.enabled AND c.audience = ANY (d.audiences)
ORDER BY c.n, d.id
"""
DUE = """
SELECT d.id, d.kind FROM destination d WHERE d.enabled AND EXISTS (
  SELECT 1 FROM outbox o
  WHERE o.destination_id = d.id AND o.status = 'pending' AND o.next_ms <= %s)
"""
CLAIMABLE = """
SELECT kind, key, config FROM destination WHERE id = %s AND enabled FOR NO KEY UPDATE SKIP LOCKED
"""
CLAIM = """
WITH head AS (
  SELECT o.id FROM outbox o
  WHERE o.destination_id = %(destination_id)s AND o.status = 'pending' AND o.next_ms <= %(now_ms)s
    AND NOT EXISTS (
      SELECT 1 FROM outbox e
      WHERE e.destination_id = o.destination_id AND e.subject = o.subject
        AND e.status = 'pending' AND e.id < o.id)
  ORDER BY o.next_ms, o.id LIMIT %(rows_max)s
  FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET attempts = o.attempts + 1, next_ms = %(leased_ms)s
FROM head WHERE o.id = head.id
RETURNING o.id, o.message_id, o.home, o.payload, o.attempts, o.created_ms
"""
SETTLE = """
UPDATE outbox o SET status = t.status, answer = t.answer, next_ms = t.next_ms,
  done_ms = CASE WHEN t.status = 'pending' THEN NULL ELSE %s::bigint END
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS t (id, status, answer, next_ms)
WHERE o.id = t.id AND o.status = 'pending'
RETURNING o.id
"""
DISABLE = """
UPDATE destination SET enabled = false, disabled_reason = %s, version = version + 1
WHERE id = ANY (%s) AND enabled
"""
STALE = """
SELECT o.id, o.message_id, o.home, o.payload, o.attempts, o.created_ms, d.id, d.key
FROM outbox o JOIN destination d ON d.id = o.destination_id
WHERE o.status = 'pending' AND o.created_ms < %s AND o.next_ms <= %s
ORDER BY o.id LIMIT %s FOR UPDATE OF o SKIP LOCKED
"""
PRUNE = """
DELETE FROM outbox WHERE id IN (
  SELECT id FROM outbox WHERE status <> 'pending' AND done_ms < %s ORDER BY done_ms LIMIT %s)
"""
_DELIVERY = """SELECT o.id, o.message_id, o.destination_id, d.name, o.status, o.attempts, o.answer,
  o.payload, o.created_ms, o.next_ms, o.done_ms
FROM outbox o JOIN destination d ON d.id = o.destination_id"""
DELIVERIES = f"""{_DELIVERY}
WHERE o.id < %(below)s
  AND (%(destination_id)s::int IS NULL OR o.destination_id = %(destination_id)s)
  AND (%(status)s::text IS NULL OR o.status = %(status)s)
ORDER BY o.id DESC LIMIT %(rows_max)s
"""
DELIVERY = f"{_DELIVERY} WHERE o.id = %s"
DESTINATION_OF = """
SELECT d.id FROM outbox o JOIN destination d ON d.id = o.destination_id
WHERE o.id = %s FOR NO KEY UPDATE OF d
"""
LATER = """
SELECT EXISTS (
  SELECT 1 FROM outbox o JOIN outbox l USING (destination_id, subject)
  WHERE o.id = %s AND l.id > o.id
    AND (l.status = 'sent' OR l.status = 'pending' AND l.attempts > 0))
"""
RETRY = """
UPDATE outbox SET status = 'pending', attempts = 0, next_ms = %(now_ms)s, created_ms = %(now_ms)s,
  done_ms = NULL
WHERE id = %(id)s AND status = 'failed'
"""
_STATUSES = ("pending", "sent", "failed")
_ID_MAX = 2**63 - 1


# ── destinations ───────────────────────────────────────────────────────────────────────────────


def create(
    conn: Connection,
    viewer: Viewer,
    values: Mapping[str, Any],
    now_ms: int,
    *,
    private_allowed: bool = True,
) -> tuple[Destination, str]:
    """A new destination and its secret, which is not shown again.

    `values`: `name`, `url`, and if wanted `kind` (webhook), `audiences` (keys), `enabled` (true).
    `private_allowed`: the setting `destinations_private`. Raises `Invalid` with every fault.
    """
    viewer.must_admin()
    wanted = {"kind": "webhook", "audiences": [], "enabled": True, **values}
    _check(wanted, private_allowed=private_allowed, creating=True)
    conn.execute(LOCK, (locks.DESTINATIONS,))
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.destinations_max:
        raise errors.Conflict(
            f"There are {counted[0]:,} destinations, the most there may be. Change one of them."
        )
    secret = KINDS[wanted["kind"]].new_secret()
    sealed = secrets.seal(conn, secret)
    config = msgspec.json.encode({"url": wanted["url"], "secret": sealed}).decode()
    base = slug(wanted["name"])
    for n in range(1, limits.destinations_max + 2):
        row = conn.execute(
            INSERT,
            {
                "key": base if n == 1 else f"{base}-{n}",
                "name": wanted["name"].strip(),
                "kind": wanted["kind"],
                "config": config,
                "audiences": list(dict.fromkeys(wanted["audiences"])),
                "enabled": wanted["enabled"],
                "created_by": viewer.actor,
                "created_at": clock.to_datetime(now_ms),
            },
        ).fetchone()
        if row is not None:
            return _destination(row), secret
    raise errors.Conflict(f"No free key is left for a destination named `{wanted['name']}`.")


def update(
    conn: Connection,
    viewer: Viewer,
    destination_id: str | int,
    values: Mapping[str, Any],
    *,
    expected_version: int | None = None,
    private_allowed: bool = True,
) -> Destination:
    """Set `name`, `url`, `audiences` or `enabled`; the kind and the secret stay.

    What was pending while it was disabled is sent once it is enabled again. Raises `Invalid`,
    `NotFound`, and `Conflict` when `expected_version` (None: no check) is not its version.
    """
    viewer.must_admin()
    row_id = ids.parse_id("dst", destination_id)
    before = _destination(_one(conn, HOLD, row_id, {"id": row_id}))
    if expected_version is not None and expected_version != before.version:
        raise errors.Conflict(
            f"This destination has been changed: it is at version {before.version}, your edit is "
            f"of version {expected_version}. Look at `current` and send your change again.",
            msgspec.to_builtins(before),
        )
    wanted = {
        "name": before.name, "url": before.url, "audiences": before.audiences,
        "enabled": before.enabled, **values,
    }  # fmt: skip
    _check(wanted, private_allowed=private_allowed, creating=False)
    changed = {
        "id": row_id,
        "name": wanted["name"].strip(),
        "url": wanted["url"],
        "audiences": list(dict.fromkeys(wanted["audiences"])),
        "enabled": wanted["enabled"],
    }
    return _destination(_one(conn, UPDATE, row_id, changed))


def get(conn: Connection, viewer: Viewer, destination_id: str | int) -> Destination:
    """One destination, without its secret. Raises `NotFound`."""
    viewer.must_read()
    row_id = ids.parse_id("dst", destination_id)
    return _destination(_one(conn, GET, row_id, {"id": row_id}))


def list_all(conn: Connection, viewer: Viewer) -> list[Destination]:
    """Every destination, oldest first, without secrets."""
    viewer.must_read()
    return [_destination(row) for row in conn.execute(LIST)]


def reseal(conn: Connection) -> int:
    """Seal secrets with the newest key where they are not; how many. The caller commits."""
    anew = [(secrets.resealed(stored), row_id) for row_id, stored in conn.execute(SEALED)]
    changed = [row for row in anew if row[0] is not None]
    for row in changed:
        conn.execute(SEAL, row)
    return len(changed)


def subscribed(conn: Connection) -> set[str]:
    """Keys of the audiences whose changes go anywhere. No viewer: the worker asks."""
    return {key for (key,) in conn.execute(SUBSCRIBED)}


# ── the queue ──────────────────────────────────────────────────────────────────────────────────


def enqueue(conn: Connection, changes: Sequence[AudienceChange], now_ms: int) -> int:
    """One outbox row for each change and each enabled destination that receives its audience.

    In the transaction of the conclusion that they follow from. Returns the number of rows.
    """
    if not changes:
        return 0
    cursor = conn.execute(
        ENQUEUE,
        {
            "audiences": [c.audience_key for c in changes],
            "subjects": [f"{c.audience_key}.{c.entity_id}" for c in changes],
            "homes": [c.home for c in changes],
            "payloads": [outcomes.payload(c) for c in changes],
            "now_ms": now_ms,
        },
    )
    return cursor.rowcount


def due(conn: Connection, now_ms: int) -> list[tuple[int, str]]:
    """Enabled destinations that have rows to be sent now: id and kind."""
    return [(row_id, kind) for row_id, kind in conn.execute(DUE, (now_ms,))]


def claim(conn: Connection, destination_id: int, rows_max: int, now_ms: int) -> Batch | None:
    """Lease up to `rows_max` rows of one destination; None when it is off or held by another."""
    found = conn.execute(CLAIMABLE, (destination_id,)).fetchone()
    if found is None:
        return None
    cursor = conn.execute(
        CLAIM,
        {
            "destination_id": destination_id,
            "rows_max": min(rows_max, limits.outbox_claim_max),
            "now_ms": now_ms,
            "leased_ms": now_ms + limits.outbox_lease_s * 1000,
        },
    )
    jobs = sorted((Job(*row) for row in cursor), key=lambda job: job.id)
    return Batch(found[0], found[1], found[2], jobs)


def settle(conn: Connection, settled: Sequence[Outcome], now_ms: int) -> None:
    """Mark rows and append the facts of those that are done: the last step before the commit."""
    cursor = conn.execute(
        SETTLE,
        (
            now_ms,
            [o.job.id for o in settled],
            ["pending" if o.verdict.status == "retry" else o.verdict.status for o in settled],
            [o.verdict.answer for o in settled],
            [o.next_ms for o in settled],
        ),
    )
    marked = {row_id for (row_id,) in cursor}
    gone = sorted({o.destination_id for o in settled if o.verdict.gone})
    if gone:
        conn.execute(DISABLE, ("The receiver answered 410: it asked to be called no more.", gone))
    items = [
        item
        for o in settled
        if o.job.id in marked and (item := outcomes.fact(o, now_ms)) is not None
    ]
    log.append_facts(conn, "system", items, now_ms)


def expire(conn: Connection, now_ms: int) -> int:
    """Fail rows that have waited too long, those of disabled destinations too. Returns how many."""
    hours = limits.outbox_age_max_h
    cursor = conn.execute(
        STALE, (now_ms - hours * clock.HOUR_MS, now_ms, limits.outbox_sweep_rows_max)
    )
    verdict = Verdict("failed", f"Not delivered within {hours} hours.")
    stale = [Outcome(Job(*row[:6]), row[6], row[7], verdict) for row in cursor]
    if stale:
        settle(conn, stale, now_ms)
    return len(stale)


def prune(conn: Connection, now_ms: int) -> int:
    """Forget deliveries that were done long ago. Returns how many."""
    before_ms = now_ms - limits.outbox_kept_days * clock.DAY_MS
    return conn.execute(PRUNE, (before_ms, limits.outbox_sweep_rows_max)).rowcount


# ── what became of it ──────────────────────────────────────────────────────────────────────────


def deliveries(
    conn: Connection,
    viewer: Viewer,
    *,
    destination_id: str | int | None = None,
    status: str | None = None,
    cursor: str | None = None,
    rows_max: int = limits.page_rows_default,
) -> Deliveries:
    """Deliveries, newest first; `cursor` is the `next` of the page before."""
    viewer.must_read()
    if status is not None and status not in _STATUSES:
        raise errors.Invalid(
            errors.Fault("status", f"`{status}` is not known.", f"Use {', '.join(_STATUSES)}.")
        )
    rows_max = max(1, min(rows_max, limits.page_rows_max))
    found = conn.execute(
        DELIVERIES,
        {
            "below": ids.parse_id("dlv", cursor, "cursor") if cursor else _ID_MAX,
            "destination_id": ids.parse_id("dst", destination_id, "destination_id")
            if destination_id is not None
            else None,
            "status": status,
            "rows_max": rows_max + 1,
        },
    ).fetchall()
    rows = [_delivery(row) for row in found[:rows_max]]
    return Deliveries(rows, rows[-1].id if len(found) > rows_max else None)


def retry(conn: Connection, viewer: Viewer, delivery_id: str | int, now_ms: int) -> Delivery:
    """Send a failed delivery again, as if it were new, under the same `webhook-id`.

    Raises `NotFound`, and `Conflict` when it has not failed or when a newer change of the same
    person or account in the same audience has gone out since: the old one would undo it.
    """
    viewer.must_admin()
    row_id = ids.parse_id("dlv", delivery_id)
    conn.execute(DESTINATION_OF, (row_id,))
    later = conn.execute(LATER, (row_id,)).fetchone()
    if later and later[0]:
        raise errors.Conflict(
            "A newer change of the same subject has gone out since; sending this one now would "
            "undo it at the receiver. There is nothing to do."
        )
    changed = conn.execute(RETRY, {"id": row_id, "now_ms": now_ms}).rowcount
    row = conn.execute(DELIVERY, (row_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no delivery `dlv_{row_id}`.")
    if not changed:
        raise errors.Conflict("Only a failed delivery can be sent again; this one has not failed.")
    return _delivery(row)


def _one(conn: Connection, sql: str, row_id: int, values: dict[str, Any]) -> tuple[Any, ...]:
    row = conn.execute(sql, values).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no destination `dst_{row_id}`.")
    return row


def _destination(row: tuple[Any, ...]) -> Destination:
    return Destination(
        id=ids.api_id("dst", row[0]), key=row[1], name=row[2], kind=row[3], url=row[4],
        audiences=row[5], enabled=row[6], disabled_reason=row[7], created_by=row[8],
        created_at=clock.iso(clock.from_datetime(row[9])) or "", version=row[10],
    )  # fmt: skip


def _delivery(row: tuple[Any, ...]) -> Delivery:
    payload = row[7]
    entity = payload.get("person") or payload.get("account") or {}
    return Delivery(
        id=ids.api_id("dlv", row[0]), message_id=row[1], destination_id=ids.api_id("dst", row[2]),
        destination_name=row[3], status=row[4], attempts=row[5], answer=row[6],
        type=payload["type"], audience=payload["audience"]["key"], entity=entity.get("id", ""),
        payload=payload, created_at=clock.iso(row[8]) or "",
        next_at=clock.iso(row[9]) if row[4] == "pending" else None, done_at=clock.iso(row[10]),
    )  # fmt: skip


def _check(values: Mapping[str, Any], *, private_allowed: bool, creating: bool) -> None:
    """Raise `Invalid` with every fault of a destination's values."""
    known = ("name", "url", "audiences", "enabled", *(("kind",) if creating else ()))
    faults = [
        errors.Fault(str(name)[:60], "can't be set here.", f"Known are {', '.join(known)}.")
        for name in values
        if name not in known
    ]
    name = values.get("name")
    if not isinstance(name, str) or not name.strip():
        faults.append(errors.Fault("name", "is missing.", "Say what receives: `Mail tool`."))
    elif len(name) > limits.name_chars_max or not name.isprintable():
        faults.append(
            errors.Fault(
                "name",
                f"must be at most {limits.name_chars_max} printable characters.",
                "Shorten it and leave control characters out.",
            )
        )
    faults += urls.faults_of(values.get("url"), private_allowed=private_allowed)
    if creating and values.get("kind") not in KINDS:
        shown = str(values.get("kind"))[:60]
        faults.append(
            errors.Fault("kind", f"`{shown}` is not known.", f"Use one of {', '.join(KINDS)}.")
        )
    audiences = values.get("audiences")
    if not isinstance(audiences, list | tuple) or not all(
        isinstance(a, str) and 0 < len(a) <= limits.name_chars_max and a.isprintable()
        for a in audiences
    ):
        faults.append(
            errors.Fault("audiences", "must be a list of audience keys.", 'Send `["exports"]`.')
        )
    elif len(audiences) > limits.audiences_max:
        faults.append(
            errors.Fault("audiences", f"has {len(audiences)} keys.", "Use several destinations.")
        )
    if not isinstance(values.get("enabled"), bool):
        faults.append(errors.Fault("enabled", "must be true or false.", "Send `true`."))
    if faults:
        raise errors.Invalid(*faults)
