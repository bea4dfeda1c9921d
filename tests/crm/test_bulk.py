"""What the worker asks for, many rows at a time."""

import threading

from onefold import crm, storage
from onefold.kernel.viewer import Viewer

NOW = 1_796_000_000_000


def test_unknown_keys_get_rows_once(conn: storage.Connection) -> None:
    keys = ["b", "a", "b", "ключ", "x" * 5_000]
    found = crm.ensure_accounts(conn, keys)
    assert found.keys() == set(keys)
    assert crm.ensure_accounts(conn, keys) == found
    assert crm.accounts_by_key(conn, ["a", "nobody"]) == {"a": found["a"]}
    assert crm.account_keys(conn, [found["a"], 10**9]) == {found["a"]: "a"}
    assert crm.owners(conn, [found["a"]]) == {found["a"]: None}
    assert crm.ensure_accounts(conn, []) == {}


def test_two_transactions_ensuring_the_same_keys_agree(database: str) -> None:
    found: list[dict[str, int]] = []

    def ensure(keys: list[str]) -> None:
        with storage.connect(database) as conn:
            found.append(crm.ensure_accounts(conn, keys))

    keys = [f"k{n}" for n in range(200)]
    threads = [threading.Thread(target=ensure, args=(k,)) for k in (keys, keys[::-1], keys)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] == found[2]


def test_group_traits_fill_columns_unless_a_person_edited_them(
    conn: storage.Connection, rep: Viewer
) -> None:
    ids = crm.ensure_accounts(conn, ["a", "b"])
    crm.accounts.update(conn, rep, ids["a"], {"plan": "enterprise"}, NOW)
    changed = crm.apply_account_traits(
        conn,
        [
            (ids["a"], {"name": "Ärger  GmbH", "plan": "pro", "seats": 9, "industry": None}),
            (ids["b"], {"name": "old"}),
            (ids["b"], {"name": 42, "domain": "b\0.co", "industry": ["x"], "plan": "y" * 999}),
        ],
    )
    assert changed == {ids["a"]: ["name"], ids["b"]: ["domain", "name", "plan"]}
    a, b = (crm.accounts.get(conn, rep, ids[k]) for k in ("a", "b"))
    assert (a.name, a.plan, a.industry) == ("Ärger GmbH", "enterprise", "")
    assert (b.name, b.domain, len(b.plan)) == ("42", "b .co", 200)
    assert crm.apply_account_traits(conn, [(ids["b"], {"name": "42"})]) == {}
    assert crm.apply_account_traits(conn, []) == {}
    assert [x.id for x in crm.accounts.find(conn, rep, q="arger").rows] == [a.id]


def test_last_seen_only_moves_on(conn: storage.Connection, rep: Viewer) -> None:
    account = crm.ensure_accounts(conn, ["a"])["a"]
    for at in (NOW, NOW - 5, NOW + 5):
        crm.touch_accounts(conn, {account: at})
    assert crm.accounts.get(conn, rep, account).last_seen == "2026-11-30T00:53:20.005Z"
    crm.touch_accounts(conn, {})
