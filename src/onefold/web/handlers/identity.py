"""Who is who on a person's page: decisions with a look at what they would do, and their undoing."""

from typing import Any
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath

from onefold import profiles, record
from onefold.kernel import errors, ids
from onefold.web import data, door, folded, picture

_VERBS = {"same": "Join", "not_same": "Cut", "pin": "Pin"}
_DONE = {"same": "Joined", "not_same": "Cut", "pin": "Pinned"}
_ENDS = ("a", "b", "a_at", "b_at")


def shown(ask: door.Ask, conn: Any, person: Any) -> dict[str, Any]:
    """What the tab shows: the picture, the links in words, decisions, history."""
    whole = record.whois.person_graph(conn, ask.viewer, person["id"])
    others = {spot["person"] for spot in whole["spots"]} - {person["id"]}
    names = profiles.names_of(conn, ask.viewer, [ids.parse_id("per", p) for p in others])
    graph = folded.fold(whole, {ids.api_id("per", i): name for i, name in names.items()})
    edges = list(enumerate(graph["edges"]))
    found = record.decisions.list_decisions(conn, ask.viewer, person=person["id"])
    return {
        "picture": picture.draw(graph),
        "held": [(n, e) for n, e in edges if e["holds"]],
        "cut": [(n, e) for n, e in edges if not e["holds"]],
        "decisions": found["items"],
        "history": folded.history(record.whois.history(conn, ask.viewer, person["id"])["items"])[
            :50
        ],
    }


@get("/people/{ref:str}/identity/decide", sync_to_thread=True)
def identity_form(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A decision before it is made: what it would do, and a place for the reason."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    return _form(ask, ref, ask.query)


@post("/people/{ref:str}/identity/decide", sync_to_thread=True)
def identity_decide(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Make a decision and show the person as it is then; first it says what that would do."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    if not ask.form.get("sure"):
        return _form(ask, ref, ask.form)
    values = {k: ask.form[k] for k in ("decision", "reason", *_ENDS) if ask.form.get(k)}
    try:
        with ask.open() as conn:
            said = record.decisions.decide(conn, ask.viewer, values, ask.now_ms)
    except errors.Invalid as error:
        return _form(ask, ref, ask.form, error.faults)
    made = record.decisions.settled(ask.open, ask.viewer, said)
    return _back(ask, ref, _DONE[made["decision"]] if not made["cannot"] else made["cannot"])


@post("/people/{ref:str}/identity/undo", sync_to_thread=True)
def identity_undo(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Take a decision back."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        number, reason = ask.form.get("id", ""), ask.form.get("reason", "")
        said = record.decisions.undo(conn, ask.viewer, number, reason, ask.now_ms)
    record.decisions.settled(ask.open, ask.viewer, said)
    return _back(ask, ref, "Undone")


def _form(
    ask: door.Ask, ref: str, values: dict[str, str], faults: tuple[errors.Fault, ...] = ()
) -> door.Page:
    kind = values.get("decision", "same")
    with ask.open() as conn:
        trial = None
        if values.get("a") and values.get("b") and not faults:
            try:
                trial = record.whois.simulate(
                    conn, ask.viewer, ask.now_ms, decision=kind, a=values["a"], b=values["b"],
                    a_at=values.get("a_at") or None, b_at=values.get("b_at") or None,
                )  # fmt: skip
            except errors.NotFound as error:
                faults = (errors.Fault("b", str(error)),)
        page = f"/people/{quote(ref, safe='')}"
        return door.page(
            ask, "identity_decide.html", http=400 if faults else 200,
            title=f"{_VERBS.get(kind, 'Join')} identities", back=f"{page}?tab=identity",
            verb=_VERBS.get(kind, "Join") if trial else "Preview", known=("b", "reason"),
            action=f"{page}/identity/decide", faults=faults, kind=kind, trial=trial,
            v={"a": ref, "b": "", "reason": "", **values},
            ends=[(k, values[k]) for k in _ENDS if values.get(k)], counts=data.counts(conn, ask),
        )  # fmt: skip


def _back(ask: door.Ask, ref: str, text: str) -> door.Page:
    return door.go(ask, f"/people/{quote(ref, safe='')}?tab=identity", {"text": text})


HANDLERS: list[Any] = [identity_form, identity_decide, identity_undo]
