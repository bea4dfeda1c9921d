"""What every handler gets: who is asking, what time it is, and a connection when it wants one."""

from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

from litestar import Request
from litestar.di import NamedDependency

from onefold.kernel import clock, errors
from onefold.kernel.viewer import Viewer
from onefold.record.connections import Connections
from onefold.record.drafts import Drafts
from onefold.storage import Connection


class OneCall:
    """One request as handlers see it. `with call.open() as conn:` is one transaction."""

    __slots__ = ("_connections", "drafts", "now_ms", "viewer")

    def __init__(
        self, viewer: Viewer, now_ms: int, connections: Connections, drafts: Drafts
    ) -> None:
        self.viewer = viewer
        self.now_ms = now_ms
        self.drafts = drafts
        self._connections = connections

    def open(self) -> AbstractContextManager[Connection]:
        """A connection: commits at the end, rolls back on an error."""
        return self._connections.open()


Call = NamedDependency[OneCall]


def provide(request: Request[Any, Any, Any]) -> OneCall:
    """The `Call` of a request that `door.admit` has let in."""
    state = request.app.state
    return OneCall(request.user, clock.now_ms(), state.connections, state.drafts)


def path_text(text: str) -> str:
    """A part of a path, percent-decoded. Raises `NotFound` for what nothing can be called."""
    decoded = unquote(text)
    if "\0" in decoded:
        raise errors.NotFound("Nothing has a name with a NUL character in it.")
    return decoded


def expected_version(values: dict[str, Any], if_match: str | None) -> int | None:
    """The version that a change is based on: `expected_version` in the body, else `If-Match`.

    Removed from `values`. None: the caller does not mind what is there. Raises `Invalid`.
    """
    field, found = "expected_version", values.pop("expected_version", None)
    if found is None and if_match is not None and if_match.strip() != "*":
        field, text = "If-Match", if_match.strip().removeprefix("W/").strip('"')
        found = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < 2**31:
        raise errors.Invalid(
            errors.Fault(
                field,
                f"`{str(found)[:50]}` is not a version.",
                "Send the `version` that you read, a whole number from 1.",
            )
        )
    return found
