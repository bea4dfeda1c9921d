"""Audiences that are lists: identifiers uploaded to them, matched now or when somebody has them."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any, TypedDict

from onefold import audiences, identity
from onefold.audiences import rows_store
from onefold.identity.accounts import domains
from onefold.kernel import clock, errors, identifiers, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import marking
from onefold.storage import Connection

_COLUMNS = {
    "person": {"email": "email", "e-mail": "email", "user_id": "user_id", "userid": "user_id",
               "anonymous_id": "anonymous_id", "contact": "contact"},
    "account": {"account": "account_id", "account_id": "account_id", "key": "account_id",
                "domain": "domain", "website": "domain"},
}  # fmt: skip


class Uploaded(TypedDict):
    """What a change of a list did, and how it stands: `matched` of `entries` somebody has.

    `refused` are the first that are no identifier, with why.
    """

    added: int
    removed: int
    known: int
    refused: list[str]
    refused_total: int
    entries: int
    matched: int
    unmatched: int


class ListEntry(TypedDict):
    """An identifier on a list; `id`: who has it, null for nobody yet."""

    identifier: str
    id: str | None
    added_at: str
    added_by: str


class EntriesPage(TypedDict):
    """A page of a list."""

    items: list[ListEntry]
    next: str | None


def change(
    conn: Connection,
    viewer: Viewer,
    key: str,
    now_ms: int,
    *,
    add: str | list[str] = "",
    remove: str | list[str] = "",
) -> Uploaded:
    """Add identifiers to a list, take others away. Each side is a JSON list or CSV text.

    Raises `NotFound`, and `Invalid` for an audience that is no list, or too much of it.
    """
    viewer.must_admin()
    one = _list(conn, viewer, key)
    refused: list[str] = []
    added, removed = _read(add, one.of, refused, "add"), _read(remove, one.of, refused, "remove")
    before = rows_store.holders(conn, one.id, one.of, removed) if removed else []
    gone = rows_store.remove(conn, one.id, removed) if removed else 0
    new = rows_store.add(conn, one.id, added, viewer.actor, now_ms) if added else 0
    after = rows_store.holders(conn, one.id, one.of, added) if added else []
    marking.mark(conn, one.of, sorted({*before, *after}), one.id)
    n, matched = rows_store.counts(conn, one.id, one.of)
    if n > limits.audience_entries_max:
        remedy = f"A list has at most {limits.audience_entries_max:,}."
        raise errors.Invalid(errors.Fault("add", f"It would have {n:,} entries.", remedy))
    return {
        "added": new, "removed": gone, "known": len(added) - new,
        "refused": refused[: limits.import_faults_max], "refused_total": len(refused),
        "entries": n, "matched": matched, "unmatched": n - matched,
    }  # fmt: skip


def entries(
    conn: Connection, viewer: Viewer, key: str, cursor: str | None, limit: int | None
) -> EntriesPage:
    """A page of a list, in the order of its identifiers. Raises `NotFound`, `Invalid`."""
    viewer.must_read()
    one = _list(conn, viewer, key)
    rows = min(limit or limits.page_rows_default, limits.page_rows_max)
    namespace, _, value = (cursor or "").partition(":")
    found = rows_store.entries(conn, one.id, one.of, (namespace, value), max(rows, 1))
    prefix = "per" if one.of == "person" else "acc"
    items: list[ListEntry] = [
        {
            "identifier": f"{name}:{text}",
            "id": None if holder is None else ids.api_id(prefix, holder),
            "added_at": clock.iso(added_ms) or "",
            "added_by": by,
        }
        for name, text, added_ms, by, holder in found
    ]
    return {"items": items, "next": items[-1]["identifier"] if len(items) == rows else None}


def _list(conn: Connection, viewer: Viewer, key: str) -> audiences.Audience:
    one = audiences.get(conn, viewer, key)
    if one.kind != "list":
        remedy = "Create one with `definition: {of: person, list: true}`."
        raise errors.Invalid(errors.Fault("key", f"`{key}` is not a list.", remedy))
    return one


# ── reading ────────────────────────────────────────────────────────────────────────────────────


def _read(
    given: str | list[str], kind: audiences.Kind, refused: list[str], field: str
) -> list[tuple[str, str]]:
    """Identifiers as they are stored, each once."""
    try:
        pairs = list(_text(given, kind) if isinstance(given, str) else ((v, "") for v in given))
    except (ValueError, TypeError, csv.Error, RecursionError) as error:
        remedy = "Send a list of texts, or CSV with one identifier a line."
        raise errors.Invalid(errors.Fault(field, f"cannot be read: {error}", remedy)) from None
    if len(pairs) > limits.audience_entries_call_max:
        remedy = f"Send at most {limits.audience_entries_call_max:,} at once."
        raise errors.Invalid(errors.Fault(field, f"has {len(pairs):,} entries.", remedy))
    out: dict[tuple[str, str], None] = {}
    for value, namespace in pairs:
        if not isinstance(value, str) or not value.strip():
            continue
        found = (_person if kind == "person" else _account)(value.strip(), namespace)
        if found is None:
            refused.append(f"{value[:80]}: is no identifier of {kind}s.")
        else:
            out[found] = None
    return list(out)


def _text(text: str, kind: str) -> Iterable[tuple[str, str]]:
    """(value, namespace or "") of CSV: with a header that names columns, else the first column."""
    if text.lstrip().startswith("["):
        listed: Any = json.loads(text)
        yield from ((v, "") for v in listed)
        return
    rows = csv.reader(io.StringIO(text))
    names: dict[int, str] = {0: ""}
    for n, row in enumerate(rows):
        if n == 0:
            head = [c.strip().lower().lstrip("\ufeff") for c in row]
            known = {i: _COLUMNS[kind][c] for i, c in enumerate(head) if c in _COLUMNS[kind]}
            if known:
                names = known
                continue
        for i, namespace in names.items():  # the first of the known columns that is filled
            if i < len(row) and row[i].strip():
                yield row[i], namespace
                break


def _person(value: str, namespace: str) -> tuple[str, str] | None:
    if not namespace:
        if value.startswith("con_"):
            namespace, value = "contact", value.removeprefix("con_")
        elif "@" in value and ":" not in value:
            namespace = "email"
        else:
            left, colon, right = value.partition(":")
            namespace, value = (
                (left, right) if colon and left.isidentifier() else ("user_id", value)
            )
    clean = identity.RULES.normal(namespace, value)
    return None if clean is None else (namespace, clean)


def _account(value: str, namespace: str) -> tuple[str, str] | None:
    if not namespace:
        left, colon, right = value.partition(":")
        if colon and left in ("account_id", "domain"):
            namespace, value = left, right
        else:
            namespace = "domain" if domains.registrable(value) == value.lower() else "account_id"
    if namespace == "domain":
        found = domains.registrable(value)
        return None if found is None else ("domain", found)
    clean = identifiers.normalise("account_id", value)
    return None if clean is None else ("account_id", clean)
