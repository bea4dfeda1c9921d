"""An account as everybody sees it, and the list of accounts."""

from typing import Any, cast

from onefold import audiences, crm, profiles
from onefold.identity import accounts
from onefold.identity.accounts import reads as ladder
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import family, keyset, lines, model, refs, store
from onefold.record.profile.wanted import ACCOUNT, Wanted
from onefold.storage import Connection

RISKS = ("warning", "critical")
NOBODY = "none"
WHOLE = Wanted(ACCOUNT.whole)


def find(conn: Connection, viewer: Viewer, ref: str) -> store.Row:
    """The row of the account that a reference means. Raises `NotFound`."""
    viewer.must_read()
    row = store.account(conn, refs.account(ref))
    if row is None:
        raise refs.unknown("account", ref)
    return row


def resolve(conn: Connection, viewer: Viewer, ref: str) -> int:
    """The id of the account that a reference means. Raises `NotFound`."""
    return int(find(conn, viewer, ref)["id"])


def account(
    conn: Connection, viewer: Viewer, ref: str, now_ms: int, wanted: Wanted | None = None
) -> model.Account:
    """The whole record of an account, or the parts of it that are `wanted`.

    `usage` covers the days up to `now_ms`. Raises `NotFound`.
    """
    row = find(conn, viewer, ref)
    asked = store.account_row(conn, refs.account(ref))
    merged = asked is not None and asked["id"] != row["id"]
    return made(conn, viewer, row, now_ms, wanted or WHOLE, merged=merged)


def made(
    conn: Connection,
    viewer: Viewer,
    row: store.Row,
    now_ms: int,
    wanted: Wanted,
    *,
    merged: bool = False,
) -> model.Account:
    """The record of an account from its row. `merged`: another account was asked for."""
    account_id: int = row["id"]
    out = _head(row, merged=merged)
    if wanted.any("first_seen", "last_seen", "identifiers", "traits", "events"):
        out |= _told(conn, profiles.account(conn, viewer, account_id), row)
    if wanted.any("people"):
        found = ladder.people(conn, viewer, account_id, limits.account_people_max)
        out["people"] = [_person(p) for p in found]
    if wanted.any(*family.Family.__annotations__):
        out |= {**family.of(conn, viewer, row)}
    if wanted.any("audiences"):
        kept = audiences.memberships_of(conn, viewer, "account", account_id)
        out["audiences"] = lines.audiences((m.key, m.name, m.since_ms) for m in kept)
    if wanted.any("usage"):
        out["usage"] = _usage(conn, viewer, account_id, now_ms)
    if wanted.any("tickets", "tasks", "signals"):
        out |= _work(conn, viewer, account_id, wanted)
    return cast("model.Account", wanted.cut(out))


def _head(row: store.Row, *, merged: bool) -> dict[str, Any]:
    own = ids.api_id("acc", row["id"])
    return {
        "id": own,
        "merged_into": own if merged else None,
        "health": row["health"],
        "owner": _owner(row["owner_id"], (row["owner_name"], row["owner_email"])),
        "key": row["key"],
        "name": row["name"] or row["key"],
        "domain": row["domain"],
        "industry": row["industry"],
        "plan": row["plan"],
        "risk": row["risk"],
        "risk_reason": row["risk_reason"],
        "people_total": row["people_total"],
        "edited": row["edited"],
        "version": row["version"],
        "created_at": clock.iso(clock.from_datetime(row["created_at"])) or "",
        "updated_at": clock.iso(clock.from_datetime(row["updated_at"])) or "",
    }


def _told(conn: Connection, view: profiles.PersonView | None, row: store.Row) -> dict[str, Any]:
    """What facts say of the account itself."""
    first = clock.iso(view.first_ms) if view else None
    last = clock.iso(view.last_ms) if view else None
    return {
        "identifiers": [
            {
                "namespace": "account_id",
                "value": row["key"],
                "first_seen": first,
                "last_seen": last,
            }
        ],
        "traits": lines.traits(view.traits, store.source_keys(conn)) if view else {},
        "events": lines.events(view) if view else {"total": 0, "by_name": {}},
        "first_seen": first,
        "last_seen": clock.iso(row["last_seen_ms"] or (view.last_ms if view else None)),
    }


def _work(conn: Connection, viewer: Viewer, account_id: int, wanted: Wanted) -> dict[str, Any]:
    own = [account_id, *(r["id"] for r in ladder.merged(conn, viewer, account_id))]
    of_account = {"account_id": [ids.api_id("acc", i) for i in own]}
    out: dict[str, Any] = {}
    if wanted.any("tickets"):
        out["tickets"] = lines.work(conn, viewer, crm.tickets, of_account)
    if wanted.any("tasks"):
        out["tasks"] = lines.work(conn, viewer, crm.tasks, of_account)
    if wanted.any("signals"):
        out["signals"] = lines.signals(conn, viewer, of_account)
    return out


def _person(row: store.Row) -> model.PersonLink:
    rung = accounts.Rung(row["rung"])
    return {
        "id": ids.api_id("per", row["id"]),
        "name": row["name"],
        "email": row["email"],
        "last_seen": clock.iso(row["last_seen_ms"]),
        "role": row["role"] or row["title"],
        "since": clock.iso(row["since_ms"]) if row["since_ms"] else None,
        "until": clock.iso(row["until_ms"]),
        "primary": row["is_primary"],
        "rung": rung.name.lower(),
        "confidence": round(row["confidence"], 2),
    }


def _usage(conn: Connection, viewer: Viewer, account_id: int, now_ms: int) -> list[model.UsageDay]:
    """Every day of the window, oldest first; a quiet day is zero, not absent."""
    until = clock.day_of(now_ms)
    since = until - limits.account_usage_days_max + 1
    found = profiles.usage_by_day(conn, viewer, account_id, since, until)
    out: list[model.UsageDay] = []
    for day in range(since, until + 1):
        n, people = found.get(day, (0, 0))
        date = clock.to_datetime(day * clock.DAY_MS).date().isoformat()
        out.append({"day": date, "events": n, "people": people})
    return out


def list_accounts(
    conn: Connection,
    viewer: Viewer,
    *,
    q: str = "",
    audience: str | None = None,
    owner: str | None = None,
    risk: str | None = None,
    sort: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> model.AccountsPage:
    """A page of accounts, by name unless `sort` says otherwise.

    `owner`: a user's id or `none`. `risk`: `warning`, `critical`, or `any` of them. `q` as for
    people, in name, key and domain. Raises `Invalid` for what it does not know.
    """
    viewer.must_read()
    query = store.Query(store.ACCOUNTS, store.ACCOUNTS_TEXT)
    query.where(store.LIVING)
    if audience is not None:
        query.where(store.IN_AUDIENCE_ACCOUNTS, audience=lines.key("audience", audience))
    if owner == NOBODY:
        query.where(store.NO_OWNER)
    elif owner is not None:
        query.where(store.OWNER, owner=ids.parse_id("usr", owner, "owner"))
    if risk == "any":
        query.where(store.AT_RISK)
    elif risk is not None:
        if risk not in RISKS:
            raise errors.Invalid(
                errors.Fault("risk", f"`{risk[:50]}` is no risk.", "Use warning, critical or any.")
            )
        query.where(store.RISK, risk=risk)
    order = keyset.chosen(store.ACCOUNT_ORDERS, sort, "name")
    total, rows, cursor = lines.page(conn, query, q, order, cursor, limit)
    owners = store.owners(conn, [r["owner_id"] for r in rows if r["owner_id"]])
    people = store.people_counts(conn, [r["id"] for r in rows])
    return {"items": [_row(r, owners, people) for r in rows], "total": total, "next": cursor}


def _row(
    row: store.Row, owners: dict[int, tuple[str, str]], people: dict[int, int]
) -> model.AccountRow:
    return {
        "id": ids.api_id("acc", row["id"]),
        "key": row["key"],
        "name": row["name"] or row["key"],
        "domain": row["domain"],
        "industry": row["industry"],
        "plan": row["plan"],
        "owner": _owner(row["owner_id"], owners.get(row["owner_id"])),
        "health": row["health"],
        "risk": row["risk"],
        "people": people.get(row["id"], 0),
        "last_seen": clock.iso(row["last_seen_ms"]),
        "version": row["version"],
    }


def _owner(user_id: int | None, named: tuple[str, str] | None) -> model.Owner | None:
    if user_id is None or named is None:
        return None
    return {"id": ids.api_id("usr", user_id), "name": named[0], "email": named[1]}
