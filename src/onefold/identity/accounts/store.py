"""The ladder's SQL for the worker: the directory, clues, claims, and accounts that a domain makes.

What people decided is in decisions.py, what pages read in reads.py.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from onefold.identity.accounts import domains
from onefold.identity.accounts.claims import Found
from onefold.identity.accounts.directory import STRENGTH, Key
from onefold.identity.accounts.model import Claim, Outcome, Read, Rung
from onefold.storage import Connection

CLAIMS = """
SELECT k.kind, k.value, a.key, c.source, c.place, NOT EXISTS (
  SELECT FROM account_claim o JOIN account b ON b.id = o.account_id
  WHERE o.kind = c.kind AND o.value = c.value AND a.parent_id IN (b.id, b.merged_into)
) FROM unnest(%s::text[], %s::text[]) AS k (kind, value)
JOIN account_claim c ON c.kind = k.kind AND c.value = k.value
JOIN account a ON a.id = c.account_id
"""
SHARED = "SELECT domain FROM shared_domain WHERE domain = ANY(%s)"
# Explicit memberships (rungs 1 and 2) of people with an address at each domain.
SPREAD = f"""
SELECT c.value, count(DISTINCT coalesce(a.merged_into, a.id)) FROM account_clue c
JOIN person_account p ON p.person_id = c.person_id AND p.rung IN ({Rung.GROUP:d}, {Rung.CRM:d})
JOIN account a ON a.id = p.account_id
WHERE c.rung = {Rung.EMAIL:d} AND c.value = ANY(%s) GROUP BY c.value
"""
SHARED_OF = f"""
SELECT DISTINCT s.domain FROM account_clue c JOIN shared_domain s ON s.domain = c.value
WHERE c.person_id = ANY(%s) AND c.rung = {Rung.EMAIL:d}
"""
SHARE = "INSERT INTO shared_domain SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
UNSHARE = "DELETE FROM shared_domain WHERE domain = ANY(%s)"
EMAILS = """
SELECT f.person_id, i.namespace, i.value, i.id, f.id
FROM fragment f JOIN identifier i ON i.id = f.identifier_id
WHERE f.person_id = ANY(%s) AND i.namespace IN ('email', 'contact')
"""
CONTACTS = """
SELECT c.id, a.key FROM contact c JOIN account a ON a.id = c.account_id
WHERE c.id = ANY(%s) AND c.archived_at IS NULL
"""
DROP_CLUES = "DELETE FROM account_clue WHERE person_id = ANY(%s)"
ADD_CLUES = """
INSERT INTO account_clue (person_id, rung, value, first_ms, account_id, outcome)
SELECT t.person_id, t.rung, t.value, t.first_ms, a.id, t.outcome
FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::bigint[], %s::text[], %s::text[])
  AS t (person_id, rung, value, first_ms, key, outcome)
LEFT JOIN account a ON md5(a.key) = md5(t.key) AND a.key = t.key
ON CONFLICT DO NOTHING
"""
PEOPLE_AT = """
SELECT DISTINCT c.person_id FROM unnest(%s::smallint[], %s::text[]) AS k (rung, value)
JOIN account_clue c ON c.rung = k.rung AND c.value = k.value
"""
CLAIMS_OF = """
SELECT account_id, kind, value, source, place FROM account_claim WHERE account_id = ANY(%s)
"""
DROP_CLAIMS = "DELETE FROM account_claim WHERE account_id = ANY(%s)"
DROP_CLAIM = """
DELETE FROM account_claim c USING unnest(%s::bigint[], %s::text[], %s::text[])
  AS t (account_id, kind, value)
WHERE c.account_id = t.account_id AND c.kind = t.kind AND c.value = t.value
"""
ADD_CLAIM = """
INSERT INTO account_claim (account_id, kind, value, source, place)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT (account_id, kind, value) DO UPDATE SET source = excluded.source,
  place = excluded.place
"""
ROWS = """
SELECT id, key, name, domain, edited, made, merged_into FROM account WHERE id = ANY(%s)
"""
MAKE = """
INSERT INTO account (key, domain, name_sort, made)
SELECT d, d, d, 'domain' FROM unnest(%s::text[]) AS d ON CONFLICT DO NOTHING
"""
CLAIM_MADE = """
INSERT INTO account_claim (account_id, kind, value, source)
SELECT a.id, 'domain', a.key, 'made' FROM account a
WHERE md5(a.key) = ANY (ARRAY(SELECT md5(d) FROM unnest(%s::text[]) AS d)) AND a.key = ANY(%s)
ON CONFLICT DO NOTHING
"""
NAMED = """
UPDATE account SET made = '', domain = CASE WHEN edited ? 'domain' THEN domain ELSE '' END
WHERE made <> '' AND key = ANY(%s)
"""
# Accounts that the ladder made, that nobody is in, and that no person and no record touched.
EMPTY = """
SELECT a.id, a.key FROM account a
WHERE a.id = ANY(%s) AND a.made <> '' AND a.owner_id IS NULL AND a.edited = '{}'
AND a.merged_into IS NULL AND a.parent_id IS NULL
AND NOT EXISTS (SELECT FROM identifier i
  WHERE i.namespace = 'account_id' AND md5(i.value) = md5(a.key) AND i.value = a.key)
AND NOT EXISTS (SELECT FROM person_account p WHERE p.account_id = a.id)
AND NOT EXISTS (SELECT FROM account o WHERE o.parent_id = a.id OR o.merged_into = a.id)
AND NOT EXISTS (SELECT FROM contact c WHERE c.account_id = a.id)
AND NOT EXISTS (SELECT FROM ticket t WHERE t.account_id = a.id)
AND NOT EXISTS (SELECT FROM task t WHERE t.account_id = a.id)
AND NOT EXISTS (SELECT FROM signal s WHERE s.account_id = a.id)
AND NOT EXISTS (SELECT FROM deal e WHERE e.account_id = a.id)
AND NOT EXISTS (SELECT FROM lead l WHERE l.account_id = a.id)
AND NOT EXISTS (SELECT FROM subscription u WHERE u.account_id = a.id)
AND NOT EXISTS (SELECT FROM activity y WHERE y.account_id = a.id)
AND NOT EXISTS (SELECT FROM account_decision d WHERE md5(d.account_key) = md5(a.key)
  AND d.account_key = a.key AND d.undone_ms IS NULL AND d.replaced_by IS NULL)
"""
PERSON_OF = """
SELECT DISTINCT f.person_id FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.namespace = %s AND md5(i.value) = md5(%s) AND i.value = %s AND f.person_id <> 0
"""
CLAIMS_OF_ALL = "SELECT DISTINCT kind, value FROM account_claim WHERE account_id = ANY(%s)"
AFTER = "SELECT id FROM account WHERE id > %s ORDER BY id LIMIT %s"
DROP = "DELETE FROM account WHERE id = ANY(%s)"


class Row(NamedTuple):
    """An account as the ladder sees its row."""

    id: int
    key: str
    name: str
    domain: str
    edited: dict[str, Any]
    made: str
    merged_into: int | None


def claims(conn: Connection, keys: Collection[Key]) -> dict[Key, list[Claim]]:
    """Who claims each (kind, value)."""
    out: dict[Key, list[Claim]] = {}
    if keys:
        params = [[k for k, _ in keys], [v for _, v in keys]]
        for kind, value, key, source, place, top in conn.execute(CLAIMS, params):
            out.setdefault((kind, value), []).append(Claim(key, STRENGTH[source], place, top))
    return out


def shared(conn: Connection, found: Collection[str]) -> set[str]:
    """Those of the domains that are known as shared from what people there are in."""
    return {d for (d,) in conn.execute(SHARED, (list(found),))} if found else set()


def spread(conn: Connection, found: Collection[str]) -> dict[str, int]:
    """In how many accounts the people of each domain are, by those accounts' own ids."""
    return dict(conn.execute(SPREAD, (list(found),)).fetchall()) if found else {}


def set_shared(conn: Connection, now: Collection[str], no_more: Collection[str]) -> None:
    """Note which domains are shared, and which are no more."""
    if now:
        conn.execute(SHARE, (sorted(now),))
    if no_more:
        conn.execute(UNSHARE, (sorted(no_more),))


def emails_and_contacts(
    conn: Connection, person_ids: Collection[int]
) -> Iterable[tuple[int, str, str, int, int]]:
    """(person, namespace, value, identifier id, fragment id) of addresses and CRM contacts."""
    return conn.execute(EMAILS, (list(person_ids),), binary=True).fetchall()


def accounts_of_contacts(conn: Connection, contact_ids: Collection[int]) -> dict[int, str]:
    """The account's key by contact id, where the contact's row has an account."""
    return dict(conn.execute(CONTACTS, (list(contact_ids),)).fetchall()) if contact_ids else {}


def save_clues(conn: Connection, read: Mapping[int, Sequence[Read]]) -> None:
    """Replace the clues of these people."""
    conn.execute(DROP_CLUES, (list(read),))
    rows = [
        (person, int(one.clue.rung), one.clue.value, one.clue.first_ms, one.key, one.outcome)
        for person, found in read.items()
        for one in found
        if one.clue.rung > Rung.CRM
    ]
    if rows:
        conn.execute(ADD_CLUES, [list(column) for column in zip(*rows, strict=True)])


def shared_of(conn: Connection, person_ids: Collection[int]) -> set[str]:
    """Domains that count as shared and that these people have an address at."""
    if not person_ids:
        return set()
    return {str(domain) for (domain,) in conn.execute(SHARED_OF, (list(person_ids),))}


def drop_clues(conn: Connection, person_ids: Collection[int]) -> None:
    """Forget the clues of people who are no more."""
    if person_ids:
        conn.execute(DROP_CLUES, (list(person_ids),))


def people_at(conn: Connection, keys: Iterable[Key]) -> list[int]:
    """People with a clue of one of these kinds and values."""
    rungs = {"domain": (Rung.EMAIL, Rung.WEBSITE), "registry": (Rung.REGISTRY,),
             "name": (Rung.NAME,)}  # fmt: skip
    flat = [(int(rung), value) for kind, value in keys for rung in rungs[kind]]
    if not flat:
        return []
    rows = conn.execute(PEOPLE_AT, [[r for r, _ in flat], [v for _, v in flat]])
    return [person for (person,) in rows]


def rows(conn: Connection, account_ids: Collection[int]) -> dict[int, Row]:
    """Accounts by id."""
    return {row[0]: Row(*row) for row in conn.execute(ROWS, (list(account_ids),))}


def set_claims(conn: Connection, wanted: Mapping[int, Mapping[Key, Found]]) -> set[Key]:
    """Write what accounts can be found by now; the (kind, value)s whose claim changed.

    Claims that a domain made stay: they go with the account.
    """
    before: dict[int, dict[Key, tuple[str, str]]] = {i: {} for i in wanted}
    for account_id, kind, value, source, place in conn.execute(CLAIMS_OF, (list(wanted),)):
        before[account_id][kind, value] = source, place
    new: list[tuple[int, Found]] = []
    gone: list[tuple[int, str, str]] = []
    for account_id, claims in wanted.items():
        held = before[account_id]
        new += [(account_id, f) for k, f in claims.items() if held.get(k) != (f.source, f.place)]
        gone += [(account_id, *k) for k, (s, _) in held.items() if k not in claims and s != "made"]
    if gone:
        conn.execute(DROP_CLAIM, [list(column) for column in zip(*gone, strict=True)])
    if new:
        columns = zip(*((account_id, *found) for account_id, found in new), strict=True)
        conn.execute(ADD_CLAIM, [list(column) for column in columns])
    return {(f.kind, f.value) for _, f in new} | {(kind, value) for _, kind, value in gone}


def make(conn: Connection, found: Collection[str]) -> None:
    """Accounts for domains that nobody claims; one there is with the domain as its key is it."""
    wanted = sorted(found)
    conn.execute(MAKE, (wanted,))
    conn.execute(CLAIM_MADE, (wanted, wanted))


def named(conn: Connection, keys: Collection[str]) -> None:
    """Facts name these accounts now: none of them is merely made by its domain any more."""
    conn.execute(NAMED, (list(keys),))


def empty(conn: Connection, account_ids: Collection[int]) -> dict[int, str]:
    """Those of the accounts, with their keys, that a domain made and that nothing needs."""
    return dict(conn.execute(EMPTY, (list(account_ids),)).fetchall()) if account_ids else {}


def drop(conn: Connection, account_ids: Collection[int]) -> None:
    """Delete accounts that nothing needs, with their claims."""
    if account_ids:
        conn.execute(DROP_CLAIMS, (list(account_ids),))
        conn.execute(DROP, (list(account_ids),))


def verdicts(found: Iterable[str], rules: Mapping[str, str]) -> dict[str, Outcome]:
    """Verdicts of the domains that have one."""
    return {d: v for d in found if (v := domains.verdict(d, rules)) != ""}


def person_of(conn: Connection, namespace: str, value: str) -> list[int]:
    """The people that hold an identifier: one, but for a device's chapters."""
    return [person for (person,) in conn.execute(PERSON_OF, (namespace, value, value))]


def claims_of(conn: Connection, account_ids: Collection[int]) -> list[Key]:
    """What accounts can be found by."""
    return conn.execute(CLAIMS_OF_ALL, (list(account_ids),)).fetchall()


def accounts_after(conn: Connection, account_id: int, rows_max: int) -> list[int]:
    """Account ids in order, for a look at all of them."""
    return [i for (i,) in conn.execute(AFTER, (account_id, rows_max))]
