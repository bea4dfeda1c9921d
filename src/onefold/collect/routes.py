"""The table of routes: path → what is done there. To serve another path, add it here.

Every path works with and without a trailing slash; none redirects.
"""

import re
from typing import Literal, NamedTuple


class Route(NamedTuple):
    """`call`: one item of `kind`. `batch`: many. `telemetry`: an SDK's own numbers, ignored."""

    does: Literal["call", "batch", "telemetry"]
    kind: str = ""


_CALLS = {
    "identify": "i", "track": "t", "page": "p", "screen": "s", "group": "g", "alias": "a",
}  # fmt: skip
_BATCHES = ("batch", "b", "import")


def _paths() -> dict[str, Route]:
    table: dict[str, Route] = {}
    for kind, short in _CALLS.items():
        call = Route("call", kind)
        table |= {f"/v1/{kind}": call, f"/v1/{short}": call, f"/{short}": call}
    for name in _BATCHES:
        table |= {f"/v1/{name}": Route("batch"), f"/{name}": Route("batch")}
    return table | {"/v1/m": Route("telemetry"), "/m": Route("telemetry")}


# POST (and OPTIONS)
PATHS = _paths()
ROUTES = PATHS | {f"{path}/": route for path, route in PATHS.items()}

# GET (and HEAD, OPTIONS): what an SDK asks before it sends, by write key.
SETTINGS_PATHS = ("/v1/projects/{write_key}/settings", "/projects/{write_key}/settings")
_SETTINGS = re.compile(r"(?:/v1)?/projects/([^/]+)/settings/?")


def settings_key(path: str) -> str | None:
    """The write key in a settings path, None when it is another path."""
    found = _SETTINGS.fullmatch(path)
    return found[1] if found else None
