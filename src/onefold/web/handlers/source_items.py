"""A source's items: past events, the ledger, refused ones and their repair."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import sources
from onefold.kernel import clock, errors, facts, ids
from onefold.sources import trail
from onefold.web import data, door, view

_HOURS = 168
_RAW_CHARS_MAX = 4_000
_FIXES = 3
_FORM = "%Y-%m-%dT%H:%M"
_COLUMNS = (
    ("accepted", "Accepted"), ("processed", "Processed"), ("duplicate", "Repeats"),
    ("refused", "Refused"), ("filtered", "Filtered"), ("waiting", "Waiting"),
)  # fmt: skip
_PARTS = (
    ("Processed", "processed", "accent-ink"), ("Repeats", "duplicate", "amber"),
    ("Refused", "refused", "red"), ("Filtered", "filtered", "ink-3"),
    ("Waiting", "waiting", "blue"),
)  # fmt: skip


@get("/sources/{ref:str}/events", sync_to_thread=True)
def source_events(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Past events, searched."""
    ask = door.ask_of(request)
    names = ("event", "who", "outcome", "since", "until")
    asked = {name: ask.query.get(name, "")[:300] for name in names}
    outcome = asked["outcome"] if asked["outcome"] in trail.OUTCOMES else ""
    since, until = _time(ask, asked["since"]), _time(ask, asked["until"])
    wanted = trail.Search(asked["event"], asked["who"], outcome, since, until)
    cursor = ask.query.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        found = trail.search(conn, ask.viewer, source.id, wanted, before)
        counts = data.counts(conn, ask)
    times = {"since": clock.iso(since), "until": clock.iso(until)}
    query = {k: v for k, v in ({**asked, **times}).items() if v}
    export = f"/api/sources/{source.api_id}/events.jsonl?{urlencode(query)}"
    return door.page(
        ask, "source_items.html", s=source, tab="/events", title="Events", one=None, q=asked,
        outcomes=trail.OUTCOMES, events=[_event(e) for e in found.events], export=export,
        next=None if found.next is None else str(found.next), reached=found.reached_ms,
        counts=counts,
    )  # fmt: skip


@get("/sources/{ref:str}/events/{pos:int}", sync_to_thread=True)
def source_event(request: door.AnyRequest, ref: FromPath[str], pos: FromPath[int]) -> door.Page:
    """One event."""
    ask = door.ask_of(request)
    if not 0 < pos < 2**63:
        raise errors.NotFound("There is no event with such an id.")
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        found = trail.event(conn, ask.viewer, source.id, pos)
        counts = data.counts(conn, ask)
    return door.page(
        ask, "source_items.html", s=source, tab="/events", title="Event", one=_event(found),
        counts=counts,
    )  # fmt: skip


@get("/sources/{ref:str}/ledger", sync_to_thread=True)
def source_ledger(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """What became of every item, hour by hour."""
    ask = door.ask_of(request)
    since = (ask.now_ms // clock.HOUR_MS - _HOURS + 1) * clock.HOUR_MS
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        hours = sources.ledger(conn, ask.viewer, source.id, since, _HOURS)
        counts = data.counts(conn, ask)
    whole = sources.totals(hours)
    return door.page(
        ask, "source_items.html", s=source, tab="/ledger", title="Ledger", hours=_HOURS,
        columns=_COLUMNS, outcomes=trail.OUTCOMES, rows=[_hour(ask, h) for h in hours],
        sum={**_hour(ask, whole), "since": ""}, ok=all(h.reconciles for h in hours),
        chart=_chart(ask, hours), counts=counts,
        chart_words=f"Items an hour over {_HOURS} hours: {whole.accepted:,} in all.",
    )  # fmt: skip


@get("/sources/{ref:str}/refused", sync_to_thread=True)
def source_refused(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Refused items that are alike, and what was done about others."""
    return _refused(door.ask_of(request), ref)


@post("/sources/{ref:str}/refused", sync_to_thread=True)
def source_repair(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Preview or replay corrections, drop items, or undo that."""
    ask = door.ask_of(request)
    number, act = ids.parse_id("src", ref), ask.form.get("act", "")
    chosen = trail.Selection(ask.form.get("code", ""), ask.form.get("field", ""))
    try:
        fixes = _fixes(ask)
        if act == "replay":
            with ask.open() as conn:
                done = trail.replay(conn, ask.viewer, number, chosen, fixes, ask.now_ms)
            with ask.open() as conn:
                trail.note_positions(conn, done.rows)
            word = f"{done.replayed:,} replayed"
        elif act == "drop":
            with ask.open() as conn:
                _, n = trail.drop(conn, ask.viewer, number, chosen, ask.now_ms)
            word = f"{n:,} dropped"
        elif act == "restore":
            action = ids.parse_id("act", ask.form.get("action", ""))
            with ask.open() as conn:
                n = trail.restore(conn, ask.viewer, number, action, ask.now_ms)
            word = f"{n:,} are open again"
        else:
            with ask.open() as conn:
                tried = trail.preview(conn, ask.viewer, number, chosen, fixes)
            return _refused(ask, ref, chosen, tried)
    except errors.Invalid as invalid:
        return _refused(ask, ref, chosen, None, invalid.faults)
    return door.go(ask, f"/sources/src_{number}/refused", {"text": word})


def _refused(
    ask: door.Ask,
    ref: str,
    chosen: trail.Selection | None = None,
    tried: trail.Preview | None = None,
    faults: Any = (),
) -> door.Page:
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        groups = trail.groups(conn, ask.viewer, source.id)
        actions = trail.actions(conn, ask.viewer, source.id)
        counts = data.counts(conn, ask)
    shown = []
    for group in groups:
        mine = chosen is not None and (group.code, group.field) == (chosen.code, chosen.field)
        newest = group.samples[0]
        shown.append({
            "code": group.code, "field": group.field, "n": group.items,
            "last_ms": group.last_ms, "problem": newest.problem.replace("`", ""),
            "remedy": newest.remedy.replace("`", ""), "open": mine or len(groups) == 1,
            "samples": [_text(r.raw) for r in group.samples],
            "fixes": _asked(ask) if mine else [{"do": "", "path": "", "to": ""}] * _FIXES,
            "preview": _preview(tried) if mine and tried else None,
        })  # fmt: skip
    done = [
        {
            "id": a.id, "kind": a.kind, "n": a.items, "code": a.code, "field": a.field,
            "by": a.done_by, "done_ms": a.done_ms, "undone_ms": a.undone_ms,
            "fixes_text": "; ".join(" ".join(str(v) for v in f.values()) for f in a.fixes),
        }
        for a in actions
    ]  # fmt: skip
    return door.page(
        ask, "source_items.html", http=400 if faults else 200, s=source, tab="/refused",
        title="Refused", groups=shown, actions=done, faults=faults, counts=counts,
    )  # fmt: skip


def _asked(ask: door.Ask) -> list[dict[str, str]]:
    """The corrections of the form as they were typed, padded to the form's number."""
    columns = [ask.many.get(name, []) for name in ("do", "where", "to")]
    typed = [
        {"do": do, "path": path, "to": to}
        for do, path, to in zip(*columns, strict=False)
    ][:_FIXES]  # fmt: skip
    return typed + [{"do": "", "path": "", "to": ""}] * (_FIXES - len(typed))


def _fixes(ask: door.Ask) -> list[trail.Fix]:
    out = []
    for typed in _asked(ask):
        do, path, to = typed["do"], typed["path"].strip(), typed["to"].strip()
        if do in ("set", "default"):
            out.append(trail.Fix(do, path, value=_constant(to)))
        elif do:
            out.append(trail.Fix(do, "" if do == "accept" else path, to))
    return out


def _constant(text: str) -> Any:
    """A JSON value where it is one, else the text itself."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text


def _preview(tried: trail.Preview) -> dict[str, Any]:
    samples = [
        {
            "passes": one.passes,
            "text": _text(msgspec.json.encode(one.after) if one.after else one.before.raw),
        }
        for one in tried.samples
    ]
    return {
        "tried": tried.tried, "passes": tried.passes, "filtered": tried.filtered,
        "left": tried.left, "samples": samples,
    }  # fmt: skip


def _event(one: trail.Event) -> dict[str, Any]:
    fact, known = one.fact, isinstance(one.fact, facts.Fact)
    named = dict(one.who)
    who = next((named[f] for f in ("userId", "traits.email", "anonymousId") if f in named), "")
    return {
        "pos": one.pos, "outcome": one.outcome, "name": one.name[:120], "kind": one.kind[:40],
        "received_ms": one.received_ms, "who_text": who[:120], "refusal": one.refusal,
        "settled": one.settled, "rule": one.rule, "corrections": one.corrections, "fact": known,
        "first_pos": one.first_pos, "text": _text(one.raw),
        "shared": _text(msgspec.json.encode(one.shared)) if one.shared else "",
        "person": ids.api_id_or_none("per", one.person_id),
        "home": str(fact.home) if fact else "", "at_ms": fact.at_ms if fact else None,
        "account": fact.account if fact else None,
        "ids": [str(i) for i in fact.identifiers[1:]] if fact else [],
    }  # fmt: skip


def _text(raw: bytes) -> str:
    """JSON over lines where it is that, cut to what a page can show."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raw = msgspec.json.format(raw, indent=2)
    text = raw[:_RAW_CHARS_MAX].decode("utf-8", "replace")
    return text + ("…" if len(raw) > _RAW_CHARS_MAX else "")


def _time(ask: door.Ask, text: str) -> int | None:
    """A time as the form has it, on the viewer's clock; None when it is none."""
    try:
        found = datetime.fromisoformat(text)
        return clock.from_datetime(found if found.tzinfo else found.replace(tzinfo=ask.tz))
    except (ValueError, OverflowError):
        return None


def _hour(ask: door.Ask, hour: sources.LedgerHour) -> dict[str, Any]:
    start = view.local(hour.hour_ms, ask.tz)
    reasons = [f"{n:,} × {why}" for why, n in (hour.refused_for | hour.filtered_by).items()]
    reasons += [f"{n:,} requests turned away: {why}" for why, n in hour.turned_away.items()]
    return {
        **{name: getattr(hour, name) for name, _ in _COLUMNS}, "hour_ms": hour.hour_ms,
        "since": start.strftime(_FORM), "until": (start + timedelta(hours=1)).strftime(_FORM),
        "reasons": "; ".join(reasons), "ok": hour.reconciles,
    }  # fmt: skip


def _chart(ask: door.Ask, hours: list[sources.LedgerHour]) -> dict[str, Any]:
    by_hour = {h.hour_ms: h for h in hours}
    last = ask.now_ms // clock.HOUR_MS * clock.HOUR_MS
    every = [last - i * clock.HOUR_MS for i in reversed(range(_HOURS))]
    return {
        "x": [view.local(h, ask.tz).strftime("%d %H:%M") for h in every],
        "series": [
            {
                "name": name, "kind": "bar", "colour": colour, "stack": "all",
                "y": [getattr(by_hour[h], field) if h in by_hour else 0 for h in every],
            }
            for name, field, colour in _PARTS
        ],
    }  # fmt: skip


HANDLERS = [source_events, source_event, source_ledger, source_refused, source_repair]
