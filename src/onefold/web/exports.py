"""A list as CSV: every field of every record that the list has, a page at a time.

Headers are the fields' names, so that the file can be imported again. A text that a spreadsheet
would take for a formula gets a `'` before it, and the file begins with the mark that tells
spreadsheets it is UTF-8.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from litestar.response import Stream

from onefold import crm, record
from onefold.crm import custom
from onefold.kernel import limits
from onefold.web.door import Ask

_LEFT_OUT = ("custom", "edited")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def of_list(ask: Ask, noun: str, filters: Mapping[str, Any]) -> Stream:
    """The answer. Raises `Invalid` before it begins for what the list can't be asked."""
    room = crm.objects.ALL[noun]
    q, sort = ask.query.get("q", ""), ask.query.get("sort", "")
    with ask.open() as conn:
        own = [f.key for f in custom.of(conn, ask.viewer, noun).values()]
        room.find(conn, ask.viewer, filters, q=q, sort=sort, limit=1)
    names = [n for n in room.model.__struct_fields__ if n not in _LEFT_OUT]

    def rows() -> Iterator[list[Any]]:
        cursor: str | None = None
        while True:
            with ask.open() as conn:
                page = room.find(
                    conn, ask.viewer, filters, q=q, sort=sort, cursor=cursor,
                    limit=limits.page_rows_max,
                )  # fmt: skip
            for row in page.rows:
                mine = [row.custom.get(key) for key in own]
                yield [*(getattr(row, name) for name in names), *mine]
            cursor = page.next
            if cursor is None:
                return

    return stream(room.kind.plural, [*names, *(f"custom.{key}" for key in own)], rows())


def of_members(ask: Ask, key: str) -> Stream:
    """Who is in an audience: id, name, e-mail address, since when."""

    def rows() -> Iterator[list[Any]]:
        cursor: str | None = None
        while True:
            with ask.open() as conn:
                page = record.list_members(conn, ask.viewer, key, cursor, limits.page_rows_max)
            for row in page["items"]:
                yield [row["id"], row["name"], row["email"], row["since"]]
            cursor = page["next"]
            if cursor is None:
                return

    return stream(key, ["id", "name", "email", "since"], rows())


def stream(name: str, head: list[str], rows: Iterable[list[Any]]) -> Stream:
    """Rows under their header as a file `<name>.csv`, safe to open in a spreadsheet."""

    def lines() -> Iterator[str]:
        yield "\ufeff" + _line(head)
        yield from map(_line, rows)

    return Stream(
        lines(), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )  # fmt: skip


def _line(values: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(map(_cell, values))
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
