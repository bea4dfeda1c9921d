"""The API's own description: OpenAPI at `/api/openapi.json`, with our error shape and roles."""

from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from onefold import __version__
from onefold.api import door
from onefold.record import access

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "faults"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "faults": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": {"type": "string"},
                            "problem": {"type": "string"},
                            "remedy": {"type": "string"},
                        },
                    },
                },
                "current": {
                    "type": "object",
                    "description": "On a conflict: the record as it stands.",
                },
            },
        }
    },
}
_ANSWERS = {
    "400": "The request is wrong; `faults` names each field.",
    "401": "No key or session, or an unknown one.",
    "403": "The role does not allow it.",
    "404": "There is no such record.",
    "409": "Another change came first; `current` is the record as it stands.",
    "503": "A part is starting or overloaded; try again.",
}


class _Json(OpenAPIRenderPlugin):
    """The description as JSON."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type="application/json")  # type: ignore[arg-type]

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The bytes of the document."""
        return msgspec.json.encode(_finished(request.app, openapi_schema))


def config() -> OpenAPIConfig:
    """What the framework describes; `_finished` adds what only we know."""
    return OpenAPIConfig(
        title="Onefold",
        version=__version__,
        description="One record of every customer, person and account. Sign in with "
        "`Authorization: Bearer of_…`; make a key with `onefold keys create`.",
        components=Components(
            security_schemes={
                "key": SecurityScheme(type="http", scheme="bearer"),
                "session": SecurityScheme(
                    type="apiKey", name=access.SESSION_COOKIE, security_scheme_in="cookie"
                ),
            }
        ),
        path="/api/openapi",
        render_plugins=[_Json()],
        use_handler_docstrings=True,
    )


@get("/openapi.json", opt=door.OPEN, include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """This description."""
    body = msgspec.json.encode(document(request.app))
    return Response(body, media_type="application/json")


def document(app: Litestar) -> dict[str, Any]:
    """The whole OpenAPI document of an app."""
    return _finished(app, app.openapi_schema.to_schema())


def _finished(app: Litestar, schema: dict[str, Any]) -> dict[str, Any]:
    """Our error shape on every operation, and the least role each one needs."""
    roles = {(path, method): role for method, path, role in roles_of(app)}
    paths: dict[str, Any] = {}
    for path, item in schema["paths"].items():
        paths[path] = {}
        for method, operation in item.items():
            kept = {k: v for k, v in operation["responses"].items() if k < "300"}
            errors = {code: {"$ref": f"#/components/responses/E{code}"} for code in _ANSWERS}
            role = roles.get((path, method.upper()))
            paths[path][method] = {
                **operation,
                "responses": kept | errors,
                "x-role": role,
                "tags": [path.split("/")[2]],
            }
    components = dict(schema.get("components", {}))
    components["schemas"] = {**components.get("schemas", {}), "Error": _ERROR}
    components["responses"] = {
        f"E{code}": {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for code, text in _ANSWERS.items()
    }
    return {**schema, "paths": paths, "components": components}


def roles_of(app: Litestar) -> list[tuple[str, str, str | None]]:
    """(method, path, least role) of every route under `/api`, from the handlers themselves."""
    out = []
    for route in app.routes:
        if not route.path.startswith("/api/"):
            continue
        for handler in getattr(route, "route_handlers", ()):
            for method in sorted(handler.http_methods - {"OPTIONS"}):
                if "role" in handler.opt:
                    out.append((method, route.path_format, handler.opt["role"]))
    return out
