"""The SQL of what people decided about accounts and domains, and what the worker keeps of it.

A door writes a row and leaves it `pending`; the worker takes it up (worker/ladder.py).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from onefold.identity.accounts import store
from onefold.identity.accounts.directory import STRENGTH, Directory, Key
from onefold.identity.accounts.model import Claim, Kind, Said
from onefold.kernel import errors, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_COLUMNS = """
id, kind, account_key, namespace, value, role, from_ms, until_ms, reason, actor, actor_name, at_ms,
undone_by, undone_by_name, undone_reason, undone_ms, replaced_by, pending, taken_ms
"""
_COUNTS = "undone_ms IS NULL AND replaced_by IS NULL"
IN_FORCE = f"SELECT {_COLUMNS} FROM account_decision WHERE {_COUNTS} ORDER BY id"
PENDING = f"""
SELECT {_COLUMNS} FROM account_decision WHERE pending ORDER BY id LIMIT 200 FOR UPDATE
"""
TAKEN = "UPDATE account_decision SET pending = false, taken_ms = %s WHERE id = ANY(%s)"
GET = f"SELECT {_COLUMNS} FROM account_decision WHERE id = %s"
COUNT = f"SELECT count(*) FROM account_decision WHERE {_COUNTS}"
LISTED = f"SELECT {_COLUMNS} FROM account_decision WHERE id < %s ORDER BY id DESC LIMIT %s"
OF_PERSON = f"""
SELECT {_COLUMNS} FROM account_decision d
JOIN unnest(%s::text[], %s::text[]) AS k (n, v)
  ON d.namespace = k.n AND md5(d.value) = md5(k.v) AND d.value = k.v
ORDER BY id DESC LIMIT 200
"""
OF_ACCOUNT = f"""
SELECT {_COLUMNS} FROM account_decision
WHERE (md5(account_key) = ANY (ARRAY(SELECT md5(k) FROM unnest(%(keys)s::text[]) AS k))
    AND account_key = ANY(%(keys)s))
  OR (kind = 'merge' AND value = ANY(%(keys)s))
ORDER BY id DESC LIMIT 200
"""
ADD = """
INSERT INTO account_decision (kind, account_key, namespace, value, role, from_ms, until_ms, reason,
  actor, actor_name, at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
# A newer word on the same two: member and not_member, domain and not_domain replace each other; a
# person has one primary, a domain one owner by hand, an account turns out to be one other.
REPLACE = f"""
UPDATE account_decision SET replaced_by = %(id)s, pending = true
WHERE id <> %(id)s AND {_COUNTS} AND namespace = %(namespace)s AND (
  (kind = ANY(%(kinds)s) AND account_key = %(account_key)s AND value = %(value)s)
  OR (kind = 'primary' AND %(kind)s = 'primary' AND value = %(value)s)
  OR (kind = 'domain' AND %(kind)s = 'domain' AND value = %(value)s)
  OR (kind = 'merge' AND %(kind)s = 'merge' AND account_key = %(account_key)s))
"""
UNDO = f"""
UPDATE account_decision SET undone_by = %s, undone_by_name = %s, undone_reason = %s, undone_ms = %s,
  pending = true
WHERE id = %s AND {_COUNTS}
"""
RULES = "SELECT domain, verdict FROM domain_rule"
RULE_ROWS = "SELECT domain, verdict, note, actor_name, at_ms FROM domain_rule ORDER BY domain"
SET_RULE = """
INSERT INTO domain_rule (domain, verdict, note, actor, actor_name, at_ms)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (domain) DO UPDATE SET verdict = excluded.verdict, note = excluded.note,
  actor = excluded.actor, actor_name = excluded.actor_name, at_ms = excluded.at_ms
"""
DROP_RULE = "DELETE FROM domain_rule WHERE domain = %s"
SETTINGS = "SELECT make, version, taken, lists, sweep_kind, sweep_after FROM account_ladder"
SET_MAKE = "UPDATE account_ladder SET make = %s, version = version + 1"
TOUCH = "UPDATE account_ladder SET version = version + 1"
SET_TAKEN = "UPDATE account_ladder SET taken = %s"
SET_SWEEP = "UPDATE account_ladder SET lists = %s, sweep_kind = %s, sweep_after = %s"
MERGED_ROWS = "SELECT id, key, merged_into FROM account WHERE merged_into IS NOT NULL"
UNMERGE = "UPDATE account SET merged_into = NULL WHERE merged_into IS NOT NULL"
SET_MERGED = """
UPDATE account a SET merged_into = b.id FROM unnest(%s::text[], %s::text[]) AS t (key, into_key)
JOIN account b ON md5(b.key) = md5(t.into_key) AND b.key = t.into_key
WHERE md5(a.key) = md5(t.key) AND a.key = t.key
"""
_REPLACES: dict[str, list[str]] = {
    "member": ["member", "not_member"], "not_member": ["member", "not_member"],
    "primary": ["primary"], "merge": ["merge"], "domain": ["domain", "not_domain"],
    "not_domain": ["domain", "not_domain"],
}  # fmt: skip


class Book:
    """The decisions in force, and the domains' rules, as the worker holds them in memory."""

    def __init__(self, said: Iterable[Said] = (), rules: Mapping[str, str] | None = None) -> None:
        self.rules = rules or {}
        self.make = True
        self.of_person: dict[Identifier, list[Said]] = {}
        self.of_domain: dict[str, list[Said]] = {}
        merges: dict[str, str] = {}
        for one in said:
            if one.kind == "merge":
                merges[one.account_key] = one.value
            elif one.kind in ("domain", "not_domain"):
                self.of_domain.setdefault(one.value, []).append(one)
            else:
                about = Identifier(one.namespace, one.value)
                self.of_person.setdefault(about, []).append(one)
        self.aliases = {key: _end(key, merges) for key in merges}
        self.merged: dict[str, list[str]] = {}
        for key, into in self.aliases.items():
            self.merged.setdefault(into, []).append(key)
        self.merged_ids: dict[int, int] = {}

    def about(self, identifiers: Iterable[tuple[str, str]]) -> list[Said]:
        """Decisions on a person with these identifiers, oldest first."""
        if not self.of_person:
            return []
        found = {
            one.id: one for key in identifiers for one in self.of_person.get(Identifier(*key), ())
        }
        return [found[i] for i in sorted(found)]

    def keys(self, key: str) -> list[str]:
        """An account's key and those of the accounts that turned out to be it."""
        return [key, *sorted(self.merged.get(key, ()))]


def _end(key: str, merges: Mapping[str, str]) -> str:
    seen = {key}
    while key in merges and merges[key] not in seen:
        key = merges[key]
        seen.add(key)
    return key


def load(conn: Connection) -> Book:
    """Everything in force."""
    book = Book(in_force(conn), dict(conn.execute(RULES).fetchall()))
    book.make = settings(conn)[0]
    book.merged_ids = {i: into for i, _, into in conn.execute(MERGED_ROWS)}
    return book


def directory(conn: Connection, book: Book, keys: Collection[Key]) -> Directory:
    """Who owns each (kind, value), by claims, by the lists and by what people decided."""
    domains = [value for kind, value in keys if kind == "domain"]
    verdicts = store.verdicts(domains, book.rules)
    asked = [key for key in keys if key[0] != "domain" or key[1] not in verdicts]
    claims = store.claims(conn, asked)
    for domain in domains:
        for one in book.of_domain.get(domain, ()):
            others = [c for c in claims.get(("domain", domain), ()) if c.key != one.account_key]
            if one.kind == "domain":
                others.append(Claim(one.account_key, STRENGTH["hand"]))
            claims["domain", domain] = others
    made = STRENGTH["made"]
    free = [
        value for kind, value in asked
        if kind == "domain" and all(c.strength == made for c in claims.get((kind, value), ()))
    ]  # fmt: skip
    for domain in store.shared(conn, free):
        verdicts[domain] = "shared"
    return Directory(claims, verdicts, book.aliases)


def in_force(conn: Connection) -> list[Said]:
    """The decisions that count, oldest first."""
    return [Said(*row) for row in conn.execute(IN_FORCE)]


def pending(conn: Connection) -> list[Said]:
    """The worker's queue, locked."""
    return [Said(*row) for row in conn.execute(PENDING)]


def taken(conn: Connection, ids: Sequence[int], at_ms: int) -> None:
    """Take decisions off the queue."""
    conn.execute(TAKEN, (at_ms, list(ids)))


def set_merged(conn: Connection, aliases: Mapping[str, str]) -> None:
    """Write into the accounts' rows which other account each is."""
    conn.execute(UNMERGE)
    if aliases:
        conn.execute(SET_MERGED, (list(aliases), list(aliases.values())))


def settings(conn: Connection) -> tuple[bool, int, int, str, int, int]:
    """(make, version, taken, lists, sweep_kind, sweep_after)."""
    (row,) = conn.execute(SETTINGS).fetchall()
    return row


def set_taken(conn: Connection, version: int) -> None:
    """The worker follows the settings of this version."""
    conn.execute(SET_TAKEN, (version,))


def set_sweep(conn: Connection, lists: str, kind: int, after: int) -> None:
    """How far a look at everybody has come."""
    conn.execute(SET_SWEEP, (lists, kind, after))


# ── doors ──────────────────────────────────────────────────────────────────────────────────────


def get(conn: Connection, viewer: Viewer, decision_id: int) -> Said:
    """A decision. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(GET, (decision_id,)).fetchone()
    if row is None:
        raise errors.NotFound(
            f"There is no account decision {decision_id}. `GET /api/accounts/decisions` lists them."
        )
    return Said(*row)


def listed(conn: Connection, viewer: Viewer, before: int | None, rows_max: int) -> list[Said]:
    """Decisions, newest first, those undone included."""
    viewer.must_read()
    return [Said(*row) for row in conn.execute(LISTED, (before or 1 << 62, rows_max))]


def of_person(
    conn: Connection, viewer: Viewer, identifiers: Collection[tuple[str, str]]
) -> list[Said]:
    """Decisions about a person with these identifiers, newest first."""
    viewer.must_read()
    params = ([n for n, _ in identifiers], [v for _, v in identifiers])
    return [Said(*row) for row in conn.execute(OF_PERSON, params)]


def of_account(conn: Connection, viewer: Viewer, keys: Collection[str]) -> list[Said]:
    """Decisions about an account, by its key and those of what turned out to be it."""
    viewer.must_read()
    return [Said(*row) for row in conn.execute(OF_ACCOUNT, {"keys": list(keys)})]


def say(
    conn: Connection,
    viewer: Viewer,
    kind: Kind,
    account_key: str,
    about: tuple[str, str],
    now_ms: int,
    *,
    role: str = "",
    from_ms: int | None = None,
    until_ms: int | None = None,
    reason: str = "",
) -> Said:
    """Write a decision; an older one on the same yields. Raises `Invalid` for one too many."""
    viewer.must_write()
    most = limits.decision_reason_chars_max
    if len(reason) > most:
        raise errors.Invalid(errors.Fault("reason", "is too long.", f"Use at most {most} letters."))
    (count,) = conn.execute(COUNT).fetchall()
    if count[0] >= limits.account_decisions_max:
        raise errors.Invalid(
            errors.Fault("account", "is one decision too many.", "Undo some that no longer matter.")
        )
    namespace, value = about
    (row,) = conn.execute(
        ADD,
        (kind, account_key, namespace, value, role.strip(), from_ms, until_ms, reason.strip(),
         viewer.actor, viewer.name, now_ms),
    ).fetchall()  # fmt: skip
    names: dict[str, Any] = {
        "id": row[0], "kind": kind, "kinds": _REPLACES[kind], "namespace": namespace,
        "value": value, "account_key": account_key,
    }  # fmt: skip
    if kind == "merge":
        names["kinds"] = []
    conn.execute(REPLACE, names)
    return get(conn, viewer, row[0])


def undo(conn: Connection, viewer: Viewer, decision_id: int, reason: str, now_ms: int) -> Said:
    """Take a decision back. Raises `NotFound`, or `Conflict` when it no longer counts."""
    viewer.must_write()
    said = get(conn, viewer, decision_id)
    params = (viewer.actor, viewer.name, reason.strip(), now_ms, decision_id)
    if conn.execute(UNDO, params).rowcount == 0:
        how = "undone" if said.undone_ms is not None else f"replaced by {said.replaced_by}"
        raise errors.Conflict(
            f"Account decision {said.id} was {how} already. Nothing is left to undo.",
            {"id": said.id, "undone_by": said.undone_by_name, "replaced_by": said.replaced_by},
        )
    return get(conn, viewer, decision_id)


def rule_rows(conn: Connection, viewer: Viewer) -> list[tuple[str, str, str, str, int]]:
    """(domain, verdict, note, who said so, when) of the workspace's own list."""
    viewer.must_read()
    return conn.execute(RULE_ROWS).fetchall()


def set_rule(
    conn: Connection, viewer: Viewer, domain: str, verdict: str, note: str, now_ms: int
) -> None:
    """Say what a domain is."""
    viewer.must_admin()
    conn.execute(SET_RULE, (domain, verdict, note, viewer.actor, viewer.name, now_ms))
    conn.execute(TOUCH)


def drop_rule(conn: Connection, viewer: Viewer, domain: str) -> bool:
    """Leave a domain to the lists again; False when there was no word on it."""
    viewer.must_admin()
    conn.execute(TOUCH)
    return conn.execute(DROP_RULE, (domain,)).rowcount > 0


def set_make(conn: Connection, viewer: Viewer, make: bool) -> None:
    """Whether a domain that nobody claims makes an account."""
    viewer.must_admin()
    conn.execute(SET_MAKE, (make,))
