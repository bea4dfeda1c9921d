"""The parts that a person's and an account's record share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from onefold import profiles
from onefold import signals as signal_room
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.record import keyset, model, naming, refs, store
from onefold.storage import Connection, fold_name

Span = tuple[int, int]
_OURS = {profiles.precedence.HAND: "hand", profiles.precedence.SYSTEM: "system"}


def identifiers(rows: Sequence[store.Row], seen: Mapping[int, Span]) -> list[model.IdentifierLine]:
    """Identifiers with first and last times: as a fact's home, or beside it (`seen`)."""
    out: list[model.IdentifierLine] = []
    for row in rows:
        beside = seen.get(row["id"])
        first = [row["first_ms"], beside[0] if beside else None]
        last = [row["last_ms"], beside[1] if beside else None]
        out.append(
            {
                "namespace": row["namespace"],
                "value": row["value"],
                "first_seen": clock.iso(min((t for t in first if t is not None), default=None)),
                "last_seen": clock.iso(max((t for t in last if t is not None), default=None)),
            }
        )
    return out


def traits(
    found: Mapping[str, profiles.Trait], source_keys: Mapping[int, str]
) -> dict[str, model.TraitLine]:
    """Traits by name, each with its source's key and time."""
    return {
        name: {
            "value": trait.value,
            "source": _OURS.get(trait.source_id) or source_keys.get(trait.source_id, "crm"),
            "at": clock.iso(trait.at_ms) or "",
        }
        for name, trait in sorted(found.items())
    }


def touches(
    found: Sequence[profiles.Touch], source_keys: Mapping[int, str]
) -> model.Touches | None:
    """The first and the last touch, None when no campaign ever brought them."""
    if not found:
        return None

    def line(touch: profiles.Touch) -> model.Touch:
        return {
            "at": clock.iso(touch.at_ms) or "",
            "source": source_keys.get(touch.source_id, ""),
            "campaign": touch.campaign,
        }

    return {"first": line(found[0]), "last": line(found[-1])}


def events(view: profiles.PersonView) -> model.Events:
    """Counts, the most frequent name first."""
    by_name = dict(sorted(view.by_name.items(), key=lambda pair: (-pair[1], pair[0])))
    return {"total": view.events_total, "by_name": by_name}


def audiences(memberships: Iterable[tuple[str, str, int]]) -> list[model.AudienceLink]:
    """What a person or account is in, and since when, of (key, name, since_ms)."""
    return [
        {"key": key, "since": clock.iso(since_ms) or "", "name": name}
        for key, name, since_ms in memberships
    ]


def work(
    conn: Connection, viewer: Viewer, records: Any, filters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Tickets or tasks, newest change first; none when a filter names nobody."""
    if any(value == [] for value in filters.values()):
        return []
    page = records.find(conn, viewer, filters, limit=limits.record_items_max)
    rows: list[dict[str, Any]] = msgspec.to_builtins(naming.named(conn, viewer, page.rows))
    return rows


def signals(conn: Connection, viewer: Viewer, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An account's signals, the newest firing first."""
    page = signal_room.find(conn, viewer, filters, limit=limits.record_items_max)
    rows: list[dict[str, Any]] = msgspec.to_builtins(page.rows)
    return rows


def key(field: str, text: str) -> str:
    """A key out of a query. Raises `Invalid` for one that no store can hold."""
    if "\0" in text or len(text) > limits.string_identifier_chars_max:
        raise errors.Invalid(errors.Fault(field, "is not a key.", "Check it."))
    return text


def account_id(conn: Connection, ref: str) -> int:
    """An account's id from a filter. Raises `Invalid`, not `NotFound`: the list itself is there."""
    try:
        wanted = refs.account(ref)
    except errors.NotFound as error:
        raise errors.Invalid(errors.Fault("account", str(error))) from None
    if isinstance(wanted, int):
        return wanted
    row = store.account(conn, wanted)
    return int(row["id"]) if row else 0


def page(
    conn: Connection,
    query: store.Query,
    q: str,
    order: keyset.Order,
    cursor: str | None,
    limit: int | None,
) -> tuple[int, list[store.Row], str | None]:
    """(total, rows, next cursor) of a list, with search that forgives slips of the pen.

    Words are looked for as typed; only when nothing holds them, for what is like them, the likest
    first. So a right spelling is never drowned in near ones.
    """
    rows_max = keyset.page_rows(limit)
    words = fold_name(q)
    if len(words) > limits.search_chars_max or "\0" in words:
        raise errors.Invalid(
            errors.Fault(
                "q",
                "can't be searched for.",
                f"Use at most {limits.search_chars_max} characters.",
            )
        )
    typed = query.typed(words)
    total = store.count(conn, typed)
    if total == 0 and words:
        typed, order = query.like(words), store.MATCH
        store.allow_typos(conn)
        total = store.count(conn, typed)
    rows = store.page(conn, typed, order, keyset.decode(cursor, order), rows_max + 1)
    if len(rows) <= rows_max:
        return total, rows, None
    last = rows[rows_max - 1]
    return total, rows[:rows_max], keyset.encode(order, last[order.column], last["id"])
