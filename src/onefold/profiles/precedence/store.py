"""Versions of the rules of precedence, and how far stored states are decided by the newest."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.kernel import clock, errors
from onefold.kernel.viewer import Viewer
from onefold.profiles.precedence.rules import Precedence, Rules
from onefold.storage import Connection, locks

_VERSION = """
SELECT id, rules, created_by, created_at, taken_ms, upto, done, changed, ended_ms FROM trait_version
"""
IN_FORCE = _VERSION + "WHERE taken_ms IS NOT NULL ORDER BY id DESC LIMIT 1"
NUMBER = "SELECT coalesce(max(id), 0) FROM trait_version WHERE taken_ms IS NOT NULL"
NEWEST = _VERSION + "ORDER BY id DESC LIMIT 1"
LIST = _VERSION + "ORDER BY id DESC LIMIT %s"
SOURCES = "SELECT id, key, category FROM source"
LOCK = "SELECT pg_advisory_xact_lock(%s)"
ADD = "INSERT INTO trait_version (rules, created_by, created_at) VALUES (%s, %s, %s)"
TAKE_UP = """
UPDATE trait_version SET taken_ms = %(now)s,
  upto = (SELECT coalesce(max(id), 0) FROM fragment),
  ended_ms = CASE WHEN EXISTS (SELECT FROM fragment) THEN NULL ELSE %(now)s END
WHERE taken_ms IS NULL
"""
END_OLDER = """
UPDATE trait_version SET ended_ms = %s
WHERE ended_ms IS NULL AND taken_ms IS NOT NULL AND id < (SELECT max(id) FROM trait_version)
"""
REPLAYED = """
UPDATE trait_version SET done = %s, changed = changed + %s, ended_ms = %s WHERE id = %s
"""
STRETCH = """
SELECT f.id, f.person_id, i.value FROM fragment f JOIN identifier i ON i.id = f.identifier_id
WHERE f.id > %s AND f.id <= %s ORDER BY f.id LIMIT %s
"""


class Version(msgspec.Struct, frozen=True):
    """A version of the rules. `done` of `upto` fragments are decided by it, `changed` anew."""

    id: int
    rules: Rules
    created_by: str
    created_ms: int
    taken_ms: int | None
    upto: int
    done: int
    changed: int
    ended_ms: int | None


def _version(row: Sequence[Any]) -> Version:
    number, rules, by, at, *rest = row
    return Version(number, msgspec.convert(rules, Rules), by, clock.from_datetime(at), *rest)


def number(conn: Connection) -> int:
    """The version in force."""
    return int(conn.execute(NUMBER).fetchall()[0][0])


def current(conn: Connection) -> Precedence:
    """The rules in force, compiled with the sources there are."""
    row = conn.execute(IN_FORCE).fetchone()
    sources = {i: (key, category) for i, key, category in conn.execute(SOURCES)}
    if row is None:
        return Precedence(sources=sources)
    version = _version(row)
    return Precedence(version.rules, version.id, sources)


def newest(conn: Connection, viewer: Viewer) -> Version | None:
    """The version that holds, or will from the worker's next step on."""
    viewer.must_read()
    row = conn.execute(NEWEST).fetchone()
    return None if row is None else _version(row)


def versions(conn: Connection, viewer: Viewer, rows_max: int) -> list[Version]:
    """Versions, newest first."""
    viewer.must_read()
    return [_version(row) for row in conn.execute(LIST, (rows_max,))]


def add(conn: Connection, viewer: Viewer, rules: Rules, base: int | None, now_ms: int) -> Version:
    """Write a version, which the worker takes up. Raises `Conflict` when `base` is not newest."""
    viewer.must_admin()
    conn.execute(LOCK, (locks.DEFINITIONS,))
    last = newest(conn, viewer)
    if base is not None and last is not None and last.id != base:
        raise errors.Conflict(
            f"The rules were changed meanwhile: version {last.id} holds. Look, and edit again.",
            {"version": last.id, "rules": msgspec.to_builtins(last.rules)},
        )
    body = Jsonb(msgspec.to_builtins(rules))
    conn.execute(ADD, (body, viewer.actor, clock.to_datetime(now_ms)))
    made = newest(conn, viewer)
    assert made is not None  # noqa: S101 - it was written just now
    return made


# ── the worker ─────────────────────────────────────────────────────────────────────────────────


def take_up(conn: Connection, now_ms: int) -> bool:
    """Let the newest version hold from here on; was there one that waited?"""
    taken = conn.execute(TAKE_UP, {"now": now_ms}).rowcount > 0
    if taken:
        conn.execute(END_OLDER, (now_ms,))
    return taken


def replaying(conn: Connection) -> Version | None:
    """The version by which states are still to be decided."""
    row = conn.execute(IN_FORCE).fetchone()
    version = None if row is None else _version(row)
    return None if version is None or version.ended_ms is not None else version


def stretch(conn: Connection, version: Version, rows_max: int) -> list[tuple[int, int, str]]:
    """The next fragments to decide again: id, person (0: an account's own), identifier's value."""
    return conn.execute(STRETCH, (version.done, version.upto, rows_max)).fetchall()


def replayed(
    conn: Connection, version: Version, done: int, changed: int, ended_ms: int | None
) -> None:
    """Note how far that is."""
    conn.execute(REPLAYED, (done, changed, ended_ms, version.id))
