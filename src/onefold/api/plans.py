"""Tracking plans: what each call should look like, and what broke them."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import governance, sources
from onefold.api import door
from onefold.api.call import Call, path_text
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.api.transformations import Previewed, previewed
from onefold.governance import plan_store, plans, trials
from onefold.kernel import clock, definitions, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

Source = str | dict[str, Any]


class Plan(msgspec.Struct, frozen=True):
    """A tracking plan. `definition` is the draft; `published` the version in force, 0: none."""

    key: str
    name: str
    definition: dict[str, Any]
    text: str
    edit: int
    published: int
    changed: bool
    sources: list[str]
    created_by: str
    created_at: str
    updated_at: str


class NewPlan(msgspec.Struct, forbid_unknown_fields=True):
    """A plan of our own, of Segment or of RudderStack, as an object or text; or inferred from what
    the source `infer_from` sent lately."""

    definition: Source | None = None
    name: str = ""
    infer_from: str = ""


class PlanChange(msgspec.Struct, forbid_unknown_fields=True):
    """The new draft. `edit`: the one it is based on."""

    definition: Source
    edit: int | None = None


class Revert(msgspec.Struct, forbid_unknown_fields=True):
    """The published version to make the draft again."""

    version: int


class Items(msgspec.Struct, forbid_unknown_fields=True):
    """Items to check, as they would be sent. `published`: against the version in force."""

    items: list[dict[str, Any]]
    published: bool = False


class PlanVersion(msgspec.Struct, frozen=True):
    """A published version."""

    version: int
    definition: dict[str, Any]
    published_by: str
    published_at: str


class PlanDifference(msgspec.Struct, frozen=True):
    """One difference: added, removed or changed; `event` is empty for the plan itself."""

    what: str
    event: str
    path: str
    before: Any
    after: Any


class Violation(msgspec.Struct, frozen=True):
    """One way in which a source breaks a plan. `samples`: newest items, as sent."""

    source_id: str
    event: str
    path: str
    kind: str
    problem: str
    action: str
    count: int
    last_at: str
    samples: list[dict[str, Any]]


@get("/plans", opt=door.READER, sync_to_thread=True)
def list_plans(call: Call) -> Listed[Plan]:
    """List tracking plans."""
    with call.open() as conn:
        items = [_shown(conn, call.viewer, p) for p in plan_store.list_all(conn, call.viewer)]
    return Listed(items, len(items))


@post("/plans", opt=door.ADMIN, sync_to_thread=True)
def create_plan(call: Call, data: JSONBody[NewPlan]) -> Plan:
    """Create a plan as a draft: written, imported, or inferred from what a source sent."""
    with call.open() as conn:
        source: Any = data.definition
        if data.infer_from:
            number = ids.parse_id("src", data.infer_from, "infer_from")
            found = sources.get(conn, call.viewer, number)
            source = trials.infer(conn, call.viewer, number, data.name or found.name)
        if source is None:
            raise errors.Invalid(
                errors.Fault("definition", "is missing.", "Send a plan, or name `infer_from`.")
            )
        made = plan_store.create(conn, call.viewer, source, data.name)
        return _shown(conn, call.viewer, made)


@get("/plans/{key:str}", opt=door.READER, sync_to_thread=True)
def get_plan(call: Call, key: FromPath[str]) -> Plan:
    """Get a plan."""
    with call.open() as conn:
        return _shown(conn, call.viewer, plan_store.get(conn, call.viewer, path_text(key)))


@patch("/plans/{key:str}", opt=door.ADMIN, sync_to_thread=True)
def change_plan(call: Call, key: FromPath[str], data: JSONBody[PlanChange]) -> Plan:
    """Change a plan's draft; what holds stays until it is published."""
    with call.open() as conn:
        made = plan_store.update(conn, call.viewer, path_text(key), data.definition, data.edit)
        return _shown(conn, call.viewer, made)


@delete("/plans/{key:str}", opt=door.ADMIN, sync_to_thread=True)
def delete_plan(call: Call, key: FromPath[str]) -> None:
    """Delete a plan and take it off its sources; what it did stays done."""
    with call.open() as conn:
        plan_store.delete(conn, call.viewer, path_text(key))


@post("/plans/{key:str}/publish", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def publish_plan(call: Call, key: FromPath[str]) -> Plan:
    """Publish the draft; it holds for the plan's sources from the next batch on."""
    with call.open() as conn:
        made = plan_store.publish(conn, call.viewer, path_text(key))
        return _shown(conn, call.viewer, made)


@post("/plans/{key:str}/revert", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def revert_plan(call: Call, key: FromPath[str], data: JSONBody[Revert]) -> Plan:
    """Make a published version the draft again."""
    with call.open() as conn:
        made = plan_store.revert(conn, call.viewer, path_text(key), _version(data.version))
        return _shown(conn, call.viewer, made)


@get("/plans/{key:str}/versions", opt=door.READER, sync_to_thread=True)
def list_plan_versions(call: Call, key: FromPath[str]) -> Listed[PlanVersion]:
    """List a plan's published versions, newest first."""
    with call.open() as conn:
        found = plan_store.get(conn, call.viewer, path_text(key))
        versions = plan_store.versions(conn, call.viewer, found.id)
    items = [
        PlanVersion(
            v.version, plans.dump(v.plan), v.published_by,
            clock.iso(clock.from_datetime(v.published_at)) or "",
        )
        for v in versions
    ]  # fmt: skip
    return Listed(items, len(items))


@get("/plans/{key:str}/diff", opt=door.READER, sync_to_thread=True)
def diff_plan(
    call: Call, key: FromPath[str], since: FromQuery[int] = 0, to: FromQuery[int] = 0
) -> Listed[PlanDifference]:
    """What changed between two versions; `to` 0 is the draft, `since` 0 the version in force."""
    with call.open() as conn:
        found = plan_store.get(conn, call.viewer, path_text(key))
        since = since or found.published
        before = (
            plan_store.version(conn, call.viewer, found.id, _version(since)).plan
            if since else plans.Plan(found.name)
        )  # fmt: skip
        after = (
            plan_store.version(conn, call.viewer, found.id, _version(to)).plan
            if to else found.draft
        )  # fmt: skip
    items = [
        PlanDifference(c.what, c.event, c.path, c.before, c.after)
        for c in plans.diff.changes(before, after)
    ]
    return Listed(items, len(items))


@get("/plans/{key:str}/export", opt=door.READER, sync_to_thread=True)
def export_plan(call: Call, key: FromPath[str], form: FromQuery[str] = "onefold") -> dict[str, Any]:
    """A plan's draft as `onefold`, `segment`, `segment_public` or `rudderstack` writes it."""
    with call.open() as conn:
        found = plan_store.get(conn, call.viewer, path_text(key))
    if form == "onefold":
        return plans.dump(found.draft)
    return plans.exchange.export(found.draft, form)


@post("/plans/{key:str}/check", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def check_plan(call: Call, key: FromPath[str], data: JSONBody[Items]) -> Listed[Previewed]:
    """Check items against a plan; nothing is kept."""
    if len(data.items) > limits.preview_events_max:
        problem = f"are {len(data.items)}."
        remedy = f"Send at most {limits.preview_events_max}."
        raise errors.Invalid(errors.Fault("items", problem, remedy))
    with call.open() as conn:
        found = plan_store.get(conn, call.viewer, path_text(key))
        plan = found.draft
        if data.published:
            plan = plan_store.version(conn, call.viewer, found.id, found.published).plan
    tried = trials.check(plan, found.key, data.items, call.now_ms)
    return Listed([previewed(one) for one in tried], len(tried))


@put("/plans/{key:str}/sources/{source_id:str}", opt=door.ADMIN, sync_to_thread=True)
def connect_plan(call: Call, key: FromPath[str], source_id: FromPath[str]) -> Plan:
    """Connect a source: its items are judged from the next batch on. A source has one plan."""
    with call.open() as conn:
        number = _source(conn, call.viewer, source_id)
        plan_store.connect(conn, call.viewer, path_text(key), [number])
        return _shown(conn, call.viewer, plan_store.get(conn, call.viewer, path_text(key)))


@delete("/plans/{key:str}/sources/{source_id:str}", opt=door.ADMIN, sync_to_thread=True)
def disconnect_plan(call: Call, key: FromPath[str], source_id: FromPath[str]) -> None:
    """Take a plan off a source."""
    with call.open() as conn:
        number = _source(conn, call.viewer, source_id)
        plan_store.disconnect(conn, call.viewer, path_text(key), number)


@get("/plans/{key:str}/violations", opt=door.READER, sync_to_thread=True)
def list_violations(
    call: Call, key: FromPath[str], days: FromQuery[int] = 7, source: FromQuery[str] = ""
) -> Listed[Violation]:
    """What broke a plan in the last `days`, the most frequent first, with the newest items."""
    if not 1 <= days <= limits.violation_days_max:
        remedy = f"Use 1 to {limits.violation_days_max}."
        raise errors.Invalid(errors.Fault("days", f"is {days}.", remedy))
    number = ids.parse_id("src", source, "source") if source else 0
    with call.open() as conn:
        found = plan_store.get(conn, call.viewer, path_text(key))
        since = clock.day_of(call.now_ms) - days + 1
        counted = governance.violations.listed(conn, call.viewer, found.id, since, source_id=number)
        positions = [pos for one in counted for pos in one.samples if pos]
        stored = trials.samples(conn, call.viewer, positions)
    items = [
        Violation(
            source_id=ids.api_id("src", one.source_id),
            event=one.event,
            path=one.path,
            kind=one.kind,
            problem=one.problem,
            action=one.action,
            count=one.n,
            last_at=clock.iso(one.last_ms) or "",
            samples=[{"id": str(pos), "item": stored[pos]} for pos in one.samples if pos in stored],
        )
        for one in counted
    ]
    return Listed(items, len(items))


def _source(conn: Connection, viewer: Viewer, source_id: str) -> int:
    with found_by_id():
        number = ids.parse_id("src", source_id)
    return sources.get(conn, viewer, number).id


def _version(number: int) -> int:
    if not 0 < number < 2**31:
        raise errors.Invalid(errors.Fault("version", "is no version.", "Take one of `versions`."))
    return number


def _shown(conn: Connection, viewer: Viewer, found: plan_store.Stored) -> Plan:
    definition = plans.dump(found.draft)
    changed = True
    if found.published:
        changed = plan_store.version(conn, viewer, found.id, found.published).body != found.body
    return Plan(
        key=found.key,
        name=found.name,
        definition=definition,
        text=definitions.write(definition),
        edit=found.edit,
        published=found.published,
        changed=changed,
        sources=[ids.api_id("src", s) for s in plan_store.connected(conn, viewer, found.id)],
        created_by=found.created_by,
        created_at=clock.iso(clock.from_datetime(found.created_at)) or "",
        updated_at=clock.iso(clock.from_datetime(found.updated_at)) or "",
    )


HANDLERS = [
    list_plans,
    create_plan,
    get_plan,
    change_plan,
    delete_plan,
    publish_plan,
    revert_plan,
    list_plan_versions,
    diff_plan,
    export_plan,
    check_plan,
    connect_plan,
    disconnect_plan,
    list_violations,
]
