"""People and accounts for programs: chosen parts, recent events, and a thousand in one call."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from onefold.identity.namespaces.store import current
from onefold.kernel import errors, identifiers, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.record import accounts, model, people, refs, store, timelines
from onefold.record.profile import read
from onefold.record.profile import store as rows
from onefold.record.profile.wanted import RECENT, Wanted
from onefold.storage import Connection


class Entry(TypedDict):
    """One answer of a batch: `record`, or null and in `error` why there is none."""

    ref: str
    record: dict[str, Any] | None
    error: str | None


class Batch(TypedDict):
    """The answers of a batch, in the order of what was asked; `found` counts the records."""

    items: list[Entry]
    found: int


def person(conn: Connection, viewer: Viewer, ref: str, wanted: Wanted) -> model.Person:
    """A person, with recent events where those are wanted. Raises `NotFound`."""
    found = people.person(conn, viewer, ref, wanted)
    if wanted.any(RECENT):
        found["recent_events"] = _recent(conn, viewer, found["id"])
    return found


def account(
    conn: Connection, viewer: Viewer, ref: str, now_ms: int, wanted: Wanted
) -> model.Account:
    """An account, with recent events where those are wanted. Raises `NotFound`."""
    found = accounts.account(conn, viewer, ref, now_ms, wanted)
    if wanted.any(RECENT):
        found["recent_events"] = _recent(conn, viewer, found["id"])
    return found


def _recent(conn: Connection, viewer: Viewer, ref: str) -> list[model.TimelineItem]:
    page = timelines.timeline(conn, viewer, ref, limit=limits.profile_events_max)
    return page["items"]


def find_people(
    conn: Connection, viewer: Viewer, wanted_refs: Sequence[str], wanted: Wanted
) -> Batch:
    """People by reference, in order; one that is not there costs its neighbours nothing.

    Raises `Invalid` when too many are asked for.
    """
    viewer.must_read()
    _bounded(wanted_refs, wanted)
    meant, wrong = _meant(wanted_refs, _person_ref)
    ids_of = _people(conn, meant)
    found = read.people(conn, viewer, sorted(set(ids_of.values())), wanted)

    def entry(place: int, ref: str) -> Entry:
        record = found.get(ids_of.get(place, 0))
        if record is None:
            return _missing("person", ref, wrong.get(place) or _no_namespace(ref))
        out: dict[str, Any] = {**record}
        if "merged_into" in out and meant[place] != ids_of[place]:
            out["merged_into"] = out["id"] if isinstance(meant[place], int) else None
        if wanted.any(RECENT):
            out[RECENT] = _recent(conn, viewer, record["id"])
        return {"ref": ref, "record": out, "error": None}

    return _batch(wanted_refs, entry)


def find_accounts(
    conn: Connection, viewer: Viewer, wanted_refs: Sequence[str], now_ms: int, wanted: Wanted
) -> Batch:
    """Accounts by reference, in order. Raises `Invalid` when too many are asked for."""
    viewer.must_read()
    _bounded(wanted_refs, wanted)
    meant, wrong = _meant(wanted_refs, refs.account)
    places = list(meant)
    by_place = rows.accounts_by(conn, [meant[p] for p in places])
    ids_of = {places[number]: account_id for number, account_id in by_place.items()}
    heads = store.accounts(conn, sorted(set(ids_of.values())))
    done: dict[int, model.Account] = {}

    def entry(place: int, ref: str) -> Entry:
        row = heads.get(ids_of.get(place, 0))
        if row is None:
            return _missing("account", ref, wrong.get(place))
        if row["id"] not in done:
            done[row["id"]] = accounts.made(conn, viewer, row, now_ms, wanted)
        out: dict[str, Any] = {**done[row["id"]]}
        if "merged_into" in out and meant[place] not in (row["id"], row["key"]):
            out["merged_into"] = out["id"]
        if wanted.any(RECENT):
            out[RECENT] = _recent(conn, viewer, out["id"])
        return {"ref": ref, "record": out, "error": None}

    return _batch(wanted_refs, entry)


def _batch(wanted_refs: Sequence[str], entry: Callable[[int, str], Entry]) -> Batch:
    items = [entry(place, ref) for place, ref in enumerate(wanted_refs)]
    return {"items": items, "found": sum(i["record"] is not None for i in items)}


def _bounded(wanted_refs: Sequence[str], wanted: Wanted) -> None:
    most = limits.profile_batch_events_max if wanted.any(RECENT) else limits.profile_batch_max
    if not wanted_refs:
        raise errors.Invalid(
            errors.Fault("ids", "names nobody.", "Send at least one id or identifier.")
        )
    if len(wanted_refs) > most:
        why = " with recent_events" if wanted.any(RECENT) else ""
        raise errors.Invalid(
            errors.Fault(
                "ids", f"has {len(wanted_refs):,} entries.", f"Send at most {most:,}{why}."
            )
        )


def _meant(
    wanted_refs: Sequence[str], read_ref: Callable[[str], Any]
) -> tuple[dict[int, Any], dict[int, str]]:
    """What references mean, by place, and what is wrong with those that mean nothing."""
    meant: dict[int, Any] = {}
    wrong: dict[int, str] = {}
    for place, ref in enumerate(wanted_refs):
        try:
            meant[place] = read_ref(ref)
        except errors.NotFound as error:
            wrong[place] = str(error)
    return meant, wrong


def _person_ref(ref: str) -> int | Identifier:
    """As `refs.person`, but a namespace that is not built in is looked for, not refused."""
    namespace, _, value = ref.partition(":")
    if value and namespace not in (*refs.PERSON_NAMESPACES, "account_id") and "\0" not in ref:
        return Identifier(namespace, identifiers.normalise(namespace, value) or "")
    return refs.person(ref)


def _no_namespace(ref: str) -> str | None:
    """What `refs.person` says of a reference whose namespace nobody has."""
    try:
        refs.person(ref)
    except errors.NotFound as error:
        return str(error)
    return None


def _people(conn: Connection, meant: dict[int, int | Identifier]) -> dict[int, int]:
    """The ids of today by place."""
    numbers = sorted({m for m in meant.values() if isinstance(m, int)})
    today = rows.follow(conn, numbers) if numbers else {}
    named = {m for m in meant.values() if isinstance(m, Identifier)}
    found = rows.people_of(conn, sorted(named)) if named else {}
    if left := named - found.keys():  # spelt otherwise than they are kept
        rules = current(conn)
        spelt = {i: (i.namespace, rules.normal(*i) or "") for i in left}
        again = rows.people_of(conn, sorted(set(spelt.values())))
        found |= {i: again[kept] for i, kept in spelt.items() if kept in again}
    out: dict[int, int] = {}
    for place, one in meant.items():
        person_id = today.get(one) if isinstance(one, int) else found.get((one[0], one[1]))
        if person_id is not None:
            out[place] = person_id
    return out


def _missing(what: str, ref: str, why: str | None) -> Entry:
    return {"ref": ref, "record": None, "error": why or str(refs.unknown(what, ref))}
