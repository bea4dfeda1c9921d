"""A database's schema as text, from PostgreSQL's catalog: the same for versions 15 to 18.

Unlike Alembic's own comparison it sees CHECKs, partial-index predicates, storage and defaults,
which are our guards; unlike `pg_dump` its words do not change with the version.
"""

from onefold.storage import Connection

EXTENSIONS = "SELECT 'EXTENSION ' || extname FROM pg_extension WHERE extname <> 'plpgsql'"
RELATIONS = """
SELECT c.oid, c.relkind, c.relname, coalesce(array_to_string(c.reloptions, ', '), '')
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
ORDER BY c.relname
"""
COLUMNS = """
SELECT format('  %%s %%s%%s%%s%%s%%s', a.attname, format_type(a.atttypid, a.atttypmod),
  CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
  CASE a.attidentity WHEN 'a' THEN ' ALWAYS IDENTITY' WHEN 'd' THEN ' DEFAULT IDENTITY' ELSE '' END,
  CASE WHEN d.adbin IS NULL THEN ''
       WHEN a.attgenerated <> '' THEN ' GENERATED ' || pg_get_expr(d.adbin, d.adrelid)
       ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END,
  CASE WHEN a.attstorage <> t.typstorage THEN ' STORAGE ' || a.attstorage::text ELSE '' END)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
# NOT NULL is shown with its column; PostgreSQL 18 also lists it as a constraint.
CONSTRAINTS = """
SELECT format('  CONSTRAINT %%s %%s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = %s AND contype <> 'n' ORDER BY conname
"""
INDEXES = """
SELECT '  ' || pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid = %s
AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype <> 'f')
ORDER BY pg_get_indexdef(i.indexrelid) COLLATE "C"
"""
TRIGGERS = """
SELECT '  ' || pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = %s AND NOT tgisinternal ORDER BY tgname
"""
SEQUENCE = """
SELECT format('  %%s FROM %%s BY %%s CACHE %%s',
  format_type(seqtypid, NULL), seqstart, seqincrement, seqcache)
FROM pg_sequence WHERE seqrelid = %s
"""
VIEW = "SELECT pg_get_viewdef(%s::oid)"
FUNCTIONS = """
SELECT pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY p.proname, p.oid::regprocedure::text COLLATE "C"
"""
_KINDS = {"r": "TABLE", "p": "PARTITIONED TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW"}


def describe(conn: Connection) -> str:
    """The schema `public` in a fixed order, one thing a line."""
    lines = [line for (line,) in conn.execute(EXTENSIONS)]
    for oid, kind, name, options in conn.execute(RELATIONS).fetchall():
        if kind == "S":
            lines.append(f"\nSEQUENCE {name}")
            parts = [SEQUENCE]
        else:
            lines.append(f"\n{_KINDS[kind]} {name}" + (f" WITH ({options})" if options else ""))
            parts = [COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS] + [VIEW] * (kind in "vm")
        for part in parts:
            lines += [line for (line,) in conn.execute(part, (oid,))]
    lines += ["\n" + line.rstrip() for (line,) in conn.execute(FUNCTIONS)]
    return "\n".join(lines) + "\n"
