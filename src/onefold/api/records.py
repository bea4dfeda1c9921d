"""What contacts, tickets and tasks share at the door: list, create, get and change.

The CRM checks every field and filter itself and names all faults at once, so bodies are plain
objects here; their description is made from the CRM's own fields (api/description.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from litestar import Request
from litestar.datastructures import MultiDict
from litestar.params import HeaderParameter

from onefold import record
from onefold.api.call import Call, expected_version
from onefold.api.pages import Listed
from onefold.kernel import errors, limits

Body = dict[str, Any]
Query = MultiDict[Any]
AnyRequest = Request[Any, Any, Any]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="The version you read."),
]
_PAGING = ("q", "sort", "cursor", "limit")


def listed(call: Call, records: Any, query: Query) -> Listed[Any]:
    """A page of a list. Whatever is not paging is a filter; a repeated one is a list of values."""
    filters = {name: query.getall(name) for name in query if name not in _PAGING}
    asked = {n: v if len(v) > 1 else v[0] for n, v in filters.items()}
    for found in records.kind.filters:
        if found.kind == "filled" and asked.get(found.name) in ("true", "false"):
            asked[found.name] = asked[found.name] == "true"
    q = query.get("q", "")
    with call.open() as conn:
        page = records.find(
            conn,
            call.viewer,
            asked,
            q=q,
            sort=query.get("sort", ""),
            cursor=query.get("cursor"),
            limit=_limit(query.get("limit")),
        )
        total = records.count(conn, call.viewer, asked, q)
        rows = record.named(conn, call.viewer, page.rows)
    return Listed(rows, total, page.next)


def _limit(text: str | None) -> int:
    if text is None:
        return limits.page_rows_default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise errors.Invalid(
            errors.Fault(
                "limit", f"`{text[:50]}` is no number.", f"Use 1 to {limits.page_rows_max}."
            )
        )
    return int(text)


def created(call: Call, records: Any, values: Body) -> Any:
    """A new record."""
    with call.open() as conn:
        return records.create(conn, call.viewer, values, call.now_ms)


def read(call: Call, records: Any, record_id: str) -> Any:
    """One record."""
    with found_by_id(), call.open() as conn:
        found = records.get(conn, call.viewer, record_id)
        return record.named(conn, call.viewer, [found])[0]


def changed(call: Call, records: Any, record_id: str, values: Body, if_match: str | None) -> Any:
    """A record with some fields set. Raises `Conflict` when another change came first."""
    version = expected_version(values, if_match)
    with found_by_id(), call.open() as conn:
        found = records.update(
            conn, call.viewer, record_id, values, call.now_ms, expected_version=version
        )
        return record.named(conn, call.viewer, [found])[0]


@contextmanager
def found_by_id() -> Iterator[None]:
    """A path whose id can't be one leads nowhere: that is 404, not a faulty request."""
    try:
        yield
    except errors.Invalid as error:
        if [f.field for f in error.faults] == ["id"]:
            raise errors.NotFound(str(error)) from None
        raise
