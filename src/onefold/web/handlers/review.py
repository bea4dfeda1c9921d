"""Identity review: the queue with its keys, what was answered, and why two are not one."""

from typing import Any
from urllib.parse import urlencode

from litestar import get, patch, post
from litestar.params import FromPath

from onefold import record
from onefold.kernel import errors, ids, limits
from onefold.record import matching
from onefold.record.matching import answers
from onefold.storage import Connection
from onefold.web import data, door, falls

_SAID = {"same": "Joined", "different": "Kept apart", "skip": "Skipped for a week"}
_KEPT = ("zone", "whose", "pattern")


@get("/identity/review", sync_to_thread=True)
def review_page(request: door.AnyRequest) -> door.Page:
    """The queue, and the pair in front: the one asked for, else the first."""
    ask = door.ask_of(request)
    return _page(ask, "review.html", ask.query)


@get("/identity/review/{ref:int}", sync_to_thread=True)
def review_pair(request: door.AnyRequest, ref: FromPath[int]) -> door.Page:
    """One pair: alone for the queue's right side, else on the page."""
    ask = door.ask_of(request)
    if not ask.htmx:
        return _page(ask, "review.html", {**ask.query, "pair": str(ref)})
    with ask.open() as conn:
        return door.page(ask, "review_pair.html", **_front(conn, ask, ref, _rest(ask.query)))


@post("/identity/review/{ref:int}/answer", sync_to_thread=True)
def review_answer(request: door.AnyRequest, ref: FromPath[int]) -> door.Page:
    """Answer a pair and go on to the next."""
    ask = door.ask_of(request)
    said = ask.form.get("answer", "")
    batch = None
    with ask.open() as conn:
        if said == "skip":
            answers.skip(conn, ask.viewer, ref, ask.now_ms)
            undo = {"skipped": ref}
        else:
            done, _ = answers.answer(
                conn, ask.viewer, ref, said, ask.form.get("reason", ""), ask.now_ms
            )
            batch = done["batch"]
            undo = {"batch": batch}
    return _next(ask, _SAID.get(said, "Answered"), batch, undo)


@post("/identity/review/alike", sync_to_thread=True)
def review_alike(request: door.AnyRequest) -> door.Page:
    """Answer every waiting pair that agrees in the same way."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        done, _ = answers.answer_alike(
            conn, ask.viewer, ask.form.get("pattern", ""), ask.form.get("answer", ""),
            ask.form.get("reason", ""), ask.now_ms,
        )  # fmt: skip
    count = len(done["answered"])
    return _next(ask, f"{count} answered", done["batch"], {"batch": done["batch"]})


@patch("/identity/review/undo", sync_to_thread=True)
def review_undo(request: door.AnyRequest) -> door.Page:
    """Take the latest answer, or a skip, back; the pair is in front again."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        if skipped := ask.form.get("skipped"):
            number = ids.parse_id("pair", skipped)
            answers.unskip(conn, ask.viewer, number)
        else:
            number = ids.parse_id("pair", ask.form.get("batch", ""), "batch")
            answers.undo(conn, ask.viewer, number, "", ask.now_ms)
    values = {**ask.form, "pair": str(number)}
    return _page(ask, "review_body.html", values, toast={"text": "Undone"})


@post("/identity/review/{ref:int}/undo", sync_to_thread=True)
def review_undo_one(request: door.AnyRequest, ref: FromPath[int]) -> door.Page:
    """Take one answer back, from the list of answers."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        answers.undo_one(conn, ask.viewer, ref, ask.form.get("reason", ""), ask.now_ms)
    return door.go(ask, "/identity/review/answered", {"text": "Undone"})


@post("/identity/review/{ref:int}/assign", sync_to_thread=True)
def review_assign(request: door.AnyRequest, ref: FromPath[int]) -> door.Page:
    """Give a pair to somebody."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        answers.assign(conn, ask.viewer, [ref], ask.form.get("assignee") or None)
    return door.go(ask, f"/identity/review?pair={ref}", {"text": "Assigned"})


@get("/identity/review/answered", sync_to_thread=True)
def review_answered(request: door.AnyRequest) -> door.Page:
    """What was answered, newest first."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = answers.answered_lately(conn, ask.viewer, ask.query.get("cursor"))
        return door.page(
            ask, "review_answered.html", title="Answered pairs", items=found["items"],
            next=found["next"], counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/identity/why", sync_to_thread=True)
def why_page(request: door.AnyRequest) -> door.Page:
    """Why two are one person, or why not, in sentences."""
    ask = door.ask_of(request)
    a, b = ask.query.get("a", "").strip(), ask.query.get("b", "").strip()
    found, fault = None, ""
    with ask.open() as conn:
        if a and b:
            try:
                found = record.whois.why(conn, ask.viewer, a, b, ask.now_ms)
            except (errors.NotFound, errors.Invalid) as error:
                fault = str(error)
        return door.page(
            ask, "why.html", title="Why, or why not", found=found, fault=fault, a=a, b=b,
            counts=data.counts(conn, ask),
        )  # fmt: skip


def _next(ask: door.Ask, text: str, batch: int | None, undo: dict[str, Any]) -> door.Page:
    """After an answer: the rest of the queue with the pair that was next in front."""
    values = dict(ask.form)
    toast = {"text": text, "undo": door.undo("/identity/review/undo", "#review", **undo)}
    if not ask.htmx:
        query = _rest(values)
        return door.go(ask, f"/identity/review?{query[1:]}" if query else "/identity/review", toast)
    return _page(ask, "review_body.html", values, batch=batch, toast=toast)


def _page(
    ask: door.Ask, template: str, values: dict[str, str], batch: int | None = None,
    toast: dict[str, Any] | None = None,
) -> door.Page:  # fmt: skip
    zone, whose = values.get("zone", "all"), values.get("whose", "")
    zone = zone if zone in answers.ZONES else "all"
    assignee = {"mine": ask.user_id or "none", "none": "none"}.get(whose)
    pattern = values.get("pattern") or None
    rest = _rest(values)
    with ask.open() as conn:
        found = answers.queue(
            conn, ask.viewer, ask.now_ms, zone=zone, pattern=pattern, assignee=assignee,
            cursor=values.get("cursor") or None,
        )  # fmt: skip
        items = found["items"]
        chosen = _chosen(values.get("pair", ""), [p["id"] for p in items])
        front = _front(conn, ask, chosen, rest) if chosen else {"one": None, "users": []}
        return door.page(
            ask, template, title="Identity review", items=items, next=found["next"], chosen=chosen,
            zone=zone, whose=whose, pattern=pattern, filtered=bool(rest), batch=batch,
            m=matching.house.matching(conn, ask.viewer), least=limits.match_train_records_min,
            counts=data.counts(conn, ask), toast=toast, **{"rest": rest, **front},
        )  # fmt: skip


def _chosen(wanted: str, items: list[int]) -> int | None:
    """The pair in front: the one asked for, wherever it is, else the first."""
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
        return int(wanted)
    return items[0] if items else None


def _front(conn: Connection, ask: door.Ask, number: int, rest: str) -> dict[str, Any]:
    one = answers.pair(conn, ask.viewer, number, ask.now_ms)
    return {
        "one": one, "falls": falls.bars(one["steps"]), "users": data.users(conn, ask), "rest": rest,
    }  # fmt: skip


def _rest(values: dict[str, str]) -> str:
    """The filters of the queue as the rest of an address."""
    kept = {k: values[k] for k in _KEPT if values.get(k)}
    return "&" + urlencode(kept) if kept else ""


HANDLERS: list[Any] = [
    review_page, review_pair, review_answer, review_alike, review_undo, review_undo_one,
    review_assign, review_answered, why_page,
]  # fmt: skip
