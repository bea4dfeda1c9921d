"""The routes of one object of the CRM, made of its description.

GET    /api/deals              a page of the list: filters, `q`, `sort`, `fields`, `cursor`
POST   /api/deals              create; a repeat with the same `Idempotency-Key` creates nothing
PUT    /api/deals              create or change, by a unique field
POST   /api/deals/changes      several at once
GET    /api/deals/{record_id}  read; PATCH changes, DELETE archives
POST   /api/deals/{record_id}/restore
"""

from collections.abc import Callable
from typing import Any

from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import AnyRequest, Body, IdempotencyKey, IfMatch

Create = Callable[..., Any]


def handlers(
    room: Any, model: Any, *, create: Create | None = None, only: frozenset[str] | None = None
) -> list[Any]:
    """Route handlers of an object. `create` stands in for the room's own.

    `only`: names of those wanted, where an object has routes of its own for the rest.
    """
    kind = room.kind
    made = [*_reading(room, model), *_writing(room, model, create or room.create)]
    if kind.unique:
        made.append(_upserting(room, model))
    if kind.archives:
        made += _archiving(room, model)
    made.append(_batching(room))
    return [h for name, h in made if only is None or name in only]


def _reading(room: Any, model: Any) -> list[tuple[str, Any]]:
    noun, plural = room.kind.noun, room.kind.plural

    def listed(call: Call, request: AnyRequest) -> Listed[model]:
        return records.listed(call, room, request.query_params)

    def read(call: Call, record_id: FromPath[str], request: AnyRequest) -> model:
        return records.read(call, room, record_id, request.query_params.get("fields"))

    listed.__doc__, read.__doc__ = f"List {plural}.", f"Get {_a(noun)}."
    listed.__name__, read.__name__ = f"list_{plural}", f"get_{noun}"
    one = door.READER | {"query": ("fields",)}
    return [
        ("list", get(f"/{plural}", opt=door.READER | {"records": room}, sync_to_thread=True)(
            listed)),
        ("read", get(f"/{plural}/{{record_id:str}}", opt=one, sync_to_thread=True)(read)),
    ]  # fmt: skip


def _writing(room: Any, model: Any, make: Create) -> list[tuple[str, Any]]:
    noun, plural = room.kind.noun, room.kind.plural
    opt = door.MEMBER | {"records": room}

    def create(
        call: Call, data: JSONBody[Body], request: AnyRequest, repeat_key: IdempotencyKey = None
    ) -> model:
        return records.created(call, make, data, request, repeat_key)

    def change(
        call: Call, record_id: FromPath[str], data: JSONBody[Body], if_match: IfMatch = None
    ) -> model:
        return records.changed(call, room, record_id, data, if_match)

    create.__doc__, change.__doc__ = f"Create {_a(noun)}.", f"Change fields of {_a(noun)}."
    create.__name__, change.__name__ = f"create_{noun}", f"change_{noun}"
    return [
        ("create", post(f"/{plural}", opt=opt, sync_to_thread=True)(create)),
        ("change", patch(f"/{plural}/{{record_id:str}}", opt=opt, sync_to_thread=True)(change)),
    ]


def _upserting(room: Any, model: Any) -> tuple[str, Any]:
    kind = room.kind

    def upsert(call: Call, data: JSONBody[Body], if_match: IfMatch = None) -> Response[model]:
        found, new = records.upserted(call, room, data, if_match)
        return Response(found, status_code=201 if new else 200)

    by = " or ".join(f"`{name}`" for name in kind.unique)
    upsert.__doc__ = f"Create {_a(kind.noun)}, or change the one with the same {by}."
    upsert.__name__ = f"upsert_{kind.noun}"
    opt = door.MEMBER | {"records": room}
    return "upsert", put(f"/{kind.plural}", opt=opt, sync_to_thread=True)(upsert)


def _archiving(room: Any, model: Any) -> list[tuple[str, Any]]:
    noun, plural = room.kind.noun, room.kind.plural

    def archive(call: Call, record_id: FromPath[str], if_match: IfMatch = None) -> model:
        return records.archived(call, room, record_id, if_match, restore=False)

    def restore(call: Call, record_id: FromPath[str], if_match: IfMatch = None) -> model:
        return records.archived(call, room, record_id, if_match, restore=True)

    archive.__doc__ = f"Put {_a(noun)} away: out of lists, and back by `restore`."
    restore.__doc__ = f"Bring {_a(noun)} back that was put away."
    archive.__name__, restore.__name__ = f"archive_{noun}", f"restore_{noun}"
    path = f"/{plural}/{{record_id:str}}"
    return [
        ("archive", delete(path, opt=door.MEMBER, status_code=200, sync_to_thread=True)(archive)),
        ("restore", post(f"{path}/restore", opt=door.MEMBER, status_code=200,
                         sync_to_thread=True)(restore)),
    ]  # fmt: skip


def _batching(room: Any) -> tuple[str, Any]:
    plural = room.kind.plural

    def batch(call: Call, data: JSONBody[records.Batch]) -> records.BatchAnswer:
        return records.batch(call, room, data)

    batch.__doc__ = f"Create, change, upsert or archive several {plural} at once."
    batch.__name__ = f"make_changes_of_{plural}"
    path = f"/{plural}/changes"
    return "changes", post(path, opt=door.MEMBER, status_code=200, sync_to_thread=True)(batch)


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
