"""The SQL of definitions and of the leaves they need; memberships are in members_store.py.

Definitions change under one lock, together with their leaves: a leaf that no definition needs any
more is forgotten, so that one that needs it again starts a new one and is filled anew.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from onefold.audiences import references as refs
from onefold.audiences import rows_store
from onefold.audiences import source as sources
from onefold.audiences.dump import dump
from onefold.audiences.kept import Audience, Catalog, LeafRow
from onefold.audiences.model import All, Definition, Rows, leaves, rows_of
from onefold.audiences.parse import parse, tag_text
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, locks

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_RESERVED = frozenset(("stream",))  # an address of the API of its own

LOCK = "SELECT pg_advisory_xact_lock(%s)"
_COLUMNS = (
    "a.id, a.key, a.name, a.definition, a.feature, a.status, a.version, a.created_by, "
    "a.created_at, a.updated_at, a.kind, a.answered"
)
_MEMBERS = "(SELECT count(*) FROM membership m WHERE m.audience_id = a.id)"
GET = f"SELECT {_COLUMNS}, {_MEMBERS} FROM audience a WHERE a.key = %s AND a.status <> 'deleted'"
LIST = f"""
SELECT {_COLUMNS}, coalesce(m.n, 0) FROM audience a
LEFT JOIN (SELECT audience_id, count(*) AS n FROM membership GROUP BY audience_id) m
  ON m.audience_id = a.id
WHERE a.status <> 'deleted' ORDER BY a.name, a.id
"""
COUNT = "SELECT count(*) FROM audience WHERE status <> 'deleted'"
INSERT = """
INSERT INTO audience (key, name, of, definition, feature, created_by, kind, answered)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
RETURNING id
"""
UPDATE = """
UPDATE audience SET name = %s, of = %s, definition = %s, feature = %s, updated_at = now(),
  version = version + 1, status = CASE WHEN %s THEN 'building' ELSE status END,
  answered = answered AND NOT %s
WHERE id = %s
"""
DELETE = """
UPDATE audience SET status = 'deleted', version = version + 1, updated_at = now() WHERE id = %s
"""
SET_LIVE = """
UPDATE audience SET status = 'live'
WHERE id = %(id)s AND status = 'building' AND version = coalesce(%(version)s, version)
"""
REVISION = "SELECT coalesce(sum(version), 0)::bigint FROM audience"
# One statement, one snapshot: definitions and leaves that belong together.
LOAD = f"""
SELECT (SELECT coalesce(sum(version), 0)::bigint FROM audience),
  (SELECT coalesce(json_agg(row_to_json(r) ORDER BY r.id), '[]') FROM (
    SELECT {_COLUMNS} FROM audience a
    WHERE a.status <> 'deleted' OR EXISTS (SELECT 1 FROM membership m WHERE m.audience_id = a.id)
  ) r),
  (SELECT coalesce(json_agg(row_to_json(l) ORDER BY l.id), '[]') FROM leaf l)
"""
DEFINITIONS = "SELECT key, of, definition, feature FROM audience WHERE status <> 'deleted'"
REBUILD = """
UPDATE audience SET status = 'building', version = version + 1
WHERE key = ANY(%s) AND status <> 'deleted'
"""
ENSURE_LEAVES = "INSERT INTO leaf (key) SELECT unnest(%b::text[]) ON CONFLICT (key) DO NOTHING"
FORGET_LEAVES = "DELETE FROM leaf WHERE key <> ALL(%s)"
LEAVES_LIVE = "UPDATE leaf SET live_pos = %s WHERE id = ANY(%s) AND live_pos IS NULL"
LEAVES_FILLED = """
UPDATE leaf SET filled_pos = greatest(filled_pos, %(pos)s), filled = filled OR live_pos <= %(pos)s
WHERE id = ANY(%(ids)s)
"""


# ── definitions ────────────────────────────────────────────────────────────────────────────────


def create(
    conn: Connection,
    viewer: Viewer,
    key: str,
    name: str,
    source: str | dict[str, Any],
    feature: str = "",
) -> Audience:
    """A new audience, building until the worker has filled it.

    `key` may be left empty when the text has `audience:`. Raises `Invalid` with every fault and
    `Conflict` when an audience of that key exists.
    """
    viewer.must_admin()
    key, name, definition = _read(source, key, name, feature)
    feature = tag_text(feature)
    dumped = dump(definition)
    conn.execute(LOCK, (locks.DEFINITIONS,))
    (n,) = _one(conn.execute(COUNT))
    if n >= limits.audiences_max:
        remedy = "Delete one that is not used any more."
        raise errors.Invalid(errors.Fault("key", f"There are {n} audiences already.", remedy))
    if found := _find(conn, key):
        raise errors.Conflict(
            f"There is an audience with the key `{key}`. Choose another or edit that one.",
            {"key": found.key, "name": found.name, "version": found.version},
        )
    if wrong := refs.faults(key, definition, _others(conn)):
        raise errors.Invalid(*wrong)
    rows = rows_of(definition)
    how = rows.how if rows else "live"
    row = (key, name, definition.of, Jsonb(dumped), feature, viewer.actor, how, how != "sql")
    (audience_id,) = _one(conn.execute(INSERT, row))
    if how == "sql":
        rows_store.ask_soon(conn, audience_id)
    _settle_leaves(conn)
    return _get(conn, key)


def update(
    conn: Connection,
    viewer: Viewer,
    key: str,
    *,
    name: str | None = None,
    source: str | dict[str, Any] | None = None,
    feature: str | None = None,
    version: int | None = None,
) -> Audience:
    """Change what is given. A definition that means something else is built anew; until then its
    members stay.

    Raises `NotFound`, `Invalid`, and `Conflict` when `version` is given and no longer current.
    """
    viewer.must_admin()
    conn.execute(LOCK, (locks.DEFINITIONS,))
    old = _get(conn, key)
    if version is not None and version != old.version:
        raise errors.Conflict(
            f"`{key}` was changed meanwhile. Look at it as it is now and edit again.",
            {"key": key, "name": old.name, "source": old.source, "feature": old.feature,
             "version": old.version},
        )  # fmt: skip
    tag = old.feature if feature is None else feature
    text = old.source if source is None else source
    _, new_name, definition = _read(text, key, name or "", tag, old.name)
    tag = tag_text(tag)
    if definition.of != old.of:
        remedy = f"Keep `of: {old.of}`, or create another audience."
        raise errors.Invalid(errors.Fault("of", "An audience keeps its kind.", remedy))
    rows, was = rows_of(definition), rows_of(old.definition)
    if (rows.how if rows else "") != (was.how if was else ""):
        remedy = "Create another audience, and delete this one."
        raise errors.Invalid(errors.Fault("definition", "An audience keeps its kind.", remedy))
    dumped = dump(definition)
    changed = tag != old.feature or _text(definition) != _text(parse(old.source))
    if changed:
        others = _others(conn)
        if wrong := refs.faults(key, definition, others):
            raise errors.Invalid(*wrong)
        conn.execute(REBUILD, (refs.dependents(key, others),))
    if changed or new_name != old.name:
        asked = bool(rows and was and (rows.text, rows.every_ms) != (was.text, was.every_ms))
        row = (new_name, definition.of, Jsonb(dumped), tag, changed, asked, old.id)
        conn.execute(UPDATE, row)
        if asked:
            rows_store.ask_soon(conn, old.id)
        _settle_leaves(conn)
    return _get(conn, key)


def delete(conn: Connection, viewer: Viewer, key: str) -> None:
    """Take an audience out of force; the worker lets its members go (`clear`). Its key is free.

    Raises `NotFound`, and `Conflict` when other audiences ask for it.
    """
    viewer.must_admin()
    conn.execute(LOCK, (locks.DEFINITIONS,))
    audience_id = _get(conn, key).id
    if users := refs.dependents(key, _others(conn)):
        told = ", ".join(f"`{u}`" for u in users[:5])
        raise errors.Conflict(
            f"`{key}` is asked for by {told}. Change those first.", {"used": users}
        )
    conn.execute(DELETE, (audience_id,))
    rows_store.forget(conn, audience_id)
    _settle_leaves(conn)


def get(conn: Connection, viewer: Viewer, key: str) -> Audience:
    """An audience with its number of members. Raises `NotFound`."""
    viewer.must_read()
    return _get(conn, key)


def draft(
    conn: Connection, viewer: Viewer, source: str | dict[str, Any], feature: str = ""
) -> Definition:
    """What a text that is not kept means, with what it refers to. Raises `Invalid`."""
    viewer.must_read()
    definition = parse(source, feature)
    others = _others(conn)
    if wrong := refs.faults("", definition, others):
        raise errors.Invalid(*wrong)
    return refs.expand(definition, others)


def list_all(conn: Connection, viewer: Viewer) -> list[Audience]:
    """All audiences by name, with their numbers of members."""
    viewer.must_read()
    return [_audience(row) for row in conn.execute(LIST)]


# ── for the worker ─────────────────────────────────────────────────────────────────────────────


def load(conn: Connection) -> Catalog:
    """Definitions in force, deleted ones that still have members, and all leaves: one snapshot."""
    revision_now, rows_of, rows = _one(conn.execute(LOAD))
    found = [_audience((*a.values(), None)) for a in rows_of]
    alive = [a for a in found if a.status != "deleted"]
    others = refs.others_of(
        (a.key, a.of, a.definition if a.kind == "live" else None) for a in alive
    )
    return Catalog(
        revision=revision_now,
        audiences=[
            msgspec.structs.replace(a, definition=refs.expand(a.definition, others)) for a in found
        ],
        leaves=[msgspec.convert(row, LeafRow) for row in rows],
    )


def revision(conn: Connection) -> int:
    """A number that rises with every create, update and delete."""
    (found,) = _one(conn.execute(REVISION))
    return int(found)


def set_live(conn: Connection, audience_id: int, version: int | None = None) -> bool:
    """The audience is built. With `version`: only if it has not been changed since that one."""
    row = {"id": audience_id, "version": version}
    return conn.execute(SET_LIVE, row).rowcount > 0


def leaves_live(conn: Connection, leaf_ids: Sequence[int], pos: int) -> None:
    """Facts after `pos` are folded live into these leaves; said once for each."""
    conn.execute(LEAVES_LIVE, (pos, list(leaf_ids)))


def leaves_filled(conn: Connection, leaf_ids: Sequence[int], pos: int) -> None:
    """Facts up to `pos` are filled in; a leaf that has reached its `live_pos` is complete."""
    conn.execute(LEAVES_FILLED, {"ids": list(leaf_ids), "pos": pos})


# ── inside ─────────────────────────────────────────────────────────────────────────────────────


def _read(
    source: str | dict[str, Any], key: str, name: str, feature: str, old_name: str = ""
) -> tuple[str, str, Definition]:
    """Key, name and definition (without the feature's condition), or every fault at once."""
    faults: list[errors.Fault] = []
    definition: Definition | None = None
    inner: dict[str, Any] = {}
    try:
        inner = sources.read(source)
        parse(inner, feature)
        definition = parse(inner)
    except errors.Invalid as wrong:
        faults += wrong.faults
    said = inner.get("audience")
    if not key and isinstance(said, str):
        key = said
    elif said is not None and said != key:
        problem = f"`audience` is `{str(said)[:60]}` in the text and `{key[:60]}` beside it."
        faults.append(errors.Fault("key", problem, "Write the same, or leave one out."))
    if key in _RESERVED or not _KEY.fullmatch(key) or len(key) > limits.audience_key_chars_max:
        remedy = (
            "Write lower-case letters, digits, `_` and `-`, "
            f"at most {limits.audience_key_chars_max}: `trial_going_cold`."
        )
        faults.append(errors.Fault("key", f"`{key[:60]}` is no key.", remedy))
    name = (name or str(inner.get("name") or "") or old_name or key).strip()
    if len(name) > limits.name_chars_max or "\0" in name:
        remedy = f"At most {limits.name_chars_max} characters of plain text."
        faults.append(errors.Fault("name", "The name is too long or cannot be stored.", remedy))
    if len(feature) > limits.record_tag_chars_max:
        remedy = f"A ticket's tag has at most {limits.record_tag_chars_max} characters."
        faults.append(errors.Fault("feature", "The feature is too long.", remedy))
    if faults or definition is None:
        raise errors.Invalid(*faults)
    return key, name, definition


def _text(definition: Definition) -> bytes:
    """Equal for equal meaning; `==` of trees takes 1 for true."""
    return msgspec.json.encode(definition.where)


def _others(conn: Connection) -> dict[str, refs.Other]:
    rows = conn.execute(DEFINITIONS).fetchall()
    parsed = ((key, of, parse(source, feature)) for key, of, source, feature in rows)
    return refs.others_of((key, of, None if rows_of(d) else d) for key, of, d in parsed)


def _settle_leaves(conn: Connection) -> None:
    """Leaves that definitions in force need are there, others are not. Under the lock."""
    needed = {
        leaf.key
        for _, _, source, feature in conn.execute(DEFINITIONS).fetchall()
        for leaf in leaves(parse(source, feature))
    }
    conn.execute(ENSURE_LEAVES, (sorted(needed),))
    conn.execute(FORGET_LEAVES, (sorted(needed),))


def _find(conn: Connection, key: str) -> Audience | None:
    row = conn.execute(GET, (key,)).fetchone()
    return _audience(row) if row else None


def _get(conn: Connection, key: str) -> Audience:
    found = _find(conn, key)
    if found is None:
        raise errors.NotFound(f"There is no audience with the key `{key[:60]}`.")
    return found


def _audience(row: Sequence[Any]) -> Audience:
    audience_id, key, name, source, feature, status, version, by, created, updated, *more = row
    kind, answered, n = more
    definition = _keyed(parse(source, feature), key)
    return Audience(
        id=audience_id,
        key=key,
        name=name,
        of=definition.of,
        source=source,
        feature=feature,
        status=status,
        version=version,
        created_by=by,
        created_ms=_ms(created),
        updated_ms=_ms(updated),
        definition=definition,
        kind=kind,
        answered=answered,
        members=n,
    )


def _keyed(definition: Definition, key: str) -> Definition:
    """With the audience's key in the node that asks for its own rows."""
    where = definition.where
    if isinstance(where, Rows):
        return Definition(definition.of, msgspec.structs.replace(where, key=key))
    if isinstance(where, All) and isinstance(where.of[0], Rows):  # a campaign's
        first = msgspec.structs.replace(where.of[0], key=key)
        return Definition(definition.of, All((first, *where.of[1:])))
    return definition


def _ms(value: datetime | str) -> int:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return clock.from_datetime(found)


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    return cursor.fetchall()[0]
