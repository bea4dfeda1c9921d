"""What a list may be asked: filters, words, order, cursor. Pure: it makes a `store.Query`.

Filters follow from an object's fields, so that every field can be filtered by:

    enum, tags, references   one or several values; `none` for a reference that is empty
    line, email, domain      the text, whatever its case
    number, money            `amount_min`, `amount_max`, both included
    date, time               `close_date_before` (earlier than), `close_date_after` (then or later)
    flag                     true or false
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from onefold.crm import fields, shapes, store
from onefold.kernel import cursors, errors, ids, limits, money
from onefold.storage import fold_name

NOBODY = "none"  # the value of a reference's filter that finds rows without one
FilterKind = Literal[
    "enum", "ref", "tag", "before", "filled", "is", "after", "flag", "min", "max", "audience"
]
_OPERATORS = {"before": "below", "after": "least", "min": "least", "max": "most"}


class Filter(msgspec.Struct, frozen=True):
    """One filter: its name, the column it tests, and how its value is read.

    enum, tag and ref take a value or a list of values (any of them holds); `ref` takes `none` as
    well, and goes by its column's name (`owner_id`), too; `before` a time; `filled` true or false.
    `of`: the kind of the field that is compared; `key`: of a field of the workspace's own.
    """

    name: str
    kind: FilterKind
    column: str = ""
    options: tuple[str, ...] = ()
    prefix: str = ""
    of: fields.FieldKind = "time"
    key: str = ""


def of_fields(
    known: Sequence[Filter], of: Iterable[fields.Field], *, audience: bool
) -> tuple[Filter, ...]:
    """An object's filters: its own, and those that follow from its fields."""
    out = {f.name: f for f in known}
    taken = {f.column or f.name for f in known}
    for field in of:
        if not field.virtual and field.name not in taken:
            for made in _of_field(field):
                out.setdefault(made.name, made)
    for name in ("created", "updated"):
        for way in ("before", "after"):
            out[f"{name}_{way}"] = Filter(f"{name}_{way}", way, f"{name}_at")
    if audience:
        out["audience"] = Filter("audience", "audience", "id")
    return tuple(out.values())


def _of_field(field: fields.Field) -> list[Filter]:
    name = field.name
    if field.kind == "enum":
        return [Filter(name, "enum", name, options=field.options)]
    if field.kind == "ref":
        return [Filter(name.removesuffix("_id"), "ref", name, prefix=field.prefix)]
    if field.kind == "tags":
        return [Filter(name, "tag", name)]
    if field.kind == "flag":
        return [Filter(name, "flag", name)]
    if field.kind in ("number", "money"):
        column = field.base or name
        return [
            Filter(f"{name}_min", "min", column, of=field.kind),
            Filter(f"{name}_max", "max", column, of=field.kind),
        ]
    if field.kind in ("date", "time"):
        return [
            Filter(f"{name}_before", "before", name, of=field.kind),
            Filter(f"{name}_after", "after", name, of=field.kind),
        ]
    return [Filter(name, "is", name)] if field.kind in ("line", "email", "domain") else []


class Asked(msgspec.Struct, frozen=True):
    """A list as a caller asks for it."""

    filters: Mapping[str, Any]
    q: str
    sort: str
    cursor: str | None
    limit: int


def query(
    known: Mapping[str, Filter],
    sorts: Mapping[str, shapes.Sort],
    asked: Asked,
    base: str = "USD",
) -> store.Query:
    """The checked query. `base`: the currency that sums of money are given in.

    Raises `Invalid` with everything that is wrong.
    """
    by_column = {f.column: f for f in known.values() if f.kind == "ref"}
    faults: list[errors.Fault] = []
    where: list[store.Test] = []
    for name, value in asked.filters.items():
        found = known.get(name) or by_column.get(name)
        if found is None:
            faults.append(fields.unknown(name, known))
            continue
        try:
            where.append(_test(found, value, base))
        except errors.Invalid as invalid:
            faults.extend(invalid.faults)
    faults += _faults(asked, sorts)
    order = sorts.get(asked.sort.removeprefix("-"))
    after: tuple[Any, int] | None = None
    if asked.cursor and order is not None and not faults:
        try:
            after = _after(asked.cursor, asked.sort, order)
        except errors.Invalid as invalid:
            faults.extend(invalid.faults)
    if faults or order is None:
        raise errors.Invalid(*faults)
    return store.Query(
        where=tuple(where),
        words=tuple(fold_name(asked.q).split()[:8]),
        sort=order,
        descending=asked.sort.startswith("-"),
        after=after,
        rows_max=asked.limit + 1,
    )


def _faults(asked: Asked, sorts: Mapping[str, shapes.Sort]) -> list[errors.Fault]:
    faults = []
    if asked.sort.removeprefix("-") not in sorts:
        names = ", ".join(sorts)
        problem = f"`{asked.sort[:60]}` is not an order."
        remedy = f"Use one of {names}; a `-` before it turns it round."
        faults.append(errors.Fault("sort", problem, remedy))
    if len(asked.q) > limits.search_chars_max or "\0" in asked.q:
        remedy = f"Use at most {limits.search_chars_max} characters."
        faults.append(errors.Fault("q", "can't be searched for.", remedy))
    if not 1 <= asked.limit <= limits.page_rows_max:
        remedy = f"Use 1 to {limits.page_rows_max}."
        faults.append(errors.Fault("limit", f"is {asked.limit}.", remedy))
    return faults


def next_cursor(sort: str, row: Mapping[str, Any]) -> str:
    """The cursor of the page that follows `row`."""
    value = row["sort_value"]
    if isinstance(value, date):
        value = value.isoformat()
    return cursors.pack(cursors.After(sort, value, row["id"]))


def _after(cursor: str, sort: str, order: shapes.Sort) -> tuple[Any, int]:
    found = cursors.after(cursor, sort)
    if found is None or found.id <= 0:
        raise cursors.wrong()
    value: Any = found.value
    if order.kind in ("time", "date"):
        try:
            value = datetime.fromisoformat(str(value))
        except ValueError:
            raise cursors.wrong() from None
        return (value if order.kind == "time" else value.date()), found.id
    if isinstance(value, str) is not (order.kind == "text") or value is None:
        raise cursors.wrong()
    return value, found.id


def _test(asked: Filter, value: Any, base: str) -> store.Test:
    column = asked.column or asked.name
    if asked.kind in ("filled", "flag"):
        if value not in (True, False, "true", "false"):
            raise _invalid(asked.name, "must be true or false.", "Send `true` or `false`.")
        yes = value in (True, "true")
        return store.Test(column, "set" if asked.kind == "filled" else "in",
                          yes if asked.kind == "filled" else [yes])  # fmt: skip
    if asked.kind in _OPERATORS:
        return _compared(asked, column, value, base)
    if asked.kind in ("audience", "is") and not asked.key:
        return store.Test(column, asked.kind, _one(asked, "line", value))
    several = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if len(several) > limits.filter_values_max:
        problem = f"has {len(several)} values."
        raise _invalid(asked.name, problem, f"Use at most {limits.filter_values_max}.")
    if asked.key:
        return store.Test(column, "in", _own_values(asked, several), key=asked.key)
    within = "in" if asked.kind != "tag" else "refs" if asked.prefix else "has"
    return store.Test(column, within, _values(asked, several))


def _values(asked: Filter, several: list[Any]) -> list[Any]:
    """Values of which any may hold, as columns have them; None for an empty reference."""
    if asked.kind == "enum":
        return [fields.enum(asked.name, v, asked.options) for v in several]
    if asked.kind == "tag" and not asked.prefix:
        found: list[Any] = _one(asked, "tags", several)
        return found
    return [
        None
        if asked.kind == "ref" and (v is None or v == NOBODY)
        else ids.parse_id(asked.prefix, v, asked.name)
        for v in several
    ]


def _own_values(asked: Filter, several: list[Any]) -> list[Any]:
    """Values of a field of the workspace's own, as its records hold them."""
    if asked.kind == "enum":
        found: list[Any] = [fields.enum(asked.name, v, asked.options) for v in several]
    elif asked.kind == "ref":
        found = [
            ids.api_id(asked.prefix, ids.parse_id(asked.prefix, v, asked.name)) for v in several
        ]
    else:
        found = [_one(asked, "line", v) for v in several]
    return [[v] for v in found] if asked.of == "tags" else found


def _compared(asked: Filter, column: str, value: Any, base: str) -> store.Test:
    found = _one(asked, asked.of, value)
    if found is None:
        raise _invalid(asked.name, "is empty.", "Send a value.")
    if asked.key:
        if asked.of == "date":
            found = found.isoformat()
        elif asked.of in ("number", "money"):
            found = float(found)
        number = asked.of in ("number", "money")
        return store.Test(column, _OPERATORS[asked.kind], found, asked.key, number)
    if asked.of == "money":
        found = money.minor(found, base)
    return store.Test(column, _OPERATORS[asked.kind], found)


def _one(asked: Filter, kind: fields.FieldKind, value: Any) -> Any:
    if kind == "number":
        return fields.decimal(asked.name, value)
    field = fields.Field(asked.name, kind)
    columns, faults = fields.clean([field], (), {asked.name: value}, creating=False)
    if faults:
        raise errors.Invalid(*faults)
    return columns[asked.name]


def _invalid(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))
