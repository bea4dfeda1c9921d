"""Associations: typed, labelled links between records of any two objects.

The primary one of a pair of objects is the record's own column where it has one (a deal's
`contact_id`); it is listed with the others, and making another primary changes that column. For
pairs without a column it is the row that says so. A label comes from the list of its pair.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg.rows import dict_row

from onefold.crm import fields, objects
from onefold.crm.custom import OBJECTS
from onefold.crm.model import Item, Row
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_PREFIXES = {prefix: noun for noun, prefix in OBJECTS.items()}
LABELS = "SELECT * FROM association_label ORDER BY from_object, to_object, id"
HAS_LABEL = """
SELECT EXISTS (
  SELECT FROM association_label WHERE from_object = %s AND to_object = %s AND key = %s)
"""
ADD_LABEL = """
INSERT INTO association_label (from_object, to_object, key, label, inverse)
VALUES (%(from)s, %(to)s, %(key)s, %(label)s, %(inverse)s)
ON CONFLICT (from_object, to_object, key)
DO UPDATE SET label = excluded.label, inverse = excluded.inverse
RETURNING *
"""
OF = """
SELECT s.*, l.label AS label_name, l.inverse FROM association s
LEFT JOIN association_label l
  ON l.from_object = s.from_object AND l.to_object = s.to_object AND l.key = s.label
WHERE (s.from_object = %(noun)s AND s.from_id = %(id)s)
  OR (s.to_object = %(noun)s AND s.to_id = %(id)s)
ORDER BY s.id LIMIT %(rows)s
"""
COUNT = "SELECT count(*) FROM association WHERE from_object = %s AND from_id = %s"
UNSET = """
UPDATE association SET is_primary = false
WHERE from_object = %s AND from_id = %s AND to_object = %s AND is_primary
"""
ADD = """
INSERT INTO association
  (from_object, from_id, to_object, to_id, label, is_primary, created_by, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (from_object, from_id, to_object, to_id, label)
DO UPDATE SET is_primary = excluded.is_primary RETURNING id
"""
GET = "SELECT * FROM association WHERE id = %s FOR UPDATE"
DROP = "DELETE FROM association WHERE id = %s"


class Label(msgspec.Struct, frozen=True):
    """A kind of link of a pair of objects; `inverse`: its name from the other side."""

    from_object: str
    to_object: str
    key: str
    label: str
    inverse: str


class Link(msgspec.Struct, frozen=True):
    """A link as one record sees it. `id` is null where it is the record's own column.

    `forward`: the record is the one that the link goes from.
    """

    id: str | None
    record: str
    object: str
    name: str
    label: str
    label_name: str
    primary: bool
    forward: bool


def labels(conn: Connection, viewer: Viewer) -> list[Label]:
    """All labels, by pair."""
    viewer.must_read()
    return [_label(row) for row in _rows(conn, LABELS, ())]


def add_label(conn: Connection, viewer: Viewer, values: Mapping[str, Any]) -> Label:
    """A label for a pair of objects, or its name changed. Raises `Invalid` with every fault."""
    viewer.must_admin()
    nouns = tuple(OBJECTS)
    given, faults = fields.clean(
        (
            fields.Field("from", "enum", options=nouns, required=True),
            fields.Field("to", "enum", options=nouns, required=True),
            fields.Field("key", chars_max=40, required=True),
            fields.Field("label", required=True),
            fields.Field("inverse"),
        ),
        (), values, creating=True,
    )  # fmt: skip
    key = given.get("key", "")
    plain = key.isascii() and key.replace("_", "a").isalnum() and key[0].isalpha()
    if key and not (plain and key == key.lower()):
        faults.append(errors.Fault("key", f"`{key}` is not a key.", "Send one like `champion`."))
    if faults:
        raise errors.Invalid(*faults)
    return _label(_rows(conn, ADD_LABEL, {"inverse": "", **given})[0])


def of(conn: Connection, viewer: Viewer, record_id: str) -> list[Link]:
    """A record's links, the primary ones first. Raises `NotFound`."""
    noun, row_id = parse("of", record_id)
    record = objects.ALL[noun].get(conn, viewer, row_id)
    out: list[Link] = []
    for field in objects.ALL[noun].kind.fields:
        to = _PREFIXES.get(field.prefix)
        there = getattr(record, field.name, None) if field.kind == "ref" and to else None
        if there and to:
            out.append(Link(None, there, to, "", "", "", primary=True, forward=True))
    rows = _rows(conn, OF, {"noun": noun, "id": row_id, "rows": limits.associations_max})
    for row in rows:
        forward = (row["from_object"], row["from_id"]) == (noun, row_id)
        other = "to" if forward else "from"
        object_, number = row[f"{other}_object"], row[f"{other}_id"]
        other_id = ids.api_id(OBJECTS[object_], number)
        column = next((n for n in out if n.record == other_id and n.id is None), None)
        if column is not None and forward:
            out.remove(column)
        words = row["label_name"] if forward else row["inverse"] or row["label_name"]
        out.append(
            Link(
                ids.api_id("lnk", row["id"]), other_id, object_, "", row["label"], words or "",
                primary=row["is_primary"] or (forward and column is not None), forward=forward,
            )
        )  # fmt: skip
    found = _named(conn, viewer, out)
    return sorted(found, key=lambda link: not link.primary)


def add(
    conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int,
    *, into: list[Item] | None = None,
) -> Link:  # fmt: skip
    """Link two records: `from`, `to`, `label`, `primary`. There already: its `primary` is set.

    Raises `Invalid`, and `NotFound` for records that are not there.
    """
    viewer.must_write()
    known = {"from", "to", "label", "primary"}
    faults = [fields.unknown(name, known) for name in values if name not in known]
    if faults:
        raise errors.Invalid(*faults)
    (noun, row_id), (to, to_id) = parse("from", values.get("from")), parse("to", values.get("to"))
    objects.ALL[noun].get(conn, viewer, row_id)
    objects.ALL[to].get(conn, viewer, to_id)
    label, primary = values.get("label") or "", values.get("primary") is True
    if (noun, row_id) == (to, to_id):
        raise errors.Invalid(errors.Fault("to", "is the record itself.", "Name another one."))
    if label and not _rows(conn, HAS_LABEL, (noun, to, str(label)[:40]))[0]["exists"]:
        problem = f"`{str(label)[:40]}` is no label from {noun} to {to}."
        remedy = "Use one of `/api/association-labels`, or add it there."
        raise errors.Invalid(errors.Fault("label", problem, remedy))
    if _rows(conn, COUNT, (noun, row_id))[0]["count"] >= limits.associations_max:
        raise errors.Conflict(f"A record has {limits.associations_max} links at most.")
    column = _column(noun, to)
    if primary and column:
        shown = ids.api_id(OBJECTS[to], to_id)
        objects.ALL[noun].update(conn, viewer, row_id, {column: shown}, now_ms, into=into)
    elif primary:
        conn.execute(UNSET, (noun, row_id, to))
    if label or not (primary and column):
        conn.execute(
            ADD,
            (noun, row_id, to, to_id, label, primary and not column, viewer.actor,
             clock.to_datetime(now_ms)),
        )  # fmt: skip
    wanted = ids.api_id(OBJECTS[to], to_id)
    found = of(conn, viewer, ids.api_id(OBJECTS[noun], row_id))
    same = [n for n in found if n.record == wanted]
    return min(same, key=lambda n: (n.label != label, not n.primary))


def drop(conn: Connection, viewer: Viewer, link_id: str) -> None:
    """Take a link away. The primary one of a column goes by changing the record."""
    viewer.must_write()
    number = ids.parse_id("lnk", link_id)
    if not _rows(conn, GET, (number,)):
        raise errors.NotFound(f"There is no association `{link_id}`. Check the id.")
    conn.execute(DROP, (number,))


def parse(field: str, value: Any) -> tuple[str, int]:
    """The object and row id of `deal_4`. Raises `Invalid`."""
    prefix = str(value).rpartition("_")[0]
    noun = _PREFIXES.get(prefix)
    if noun is None:
        remedy = f"Send one like {', '.join(f'`{p}_4`' for p in _PREFIXES)}."
        raise errors.Invalid(errors.Fault(field, f"`{str(value)[:60]}` is no record.", remedy))
    return noun, ids.parse_id(prefix, value, field)


def _column(noun: str, to: str) -> str | None:
    """The column of an object that points to another, if it has one."""
    wanted = f"{to}_id"
    known = objects.ALL[noun].kind.fields
    return wanted if any(f.name == wanted for f in known) else None


def _named(conn: Connection, viewer: Viewer, found: list[Link]) -> list[Link]:
    out = []
    for link in found[: limits.associations_max]:
        noun, row_id = parse("of", link.record)
        record = objects.ALL[noun].get(conn, viewer, row_id)
        name = getattr(record, "name", "") or getattr(record, "subject", "") or link.record
        out.append(msgspec.structs.replace(link, name=name))
    return out


def _label(row: Row) -> Label:
    return Label(**{name: row[name] for name in Label.__struct_fields__})


def _rows(conn: Connection, query: str, values: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
