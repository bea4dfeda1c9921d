"""The protocol around the tools, by the official SDK (https://modelcontextprotocol.io).

Over HTTP every request stands alone: its `Authorization: Bearer` key says who asks, and a key that
is revoked is refused with the next request. Over stdio the key is the one the process started with.
"""

import inspect
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations

from onefold import __version__, record
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.mcp import tools

_PATH = "/mcp"
ViewerOf = Callable[[Context[Any, Any]], Viewer]


def server(connections: record.Connections, viewer_of: ViewerOf) -> MCPServer:
    """The server with all tools. `viewer_of` says who asks from a call's context."""
    made = MCPServer(
        "onefold",
        title="Onefold",
        instructions=tools.INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
    )
    for name, tool in tools.TOOLS.items():
        made.add_tool(
            _door(tool, connections, viewer_of),
            name=name,
            description=inspect.getdoc(tool),
            annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )
    return made


def _door(
    tool: Callable[..., dict[str, Any]], connections: record.Connections, viewer_of: ViewerOf
) -> Callable[..., Any]:
    """The tool as the SDK calls it: in a thread, in one transaction, errors as the caller's."""

    def call(ctx: Context[Any, Any], **asked: Any) -> dict[str, Any]:
        try:
            viewer = viewer_of(ctx)
            viewer.must_read()
            with connections.open() as conn:
                conn.execute("SET TRANSACTION READ ONLY")
                return tool(tools.Asked(conn, viewer, clock.now_ms()), **asked)
        except errors.OnefoldError as error:
            raise ToolError(str(error)) from error

    signature = inspect.signature(tool)
    own = list(signature.parameters.values())[1:]
    context = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Context[Any, Any]
    )
    names: dict[str, Any] = {"ctx": Context[Any, Any], **{p.name: p.annotation for p in own}}
    call.__annotations__ = names | {"return": dict[str, Any]}
    seen = signature.replace(parameters=[context, *own])
    call.__signature__ = seen  # type: ignore[attr-defined]
    return call


class App:
    """`/mcp` as an ASGI application. `start` and `stop` go around its life."""

    def __init__(self, connections: record.Connections) -> None:
        self._connections = connections
        self._server = server(connections, _viewer_of_request)
        # Keys guard the door, not host names: any name of the server's may be used.
        unguarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._app = self._server.streamable_http_app(
            streamable_http_path=_PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=limits.mcp_request_bytes_max,
            transport_security=unguarded,
        )
        self._life = AsyncExitStack()

    def handles(self, path: str) -> bool:
        """Is it this application's path?"""
        return path.rstrip("/") == _PATH

    async def start(self) -> None:
        """Be ready for requests."""
        await self._life.enter_async_context(self._server.session_manager.run())

    async def stop(self) -> None:
        """End what is open."""
        await self._life.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request. Answers 401 without a key that is good."""
        try:
            viewer = await anyio.to_thread.run_sync(self._viewer, dict(scope["headers"]))
        except errors.OnefoldError as error:
            await _refuse(send, error)
            return
        scope = {**scope, "path": _PATH, "raw_path": _PATH.encode(), "user": viewer}
        await self._app(scope, receive, send)

    def _viewer(self, headers: dict[bytes, bytes]) -> Viewer:
        scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise errors.NotSignedIn("Send an API key as `Authorization: Bearer KEY`.")
        with self._connections.open() as conn:
            return record.viewer_of_key(conn, key.strip(), clock.now_ms())


def _viewer_of_request(ctx: Context[Any, Any]) -> Viewer:
    request: Any = ctx.request_context.request
    viewer = request.scope["user"]
    if not isinstance(viewer, Viewer):
        raise errors.NotSignedIn("Send an API key as `Authorization: Bearer KEY`.")
    return viewer


async def _refuse(send: Any, error: errors.OnefoldError) -> None:
    body = json.dumps({"error": {"message": str(error)}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b'Bearer realm="onefold"'),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def run(connections: record.Connections, key: str) -> None:
    """Serve one assistant on stdin and stdout, as whom the key says. Raises for a wrong key."""

    def viewer_of(_: Context[Any, Any] | None) -> Viewer:
        with connections.open() as conn:
            return record.viewer_of_key(conn, key, clock.now_ms())

    viewer_of(None)
    server(connections, viewer_of).run("stdio")
