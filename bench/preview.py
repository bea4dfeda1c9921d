"""What a preview takes over many stored facts: a lake and its people are made directly, then asked.

The lake is as compaction leaves it: one file a day, sorted by fragment. A few people do much.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from onefold import audiences, lake, record, storage
from onefold.kernel import clock, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import history
from onefold.record.preview import Population, preview
from onefold.storage import Connection, pool

DAYS = 90
ACCOUNTS = 10_000
MEMBERSHIPS = 1_000_000
NAMES = ("Page Viewed", "Report Exported", "Report Shared", "Signed In", "Invoice Paid")


def _export(within: str | None = None, **where: Any) -> dict[str, Any]:
    frame = {"within": within} if within else {}
    return {"event": "Report Exported", **frame, **({"where": where} if where else {})}


COUNTS: dict[str, dict[str, Any]] = {
    "few exports in 7 days": {"count": _export("7d"), "less_than": 3},
    "exports ever": {"count": _export(), "at_least": 5},
    "exports as pdf in 30 days": {"count": _export("30d", format="pdf"), "at_least": 2},
    "any event in 90 days": {"count": {"within": "90d"}, "at_least": 20},
    "trial and few exports": {
        "all": [{"trait": "plan", "is": "trial"}, {"count": _export("7d"), "less_than": 3}]
    },
    "paid in all": {"sum": {"event": "Invoice Paid", "of": "n"}, "at_least": 20},
    "inactive for 30 days": {"inactive": {"for": "30d"}},
    "in an account on trial": {"account": {"trait": "plan", "is": "trial"}},
}
OF_ACCOUNTS: dict[str, dict[str, Any]] = {
    "account: exports in 7 days": {"count": _export("7d"), "less_than": 3},
    "account: somebody exported": {"people": {"any": {"count": _export("7d"), "at_least": 1}}},
}
SEQUENCES: dict[str, dict[str, Any]] = {
    "exported then shared": {
        "sequence": {"first": {"event": "Report Exported"}, "then": {"event": "Report Shared"},
                     "within": "2d", "in_last": "30d"}
    },
    "signed in without an export": {
        "sequence": {"first": {"event": "Signed In"}, "without": {"event": "Report Exported"},
                     "within": "3d", "in_last": "90d"}
    },
}  # fmt: skip

# A fact a row of `range`; people by a power, so that one in ten does most.
FACTS = """
SELECT {first} + i AS pos, moment AS happened_at, moment AS received_at, 1 AS source_id,
  'product' AS category, CASE WHEN n = 5 THEN 'identify' ELSE 'track' END AS kind,
  CASE WHEN n = 5 THEN 'Identify' ELSE {names}[n + 1] END AS name,
  'm' || ({first} + i) AS message_id, 'user_id' AS home_namespace, 'u' || who AS home_value,
  who AS home_id, '["user_id:u' || who || '"]' AS identifiers, NULL::VARCHAR AS account,
  CASE WHEN n = 5 THEN '{{"plan":"' || ['pro','trial','free'][1 + who % 3] || '","title":"VP"}}' END
    AS traits,
  '{{"format":"' || ['pdf','csv'][1 + i % 2] || '","n":' || (i % 7) || '}}' AS properties,
  NULL::VARCHAR AS campaign
FROM (
  SELECT i, 1 + floor({people} * pow(random(), 3))::BIGINT AS who,
    least(5, floor(6 * pow(random(), 1.5)))::BIGINT AS n,
    make_timestamptz(({day} * 86400000 + floor(random() * 86400000)::BIGINT) * 1000) AS moment
  FROM range({rows}) t(i)
) ORDER BY home_id, happened_at, pos
"""
PEOPLE = (
    (
        "INSERT INTO identifier (id, namespace, value) "
        "SELECT i, 'user_id', 'u' || i FROM generate_series(1, %(n)s) i"
    ),
    (
        "INSERT INTO fragment (id, identifier_id, person_id) "
        "SELECT i, i, i FROM generate_series(1, %(n)s) i"
    ),
    (
        "INSERT INTO person (id, known, name, email) "
        "SELECT i, true, 'Person ' || i, 'p' || i || '@x.io' FROM generate_series(1, %(n)s) i"
    ),
    "INSERT INTO account (key, name) SELECT 'acc' || i, 'A ' || i FROM generate_series(1, %(a)s) i",
    (
        "INSERT INTO person_account (person_id, account_id, since_ms, last_ms, is_primary) "
        "SELECT i, 1 + i %% %(a)s, 0, 0, true FROM generate_series(1, %(n)s) i"
    ),
    (
        "INSERT INTO person_span (person_id, from_ms, account_id) "
        "SELECT i, 0, 1 + i %% %(a)s FROM generate_series(1, %(n)s) i"
    ),
    (
        "INSERT INTO membership (audience_id, entity_id, since_ms) "
        "SELECT a.id, 1 + (i * 7919 + a.id) %% %(n)s, 0 FROM audience a, "
        "generate_series(1, %(m)s / 20) i ON CONFLICT DO NOTHING"
    ),
    "INSERT INTO checkpoint (name, seq, updated_ms) VALUES ('worker', 1, 0)",
)


def _people(conn: Connection, people: int) -> None:
    conn.execute("SET synchronous_commit = off")
    conn.execute("SET statement_timeout = 0")
    for i in range(20):
        where = {"trait": "plan", "is": f"x{i}"}
        audiences.create(conn, SYSTEM, f"a{i}", f"A {i}", {"of": "person", "where": where})
    for statement in PEOPLE:
        conn.execute(statement, {"n": people, "a": ACCOUNTS, "m": MEMBERSHIPS})
    conn.commit()
    conn.autocommit = True
    conn.execute("ANALYZE")


def _lake(one: lake.Lake, facts: int, people: int, now_ms: int) -> None:
    today, each = clock.day_of(now_ms), facts // DAYS
    with duckdb.connect(config={"threads": 2}) as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.execute("SELECT setseed(0.5)")
        for n in range(DAYS):
            text = FACTS.format(
                first=n * each, rows=each, people=people, day=f"{today - DAYS + n}::BIGINT",
                names=list(NAMES),
            )  # fmt: skip
            rows: pa.Table = duck.execute(text).to_arrow_table()
            one.append_facts(rows.cast(_plain(rows)), 1)


def _plain(rows: pa.Table) -> pa.Schema:
    return pa.schema([(f.name, lake.rows.SCHEMA.field(f.name).type) for f in rows.schema])


def _ask(population: Population, source: dict[str, Any], now_ms: int) -> dict[str, Any]:
    took, worked = [], []
    for _ in range(3):
        start, used = time.perf_counter(), time.process_time()
        found = preview(population, SYSTEM, source, now_ms)
        took.append(round((time.perf_counter() - start) * 1000))
        worked.append(round((time.process_time() - used) * 1000))
    return {
        "size": found["size"], "first_ms": took[0], "median_ms": statistics.median(took),
        "cpu_ms": statistics.median(worked),
    }  # fmt: skip


def run(options: argparse.Namespace) -> dict[str, Any]:
    """10 M facts and 1 M people by default."""
    now_ms = clock.now_ms()
    facts, people = options.stored_facts, options.stored_people
    out: dict[str, Any] = {"facts": facts // DAYS * DAYS, "people": people}
    folder = tempfile.TemporaryDirectory(prefix="onefold-bench-")
    Path(folder.name).chmod(0o711)
    with folder as path, storage.Cluster(Path(path) / "pg") as cluster:
        storage.migrate(cluster.url)
        chosen = msgspec.structs.replace(settings.load(data=Path(path)), database_url=cluster.url)
        with storage.connect(cluster.url) as conn:
            _people(conn, people)
        with history.open_lake(cluster.url, chosen) as one:
            start = time.perf_counter()
            _lake(one, facts, people, now_ms)
            out["made_s"] = round(time.perf_counter() - start)
            out["lake_mb"] = round(one.size("facts").bytes / 1e6)
        with pool(cluster.url, size=2) as opened:
            population = Population(record.Connections(opened).open, chosen)
            for kind, drafts in (("person", COUNTS | SEQUENCES), ("account", OF_ACCOUNTS)):
                for name, where in drafts.items():
                    out[name] = _ask(population, {"of": kind, "where": where}, now_ms)
                    print(name, out[name], flush=True)
            population.close()
    out["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    out["counts_ms"] = max(out[name]["median_ms"] for name in COUNTS)
    out["sequences_ms"] = max(out[name]["median_ms"] for name in SEQUENCES)
    return out
