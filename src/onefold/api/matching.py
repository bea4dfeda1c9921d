"""Matching of known people: settings, models, runs, the review queue, trust, duplicates."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from onefold.api import door
from onefold.api.call import Call, expected_version
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, errors, ids, limits
from onefold.record import decisions, matching
from onefold.record.matching import answers, house
from onefold.storage import jobs


class MatchingChange(msgspec.Struct, forbid_unknown_fields=True):
    """Settings to change. `certain_from`: a chance of at least 0.99, or null: join nobody."""

    enabled: bool | UnsetType = UNSET
    certain_from: float | UnsetType | None = UNSET
    review_from: float | UnsetType = UNSET
    retrain_days: int | UnsetType = UNSET
    assignee: str | UnsetType | None = UNSET
    expected_version: int | UnsetType = UNSET


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """An answer, and why."""

    answer: Literal["same", "different"]
    reason: str = ""


class AnswerAlike(msgspec.Struct, forbid_unknown_fields=True):
    """An answer to every waiting pair that agrees in this way."""

    pattern: str
    answer: Literal["same", "different"]
    reason: str = ""


class UndoAnswers(msgspec.Struct, forbid_unknown_fields=True):
    """Which answers: `batch` of the answer; and why."""

    batch: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    reason: str = ""


class Assign(msgspec.Struct, forbid_unknown_fields=True):
    """Pairs, and to whom they go: a user, or null."""

    ids: Annotated[
        list[Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]],
        msgspec.Meta(min_length=1, max_length=limits.match_answers_max),
    ]
    assignee: str | None = None


@get("/identity/matching", opt=door.READER, sync_to_thread=True)
def get_matching(call: Call) -> house.Matching:
    """How known people are matched: settings, the model, and the latest run with its progress."""
    with call.open() as conn:
        return house.matching(conn, call.viewer)


@patch("/identity/matching", opt=door.ADMIN, sync_to_thread=True)
def change_matching(call: Call, data: JSONBody[MatchingChange]) -> house.Matching:
    """Change settings; `certain_from` lets likeness alone join people from that chance on."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    version = expected_version(values, None)
    with call.open() as conn:
        return house.change(conn, call.viewer, values, call.now_ms, version)


@get("/identity/matching/model", opt=door.READER, sync_to_thread=True)
def get_matching_model(call: Call) -> house.Learnt:
    """What the model in force has learnt: what each kind of agreement is worth, in bits."""
    with call.open() as conn:
        found = house.learnt(conn, call.viewer)
    if found is None:
        raise errors.NotFound("There is no model yet. Ask for a run, or send a model.")
    return found


@get("/identity/matching/model.json", opt=door.READER, sync_to_thread=True)
def export_matching_model(call: Call, model: FromQuery[int | None] = None) -> Response[bytes]:
    """A model as the file that Splink saves and loads; the one in force without `model`."""
    with call.open() as conn:
        body = house.model_file(conn, call.viewer, model)
    return Response(body, media_type="application/json")


@put(
    "/identity/matching/model.json",
    opt={**door.ADMIN, "file": True},
    request_max_body_size=limits.match_model_bytes_max,
)
async def import_matching_model(request: Request[Any, Any, Any], call: Call) -> house.ModelLine:
    """Let a model that Splink saved count from now on; everybody is weighed anew."""
    body = await request.body()

    def load() -> house.ModelLine:
        with call.open() as conn:
            return house.load_model(conn, call.viewer, body, call.now_ms)

    return await asyncio.to_thread(load)


@get("/identity/matching/models", opt=door.READER, sync_to_thread=True)
def list_matching_models(call: Call) -> Listed[house.ModelLine]:
    """Kept models, newest first."""
    with call.open() as conn:
        return Listed(house.list_models(conn, call.viewer))


@post("/identity/matching/models/{ref:str}/use", opt=door.ADMIN, sync_to_thread=True)
def use_matching_model(call: Call, ref: FromPath[str]) -> house.ModelLine:
    """Go back to a kept model; everybody is weighed anew."""
    with call.open() as conn:
        return house.use_model(conn, call.viewer, _number("model", ref), call.now_ms)


@get("/identity/matching/runs", opt=door.READER, sync_to_thread=True)
def list_matching_runs(call: Call) -> Listed[house.RunLine]:
    """Runs, newest first, with their progress."""
    with call.open() as conn:
        return Listed(house.list_runs(conn, call.viewer))


@post("/identity/matching/runs", opt=door.ADMIN, sync_to_thread=True)
def start_matching_run(call: Call) -> house.RunLine:
    """Train a new model and weigh everybody anew, in the background."""
    with call.open() as conn:
        return house.start(conn, call.viewer, call.now_ms)


@get("/identity/review", opt=door.READER, sync_to_thread=True)
def list_review(
    call: Call,
    show: FromQuery[Literal["open", "answered"]] = "open",
    zone: FromQuery[Literal["all", "certain", "unsure"]] = "all",
    pattern: FromQuery[str | None] = None,
    assignee: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
) -> answers.Queue:
    """Pairs that may be one person, by impact × uncertainty; or those answered, newest first."""
    with call.open() as conn:
        if show == "answered":
            return answers.answered_lately(conn, call.viewer, cursor)
        return answers.queue(
            conn, call.viewer, call.now_ms, zone=zone, pattern=pattern, assignee=assignee,
            cursor=cursor,
        )  # fmt: skip


@get("/identity/review/{ref:str}", opt=door.READER, sync_to_thread=True)
def get_review(call: Call, ref: FromPath[str]) -> answers.PairView:
    """A pair side by side: fields, weights in bits, and what joining the two would do."""
    with call.open() as conn:
        return answers.pair(conn, call.viewer, _number("pair", ref), call.now_ms)


@post("/identity/review/{ref:str}/answer", opt=door.MEMBER, sync_to_thread=True)
def answer_review(call: Call, ref: FromPath[str], data: JSONBody[Answer]) -> answers.Answered:
    """Say that two are the same person, or are not: a decision, for good."""
    with call.open() as conn:
        number = _number("pair", ref)
        done, said = answers.answer(
            conn, call.viewer, number, data.answer, data.reason, call.now_ms
        )
    if said:
        decisions.settled(call.open, call.viewer, said[-1])
    return done


@post("/identity/review/{ref:str}/skip", opt=door.MEMBER, sync_to_thread=True)
def skip_review(call: Call, ref: FromPath[str]) -> answers.PairLine:
    """Do not show a pair to the caller for a week."""
    with call.open() as conn:
        number = _number("pair", ref)
        answers.skip(conn, call.viewer, number, call.now_ms)
        return answers.pair(conn, call.viewer, number, call.now_ms)["pair"]


@post("/identity/review/answers", opt=door.MEMBER, sync_to_thread=True)
def answer_review_alike(call: Call, data: JSONBody[AnswerAlike]) -> answers.Answered:
    """Answer every waiting pair that agrees in the same way; each is a decision of its own."""
    with call.open() as conn:
        done, said = answers.answer_alike(
            conn, call.viewer, data.pattern, data.answer, data.reason, call.now_ms
        )
    if said:
        decisions.settled(call.open, call.viewer, said[-1])
    return done


@post("/identity/review/undo", opt=door.MEMBER, sync_to_thread=True)
def undo_review(call: Call, data: JSONBody[UndoAnswers]) -> Listed[decisions.Decision]:
    """Take answers back that were given at once; their pairs wait again."""
    with call.open() as conn:
        said = answers.undo(conn, call.viewer, data.batch, data.reason, call.now_ms)
    if said:
        decisions.settled(call.open, call.viewer, said[-1])
    with call.open() as conn:
        found = [decisions.decision(conn, call.viewer, str(s.id)) for s in said]
    return Listed(found)


@post("/identity/review/assign", opt=door.MEMBER, sync_to_thread=True)
def assign_review(call: Call, data: JSONBody[Assign]) -> Listed[int]:
    """Give pairs to a member, or to nobody."""
    with call.open() as conn:
        answers.assign(conn, call.viewer, data.ids, data.assignee)
    return Listed(data.ids)


@get("/identity/trust", opt=door.READER, sync_to_thread=True)
def get_trust(call: Call) -> matching.trust.Trust:
    """How far identity can be relied on: duplicates, coverage, conflicts, load, over-merges."""
    with call.open() as conn:
        found = matching.trust.latest(conn, call.viewer)
    if found is None:
        raise errors.NotFound("There is no count yet. Ask for one by POST.")
    return found


@post("/identity/trust", opt=door.MEMBER, sync_to_thread=True, status_code=202)
def refresh_trust(call: Call) -> dict[str, str]:
    """Ask for the numbers to be made anew, in the background."""
    with call.open() as conn:
        call.viewer.must_write()
        jobs.defer(conn, matching.trust.TASK, once=matching.trust.TASK)
    return {"asked_at": clock.iso(call.now_ms) or ""}


@get("/identity/trust/{key:str}", opt=door.READER, sync_to_thread=True)
def get_trust_list(call: Call, key: FromPath[str]) -> matching.trust.TrustList:
    """What stands behind a number: people or links, up to 200."""
    with call.open() as conn:
        return matching.trust.behind(conn, call.viewer, key)


@get("/identity/duplicates", opt=door.READER, sync_to_thread=True)
def find_duplicates(
    call: Call,
    name: FromQuery[str] = "",
    first_name: FromQuery[str] = "",
    last_name: FromQuery[str] = "",
    email: FromQuery[str] = "",
    phone: FromQuery[str] = "",
    company: FromQuery[str] = "",
    title: FromQuery[str] = "",
    city: FromQuery[str] = "",
    postcode: FromQuery[str] = "",
) -> Listed[matching.entry.Likely]:
    """Known people who may be somebody that is about to be entered, the likeliest first."""
    values = {
        "name": name, "first_name": first_name, "last_name": last_name, "email": email,
        "phone": phone, "company": company, "title": title, "city": city, "postcode": postcode,
    }  # fmt: skip
    with call.open() as conn:
        return Listed(matching.entry.likely(conn, call.viewer, values))


def _number(prefix: str, ref: str) -> int:
    with found_by_id():
        return ids.parse_id(prefix, ref)


HANDLERS = [
    get_matching, change_matching, get_matching_model, export_matching_model,
    import_matching_model, list_matching_models, use_matching_model, list_matching_runs,
    start_matching_run, list_review, get_review, answer_review, skip_review, answer_review_alike,
    undo_review, assign_review, get_trust, refresh_trust, get_trust_list, find_duplicates,
]  # fmt: skip
