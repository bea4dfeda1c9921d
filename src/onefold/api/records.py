"""What all objects of the CRM share at the door: list, create, get, change, upsert, batch.

The CRM checks every field and filter itself and names all faults at once, so bodies are plain
objects here; their description is made from the CRM's own fields (api/description.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.datastructures import MultiDict
from litestar.params import HeaderParameter

from onefold import crm, record
from onefold.api import answers
from onefold.api.call import Call, expected_version
from onefold.api.pages import Listed
from onefold.kernel import errors, limits
from onefold.record import repeats
from onefold.storage import Connection

Body = dict[str, Any]
Query = MultiDict[Any]
AnyRequest = Request[Any, Any, Any]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="The version you read."),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="A text of your own; a repeat with it gets the first answer.",
    ),
]
_PAGING = ("q", "sort", "cursor", "limit", "fields")


class BatchItem(msgspec.Struct, forbid_unknown_fields=True):
    """One change of a batch. `id` of what is changed or archived; `by`: an upsert's field."""

    values: dict[str, Any] = {}
    action: Literal["create", "change", "upsert", "archive"] = "create"
    id: str | None = None
    by: str = ""
    expected_version: int | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Changes made at once. `atomic`: all or none; else each by itself."""

    items: Annotated[list[BatchItem], msgspec.Meta(max_length=limits.batch_items_max)]
    atomic: bool = False


class BatchAnswer(msgspec.Struct):
    """What became of each: `status`, and `record` or `error` in the shape of all errors."""

    items: list[dict[str, Any]]
    failed: int


def listed(call: Call, records: Any, query: Query) -> Listed[Any]:
    """A page of a list. Whatever is not paging is a filter; a repeated one is a list of values."""
    asked, q = filters_of(query)
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
    return Listed([chosen(row, query.get("fields")) for row in rows], total, page.next)


def filters_of(query: Query) -> tuple[dict[str, Any], str]:
    """The filters in a query, and its words."""
    filters = {name: query.getall(name) for name in query if name not in _PAGING}
    return {n: v if len(v) > 1 else v[0] for n, v in filters.items()}, query.get("q", "")


def chosen(row: Any, fields: str | None) -> Any:
    """A record with the named fields only, and its id and version. Raises `Invalid`."""
    if fields is None:
        return row
    known = row.__struct_fields__
    wanted = [name for name in dict.fromkeys(fields.split(",")) if name]
    faults = [
        errors.Fault("fields", f"`{name[:60]}` is not one.", f"Use {', '.join(known)}.")
        for name in wanted
        if name not in known
    ]
    if faults:
        raise errors.Invalid(*faults[:10])
    return {name: getattr(row, name) for name in dict.fromkeys(("id", "version", *wanted))}


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


def created(
    call: Call, make: Callable[..., Any], values: Body, request: AnyRequest, key: str | None
) -> Any:
    """A new record; or what a request with the same key made before."""
    with call.open() as conn:
        if key is None:
            return _named(conn, call, make(conn, call.viewer, values, call.now_ms))
        said = f"{request.method} {request.url.path}\n".encode() + msgspec.json.encode(values)
        kept = repeats.claim(conn, call.viewer, key, said, call.now_ms)
        if kept is not None:
            again = {"Idempotent-Replay": "true"}
            return Response(kept[1], status_code=kept[0], headers=again,
                            media_type="application/json")  # fmt: skip
        made = _named(conn, call, make(conn, call.viewer, values, call.now_ms))
        repeats.keep(conn, call.viewer, key, 201, msgspec.json.encode(made))
        return made


def read(call: Call, records: Any, record_id: str, fields: str | None = None) -> Any:
    """One record."""
    with found_by_id(), call.open() as conn:
        return chosen(_named(conn, call, records.get(conn, call.viewer, record_id)), fields)


def changed(call: Call, records: Any, record_id: str, values: Body, if_match: str | None) -> Any:
    """A record with some fields set. Raises `Conflict` when another change came first."""
    version = expected_version(values, if_match)
    with found_by_id(), call.open() as conn:
        found = records.update(
            conn, call.viewer, record_id, values, call.now_ms, expected_version=version
        )
        return _named(conn, call, found)


def upserted(call: Call, records: Any, values: Body, if_match: str | None) -> tuple[Any, bool]:
    """A record made or changed, and whether it was made. `by` in the body names the field."""
    version = expected_version(values, if_match)
    by = values.pop("by", "")
    with call.open() as conn:
        found, new = records.upsert(
            conn, call.viewer, values, call.now_ms, by=str(by), expected_version=version
        )
        return _named(conn, call, found), new


def archived(
    call: Call, records: Any, record_id: str, if_match: str | None, *, restore: bool
) -> Any:
    """A record put away, or brought back."""
    version = expected_version({}, if_match)
    with found_by_id(), call.open() as conn:
        found = records.archive(
            conn, call.viewer, record_id, call.now_ms, expected_version=version, restore=restore
        )
        return _named(conn, call, found)


def batch(call: Call, records: Any, asked: Batch) -> BatchAnswer:
    """Each change in its own part of one transaction; `atomic` ones fail together."""
    call.viewer.must_write()
    out = BatchAnswer([], 0)
    told: list[crm.Item] = []
    with call.open() as conn, conn.transaction():  # the outer one, so that the inner can undo
        for item in asked.items:
            part: list[crm.Item] = []
            try:
                with conn.transaction():
                    status, found = _one(conn, call, records, item, part)
            except errors.OnefoldError as error:
                if asked.atomic:
                    raise
                out.items.append({"status": "failed", **answers.body_of(error)})
                out.failed += 1
                continue
            told += part
            out.items.append({"status": status, "record": found})
        if told:
            crm.append(conn, told, call.now_ms)
    return out


def _one(
    conn: Connection, call: Call, records: Any, item: BatchItem, into: list[crm.Item]
) -> tuple[str, Any]:
    viewer, now_ms, version = call.viewer, call.now_ms, item.expected_version
    if item.action == "create":
        return "created", records.create(conn, viewer, item.values, now_ms, into=into)
    if item.action == "upsert":
        found, new = records.upsert(
            conn, viewer, item.values, now_ms, by=item.by, expected_version=version, into=into
        )
        return "created" if new else "changed", found
    if item.id is None:
        raise errors.Invalid(errors.Fault("id", "is missing.", "Say which record."))
    if item.action == "change":
        return "changed", records.update(
            conn, viewer, item.id, item.values, now_ms, expected_version=version, into=into
        )
    if not records.kind.archives:
        raise errors.Invalid(errors.Fault("action", "is not for these.", "Change it instead."))
    return "archived", records.archive(
        conn, viewer, item.id, now_ms, expected_version=version, into=into
    )


def _named(conn: Connection, call: Call, found: Any) -> Any:
    return record.named(conn, call.viewer, [found])[0]


@contextmanager
def found_by_id() -> Iterator[None]:
    """A path whose id can't be one leads nowhere: that is 404, not a faulty request."""
    try:
        yield
    except errors.Invalid as error:
        if [f.field for f in error.faults] == ["id"] and "is not the id" in str(error):
            raise errors.NotFound(str(error)) from None
        raise
