"""The way in: who is asking, may they, and is the body one that any store can hold.

Three guards run before a handler: `admit` signs the request in and checks the role that the route
names in its `opt`; `inspect_query` refuses parameters that the route does not know; `inspect_body`
looks at the JSON once, before it is decoded by type, so that malformed text, NUL bytes, deep
nesting and huge integers are a 400 wherever they stand.
"""

import difflib
import hmac
from typing import Any

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler

from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.record import access

Connection = ASGIConnection[Any, Any, Any, Any]

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_MUST = {
    "reader": Viewer.must_read,
    "member": Viewer.must_write,
    "admin": Viewer.must_admin,
}
_NOT_QUERY = frozenset(
    ("call", "data", "request", "if_match", "if_none_match", "last_event_id", "repeat_key")
)
READER = {"role": "reader"}
MEMBER = {"role": "member"}
ADMIN = {"role": "admin"}
OPEN = {"role": None}  # for everybody: the API's description


async def admit(connection: Connection, handler: BaseRouteHandler) -> None:
    """Sign the request in and check the route's role, and a session's CSRF token on changes.

    Sets `connection.user` to the `Viewer`. Raises `NotSignedIn` or `Forbidden`.
    """
    role = handler.opt["role"]  # every route must name one: a missing one is a fault of ours
    if role is None:
        connection.scope["user"] = None
        return
    key, session = credentials(connection)
    gate: access.Gate = connection.app.state.gate
    signed_in = gate.remembered(key, session)
    if signed_in is None:
        signed_in = await sync_to_thread(gate.sign_in, key, session)
    connection.scope["user"] = signed_in.viewer
    _MUST[role](signed_in.viewer)
    if signed_in.csrf is not None and connection.scope.get("method") not in _SAFE:
        sent = connection.headers.get(access.CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), signed_in.csrf.encode()):
            raise errors.Forbidden(
                f"A change made by session needs its token in the header `{access.CSRF_HEADER}`. "
                "Reload the page, or use an API key."
            )


def credentials(connection: Connection) -> tuple[str | None, str | None]:
    """The API key, or else the session, that a request was sent with."""
    key = _bearer(connection.headers.get("authorization"))
    return key, None if key else connection.cookies.get(access.SESSION_COOKIE)


def _bearer(header: str | None) -> str | None:
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise errors.NotSignedIn(
            "The `Authorization` header is not understood. Send `Authorization: Bearer of_…`."
        )
    return key.strip()


async def inspect_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse a misspelt parameter: ignored, a filter would answer everything. Raises `Invalid`."""
    if "records" in handler.opt:
        return  # the CRM checks its lists' filters itself
    known = {*handler.parsed_fn_signature.parameters, *handler.opt.get("query", ())}
    faults = []
    for name in connection.query_params:
        if name not in known or name in _NOT_QUERY:
            near = difflib.get_close_matches(name, known - _NOT_QUERY, n=1)
            meant = f"Did you mean `{near[0]}`?" if near else "Leave it out."
            faults.append(errors.Fault(name[:100], "is not a parameter here.", meant))
    if faults:
        raise errors.Invalid(*faults)


async def inspect_body(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse what is not JSON, or what no store can hold. Raises `Invalid` or `TooLarge`."""
    if not isinstance(connection, Request) or connection.scope.get("method") in _SAFE:
        return
    if "file" in handler.opt:
        return  # a file is no JSON, and is read as a stream
    body = await connection.body()
    if len(body) > limits.api_body_bytes_max:
        raise errors.TooLarge(
            f"The body has {len(body):,} bytes; at most {limits.api_body_bytes_max:,} are taken."
        )
    if not body.strip():
        return  # a route that needs one says so
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _fault("body", f"is not JSON: {error}.", "Send one JSON object, in UTF-8.") from None
    except RecursionError:
        raise _too_deep("body") from None
    _inspect(tree, "body", 0)


def _inspect(value: Any, field: str, depth: int) -> None:
    if depth > limits.api_body_depth_max:
        raise _too_deep(field)
    if isinstance(value, str):
        if "\0" in value:
            raise _fault(field, "holds a NUL character.", "Leave it out.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\0" in name:
                raise _fault(field, "has a name that holds a NUL character.", "Leave it out.")
            _inspect(inner, name[:100] if depth == 0 else f"{field}.{name[:100]}", depth + 1)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _inspect(inner, f"{field}[{i}]", depth + 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise _fault(field, "is an integer beyond 64 bits.", "Send it as a text.")


def _too_deep(field: str) -> errors.Invalid:
    return _fault(
        field[:100], "is nested too deeply.", f"Nest at most {limits.api_body_depth_max} levels."
    )


def _fault(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))
