"""The collector's own description, OpenAPI 3.1, at `/v1/openapi.json`: for tools that read one.

What it says of items is what is asked of senders; what happens to others is in
docs/reference/collection.md. Made from the table of routes.
"""

from functools import lru_cache
from typing import Any

import msgspec

from onefold import __version__
from onefold.collect import routes

_TEXT: dict[str, Any] = {"type": "string"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_OBJECT: dict[str, Any] = {"type": "object"}
_ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"enum": ["identify", "track", "page", "screen", "group", "alias"]},
        "event": _TEXT, "messageId": _TEXT, "userId": _TEXT, "anonymousId": _TEXT,
        "previousId": _TEXT, "groupId": _TEXT, "name": _TEXT, "timestamp": _TIME, "sentAt": _TIME,
        "traits": _OBJECT, "properties": _OBJECT, "integrations": _OBJECT,
        "context": {
            "type": "object",
            "properties": {"traits": _OBJECT, "groupId": _TEXT, "campaign": _OBJECT},
        },
    },
}  # fmt: skip
_BATCH: dict[str, Any] = {
    "type": "object",
    "required": ["batch"],
    "properties": {
        "batch": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "sentAt": _TIME, "context": _OBJECT, "integrations": _OBJECT, "writeKey": _TEXT,
    },
}  # fmt: skip
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["success", "code", "message", "error", "msg"],
    "properties": {
        "success": {"const": False},
        "code": _TEXT, "message": _TEXT, "error": _TEXT, "msg": _TEXT,
    },
}  # fmt: skip
_FAULTS = {
    "400": "The body cannot be read.", "401": "No write key, or an unknown one.",
    "404": "The source is disabled.", "405": "Another method.", "408": "The body came too slowly.",
    "413": "Too large.", "429": "Too fast; see Retry-After.", "503": "Try again; see Retry-After.",
}  # fmt: skip


@lru_cache(maxsize=1)
def encoded() -> bytes:
    """The document."""
    return msgspec.json.encode(described())


def described() -> dict[str, Any]:
    """The document as a tree."""
    paths: dict[str, Any] = {}
    for path, route in routes.PATHS.items():
        if route.does in ("call", "batch", "telemetry"):
            paths[path] = {"post": _operation(path, route)}
    for path, route in routes.READ_PATHS.items():
        paths[path] = {"get": _operation(path, route)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Onefold collector", "version": __version__},
        "paths": paths,
        "security": [{"writeKey": []}],
        "components": {
            "schemas": {"Item": _ITEM, "Batch": _BATCH, "Error": _ERROR},
            "securitySchemes": {"writeKey": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation(path: str, route: routes.Route) -> dict[str, Any]:
    kinds = {"pixel": "image/gif", "robots": "text/plain"}
    answer: dict[str, Any] = {kinds.get(route.does, "application/json"): {"schema": {}}}
    faults = {
        status: {
            "description": words,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, words in _FAULTS.items()
    }
    operation: dict[str, Any] = {
        "operationId": f"{route.does} {path}",
        "responses": {"200": {"description": "Held.", "content": answer}, **faults},
    }
    if route.does in ("call", "batch"):
        name = "Batch" if route.does == "batch" else "Item"
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.does == "pixel":
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": _TEXT}
            for name in ("data", "userId", "event", "properties.a", "writeKey")
        ]
    return operation
