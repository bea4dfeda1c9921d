"""Identifier rules: namespaces, what a change would do, applying it, going back."""

from typing import Any

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import record
from onefold.api import door
from onefold.api.call import Call


class Namespaces(msgspec.Struct, forbid_unknown_fields=True):
    """Namespaces that change; what one leaves out, and those left out, stay. `version`: the one
    that the change is based on."""

    namespaces: list[dict[str, Any]]
    version: int | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of Segment Unify's identity resolution, as JSON."""

    settings: Any


class Former(msgspec.Struct, forbid_unknown_fields=True):
    """The version to go back to."""

    version: int


class Sure(msgspec.Struct, forbid_unknown_fields=True):
    """A preview that is done, and why its change is made."""

    preview: str
    reason: str = ""


@get("/identity/namespaces", opt=door.READER, sync_to_thread=True)
def list_namespaces(call: Call) -> record.namespaces.Rules:
    """List the identifier rules that hold, and how far they are applied."""
    with call.open() as conn:
        return record.namespaces.shown(conn, call.viewer)


@put("/identity/namespaces", opt=door.ADMIN, sync_to_thread=True, status_code=202)
def change_namespaces(call: Call, data: JSONBody[Namespaces]) -> record.namespaces.Previewed:
    """Change namespaces: first say what that would do. Nothing changes until it is applied."""
    with call.open() as conn:
        return record.namespaces.propose(
            conn, call.viewer, data.namespaces, data.version, call.now_ms
        )


@post("/identity/namespaces/preview", opt=door.ADMIN, sync_to_thread=True, status_code=202)
def preview_namespaces(call: Call, data: JSONBody[Namespaces]) -> record.namespaces.Previewed:
    """The same: a preview of changed namespaces, worked out in the background."""
    with call.open() as conn:
        return record.namespaces.propose(
            conn, call.viewer, data.namespaces, data.version, call.now_ms
        )


@post("/identity/namespaces/import", opt=door.ADMIN, sync_to_thread=True, status_code=202)
def import_namespaces(call: Call, data: JSONBody[Settings]) -> record.namespaces.Previewed:
    """Preview settings of Segment Unify (limits, priorities, blocked values) as namespaces."""
    with call.open() as conn:
        return record.namespaces.propose_segment(conn, call.viewer, data.settings, call.now_ms)


@post("/identity/namespaces/revert", opt=door.ADMIN, sync_to_thread=True, status_code=202)
def revert_namespaces(call: Call, data: JSONBody[Former]) -> record.namespaces.Previewed:
    """Preview going back to a former version."""
    with call.open() as conn:
        return record.namespaces.propose_back(conn, call.viewer, data.version, call.now_ms)


@get("/identity/namespaces/preview/{preview_id:str}", opt=door.READER, sync_to_thread=True)
def get_namespaces_preview(call: Call, preview_id: FromPath[str]) -> record.namespaces.Previewed:
    """Get a preview: people merged, split and moved, with examples and why; or how far it is."""
    with call.open() as conn:
        return record.namespaces.preview(conn, call.viewer, preview_id)


@post("/identity/namespaces/apply", opt=door.ADMIN, sync_to_thread=True, status_code=202)
def apply_namespaces(call: Call, data: JSONBody[Sure]) -> record.namespaces.Rules:
    """Let a previewed change hold; everybody is grouped again in the background."""
    with call.open() as conn:
        return record.namespaces.apply(conn, call.viewer, data.preview, data.reason, call.now_ms)


@get("/identity/namespaces/history", opt=door.READER, sync_to_thread=True)
def namespaces_history(
    call: Call, before: FromQuery[int | None] = None
) -> record.namespaces.History:
    """List versions of the rules, newest first: who changed what, when and why."""
    with call.open() as conn:
        return record.namespaces.history(conn, call.viewer, before)


HANDLERS = [
    list_namespaces, change_namespaces, preview_namespaces, import_namespaces, revert_namespaces,
    get_namespaces_preview, apply_namespaces, namespaces_history,
]  # fmt: skip
