"""The trust page, the lists behind its numbers, and the settings of matching."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold.kernel import errors
from onefold.record import matching
from onefold.record.matching import house
from onefold.storage import jobs
from onefold.web import data, door

_GROUPS = (
    ("suspected", "Duplicates suspected", "The same person, perhaps, counted twice."),
    ("coverage", "Coverage", "How many known people have what. The list shows who has not."),
    ("conflicts", "Conflicts", "Links and likely pairs that a rule or a decision keeps apart."),
    ("load", "Review load", "What waits, and how answers went."),
    ("over", "Perhaps several people", "One record here may be more than one person."),
)
_PER_CENT = 100


@get("/identity/trust", sync_to_thread=True)
def trust_page(request: door.AnyRequest) -> door.Page:
    """All numbers, as last counted."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return door.page(
            ask, "trust.html", title="Trust", t=matching.trust.latest(conn, ask.viewer),
            groups=_GROUPS, counts=data.counts(conn, ask),
        )  # fmt: skip


@post("/identity/trust", sync_to_thread=True)
def trust_refresh(request: door.AnyRequest) -> door.Page:
    """Count anew, in the background."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    with ask.open() as conn:
        jobs.defer(conn, matching.trust.TASK, once=matching.trust.TASK)
    return door.go(ask, "/identity/trust", {"text": "Counting; reload in a moment"})


@get("/identity/trust/{key:str}", sync_to_thread=True)
def trust_list(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """What stands behind a number."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = matching.trust.behind(conn, ask.viewer, key)
        return door.page(
            ask, "trust_list.html", title=found["number"]["label"], found=found,
            n=found["number"], counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/identity/matching", sync_to_thread=True)
def matching_page(request: door.AnyRequest) -> door.Page:
    """Settings, what the model has learnt, and runs."""
    return _page(door.ask_of(request))


@get("/identity/matching/progress", sync_to_thread=True)
def matching_progress(request: door.AnyRequest) -> door.Page:
    """Where the run is: asked for every two seconds while one is under way."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return door.page(ask, "matching_progress.html", m=house.matching(conn, ask.viewer))


@post("/identity/matching", sync_to_thread=True)
def matching_change(request: door.AnyRequest) -> door.Page:
    """Change settings; percentages as people write them."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    form = ask.form
    faults: list[errors.Fault] = []
    values: dict[str, Any] = {
        "enabled": bool(form.get("enabled")),
        "certain_from": _share(form.get("certain_from", ""), "certain_from", faults)
        if form.get("join") else None,
        "review_from": _share(form.get("review_from", ""), "review_from", faults),
        "retrain_days": int(days) if (days := form.get("retrain_days", "")).isdecimal() else days,
        "assignee": form.get("assignee") or None,
    }  # fmt: skip
    if not faults:
        try:
            with ask.open() as conn:
                version = form.get("version", "")
                house.change(
                    conn, ask.viewer, values, ask.now_ms,
                    int(version) if version.isdecimal() else None,
                )  # fmt: skip
            return door.go(ask, "/identity/matching", {"text": "Saved"})
        except (errors.Invalid, errors.Conflict) as error:
            faults = list(data.wrong(error))
    return _page(ask, tuple(faults), 400)


@post("/identity/matching/run", sync_to_thread=True)
def matching_run(request: door.AnyRequest) -> door.Page:
    """Train and compare everybody, in the background."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        house.start(conn, ask.viewer, ask.now_ms)
    return door.go(ask, "/identity/matching", {"text": "Started"})


@post("/identity/matching/models/{ref:int}/use", sync_to_thread=True)
def matching_use(request: door.AnyRequest, ref: FromPath[int]) -> door.Page:
    """Go back to an older model."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        house.use_model(conn, ask.viewer, ref, ask.now_ms)
    return door.go(ask, "/identity/matching", {"text": "Model changed"})


def _share(text: str, field: str, faults: list[errors.Fault]) -> float | None:
    try:
        return float(text.replace("%", "").replace(",", ".").strip()) / _PER_CENT
    except ValueError:
        faults.append(errors.Fault(field, "is no percentage.", "Write a number such as 99.5."))
        return None


def _page(ask: door.Ask, faults: tuple[errors.Fault, ...] = (), status: int = 200) -> door.Page:
    with ask.open() as conn:
        m = house.matching(conn, ask.viewer)
        known = ("certain_from", "review_from", "retrain_days", "assignee")
        return door.page(
            ask, "matching.html", http=status, title="Matching", m=m, faults=faults, known=known,
            learnt=house.learnt(conn, ask.viewer), models=house.list_models(conn, ask.viewer),
            runs=house.list_runs(conn, ask.viewer)[:10], users=data.users(conn, ask),
            counts=data.counts(conn, ask), v=_values(m, ask.form if faults else {}),
        )  # fmt: skip


def _values(m: house.Matching, form: dict[str, str]) -> dict[str, str]:
    sure = m["certain_from"]
    found = {
        "join": "1" if sure is not None else "",
        "certain_from": f"{_PER_CENT * (sure if sure is not None else 0.9999):.6g}",
        "review_from": f"{_PER_CENT * m['review_from']:.6g}",
        "retrain_days": str(m["retrain_days"]),
        "assignee": m["assignee"] or "",
        "enabled": "1" if m["enabled"] else "",
    }
    if form:
        return {**dict.fromkeys(found, ""), **form}
    return found


HANDLERS: list[Any] = [
    trust_page, trust_refresh, trust_list, matching_page, matching_progress, matching_change,
    matching_run, matching_use,
]  # fmt: skip
