"""Which account somebody is in: decisions on pages of people and accounts, domains, proposals."""

from typing import Any
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath

from onefold import record
from onefold.kernel import errors
from onefold.web import data, door

_FIELDS = ("decision", "account", "person", "into", "domain", "role", "from", "until", "reason")
_DONE = {"member": "Saved", "not_member": "Cut", "primary": "Primary set", "merge": "Merged",
         "domain": "Domain added", "not_domain": "Domain taken off"}  # fmt: skip
VERDICTS = [
    ("shared", "Shared: an agency, a provider"), ("own", "Our own"), ("free", "Free mail"),
    ("disposable", "Disposable mail"), ("allowed", "A company, whatever lists say"),
]  # fmt: skip


@post("/account-decisions", sync_to_thread=True)
def decide(request: door.AnyRequest) -> door.Page:
    """Make a decision and go back to where it was made, with a way to undo it."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    values = {k: ask.form[k].strip() for k in _FIELDS if ask.form.get(k, "").strip()}
    for name in ("account", "into"):
        given = values.get(name, "")
        if given and not given.startswith(("acc_", "account_id:")):
            values[name] = f"account_id:{given}"
    try:
        with ask.open() as conn:
            said = record.membership.decide(conn, ask.viewer, values, ask.now_ms)
    except errors.Invalid as error:
        fault = error.faults[0]
        return door.go(ask, _back(ask), {"text": f"{fault.field}: {fault.problem}"[:120]})
    made = record.membership.settled(ask.open, ask.viewer, said)
    return door.go(ask, _back(ask), {"text": _DONE[made["decision"]]})


@post("/account-decisions/{ref:str}/undo", sync_to_thread=True)
def undo(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Take a decision back."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        said = record.membership.undo(conn, ask.viewer, ref, "", ask.now_ms)
    record.membership.settled(ask.open, ask.viewer, said)
    return door.go(ask, _back(ask), {"text": "Undone"})


@get("/accounts/proposals", sync_to_thread=True)
def proposals_page(request: door.AnyRequest) -> door.Page:
    """Leads and contacts whose account is not sure."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = record.domains.proposals(conn, ask.viewer, ask.query.get("cursor") or None)
        return door.page(
            ask, "proposals.html", title="Lead matching", rows=found["items"], next=found["next"],
            counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/settings/domains", sync_to_thread=True)
def domains_page(request: door.AnyRequest) -> door.Page:
    """The workspace's list of domains, and what a domain says."""
    return _domains(door.ask_of(request), ())


def _domains(ask: door.Ask, faults: Any, status: int = 200) -> door.Page:
    asked = ask.query.get("q", "").strip()
    with ask.open() as conn:
        answer, wrong = None, ""
        if asked:
            try:
                answer = record.domains.ask(conn, ask.viewer, asked)
            except errors.Invalid as error:
                wrong = error.faults[0].remedy
        return door.page(
            ask, "domains.html", http=status, title="Domains", asked=asked, answer=answer,
            wrong=wrong, verdicts=VERDICTS, faults=faults,
            s=record.domains.settings(conn, ask.viewer), counts=data.counts(conn, ask),
        )  # fmt: skip


@post("/settings/domains", sync_to_thread=True)
def domain_set(request: door.AnyRequest) -> door.Page:
    """Say what a domain is."""
    ask = door.ask_of(request)
    values = {k: ask.form.get(k, "").strip() for k in ("verdict", "note")}
    try:
        with ask.open() as conn:
            record.domains.change(conn, ask.viewer, ask.form.get("domain", ""), values, ask.now_ms)
    except errors.Invalid as error:
        return _domains(ask, error.faults, 400)
    return door.go(ask, "/settings/domains", {"text": "Saved"})


@post("/settings/domains/drop", sync_to_thread=True)
def domain_drop(request: door.AnyRequest) -> door.Page:
    """Leave a domain to the lists again."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        record.domains.drop(conn, ask.viewer, ask.form.get("domain", ""))
    return door.go(ask, "/settings/domains", {"text": "Left to the lists"})


@post("/settings/domains/make", sync_to_thread=True)
def domain_make(request: door.AnyRequest) -> door.Page:
    """Let unclaimed company domains make accounts, or not."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        record.domains.set_make(conn, ask.viewer, ask.form.get("make") == "1")
    return door.go(ask, "/settings/domains", {"text": "Saved"})


def _back(ask: door.Ask) -> str:
    """Where the form was: a path of ours, nothing else."""
    back = ask.form.get("back", "")
    fine = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return quote(back, safe="/?=&_%:,.~-") if fine else "/accounts"


HANDLERS: list[Any] = [
    decide, undo, proposals_page, domains_page, domain_set, domain_drop, domain_make
]  # fmt: skip
