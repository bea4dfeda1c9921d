"""The API's own description: OpenAPI at `/api/openapi.json`, with our error shape and roles."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from onefold import __version__
from onefold.api import door
from onefold.kernel import limits
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
    """Our error shape on every operation, the least role each one needs, and the CRM's fields."""
    opts = {(path, method.lower()): opt for method, path, opt in _handlers(app)}
    paths = {
        path: {
            method: _operation(path, method, operation, opts[path, method])
            for method, operation in item.items()
        }
        for path, item in schema["paths"].items()
        if path.startswith("/api/")
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


def _operation(
    path: str, method: str, operation: dict[str, Any], opt: dict[str, Any]
) -> dict[str, Any]:
    kept = {code: answer for code, answer in operation["responses"].items() if code < "300"}
    errors = {code: {"$ref": f"#/components/responses/E{code}"} for code in _ANSWERS}
    out = {
        **operation,
        "summary": operation.get("description", "").rstrip("."),
        "responses": kept | errors,
        "x-role": opt["role"],
        "tags": [path.split("/")[2]],
    }
    records = opt.get("records")
    if records is not None and method == "get":
        out["parameters"] = [*operation.get("parameters", ()), *_list_parameters(records)]
    elif records is not None:
        schema = _body(records.kind, creating=method in ("post", "put"))
        out["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": schema}}
        }  # fmt: skip
    return out


def _list_parameters(records: Any) -> list[dict[str, Any]]:
    """What a list of the CRM may be asked, from its filters."""
    kind, sorts = records.kind, sorted(records.shape.sorts)
    out = [
        _parameter("fields", {"type": "string", "description": "Names, with commas between."}),
        _parameter("q", {"type": "string", "maxLength": limits.search_chars_max}),
        _parameter(
            "sort",
            {
                "type": "string",
                "default": kind.sort,
                "description": f"{', '.join(sorts)}; "
                "`-` before it turns it round; `custom.key` by a field of your own.",
            },
        ),
        _parameter("cursor", {"type": "string"}),
        _parameter("limit", {"type": "integer", "minimum": 1, "maximum": limits.page_rows_max}),
    ]
    for found in records.filters.values():
        schema: dict[str, Any] = {
            "type": "boolean" if found.kind in ("filled", "flag") else "string"
        }
        if found.options:
            schema["enum"] = list(found.options)
        if found.kind in ("enum", "ref", "tag"):
            schema = {"type": "array", "items": schema}
        out.append(_parameter(found.name, schema))
    return out


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _body(kind: Any, *, creating: bool) -> dict[str, Any]:
    """What a record of the CRM may be made of or changed to, from its fields."""
    properties: dict[str, Any] = {}
    for field in kind.fields:
        if field.once and not creating:
            continue
        schema: dict[str, Any] = {"type": "string", "maxLength": field.chars_max}
        if field.kind == "enum":
            schema = {"type": "string", "enum": list(field.options)}
        elif field.kind == "tags":
            schema = {"type": "array", "items": {"type": "string"}}
        elif field.kind == "ref":
            schema = {"type": ["string", "null"], "examples": [f"{field.prefix}_4"]}
        elif field.kind in ("time", "date"):
            of = "date-time" if field.kind == "time" else "date"
            schema = {"type": ["string", "null"], "format": of}
        elif field.kind in ("number", "money"):
            whole = field.kind == "number"
            schema = {"type": ["integer" if whole else "number", "null"]}
            if whole:
                schema |= {"minimum": field.least, "maximum": field.most}
        elif field.kind == "flag":
            schema = {"type": "boolean"}
        properties[field.name] = schema
    properties["custom"] = {"type": "object", "description": "The workspace's own fields."}
    out: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if creating:
        required = [field.name for field in kind.fields if field.required]
        return out | {"properties": properties} | ({"required": required} if required else {})
    properties["expected_version"] = {"type": ["integer", "null"], "minimum": 1}
    return out | {"properties": properties}


def roles_of(app: Litestar) -> list[tuple[str, str, str | None]]:
    """(method, path, least role) of every route under `/api`, from the handlers themselves."""
    return [(method, path, opt["role"]) for method, path, opt in _handlers(app)]


def _handlers(app: Litestar) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if route.path.startswith("/api/") and "role" in handler.opt:
                for method in sorted(handler.http_methods - {"OPTIONS"}):
                    yield method, route.path_format, handler.opt
