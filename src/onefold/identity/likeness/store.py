"""The SQL of likeness: settings, models, runs, records and their keys."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.identity.likeness.model import Learnt, Made, Record, Run, Setting
from onefold.identity.match import splink
from onefold.kernel import errors, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_SETTING = ", ".join(Setting.__struct_fields__)
_MADE = ", ".join(Made.__struct_fields__)
_RUN = ", ".join(Run.__struct_fields__)
SETTING = f"SELECT {_SETTING} FROM match_setting"
ADD_MODEL = f"""
INSERT INTO match_model (origin, body, digest, records, of_all, made_by, made_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {_MADE}
"""
FORGET_MODELS = """
DELETE FROM match_model WHERE id <> (SELECT coalesce(model_id, 0) FROM match_setting) AND id NOT IN
  (SELECT id FROM match_model ORDER BY id DESC LIMIT %s)
"""
MODELS = f"SELECT {_MADE} FROM match_model ORDER BY id DESC"
MODEL = f"SELECT {_MADE}, body FROM match_model WHERE id = %s"
DIGEST = """
SELECT m.id, m.digest FROM match_setting s JOIN match_model m ON m.id = s.model_id
"""
NEW_RUN = f"""
INSERT INTO match_run (kind, asked_by, asked_ms) VALUES (%s, %s, %s)
ON CONFLICT (kind) WHERE status IN ('waiting', 'running') DO NOTHING RETURNING {_RUN}
"""
OPEN_RUN = f"SELECT {_RUN} FROM match_run WHERE kind = %s AND status IN ('waiting', 'running')"
GET_RUN = f"SELECT {_RUN} FROM match_run WHERE id = %s"
RUNS = f"SELECT {_RUN} FROM match_run ORDER BY id DESC LIMIT %s"
LAST_WHOLE = "SELECT max(done_ms) FROM match_run WHERE kind <> 'changed' AND status = 'done'"
FORGET_RUNS = """
DELETE FROM match_run WHERE status IN ('done', 'failed') AND id NOT IN
  (SELECT id FROM match_run ORDER BY id DESC LIMIT %s)
"""
PUT_RECORDS = """
INSERT INTO match_record (person_id, namespace, value, fields, digest, names, impact, why)
SELECT r.person_id, r.namespace, r.value, r.fields, decode(r.digest, 'hex'),
  ARRAY(SELECT jsonb_array_elements_text(r.names)), r.impact, r.why
FROM jsonb_to_recordset(%s) AS r (person_id bigint, namespace text, value text, fields jsonb,
  digest text, names jsonb, impact float8, why jsonb)
ON CONFLICT (person_id) DO UPDATE SET namespace = excluded.namespace, value = excluded.value,
  fields = excluded.fields, digest = excluded.digest, names = excluded.names,
  impact = excluded.impact, why = excluded.why, scored_by = NULL
"""
DIGESTS = "SELECT person_id, digest FROM match_record WHERE person_id = ANY(%s)"
DROP_RECORDS = "DELETE FROM match_record WHERE person_id = ANY(%s)"
DROP_KEYS = "DELETE FROM match_key WHERE person_id = ANY(%s)"
PUT_KEYS = """
INSERT INTO match_key (key, person_id) SELECT * FROM unnest(%b::bigint[], %b::bigint[])
ON CONFLICT DO NOTHING
"""
_RECORD = "person_id, namespace, value, fields, names, impact, why"
RECORDS = f"SELECT {_RECORD} FROM match_record WHERE person_id = ANY(%s)"
CHANGED = f"""
SELECT {_RECORD} FROM match_record WHERE scored_by IS NULL ORDER BY person_id LIMIT %s
"""
AFTER = f"SELECT {_RECORD} FROM match_record WHERE person_id > %s ORDER BY person_id LIMIT %s"
SCORED = "UPDATE match_record SET scored_by = %s WHERE person_id = ANY(%s)"
COUNT = "SELECT count(*), count(*) FILTER (WHERE scored_by IS NULL) FROM match_record"
KEYS_OF = "SELECT person_id, key FROM match_key WHERE person_id = ANY(%s)"
SHARERS = """
SELECT k.key, m.person_id FROM unnest(%s::bigint[]) AS k (key)
CROSS JOIN LATERAL (SELECT person_id FROM match_key WHERE key = k.key LIMIT %s) m
"""
# A sample that keeps likely duplicates together: whole blocks of one key, by hash.
SAMPLE = """
SELECT r.fields, r.namespace FROM match_record r
LEFT JOIN LATERAL (SELECT min(key) AS key FROM match_key WHERE person_id = r.person_id) k ON true
ORDER BY hashint8extended(coalesce(k.key, r.person_id), 7), r.person_id LIMIT %s
"""
_CHOSEN = frozenset(("enabled", "certain_from", "review_from", "retrain_days", "assignee_id",
                     "changed_by", "changed_ms"))  # fmt: skip


def setting(conn: Connection, *, hold: bool = False) -> Setting:
    """The settings; `hold` until the transaction ends."""
    (row,) = conn.execute(SETTING + (" FOR NO KEY UPDATE" if hold else "")).fetchall()
    return Setting(*row)


def change_setting(conn: Connection, **columns: Any) -> None:
    """Set columns; what people chose counts the version up."""
    names = ", ".join(f"{name} = %s" for name in columns if name in Setting.__struct_fields__)
    if columns.keys() & _CHOSEN:
        names += ", version = version + 1"
    conn.execute("UPDATE match_setting SET " + names, list(columns.values()))


# ── models ─────────────────────────────────────────────────────────────────────────────────────


def add_model(
    conn: Connection, origin: str, body: bytes, digest: str, sizes: tuple[int, int], by: str,
    now_ms: int,
) -> Made:  # fmt: skip
    """Keep a model and let it count from now on; the oldest beyond a limit are forgotten."""
    values = (origin, body, digest, *sizes, by, now_ms)
    (row,) = conn.execute(ADD_MODEL, values).fetchall()
    made = Made(*row)
    change_setting(conn, model_id=made.id)
    conn.execute(FORGET_MODELS, (limits.match_models_kept,))
    return made


def models(conn: Connection, viewer: Viewer) -> list[Made]:
    """Kept models, newest first."""
    viewer.must_read()
    return [Made(*row) for row in conn.execute(MODELS)]


def model(conn: Connection, viewer: Viewer, model_id: int) -> tuple[Made, bytes]:
    """A model and its file. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(MODEL, (model_id,), binary=True).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no model {model_id}. Ask for the list of models.")
    return Made(*row[:-1]), bytes(row[-1])


_loaded: dict[str, Learnt] = {}  # by digest: the latest few, so that a request need not read one


def current(conn: Connection, viewer: Viewer) -> Learnt | None:
    """The model in force, or None before the first."""
    row = conn.execute(DIGEST).fetchone()
    if row is None:
        return None
    found = _loaded.get(row[1])
    if found is None or found.made.id != row[0]:
        made, body = model(conn, viewer, row[0])
        found = Learnt(made, splink.load(body))
        if len(_loaded) >= limits.match_models_cached_max:
            _loaded.clear()
        _loaded[row[1]] = found
    return found


# ── runs ───────────────────────────────────────────────────────────────────────────────────────


def new_run(conn: Connection, kind: str, by: str, now_ms: int) -> Run:
    """A run that waits; the one that waits or is under way when there is one."""
    row = conn.execute(NEW_RUN, (kind, by, now_ms)).fetchone()
    row = row or conn.execute(OPEN_RUN, (kind,)).fetchone()
    assert row is not None  # noqa: S101 one of the two is there
    conn.execute(FORGET_RUNS, (limits.match_runs_kept,))
    return Run(*row)


def run(conn: Connection, run_id: int) -> Run:
    """A run. Raises `NotFound`."""
    row = conn.execute(GET_RUN, (run_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no run {run_id}.")
    return Run(*row)


def runs(conn: Connection, viewer: Viewer, rows_max: int = 20) -> list[Run]:
    """Runs, newest first."""
    viewer.must_read()
    return [Run(*row) for row in conn.execute(RUNS, (rows_max,))]


def open_run(conn: Connection, kind: str) -> Run | None:
    """The run of a kind that waits or is under way."""
    row = conn.execute(OPEN_RUN, (kind,)).fetchone()
    return Run(*row) if row else None


def change_run(conn: Connection, run_id: int, **columns: Any) -> None:
    """Set columns of a run."""
    names = ", ".join(f"{name} = %s" for name in columns if name in Run.__struct_fields__)
    conn.execute("UPDATE match_run SET " + names + " WHERE id = %s", [*columns.values(), run_id])


def last_whole_ms(conn: Connection) -> int | None:
    """When the latest pass over everybody ended."""
    row = conn.execute(LAST_WHOLE).fetchone()
    return row[0] if row else None


# ── records ────────────────────────────────────────────────────────────────────────────────────


def digests(conn: Connection, person_ids: Collection[int]) -> dict[int, bytes]:
    """What is known of each person, as one value."""
    return {i: bytes(d) for i, d in conn.execute(DIGESTS, (list(person_ids),), binary=True)}


def put(
    conn: Connection, found: Sequence[tuple[Record, bytes]], keys: Mapping[int, Sequence[int]]
) -> None:
    """Write records, each with its digest, and their keys; they are to be scored again."""
    if not found:
        return
    rows = [
        {
            "person_id": r.person_id, "namespace": r.anchor.namespace, "value": r.anchor.value,
            "fields": r.fields, "digest": digest.hex(), "names": r.names, "impact": r.impact,
            "why": r.why,
        }
        for r, digest in found
    ]  # fmt: skip
    conn.execute(PUT_RECORDS, (Jsonb(rows, dumps=msgspec.json.encode),))
    conn.execute(DROP_KEYS, ([r.person_id for r, _ in found],))
    pairs = [(key, r.person_id) for r, _ in found for key in keys.get(r.person_id, ())]
    conn.execute(PUT_KEYS, ([k for k, _ in pairs], [p for _, p in pairs]))


def drop(conn: Connection, person_ids: Collection[int]) -> None:
    """Forget people: merged into others, or known no more."""
    if person_ids:
        conn.execute(DROP_RECORDS, (list(person_ids),))
        conn.execute(DROP_KEYS, (list(person_ids),))


def records(conn: Connection, viewer: Viewer, person_ids: Collection[int]) -> dict[int, Record]:
    """Records by person."""
    viewer.must_read()
    rows = conn.execute(RECORDS, (list(person_ids),))
    return {row[0]: _record(row) for row in rows}


def changed(conn: Connection, most: int) -> list[Record]:
    """Records that changed since they were scored, in order of id."""
    return [_record(row) for row in conn.execute(CHANGED, (most,))]


def after(conn: Connection, person_id: int, most: int) -> list[Record]:
    """The next records in order of id."""
    return [_record(row) for row in conn.execute(AFTER, (person_id, most))]


def scored(conn: Connection, person_ids: Collection[int], model_id: int) -> None:
    """Note that records were scored."""
    conn.execute(SCORED, (model_id, list(person_ids)))


def count(conn: Connection) -> tuple[int, int]:
    """(records, those that changed since they were scored)."""
    row = conn.execute(COUNT).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def sample(conn: Connection) -> list[tuple[dict[str, str], str]]:
    """(fields, namespace of the anchor) of the records to train on, up to a limit."""
    return conn.execute(SAMPLE, (limits.match_train_records_max,)).fetchall()


def keys_of(conn: Connection, person_ids: Collection[int]) -> dict[int, list[int]]:
    """Keys by person."""
    out: dict[int, list[int]] = defaultdict(list)
    for person_id, key in conn.execute(KEYS_OF, (list(person_ids),), binary=True):
        out[person_id].append(key)
    return out


def sharers(conn: Connection, keys: Collection[int]) -> dict[int, list[int]]:
    """Who shares each key; a key that too many share says nothing and is left out."""
    most = limits.match_block_max
    out: dict[int, list[int]] = defaultdict(list)
    for key, person_id in conn.execute(SHARERS, (list(keys), most + 1), binary=True):
        out[key].append(person_id)
    return {key: found for key, found in out.items() if len(found) <= most}


def _record(row: Sequence[Any]) -> Record:
    person_id, namespace, value, fields, names, impact, why = row
    return Record(person_id, Identifier(namespace, value), fields, list(names), impact, why)
