"""What a list may be asked: filters, words, order, cursor. Pure: it makes a `store.Query`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from onefold.crm import fields, store
from onefold.kernel import cursors, errors, ids, limits
from onefold.storage import fold_name

_WRONG_CURSOR = errors.Fault(
    "cursor",
    "is not one of this list in this order.",
    "Send the `next` of the page before, with the same `sort`.",
)
NOBODY = "none"  # the value of a reference's filter that finds rows without one


class Filter(msgspec.Struct, frozen=True):
    """One filter: its name, the column it tests, and how its value is read.

    enum, tag and ref take a value or a list of values (any of them holds); `ref` takes `none` as
    well, and goes by its column's name (`owner_id`), too; `before` a time; `filled` true or false.
    """

    name: str
    kind: Literal["enum", "ref", "tag", "before", "filled"]
    column: str = ""
    options: tuple[str, ...] = ()
    prefix: str = ""


def query(
    noun: str,
    filters: Sequence[Filter],
    asked: Mapping[str, Any],
    *,
    q: str,
    sort: str,
    cursor: str | None,
    limit: int,
) -> store.Query:
    """The checked query. Raises `Invalid` with everything that is wrong."""
    known = {f.name: f for f in filters}
    by_column = {f.column: f for f in filters if f.kind == "ref"}
    faults: list[errors.Fault] = []
    where: list[tuple[str, str, Any]] = []
    for name, value in asked.items():
        found = known.get(name) or by_column.get(name)
        if found is None:
            faults.append(fields.unknown(name, known))
            continue
        try:
            where.append(_test(found, value))
        except errors.Invalid as invalid:
            faults.extend(invalid.faults)
    sorts = store.SHAPES[noun].sorts
    order = sort.removeprefix("-")
    if order not in sorts:
        names = ", ".join(sorts)
        problem = f"`{sort[:60]}` is not an order."
        faults.append(
            errors.Fault("sort", problem, f"Use one of {names}; a `-` before it turns it round.")
        )
    if len(q) > limits.search_chars_max or "\0" in q:
        faults.append(
            errors.Fault(
                "q", "can't be searched for.", f"Use at most {limits.search_chars_max} characters."
            )
        )
    if not 1 <= limit <= limits.page_rows_max:
        faults.append(errors.Fault("limit", f"is {limit}.", f"Use 1 to {limits.page_rows_max}."))
    after = _after(cursor, sort) if cursor and not faults else None
    if cursor and not faults and after is None:
        faults.append(_WRONG_CURSOR)
    if faults:
        raise errors.Invalid(*faults)
    return store.Query(
        where=tuple(where),
        words=tuple(fold_name(q).split()[:8]),
        sort=order,
        descending=sort.startswith("-"),
        after=after,
        rows_max=limit + 1,
    )


def next_cursor(sort: str, row: Mapping[str, Any]) -> str:
    """The cursor of the page that follows `row`."""
    value = row["sort_value"]
    if isinstance(value, datetime):
        value = value.isoformat()
    return cursors.pack([sort, value, row["id"]])


def _after(cursor: str, sort: str) -> tuple[Any, int] | None:
    found = cursors.unpack(cursor, tuple[str, str | int, int])
    if found is None:
        return None
    of, value, row_id = found
    if of != sort or row_id <= 0:
        return None
    if sort.removeprefix("-") in ("updated", "due"):
        try:
            return datetime.fromisoformat(str(value)), row_id
        except ValueError:
            return None
    return (value, row_id) if isinstance(value, str) == (sort.removeprefix("-") == "name") else None


def _test(asked: Filter, value: Any) -> tuple[str, str, Any]:
    column = asked.column or asked.name
    if asked.kind == "filled":
        if not isinstance(value, bool):
            raise _invalid(asked.name, "must be true or false.", "Send `true` or `false`.")
        return column, "set", value
    if asked.kind == "before":
        moment, faults = fields.clean(
            [fields.Field(asked.name, "time")], (), {asked.name: value}, creating=False
        )
        if faults:
            raise errors.Invalid(*faults)
        if moment[asked.name] is None:
            raise _invalid(asked.name, "is empty.", "Send a time.")
        return column, "before", moment[asked.name]
    several = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if len(several) > limits.filter_values_max:
        raise _invalid(
            asked.name, f"has {len(several)} values.", f"Use at most {limits.filter_values_max}."
        )
    if asked.kind == "enum":
        return column, "in", [fields.enum(asked.name, v, asked.options) for v in several]
    if asked.kind == "ref":
        return (
            column,
            "in",
            [
                None if v is None or v == NOBODY else ids.parse_id(asked.prefix, v, asked.name)
                for v in several
            ],
        )
    tags, faults = fields.clean(
        [fields.Field(asked.name, "tags")], (), {asked.name: several}, creating=False
    )
    if faults:
        raise errors.Invalid(*faults)
    return column, "has", tags[asked.name]


def _invalid(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))
