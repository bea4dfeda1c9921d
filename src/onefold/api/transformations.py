"""Transformations: the steps that mend a source's items before they become facts."""

from typing import Any

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, JSONBody

from onefold import governance, sources
from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.governance import transforms, trials
from onefold.kernel import clock, definitions, errors, ids, limits

Source = str | dict[str, Any]


class Transformation(msgspec.Struct, frozen=True):
    """A version of a source's steps; 0: none yet. `waiting`: holds from the next batch on."""

    source_id: str
    version: int
    steps: list[dict[str, Any]]
    text: str
    note: str
    created_by: str
    created_at: str
    in_force: bool
    waiting: bool


class NewTransformation(msgspec.Struct, forbid_unknown_fields=True):
    """`definition`: `{"steps": […]}`, or the same as YAML text. `based_on`: the version read."""

    definition: Source
    note: str = ""
    based_on: int | None = None


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """Steps to try on the newest `limit` items; without `definition` those in force."""

    definition: Source | None = None
    limit: int = 20


class RollBack(msgspec.Struct, forbid_unknown_fields=True):
    """The version to go back to; 0: no steps."""

    version: int


class Previewed(msgspec.Struct, frozen=True):
    """What steps would make of an item: unchanged, changed, filtered or refused."""

    id: str
    received_at: str
    event: str
    outcome: str
    why: str
    before: dict[str, Any]
    after: dict[str, Any]
    changes: list[dict[str, Any]]
    violations: list[dict[str, Any]]


@get("/sources/{source_id:str}/transformation", opt=door.READER, sync_to_thread=True)
def get_transformation(call: Call, source_id: FromPath[str]) -> Transformation:
    """Get the steps of a source that hold, or will from the next batch on."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        now = governance.current(conn, call.viewer, number)
        found = governance.transform_store.newest(conn, call.viewer, number)
    return _shown(number, found, now)


@get("/sources/{source_id:str}/transformation/versions", opt=door.READER, sync_to_thread=True)
def list_transformation_versions(call: Call, source_id: FromPath[str]) -> Listed[Transformation]:
    """List every version of a source's steps, newest first."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        now = governance.current(conn, call.viewer, number)
        found = governance.transform_store.versions(conn, call.viewer, number)
    return Listed([_shown(number, one, now) for one in found], len(found))


@put("/sources/{source_id:str}/transformation", opt=door.ADMIN, sync_to_thread=True)
def save_transformation(
    call: Call, source_id: FromPath[str], data: JSONBody[NewTransformation]
) -> Transformation:
    """Save steps as a new version; it holds from the next batch on."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        made = governance.transform_store.save(
            conn, call.viewer, number, data.definition, note=data.note, based_on=data.based_on
        )
        now = governance.current(conn, call.viewer, number)
    return _shown(number, made, now)


@post(
    "/sources/{source_id:str}/transformation/preview",
    opt=door.ADMIN,
    sync_to_thread=True,
    status_code=200,
)
def preview_transformation(
    call: Call, source_id: FromPath[str], data: JSONBody[Trial]
) -> Listed[Previewed]:
    """Show what steps would make of the newest items; nothing is kept."""
    if not 1 <= data.limit <= limits.preview_events_max:
        remedy = f"Use 1 to {limits.preview_events_max}."
        raise errors.Invalid(errors.Fault("limit", f"is {data.limit}.", remedy))
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        if data.definition is None:
            newest = governance.transform_store.newest(conn, call.viewer, number)
            steps = newest.transformation if newest else transforms.Transformation()
        else:
            steps = transforms.parse(data.definition)
        tried = trials.preview(conn, call.viewer, number, steps, data.limit)
    return Listed([previewed(one) for one in tried], len(tried))


@post(
    "/sources/{source_id:str}/transformation/rollback",
    opt=door.ADMIN,
    sync_to_thread=True,
    status_code=200,
)
def roll_back_transformation(
    call: Call, source_id: FromPath[str], data: JSONBody[RollBack]
) -> Transformation:
    """Go back to what a former version says, as a new version."""
    if not 0 <= data.version < 2**31:
        raise errors.Invalid(errors.Fault("version", "is no version.", "Take one of `versions`."))
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        made = governance.transform_store.roll_back(conn, call.viewer, number, data.version)
        now = governance.current(conn, call.viewer, number)
    return _shown(number, made, now)


def previewed(one: trials.Tried) -> Previewed:
    """A tried item as the API shows it."""
    return Previewed(
        id=str(one.pos),
        received_at=clock.iso(one.received_ms) or "",
        event=one.event,
        outcome=one.outcome,
        why=one.why,
        before=one.before,
        after=one.after,
        changes=[
            {"what": c.what, "path": c.path, "before": c.before, "after": c.after}
            for c in one.changes
        ],
        violations=[
            {"path": v.path, "kind": v.kind, "problem": v.problem, "action": v.action}
            for v in one.violations
        ],
    )


def _number(source_id: str) -> int:
    with found_by_id():
        return ids.parse_id("src", source_id)


def _shown(
    source_id: int,
    found: governance.transform_store.Version | None,
    now: Any,
) -> Transformation:
    current = now.transformation or 0
    version = found.version if found else 0
    steps = transforms.dump(found.transformation)["steps"] if found else []
    return Transformation(
        source_id=ids.api_id("src", source_id),
        version=version,
        steps=steps,
        text=definitions.write({"steps": steps}),
        note=found.note if found else "",
        created_by=found.created_by if found else "",
        created_at=(clock.iso(clock.from_datetime(found.created_at)) or "") if found else "",
        in_force=version == current and not now.waiting,
        waiting=version == current and now.waiting,
    )


HANDLERS = [
    get_transformation,
    list_transformation_versions,
    save_transformation,
    preview_transformation,
    roll_back_transformation,
]
