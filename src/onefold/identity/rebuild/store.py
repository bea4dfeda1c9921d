"""The grouping of everybody from the stored links, and how it differs from the live one.

One snapshot of the tables goes as CSV into a DuckDB with a bound on its memory, which spills to
disk beyond it. Only components that f must look at pass through Python, one after the other.
"""

import heapq
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from onefold.identity import chapters, decisions
from onefold.identity.decisions import End
from onefold.identity.namespaces import store as namespaces
from onefold.identity.rebuild import solve
from onefold.identity.rules import Rules
from onefold.kernel import limits
from onefold.kernel.identifiers import FORMER
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

Duck = duckdb.DuckDBPyConnection

FRAGMENTS = """
COPY (SELECT f.id, i.id, i.namespace, i.value, f.chapter_ms, f.owner_id, f.person_id, i.generic
FROM fragment f JOIN identifier i ON i.id = f.identifier_id WHERE f.person_id <> 0)
TO STDOUT (FORMAT csv, FORCE_QUOTE (namespace, value))
"""
LINKS = "COPY (SELECT a, b, last_day, told FROM link) TO STDOUT (FORMAT csv)"

NODE = """
CREATE TABLE node AS SELECT n.*, s.device, s.most, s.hub, s.crowd, false AS silent,
  count(*) OVER (PARTITION BY n.id) AS parts
FROM read_csv(?, header = false, columns = {'ref': 'BIGINT', 'id': 'BIGINT',
  'namespace': 'VARCHAR', 'value': 'VARCHAR', 'start': 'BIGINT', 'owner': 'BIGINT',
  'person': 'BIGINT', 'generic': 'VARCHAR'}, quote = '"', escape = '"', max_line_size = 10000000) n
JOIN space s USING (namespace)
"""
EDGE = """
CREATE TABLE edge AS SELECT x.ref AS a, y.ref AS b, l.day, l.told
FROM read_csv(?, header = false, columns = {'a': 'BIGINT', 'b': 'BIGINT', 'day': 'BIGINT',
  'told': 'VARCHAR'}, quote = '"', escape = '"', max_line_size = 10000000) l
JOIN node x ON x.id = l.a JOIN node y ON y.id = l.b
WHERE CASE WHEN x.device AND y.device THEN x.parts = 1 AND y.parts = 1
  WHEN x.device THEN x.owner = y.id WHEN y.device THEN y.owner = x.id ELSE true END
"""
GENERIC = """
UPDATE node SET silent = true WHERE generic = 't'
  OR ref IN (SELECT ref FROM blocked)
  OR id IN (SELECT id FROM node WHERE device AND hub IS NOT NULL
    GROUP BY id, hub HAVING count(DISTINCT owner) > hub)
  OR ref IN (SELECT e.ref FROM (
      SELECT a AS ref, b AS far FROM edge UNION ALL SELECT b, a FROM edge) e
    JOIN node f ON f.ref = e.far JOIN node n ON n.ref = e.ref
    WHERE f.most IS NOT NULL GROUP BY e.ref, f.namespace, n.crowd HAVING count(*) > n.crowd)
"""
BETWEEN = """
CREATE TABLE tie AS SELECT e.a, e.b FROM edge e JOIN node x ON x.ref = e.a
JOIN node y ON y.ref = e.b WHERE NOT x.silent AND NOT y.silent
UNION ALL SELECT a, b FROM word WHERE same
"""
SPREAD = """
CREATE OR REPLACE TABLE wider AS
WITH near AS (
  SELECT ref, min(root) AS root FROM (
    SELECT t.a AS ref, l.root FROM tie t JOIN label l ON l.ref = t.b
    UNION ALL SELECT t.b, l.root FROM tie t JOIN label l ON l.ref = t.a
    UNION ALL SELECT ref, root FROM label
  ) GROUP BY ref
)
SELECT n.ref, r.root FROM near n JOIN near r ON r.ref = n.root
"""
CHANGED = "SELECT count(*) FROM wider w JOIN label l USING (ref) WHERE w.root <> l.root"
DIRTY = """
CREATE TABLE dirty AS
SELECT DISTINCT root FROM (
  SELECT l.root FROM label l JOIN node n USING (ref) WHERE n.most IS NOT NULL
    GROUP BY l.root, n.namespace, n.most HAVING count(*) > n.most
  UNION ALL SELECT root FROM label GROUP BY root HAVING count(*) > ?
  UNION ALL SELECT l.root FROM word w JOIN label l ON l.ref = w.a
  UNION ALL SELECT l.root FROM word w JOIN label l ON l.ref = w.b
  UNION ALL SELECT l.root FROM label l JOIN node n USING (ref) WHERE n.namespace = ?
)
"""
# One statement a kind of row: what a component is made of, by `root`.
INSIDE = """
CREATE TABLE inside AS SELECT l.root, l.ref FROM label l JOIN dirty USING (root);
CREATE TABLE bond AS SELECT i.root, e.a, e.b, e.day, e.told
  FROM edge e JOIN inside i ON i.ref = e.a JOIN inside k ON k.ref = e.b WHERE i.root = k.root
  UNION ALL SELECT i.root, e.a, e.b, e.day, e.told
  FROM edge e JOIN inside i ON i.ref = e.a JOIN label k ON k.ref = e.b
  JOIN node x ON x.ref = e.a JOIN node y ON y.ref = e.b
  WHERE i.root <> k.root AND y.silent AND NOT x.silent
  UNION ALL SELECT i.root, e.a, e.b, e.day, e.told
  FROM edge e JOIN inside i ON i.ref = e.b JOIN label k ON k.ref = e.a
  JOIN node x ON x.ref = e.a JOIN node y ON y.ref = e.b
  WHERE i.root <> k.root AND x.silent AND NOT y.silent;
CREATE TABLE rim AS SELECT root, ref FROM (
  SELECT root, a AS ref FROM bond UNION SELECT root, b FROM bond) EXCEPT SELECT * FROM inside;
"""
ROWS = {
    "node": """SELECT i.root, 'node', i.ref, NULL, n.namespace, n.value, n.start, n.silent,
NULL, NULL, NULL, NULL, NULL FROM inside i JOIN node n USING (ref) ORDER BY i.root""",
    "rim": """SELECT r.root, 'rim', r.ref, NULL, n.namespace, n.value, n.start, true,
NULL, NULL, NULL, NULL, NULL FROM rim r JOIN node n USING (ref) ORDER BY r.root""",
    "link": """SELECT root, 'link', a, b, NULL, NULL, NULL, NULL, day, told, NULL, NULL, NULL
FROM bond ORDER BY root""",
    "word": """SELECT i.root, 'word', w.a, w.b, NULL, NULL, NULL, NULL, NULL, NULL,
w.same, w.at_ms, w.match FROM word w JOIN inside i ON i.ref = w.a JOIN inside k ON k.ref = w.b
WHERE i.root = k.root ORDER BY i.root""",
}
DIFFERENT = """
CREATE TABLE found AS SELECT n.ref, n.person, coalesce(s.person, l.root) AS anew
FROM node n JOIN label l USING (ref) LEFT JOIN solved s USING (ref);
CREATE TABLE wrong AS SELECT DISTINCT ref, person FROM found
WHERE person IN (SELECT person FROM found GROUP BY person HAVING count(DISTINCT anew) > 1)
  OR anew IN (SELECT anew FROM found GROUP BY anew HAVING count(DISTINCT person) > 1)
"""


class Report(msgspec.Struct, frozen=True):
    """What was looked at, and where the live grouping is another.

    different  fragments whose group is not the live one; `people`: ids of some of theirs
    solved     components that f had to look at; of the others the links decide alone
    """

    fragments: int
    links: int
    groups: int
    solved: int
    different: int
    people: list[int]
    seconds: float


def check(conn: Connection, viewer: Viewer, memory_mb: int = limits.rebuild_memory_mb) -> Report:
    """Group everybody anew, in a snapshot of now, and compare. Writes nothing to the database."""
    viewer.must_read()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="onefold-rebuild-") as folder:
        place = Path(folder)
        conn.commit()
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rules = namespaces.current(conn)
        said = decisions.in_force(conn, taken_only=True)
        _copied(conn, FRAGMENTS, place / "fragments.csv")
        _copied(conn, LINKS, place / "links.csv")
        names = [n for (n,) in conn.execute("SELECT DISTINCT namespace FROM identifier")]
        conn.commit()
        config: dict[str, Any] = {"threads": 2, "memory_limit": f"{memory_mb}MB",
                  "temp_directory": folder, "preserve_insertion_order": False}  # fmt: skip
        with duckdb.connect(str(place / "rebuild.duckdb"), config=config) as duck:
            _load(duck, place, names, rules, said)
            _components(duck)
            solved = _solve(duck, rules)
            return _report(duck, solved, time.monotonic() - start)


def _copied(conn: Connection, statement: str, file: Path) -> None:
    with file.open("wb") as out, conn.cursor().copy(statement.encode()) as rows:
        for part in rows:
            out.write(part)


def _load(
    duck: Duck, place: Path, names: list[str], rules: Rules, said: Iterable[decisions.Said]
) -> None:
    duck.execute(
        "CREATE TABLE space (namespace VARCHAR, device BOOLEAN, most BIGINT, hub BIGINT, "
        "crowd BIGINT)"
    )
    for name in names:
        rule = rules.of(name)
        row = (name, rule.kind == "device", rule.limit, rule.hub, rules.hub(name))
        duck.execute("INSERT INTO space VALUES (?, ?, ?, ?, ?)", row)
    duck.execute(NODE, [str(place / "fragments.csv")])
    duck.execute(EDGE, [str(place / "links.csv")])
    duck.execute("CREATE TABLE blocked (ref BIGINT)")
    strict = [name for name in names if rules.of(name).blocks is not None]
    if strict:
        found = duck.execute(
            "SELECT ref, namespace, value FROM node WHERE namespace = ANY(?)", [strict]
        )
        for rows in _chunks(found):
            refs = [ref for ref, name, value in rows if rules.of(name).blocked(value)]
            _insert(duck, "blocked", pa.table({"ref": pa.array(refs, pa.int64())}))
    _words(duck, said)
    duck.execute(GENERIC)


def _words(duck: Duck, said: Iterable[decisions.Said]) -> None:
    """The decisions of which both ends are there, by fragments."""
    duck.execute(
        "CREATE TABLE word (a BIGINT, b BIGINT, same BOOLEAN, at_ms BIGINT, match BOOLEAN)"
    )
    for one in said:
        a, b = _part(duck, one.a), _part(duck, one.b)
        if a and b and a != b:
            row = (a, b, one.same, one.at_ms, one.kind == "match")
            duck.execute("INSERT INTO word VALUES (?, ?, ?, ?, ?)", row)


def _part(duck: Duck, end: End) -> int | None:
    found = duck.execute(
        "SELECT start, ref FROM node WHERE namespace = ? AND value = ? ORDER BY start",
        list(end.identifier),
    ).fetchall()
    if not found:
        return None
    return int(found[chapters.at([start for start, _ in found], max(end.at_ms, 1))][1])


def _components(duck: Duck) -> None:
    duck.execute(BETWEEN)
    duck.execute("CREATE TABLE label AS SELECT ref, ref AS root FROM node")
    while True:
        duck.execute(SPREAD)
        (changed,) = duck.execute(CHANGED).fetchone() or (0,)
        duck.execute("DROP TABLE label")
        duck.execute("ALTER TABLE wider RENAME TO label")
        if not changed:
            return


def _solve(duck: Duck, rules: Rules) -> int:
    """Run f where something may forbid a link; the number of components."""
    duck.execute(DIRTY, [rules.component_max, FORMER])
    duck.execute("CREATE TABLE solved (ref BIGINT, person BIGINT)")
    duck.execute(INSIDE)
    reading = [duck.cursor() for _ in ROWS]
    each = [_rows(one.execute(query)) for one, query in zip(reading, ROWS.values(), strict=True)]
    rows = heapq.merge(*each, key=lambda row: row[0])
    done: list[tuple[int, int]] = []
    number = 0
    for _, component in groupby(rows, key=lambda row: row[0]):
        done += solve.groups((row[1:] for row in component), rules)
        number += 1
        if len(done) > limits.rebuild_chunk_rows:
            _solved(duck, done)
            done = []
    _solved(duck, done)
    for one in reading:
        one.close()
    return number


def _rows(found: Duck) -> Iterator[tuple[Any, ...]]:
    for chunk in _chunks(found):
        yield from chunk


def _solved(duck: Duck, done: list[tuple[int, int]]) -> None:
    refs, people = [ref for ref, _ in done], [person for _, person in done]
    columns = {"ref": pa.array(refs, pa.int64()), "person": pa.array(people, pa.int64())}
    _insert(duck, "solved", pa.table(columns))


def _insert(duck: Duck, table: str, rows: pa.Table) -> None:
    duck.register("fresh", rows)
    duck.execute(f"INSERT INTO {table} SELECT * FROM fresh")
    duck.unregister("fresh")


def _chunks(found: Duck) -> Iterator[list[tuple[Any, ...]]]:
    while rows := found.fetchmany(limits.rebuild_chunk_rows):
        yield rows


def _report(duck: Duck, solved: int, seconds: float) -> Report:
    duck.execute(DIFFERENT)
    one = duck.execute(
        "SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM edge), "
        "(SELECT count(DISTINCT anew) FROM found), (SELECT count(*) FROM wrong)"
    ).fetchone() or (0, 0, 0, 0)
    some = duck.execute("SELECT DISTINCT person FROM wrong ORDER BY 1 LIMIT 20").fetchall()
    people = [int(p) for (p,) in some]
    return Report(one[0], one[1], one[2], solved, one[3], people, round(seconds, 1))
