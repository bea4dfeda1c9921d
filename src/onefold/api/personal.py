"""Personalisation: what admins allow, tokens for people, and the one route that browsers call.

`GET /v1/me` stands outside `/api`: it takes tokens, never keys or sessions, and `/api` takes no
tokens.
"""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post, route
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from onefold.api import answers, door, etag
from onefold.api.call import Call, expected_version, path_text
from onefold.api.people import Ref
from onefold.api.records import IfMatch
from onefold.kernel import clock, errors, limits
from onefold.record import personal
from onefold.record.personal import reads
from onefold.record.personal.settings import NewSecret


class PersonalChange(msgspec.Struct, forbid_unknown_fields=True):
    """Lists to set, whole. `origins`: of pages that may ask; none: any page with a token."""

    traits: list[str] | UnsetType = UNSET
    audiences: list[str] | UnsetType = UNSET
    origins: list[str] | UnsetType = UNSET
    expected_version: int | UnsetType | None = UNSET


class TokenWanted(msgspec.Struct, forbid_unknown_fields=True):
    """`for_s`: seconds that the token lives."""

    for_s: int = limits.personal_token_s_default


@get("/personalisation", opt=door.READER, sync_to_thread=True)
def get_personalisation(call: Call) -> personal.Settings:
    """Which traits and audiences a browser may read of its own person."""
    with call.open() as conn:
        return personal.settings(conn, call.viewer)


@patch("/personalisation", opt=door.ADMIN, sync_to_thread=True)
def change_personalisation(
    call: Call, data: JSONBody[PersonalChange], if_match: IfMatch = None
) -> personal.Settings:
    """Set the lists of traits, audiences and origins."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    version = expected_version(values, if_match)
    with call.open() as conn:
        return personal.change(conn, call.viewer, values, call.now_ms, version)


@post("/personalisation/secrets", opt=door.ADMIN, sync_to_thread=True)
def create_personalisation_secret(call: Call) -> NewSecret:
    """Make a secret that tokens are signed with; it is answered once."""
    with call.open() as conn:
        return personal.add_secret(conn, call.viewer, call.now_ms)


@delete("/personalisation/secrets/{key_id:str}", opt=door.ADMIN, sync_to_thread=True)
def delete_personalisation_secret(call: Call, key_id: FromPath[str]) -> None:
    """End a secret, and every token signed with it."""
    with call.open() as conn:
        personal.drop_secret(conn, call.viewer, path_text(key_id))


@post("/people/{ref:str}/token", opt=door.MEMBER, sync_to_thread=True)
def create_person_token(
    call: Call, ref: Ref, data: JSONBody[TokenWanted | None] = None
) -> reads.Token:
    """A token that lets a browser read its own person at `/v1/me`."""
    wanted = data or TokenWanted()
    with call.open() as conn:
        return personal.mint(conn, call.viewer, path_text(ref), wanted.for_s, call.now_ms)


@route("/v1/me", http_method=["GET", "OPTIONS"], include_in_schema=False, sync_to_thread=True)
def read_me(request: Request[Any, Any, Any]) -> Response[Any]:
    """The allow-listed traits and audiences of the person that the token is about."""
    origin = request.headers.get("origin")
    cors = {"Vary": "Origin"}
    try:
        with request.app.state.connections.open() as conn:
            if not reads.allowed(conn, origin):
                raise errors.Forbidden("Pages of this origin may not ask.")
            if origin is not None:
                cors |= {
                    "Access-Control-Allow-Origin": origin,
                    "Access-Control-Expose-Headers": "ETag",
                }
            if request.method == "OPTIONS":
                return Response(b"", status_code=204, headers={**cors, **_PREFLIGHT})
            found = personal.me(conn, _token(request), clock.now_ms())
    except errors.OnefoldError as error:
        refused = answers.answer_error(request, error)
        refused.headers.update(cors)
        return refused
    answer: Response[Any] = etag.answer(found, request.headers.get("if-none-match"), cors)
    return answer


_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match",
    "Access-Control-Max-Age": "600",
}


def _token(request: Request[Any, Any, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.NotSignedIn("Send `Authorization: Bearer` and the token of this person.")
    return token.strip()


HANDLERS = [
    get_personalisation,
    change_personalisation,
    create_personalisation_secret,
    delete_personalisation_secret,
    create_person_token,
]
