"""Errors as the API answers them, all in one shape.

    {"error": {"code", "message", "faults": [{"field", "problem", "remedy"}]}}

A conflict adds `current`, the record as it stands. An error that nobody raised on purpose is logged
under an id; the answer holds that id and nothing of the inside.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from onefold.kernel import clock, errors
from onefold.record.errors import TooMany

logger = structlog.get_logger("onefold.api")

_UNKNOWN_FIELD = re.compile(r"unknown field `(.*)`", re.DOTALL)
_MISSING_FIELD = re.compile(r"missing required field `(.*)`", re.DOTALL)
_CODES = {
    400: "invalid_request",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[dict[str, Any]]


def answer_error(request: AnyRequest, error: Exception) -> AnyResponse:
    """The answer to a request that failed, in the shape above."""
    if isinstance(error, errors.OnefoldError):
        if error.status >= 500:
            logger.warning("unavailable", path=_path(request), error=repr(error.__cause__ or error))
        return _answer(error.status, _of_ours(error), _headers(error))
    if isinstance(error, ValidationException):
        faults = [_fault_of(extra) for extra in _extras(error)]
        message = "; ".join(str(f) for f in faults) or "The request is not as it should be."
        return _answer(400, _body("invalid_request", message, faults))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _of_http(request, error)
    error_id = clock.token("err_", 8)
    logger.error("request failed", id=error_id, path=_path(request), exc_info=error)
    message = f"Something went wrong on our side. It is in the log as `{error_id}`."
    return _answer(500, _body("internal_error", message, ()))


def body_of(error: errors.OnefoldError) -> dict[str, Any]:
    """An error's shape, for one of several changes."""
    return _of_ours(error)


def _of_ours(error: errors.OnefoldError) -> dict[str, Any]:
    faults = error.faults if isinstance(error, errors.Invalid) else ()
    body = _body(error.code, str(error), faults)
    if isinstance(error, errors.Conflict):
        body["error"]["current"] = error.current
    return body


def _headers(error: errors.OnefoldError) -> dict[str, str]:
    if isinstance(error, errors.NotSignedIn):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.retry_s)}
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": "2"}
    return {}


def _of_http(request: AnyRequest, error: HTTPException) -> AnyResponse:
    status = error.status_code
    message = error.detail
    headers = dict(error.headers or {})
    if status == 404:
        message = f"There is nothing at `{_path(request)}`.{_near(request)}"
    elif status == 405:
        allowed = headers.get("allow", "")
        message = f"`{request.method}` is not for `{_path(request)}`. It takes {allowed}."
    return _answer(status, _body(_CODES.get(status, "invalid_request"), message, ()), headers)


def _near(request: AnyRequest) -> str:
    paths = [r.path_format for r in request.app.routes if r.path.startswith("/api")]
    near = difflib.get_close_matches(_path(request), paths, n=1, cutoff=0.6)
    return f" Did you mean `{near[0]}`?" if near else " All paths are in `/api/openapi.json`."


def _extras(error: ValidationException) -> Iterable[dict[str, Any]]:
    extra: Any = error.extra
    return [e for e in extra if isinstance(e, dict)] if isinstance(extra, list) else []


def _fault_of(extra: dict[str, Any]) -> errors.Fault:
    """A fault from what the framework says of a value: a message, a key and where it stood."""
    message, key = str(extra.get("message", "")), str(extra.get("key", "body"))
    inside = "" if key == "data" else key
    if found := _UNKNOWN_FIELD.search(message):
        field = f"{inside}.{found[1]}".strip(".")
        return errors.Fault(field[:200], "is not a field here.", "Leave it out, or check its name.")
    if found := _MISSING_FIELD.search(message):
        return errors.Fault(f"{inside}.{found[1]}".strip("."), "is missing.", "Give it a value.")
    if message == "'data'":
        return errors.Fault("body", "is missing.", "Send a JSON object.")
    return errors.Fault(inside or "body", f"{message[:200]}.", "See `/api/openapi.json`.")


def _path(request: AnyRequest) -> str:
    return str(request.scope.get("path", ""))[:200]


def _body(code: str, message: str, faults: Iterable[errors.Fault]) -> dict[str, Any]:
    listed = [{"field": f.field, "problem": f.problem, "remedy": f.remedy} for f in faults]
    return {"error": {"code": code, "message": message, "faults": listed}}


def _answer(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> AnyResponse:
    return Response(body, status_code=status, headers=headers or {}, media_type="application/json")
