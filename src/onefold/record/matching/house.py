"""What doors show and change about matching itself: settings, models, runs."""

from collections.abc import Mapping
from typing import Any, TypedDict

from onefold import crm
from onefold.identity import likeness, review
from onefold.identity.match import Model
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record.matching import run
from onefold.storage import Connection

_SETTABLE = ("enabled", "certain_from", "review_from", "retrain_days", "assignee")
_CERTAIN_MIN = 0.99  # a lower threshold would join people on a guess


class ModelLine(TypedDict):
    """A kept model. `origin`: trained here or loaded from a file."""

    id: int
    origin: str
    records: int
    of: int
    by: str
    at: str
    current: bool


class LevelLine(TypedDict):
    """One way to agree: how often pairs of one person show it (`m`), of different ones (`u`)."""

    outcome: str
    m: float
    u: float
    bits: float


class ComparisonLine(TypedDict):
    """What was learnt about one field, the strongest agreement first."""

    name: str
    label: str
    levels: list[LevelLine]


class Learnt(TypedDict):
    """The model in words: `prior` is one pair in how many, taken at random."""

    model: ModelLine
    prior: float
    prior_bits: float
    comparisons: list[ComparisonLine]


class RunLine(TypedDict):
    """A run and how far it is."""

    id: int
    kind: str
    status: str
    phase: str
    percent: int
    records: int
    done: int
    pairs: int
    proposed: int
    joined: int
    barred: int
    asked_at: str
    started_at: str | None
    done_at: str | None
    error: str


class Matching(TypedDict):
    """Settings, and where matching stands."""

    enabled: bool
    certain_from: float | None
    review_from: float
    retrain_days: int
    assignee: str | None
    version: int
    changed_by: str
    changed_at: str | None
    records: int
    waiting: int
    open: int
    model: ModelLine | None
    run: RunLine | None


def matching(conn: Connection, viewer: Viewer) -> Matching:
    """Settings and state."""
    viewer.must_read()
    setting = likeness.store.setting(conn)
    count, changed = likeness.store.count(conn)
    found = [m for m in likeness.store.models(conn, viewer) if m.id == setting.model_id]
    runs = likeness.store.runs(conn, viewer, 1)
    return {
        "enabled": setting.enabled,
        "certain_from": setting.certain_from,
        "review_from": setting.review_from,
        "retrain_days": setting.retrain_days,
        "assignee": ids.api_id_or_none("usr", setting.assignee_id),
        "version": setting.version,
        "changed_by": setting.changed_by,
        "changed_at": clock.iso(setting.changed_ms),
        "records": count,
        "waiting": changed,
        "open": review.store.open_count(conn),
        "model": _model_line(found[0], setting) if found else None,
        "run": run_line(runs[0]) if runs else None,
    }


def change(
    conn: Connection,
    viewer: Viewer,
    values: Mapping[str, Any],
    now_ms: int,
    expected_version: int | None = None,
) -> Matching:
    """Change settings: joining without asking is an admin's to switch on.

    Raises `Invalid` with every fault, `Conflict` for another version.
    """
    viewer.must_admin()
    setting = likeness.store.setting(conn, hold=True)
    if expected_version is not None and expected_version != setting.version:
        raise errors.Conflict(
            "The settings of matching were changed meanwhile. Read them and try again.",
            dict(matching(conn, viewer)),
        )
    faults: list[errors.Fault] = []
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name not in _SETTABLE:
            remedy = f"There are {', '.join(_SETTABLE)}."
            faults.append(errors.Fault(name[:60], "can't be set.", remedy))
            continue
        fault, column = _checked(conn, viewer, name, value)
        if fault is not None:
            faults.append(fault)
        else:
            columns |= column
    if faults:
        raise errors.Invalid(*faults)
    if columns:
        likeness.store.change_setting(conn, **columns, changed_by=viewer.name, changed_ms=now_ms)
    return matching(conn, viewer)


def _checked(
    conn: Connection, viewer: Viewer, name: str, value: Any
) -> tuple[errors.Fault | None, dict[str, Any]]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "enabled" and not isinstance(value, bool):
        return errors.Fault(name, "must be true or false.", "Send true or false."), {}
    if name == "certain_from" and value is not None and not (number and _CERTAIN_MIN <= value < 1):
        remedy = f"Send a probability from {_CERTAIN_MIN} to below 1, or null to join nobody."
        return errors.Fault(name, "is no such threshold.", remedy), {}
    if name == "review_from" and not (number and 0.01 <= value < 1):
        return errors.Fault(name, "is no such chance.", "Send one from 0.01 to below 1."), {}
    if name == "retrain_days" and not (isinstance(value, int) and number and 0 <= value <= 365):
        return errors.Fault(name, "is no number of days.", "Send 0 to 365; 0: when asked."), {}
    if name != "assignee":
        return None, {name: value}
    if value is None or value == "":
        return None, {"assignee_id": None}
    try:
        return None, {"assignee_id": user_of(conn, viewer, value)}
    except errors.Invalid as error:
        return error.faults[0], {}


def user_of(conn: Connection, viewer: Viewer, ref: Any, field: str = "assignee") -> int:
    """The id of a user who may answer. Raises `Invalid`."""
    number = ids.parse_id("usr", ref, field)
    try:
        found = crm.users.get(conn, viewer, number)
    except errors.NotFound:
        found = None
    if found is None or not found.enabled or found.role == "reader":
        raise errors.Invalid(
            errors.Fault(field, f"`{str(ref)[:40]}` can't answer.", "Name a member or admin.")
        )
    return number


# ── models ─────────────────────────────────────────────────────────────────────────────────────


def list_models(conn: Connection, viewer: Viewer) -> list[ModelLine]:
    """Kept models, newest first."""
    setting = likeness.store.setting(conn)
    return [_model_line(made, setting) for made in likeness.store.models(conn, viewer)]


def learnt(conn: Connection, viewer: Viewer) -> Learnt | None:
    """What the model in force has learnt, or None before the first."""
    viewer.must_read()
    found = likeness.store.current(conn, viewer)
    if found is None:
        return None
    model = found.model
    return {
        "model": _model_line(found.made, likeness.store.setting(conn)),
        "prior": model.prior,
        "prior_bits": round(model.prior_weight(), 2),
        "comparisons": _comparisons(model),
    }


# What comparisons are called on pages.
_LABELS = {
    "prior": "Two people at random", "given": "First name", "surname": "Last name",
    "middle": "Middle names", "email": "E-mail", "occupation": "Title", "dob": "Date of birth",
}  # fmt: skip


def label_of(name: str) -> str:
    """What a comparison is called on pages."""
    return _LABELS.get(name, name.capitalize())


def _comparisons(model: Model) -> list[ComparisonLine]:
    out: list[ComparisonLine] = []
    for one in model.comparisons:
        weights = one.weights()[1:]
        levels: list[LevelLine] = [
            {"outcome": level.label, "m": level.m, "u": level.u, "bits": round(float(bits), 2)}
            for level, bits in zip(one.levels, weights, strict=True)
        ]
        out.append({"name": one.name, "label": label_of(one.name), "levels": levels[::-1]})
    return out


def model_file(conn: Connection, viewer: Viewer, model_id: int | None = None) -> bytes:
    """A model as the file that Splink writes and reads; the one in force without a number.

    Raises `NotFound`.
    """
    viewer.must_read()
    wanted = model_id if model_id is not None else likeness.store.setting(conn).model_id
    if wanted is None:
        raise errors.NotFound("There is no model yet. Ask for a run, or send a model.")
    return likeness.store.model(conn, viewer, wanted)[1]


def load_model(conn: Connection, viewer: Viewer, body: bytes, now_ms: int) -> ModelLine:
    """Let a model from a file count from now on; everything is weighed anew. Raises `Invalid`."""
    viewer.must_admin()
    model = likeness.train.read(body)
    kept = likeness.train.body_of(model)
    count, _ = likeness.store.count(conn)
    made = likeness.store.add_model(
        conn, "loaded", kept, likeness.train.digest_of(kept), (0, count), viewer.actor, now_ms
    )
    run.ask(conn, viewer, "weigh", now_ms)
    return _model_line(made, likeness.store.setting(conn))


def use_model(conn: Connection, viewer: Viewer, model_id: int, now_ms: int) -> ModelLine:
    """Go back to a kept model; everything is weighed anew. Raises `NotFound`."""
    viewer.must_admin()
    made, _ = likeness.store.model(conn, viewer, model_id)
    likeness.store.change_setting(conn, model_id=made.id)
    run.ask(conn, viewer, "weigh", now_ms)
    return _model_line(made, likeness.store.setting(conn))


# ── runs ───────────────────────────────────────────────────────────────────────────────────────


def list_runs(conn: Connection, viewer: Viewer) -> list[RunLine]:
    """Runs, newest first."""
    return [run_line(one) for one in likeness.store.runs(conn, viewer, limits.page_rows_default)]


def start(conn: Connection, viewer: Viewer, now_ms: int) -> RunLine:
    """Ask for a full run: a new model, and everybody weighed anew."""
    viewer.must_admin()
    return run_line(run.ask(conn, viewer, "full", now_ms))


def run_line(one: likeness.Run) -> RunLine:
    """A run as doors show it."""
    percent = 100 if one.status == "done" else min(99, 100 * one.done // max(one.total, 1))
    return {
        "id": one.id,
        "kind": one.kind,
        "status": one.status,
        "phase": one.phase,
        "percent": percent,
        "records": one.total,
        "done": one.done,
        "pairs": one.pairs,
        "proposed": one.proposed,
        "joined": one.joined,
        "barred": one.barred,
        "asked_at": clock.iso(one.asked_ms) or "",
        "started_at": clock.iso(one.started_ms),
        "done_at": clock.iso(one.done_ms),
        "error": one.error,
    }


def _model_line(made: likeness.Made, setting: likeness.Setting) -> ModelLine:
    return {
        "id": made.id,
        "origin": made.origin,
        "records": made.records,
        "of": made.of_all,
        "by": made.made_by,
        "at": clock.iso(made.made_ms) or "",
        "current": made.id == setting.model_id,
    }
