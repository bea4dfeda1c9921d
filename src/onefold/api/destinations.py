"""Destinations: where changes of audiences are sent, and what became of each delivery."""

from typing import Any

import msgspec
from litestar import Request, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from onefold import activation
from onefold.api import door
from onefold.api.call import Call, expected_version
from onefold.api.pages import Listed
from onefold.api.records import IfMatch, found_by_id
from onefold.record import keyset

AnyRequest = Request[Any, Any, Any]


class NewDestination(msgspec.Struct, forbid_unknown_fields=True):
    """What to make a destination of; `audiences` are keys."""

    name: str
    url: str
    kind: str = "webhook"
    audiences: list[str] = []
    enabled: bool = True


class DestinationChange(msgspec.Struct, forbid_unknown_fields=True):
    """Fields to set; the kind and the secret stay."""

    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    audiences: list[str] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    expected_version: int | UnsetType | None = UNSET


class MadeDestination(activation.Destination, frozen=True):
    """A new destination with its signing secret, which is not shown again."""

    secret: str


@get("/destinations", opt=door.READER, sync_to_thread=True)
def list_destinations(call: Call) -> Listed[activation.Destination]:
    """List destinations."""
    with call.open() as conn:
        items = activation.list_all(conn, call.viewer)
    return Listed(items, len(items))


@post("/destinations", opt=door.ADMIN, sync_to_thread=True)
def create_destination(
    call: Call, data: JSONBody[NewDestination], request: AnyRequest
) -> MadeDestination:
    """Create a destination; its signing secret is in the answer, and never again."""
    with call.open() as conn:
        made, secret = activation.create(
            conn,
            call.viewer,
            msgspec.structs.asdict(data),
            call.now_ms,
            private_allowed=_private_allowed(request),
        )
    return MadeDestination(**msgspec.structs.asdict(made), secret=secret)


@patch("/destinations/{destination_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_destination(
    call: Call,
    destination_id: FromPath[str],
    data: JSONBody[DestinationChange],
    request: AnyRequest,
    if_match: IfMatch = None,
) -> activation.Destination:
    """Change fields of a destination."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    version = expected_version(values, if_match)
    with found_by_id(), call.open() as conn:
        return activation.update(
            conn,
            call.viewer,
            destination_id,
            values,
            expected_version=version,
            private_allowed=_private_allowed(request),
        )


@get("/deliveries", opt=door.READER, sync_to_thread=True)
def list_deliveries(
    call: Call,
    destination_id: FromQuery[str | None] = None,
    status: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Listed[activation.Delivery]:
    """List deliveries, newest first."""
    rows = keyset.page_rows(limit)
    with call.open() as conn:
        page = activation.deliveries(
            conn,
            call.viewer,
            destination_id=destination_id,
            status=status,
            cursor=cursor,
            rows_max=rows,
        )
    return Listed(page.rows, None, page.next)


@post("/deliveries/{delivery_id:str}/retry", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def retry_delivery(call: Call, delivery_id: FromPath[str]) -> activation.Delivery:
    """Send a failed delivery again."""
    with found_by_id(), call.open() as conn:
        return activation.retry(conn, call.viewer, delivery_id, call.now_ms)


def _private_allowed(request: AnyRequest) -> bool:
    settings = request.app.state.settings
    return settings is None or bool(settings.destinations_private)


HANDLERS = [
    list_destinations,
    create_destination,
    change_destination,
    list_deliveries,
    retry_delivery,
]
