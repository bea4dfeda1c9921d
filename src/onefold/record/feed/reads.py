"""Changes of membership, read on from any of them.

A change's id is its place. The worker alone writes changes, one transaction after another, so a
lower id never appears after a higher one, and reading on from the last id loses and doubles
nothing, whoever was restarted meanwhile.
"""

from collections.abc import Sequence
from typing import Any, TypedDict

from onefold import identity
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record.feed import store
from onefold.storage import Connection


class Move(TypedDict):
    """Somebody entered or left an audience; `why` are the conditions with what they rest on."""

    id: str
    audience: str
    audience_name: str
    of: str
    entity: str
    entered: bool
    at: str
    identifiers: list[dict[str, str]]
    why: Any


def audiences(conn: Connection, viewer: Viewer, keys: Sequence[str]) -> list[int] | None:
    """The ids of audiences by key, None for all. Raises `Invalid` naming those that are not."""
    viewer.must_read()
    wanted = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
    if not wanted:
        return None
    found = store.audiences(conn, [k for k in wanted if "\0" not in k])
    faults = [
        errors.Fault("audience", f"`{key[:60]}` is no audience.", "Check the key.")
        for key in wanted
        if key not in found
    ]
    if faults:
        raise errors.Invalid(*faults)
    return list(found.values())


def head(conn: Connection, viewer: Viewer) -> int:
    """The id of the last change there is, 0 before the first."""
    viewer.must_read()
    return store.head(conn)


def read(
    conn: Connection, viewer: Viewer, after: int, audience_ids: Sequence[int] | None
) -> list[tuple[int, Move]]:
    """Changes after an id, in order, at most `stream_rows_max`."""
    viewer.must_read()
    rows = store.changes(conn, after, audience_ids, limits.stream_rows_max)
    people = {r["entity_id"] for r in rows if r["of"] == "person"}
    values = identity.values_of(conn, viewer, people) if people else {}
    keys = store.account_keys(conn, [r["entity_id"] for r in rows if r["of"] == "account"])
    out: list[tuple[int, Move]] = []
    for row in rows:
        entity_id = row["entity_id"]
        if row["of"] == "person":
            found = values.get(entity_id, [])
        else:
            found = [("account_id", keys[entity_id])] if entity_id in keys else []
        out.append((row["id"], _move(row, found)))
    return out


def _move(row: store.Row, found: Sequence[tuple[str, str]]) -> Move:
    return {
        "id": str(row["id"]),
        "audience": row["key"],
        "audience_name": row["name"],
        "of": row["of"],
        "entity": ids.api_id("per" if row["of"] == "person" else "acc", row["entity_id"]),
        "entered": row["entered"],
        "at": clock.iso(row["at_ms"]) or "",
        "identifiers": [{"namespace": n, "value": v} for n, v in found],
        "why": row["why"],
    }
