"""Which rules are in force: the journal `source_rules`, and its versions compiled.

A change appends a row without `from_seq`; the worker, between two batches, gives it the next log
row's number (`take_up`). So a change reaches nothing that was admitted before it.
"""

import threading
from collections import OrderedDict
from typing import Any

import msgspec

from onefold.governance import intake, plans, rules, suppression, transforms
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, locks

_SUPPRESSED = 64  # bits: above the other two revisions
LOCK = "SELECT pg_advisory_xact_lock(%s)"
REVISION = """
SELECT coalesce((
  SELECT id FROM source_rules WHERE from_seq IS NOT NULL ORDER BY id DESC LIMIT 1
), 0) + (coalesce((
  SELECT id FROM namespace_version WHERE from_seq IS NOT NULL ORDER BY id DESC LIMIT 1
), 0)::bigint << 40)
"""
NAMESPACES = """
SELECT v.id, v.from_seq, n.name, n.kind, n.form, n.region, n.types, n.traits
FROM namespace_version v JOIN namespace n ON n.version = v.id
WHERE v.from_seq IS NOT NULL ORDER BY v.id DESC, n.priority, n.name
"""
TAKE_UP = "UPDATE source_rules SET from_seq = %s WHERE from_seq IS NULL"
VERSIONS = """
SELECT source_id, from_seq, transformation, plan_id, plan_version FROM source_rules
WHERE from_seq IS NOT NULL ORDER BY source_id, from_seq, id
"""
TRANSFORMATIONS = "SELECT source_id, version, body FROM transformation ORDER BY source_id, version"
PLANS = """
SELECT v.plan_id, v.version, v.body, p.key FROM plan_version v JOIN plan p ON p.id = v.plan_id
"""
HASH_KEY = "SELECT value FROM install_secret WHERE name = 'hash'"
CURRENT = """
SELECT transformation, plan_id, plan_version, from_seq FROM source_rules
WHERE source_id = %s ORDER BY id DESC LIMIT 1
"""
COUNT = "SELECT count(*) FROM source_rules WHERE source_id = %s"
CHANGE = """
INSERT INTO source_rules (source_id, transformation, plan_id, plan_version, created_by)
VALUES (%s, %s, %s, %s, %s)
"""


class Current(msgspec.Struct, frozen=True):
    """What holds for a source, or will from the next batch on (`waiting`)."""

    transformation: int | None = None
    plan_id: int | None = None
    plan_version: int | None = None
    waiting: bool = False


class _Library:
    """What one database's rules compile to; kept, since versions never change."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rules = rules.NO_RULES
        self.transformations: dict[tuple[int, int], transforms.Compiled] = {}
        self.plans: dict[tuple[int, int], plans.Compiled] = {}
        self.intakes: dict[tuple[intake.Space, ...], intake.Intake] = {}


_libraries: OrderedDict[tuple[Any, ...], _Library] = OrderedDict()
_libraries_lock = threading.Lock()


def revision(conn: Connection) -> int:
    """Moves when a change of any rules comes into force."""
    row = conn.execute(REVISION).fetchone()
    return (int(row[0]) if row else 0) + (suppression.revision(conn) << _SUPPRESSED)


def take_up(conn: Connection, seq: int) -> bool:
    """Let what was changed hold from the row after `seq` on; was there anything? The worker's, in
    a transaction that commits before it reads that row."""
    suppressed = suppression.take_up(conn, seq + 1)
    return conn.execute(TAKE_UP, (seq + 1,)).rowcount > 0 or suppressed


def load(conn: Connection) -> rules.Rules:
    """The rules in force, as committed now. Ask after the rows were read that it is for."""
    library = _library(conn)
    now = revision(conn)
    with library.lock:
        if library.rules.revision != now:
            library.rules = _read(conn, library, now)
        return library.rules


def _library(conn: Connection) -> _Library:
    info = conn.info
    key = (info.host, info.port, info.dbname)
    with _libraries_lock:
        found = _libraries.pop(key, None) or _Library()
        _libraries[key] = found
        while len(_libraries) > limits.rules_compiled_max:
            _libraries.popitem(last=False)
    return found


def _read(conn: Connection, library: _Library, now: int) -> rules.Rules:
    key = secret(conn)
    for source_id, version, body in conn.execute(TRANSFORMATIONS):
        if (source_id, version) not in library.transformations:
            steps = msgspec.json.decode(body, type=transforms.Transformation)
            library.transformations[source_id, version] = transforms.compile(steps, key)
    for plan_id, version, body, name in conn.execute(PLANS):
        if (plan_id, version) not in library.plans:
            plan = msgspec.json.decode(body, type=plans.Plan)
            library.plans[plan_id, version] = plans.Compiled(plan, plan_id, name)
    versions = [rules.Version(*row) for row in conn.execute(VERSIONS)]
    compile_ = rules.compiler(library.transformations, library.plans)
    suppressed = suppression.load(conn)
    return rules.Rules(versions, compile_, now, _intakes(conn, library), suppressed)


def _intakes(conn: Connection, library: _Library) -> list[tuple[int, intake.Intake]]:
    """How identifiers are read from which row on; versions that read alike share one."""
    found: dict[int, tuple[int, list[intake.Space]]] = {}
    for version, from_seq, name, kind, form, region, types, traits in conn.execute(NAMESPACES):
        space = intake.Space(name, kind, form, region, tuple(types), tuple(traits))
        found.setdefault(version, (from_seq, []))[1].append(space)
    out = []
    for from_seq, spaces in found.values():
        key = tuple(spaces)
        if key not in library.intakes:
            library.intakes[key] = intake.Intake(spaces)
        out.append((from_seq, library.intakes[key]))
    return out


def secret(conn: Connection) -> bytes:
    """What keys the hashes of transformations. Never leaves the process."""
    row = conn.execute(HASH_KEY).fetchone()
    assert row is not None  # noqa: S101 - the migration made it
    return bytes(row[0])


def current(conn: Connection, viewer: Viewer, source_id: int) -> Current:
    """What holds for a source, or will from the next batch on."""
    viewer.must_read()
    row = conn.execute(CURRENT, (source_id,)).fetchone()
    return Current() if row is None else Current(row[0], row[1], row[2], row[3] is None)


def lock(conn: Connection) -> None:
    """Before a change of plans or rules, to the transaction's end: numbers commit in order."""
    conn.execute(LOCK, (locks.RULES,))


def change(conn: Connection, viewer: Viewer, source_id: int, **parts: int | None) -> None:
    """Let other parts hold for a source: `transformation`, `plan_id`, `plan_version`. The caller
    has taken `lock`."""
    viewer.must_admin()
    before = current(conn, viewer, source_id)
    after = msgspec.structs.replace(before, **parts)
    if after == before:
        return
    counted = conn.execute(COUNT, (source_id,)).fetchone()
    if counted and counted[0] >= limits.rules_versions_max:
        raise errors.Conflict(
            f"The rules of this source changed {counted[0]:,} times, the most that is kept. "
            "Make a new source."
        )
    values = (source_id, after.transformation, after.plan_id, after.plan_version, viewer.actor)
    conn.execute(CHANGE, values)
