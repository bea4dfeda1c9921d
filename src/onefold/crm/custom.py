"""Fields that a workspace adds to an object: their definitions, and the values they take.

Values are in the record's `custom`, under the field's key: text, number and money as themselves,
a date as `2026-11-30`, users and references as API ids, a multi-select as a list. They are checked,
filtered (`custom.tier=gold`), sorted (`sort=custom.tier`), imported and exported like others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import sql
from psycopg.rows import dict_row

from onefold.crm import fields, lists, shapes, store
from onefold.crm.model import Row
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, jobs

# Objects that take fields of their own, with the prefix of their ids.
OBJECTS = {
    "account": "acc", "contact": "con", "ticket": "tkt", "task": "tsk", "deal": "deal",
    "lead": "lead", "product": "prd", "subscription": "sub", "activity": "act",
}  # fmt: skip
KINDS = ("text", "number", "money", "date", "select", "multi_select", "user", "reference")
INDEX = "crm.index"  # the background task that makes a new field quick to sort by

_FIELDS = (
    fields.Field("object", "enum", options=tuple(OBJECTS), required=True, once=True),
    fields.Field("key", chars_max=40, required=True, once=True),
    fields.Field("label", required=True),
    fields.Field("kind", "enum", options=KINDS, required=True, once=True),
    fields.Field("options", "tags"),
    fields.Field("refers", "enum", options=("", *OBJECTS), once=True),
    fields.Field("required", "flag"),
    fields.Field("position", "number", most=10_000),
)
OF = "SELECT * FROM custom_field WHERE object = %s AND archived_at IS NULL ORDER BY position, id"
ALL = "SELECT * FROM custom_field WHERE archived_at IS NULL ORDER BY object, position, id"
GET = "SELECT * FROM custom_field WHERE id = %s FOR NO KEY UPDATE"
COUNT = "SELECT count(*) FROM custom_field WHERE object = %s AND archived_at IS NULL"
INSERT = """
INSERT INTO custom_field
  (object, key, label, kind, options, refers, required, position, created_at, updated_at)
VALUES (%(object)s, %(key)s, %(label)s, %(kind)s, %(options)s, %(refers)s, %(required)s,
  %(position)s, %(now)s, %(now)s)
ON CONFLICT (object, key) DO UPDATE SET archived_at = NULL, label = excluded.label,
  options = excluded.options, required = excluded.required, version = custom_field.version + 1,
  updated_at = excluded.updated_at
WHERE custom_field.archived_at IS NOT NULL AND custom_field.kind = excluded.kind
  AND custom_field.refers = excluded.refers
RETURNING *
"""
UPDATE = """
UPDATE custom_field SET label = %(label)s, options = %(options)s, required = %(required)s,
  position = %(position)s, archived_at = %(archived_at)s, version = version + 1,
  updated_at = %(now)s
WHERE id = %(id)s RETURNING *
"""


class CustomField(msgspec.Struct, frozen=True):
    """A field of the workspace's own. `options` of a select; `refers`: the object it points to."""

    id: str
    object: str
    key: str
    label: str
    kind: str
    options: list[str]
    refers: str
    required: bool
    position: int
    version: int
    created_at: str
    updated_at: str

    @property
    def name(self) -> str:
        """How filters, orders and imports call it."""
        return f"custom.{self.key}"

    @property
    def prefix(self) -> str:
        """Of the ids that a user's or reference's value is."""
        return "usr" if self.kind == "user" else OBJECTS.get(self.refers, "")


# ── definitions ────────────────────────────────────────────────────────────────────────────────


def of(conn: Connection, viewer: Viewer, noun: str) -> dict[str, CustomField]:
    """An object's own fields by key, in their order."""
    viewer.must_read()
    return {f.key: f for f in map(_present, _rows(conn, OF, (noun,)))}


def list_all(conn: Connection, viewer: Viewer) -> list[CustomField]:
    """Every object's."""
    viewer.must_read()
    return [_present(row) for row in _rows(conn, ALL, ())]


def create(conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int) -> CustomField:
    """A new field. One that was taken away comes back with its values, if its kind is the same.

    Raises `Invalid` with every fault, `Conflict` when the key is taken.
    """
    viewer.must_admin()
    given, faults = fields.clean(_FIELDS, (), values, creating=True)
    key, kind = given.get("key", ""), given.get("kind")
    if key and not (key.isascii() and key.replace("_", "a").isalnum() and key[0].isalpha()
                    and key == key.lower()):  # fmt: skip
        faults.append(errors.Fault("key", f"`{key}` is not a key.", "Send one like `tier_2`."))
    if kind in ("select", "multi_select") and not given.get("options"):
        faults.append(errors.Fault("options", "are missing.", "A select needs some."))
    if kind == "reference" and not given.get("refers"):
        faults.append(errors.Fault("refers", "is missing.", "Name the object that it points to."))
    if faults:
        raise errors.Invalid(*faults)
    (counted,) = conn.execute(COUNT, (given["object"],)).fetchall()[0]
    if counted >= limits.custom_fields_max:
        raise errors.Conflict(f"There are {counted} fields already, the most there may be.")
    blank = {"options": [], "refers": "", "required": False, "position": counted}
    now = clock.to_datetime(now_ms)
    row = _rows(conn, INSERT, {**blank, **given, "now": now})
    if not row:
        raise errors.Conflict(f"There is a field `{key}` of {given['object']}s already.")
    jobs.defer(conn, INDEX, {"noun": given["object"], "key": key}, lock="crm.index")
    return _present(row[0])


def update(
    conn: Connection, viewer: Viewer, field_id: str, values: Mapping[str, Any], now_ms: int,
    *, expected_version: int | None = None, archived: bool = False,
) -> CustomField:  # fmt: skip
    """Change label, options, `required` or position; or take it away, its values kept."""
    viewer.must_admin()
    found = _rows(conn, GET, (ids.parse_id("fld", field_id),))
    if not found or found[0]["archived_at"] is not None:
        raise errors.NotFound(f"There is no field `{field_id}`. Check the id.")
    before = found[0]
    given, faults = fields.clean(_FIELDS, (), values, creating=False)
    if faults:
        raise errors.Invalid(*faults)
    if expected_version is not None and expected_version != before["version"]:
        raise errors.Conflict(
            f"This field has been changed: it is at version {before['version']}.",
            msgspec.to_builtins(_present(before)),
        )
    now = clock.to_datetime(now_ms)
    after = {**before, **given, "now": now, "archived_at": now if archived else None}
    return _present(_rows(conn, UPDATE, after)[0])


def _present(row: Row) -> CustomField:
    shown = {n: row[n] for n in CustomField.__struct_fields__}
    for name in ("created_at", "updated_at"):
        shown[name] = clock.iso(clock.from_datetime(row[name]))
    return CustomField(**{**shown, "id": ids.api_id("fld", row["id"])})


def _rows(conn: Connection, query: str, values: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


# ── values ─────────────────────────────────────────────────────────────────────────────────────


def merged(
    conn: Connection, viewer: Viewer, noun: str, given: Any, before: Mapping[str, Any] | None
) -> tuple[dict[str, Any], list[errors.Fault]]:
    """A record's own values after a change of some; null takes one away. With all faults."""
    known = of(conn, viewer, noun) if given or before is None else {}
    out = dict(before or {})
    faults: list[errors.Fault] = []
    if given is not None and not isinstance(given, Mapping):
        return out, [errors.Fault("custom", "must be an object.", 'Send `{"tier": "gold"}`.')]
    for key, value in (given or {}).items():
        field = known.get(key)
        if field is None:
            fault = fields.unknown(key, known)
            faults.append(errors.Fault(f"custom.{fault.field}", fault.problem, fault.remedy))
            continue
        try:
            found = _READERS[field.kind](conn, field, value)
        except errors.Invalid as invalid:
            faults.extend(invalid.faults)
            continue
        if found in (None, "", []):
            out.pop(key, None)
        else:
            out[key] = found
    wrong = {f.field for f in faults}
    for field in known.values():
        touched = before is None or field.key in (given or {})
        if field.required and touched and field.key not in out and field.name not in wrong:
            faults.append(errors.Fault(field.name, "is missing.", "Give it a value."))
    return out, faults


def _read(kind: fields.FieldKind) -> Callable[[Connection, CustomField, Any], Any]:
    def read(_: Connection, field: CustomField, value: Any) -> Any:
        of = fields.Field(field.name, kind, limits.custom_text_chars_max)
        columns, faults = fields.clean([of], (), {field.name: value}, creating=False)
        if faults:
            raise errors.Invalid(*faults)
        return columns[field.name]

    return read


def _number(_: Connection, field: CustomField, value: Any) -> int | float | None:
    found = fields.decimal(field.name, value)
    if found is None:
        return None
    return int(found) if found == int(found) else float(found)


def _day(conn: Connection, field: CustomField, value: Any) -> str:
    found = _read("date")(conn, field, value)
    return found.isoformat() if found else ""


def _option(field: CustomField, value: Any) -> str:
    """An option, whatever its case."""
    text = " ".join(str(value).split())
    near = next((o for o in field.options if o.lower() == text.lower()), text)
    return fields.enum(field.name, near, field.options)


def _select(_: Connection, field: CustomField, value: Any) -> str:
    return "" if value in (None, "") else _option(field, value)


def _multi(_: Connection, field: CustomField, value: Any) -> list[str]:
    several = value.replace(";", ",").split(",") if isinstance(value, str) else value or []
    if not isinstance(several, list | tuple):
        raise errors.Invalid(errors.Fault(field.name, "must be a list.", 'Send `["a", "b"]`.'))
    return list(dict.fromkeys(_option(field, v) for v in several if v not in (None, "")))


def _ref(conn: Connection, field: CustomField, value: Any) -> str | None:
    if value in (None, ""):
        return None
    row_id = ids.parse_id(field.prefix, value, field.name)
    if not store.exists(conn, field.prefix, row_id):
        problem = f"there is no {ids.NAMES[field.prefix]} `{ids.api_id(field.prefix, row_id)}`."
        raise errors.Invalid(errors.Fault(field.name, problem, "Send the id of one there is."))
    return ids.api_id(field.prefix, row_id)


_READERS: dict[str, Callable[[Connection, CustomField, Any], Any]] = {
    "text": _read("line"), "number": _number, "money": _number, "date": _day, "select": _select,
    "multi_select": _multi, "user": _ref, "reference": _ref,
}  # fmt: skip


# ── lists ──────────────────────────────────────────────────────────────────────────────────────


def filters(found: Iterable[CustomField]) -> dict[str, lists.Filter]:
    """What a list may be asked of these fields."""
    out: list[lists.Filter] = []
    for field in found:
        name, key = field.name, field.key
        if field.kind in ("number", "money"):
            out.append(lists.Filter(f"{name}_min", "min", of="number", key=key))
            out.append(lists.Filter(f"{name}_max", "max", of="number", key=key))
        elif field.kind == "date":
            out.append(lists.Filter(f"{name}_before", "before", of="date", key=key))
            out.append(lists.Filter(f"{name}_after", "after", of="date", key=key))
        elif field.kind in ("select", "multi_select"):
            of: fields.FieldKind = "tags" if field.kind == "multi_select" else "enum"
            options = tuple(field.options)
            out.append(lists.Filter(name, "enum", options=options, key=key, of=of))
        elif field.kind in ("user", "reference"):
            out.append(lists.Filter(name, "ref", name, prefix=field.prefix, key=key, of="ref"))
        else:
            out.append(lists.Filter(name, "is", key=key, of="line"))
    return {f.name: f for f in out}


def sorts(found: Iterable[CustomField]) -> dict[str, shapes.Sort]:
    """Orders by these fields."""
    return {
        f.name: shapes.own_sort(f.key, number=f.kind in ("number", "money"))
        for f in found
        if f.kind != "multi_select"
    }


def index(running: jobs.Running, noun: str, key: str) -> None:
    """The task `crm.index`: an index by which lists are sorted by a field, beside all writers."""
    with running.connect() as conn:
        conn.autocommit = True
        found = [_present(r) for r in _rows(conn, OF, (noun,)) if r["key"] == key]
        if not found or found[0].kind == "multi_select":
            return
        name = f"custom_{noun}_{found[0].id}"
        order = sorts(found)[found[0].name].by.replace("t.custom", "custom")
        conn.execute("SET statement_timeout = 0")
        drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name))
        conn.execute(drop)  # one that was left half-built
        conn.execute(
            sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} (({}), id)").format(
                sql.Identifier(name), sql.Identifier(noun), sql.SQL(order)
            )
        )


def told(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between a record's own values, as a fact tells it."""
    keys: Sequence[str] = sorted(before.keys() | after.keys())
    return {
        f"custom.{k}": (before.get(k), after.get(k)) for k in keys if before.get(k) != after.get(k)
    }
