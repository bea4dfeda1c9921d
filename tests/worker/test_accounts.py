"""The account ladder on a real database: whichever way facts arrive, the same accounts."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from onefold import audiences, crm, profiles, record, storage
from onefold.identity.accounts import Rung
from onefold.kernel import clock, errors
from onefold.kernel.viewer import SYSTEM, Viewer
from tests.worker.harness import NOW, Bench, group, identify, track

MEMBERS = """
SELECT a.key, p.rung, p.until_ms IS NULL, p.is_primary FROM person_account p
JOIN account a ON a.id = p.account_id WHERE p.person_id = %s ORDER BY a.key
"""


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def accounts_of(bench: Bench, user: str, namespace: str = "user_id") -> dict[str, Any]:
    """Account key → (rung, still in, primary) of a person."""
    rows = bench.conn.execute(MEMBERS, (bench.person(namespace, user),)).fetchall()
    bench.conn.commit()
    return {key: (Rung(rung).name, still, primary) for key, rung, still, primary in rows}


def outcomes(bench: Bench, user: str) -> dict[str, str]:
    """Clue → what became of it."""
    rows = bench.conn.execute(
        "SELECT value, outcome FROM account_clue WHERE person_id = %s",
        (bench.person("user_id", user),),
    ).fetchall()
    bench.conn.commit()
    return dict(rows)


def keys(bench: Bench) -> list[str]:
    found = [key for (key,) in bench.conn.execute("SELECT key FROM account ORDER BY key")]
    bench.conn.commit()
    return found


def account(key: str, **traits: Any) -> dict[str, Any]:
    """A tool's group call about an account, of somebody at nobody's domain."""
    return group(f"tool-{key}", key, **traits)


def test_each_rung_finds_the_account_and_the_strongest_decides(bench: Bench) -> None:
    bench.send(
        account("acme", name="Acme Müller & Söhne GmbH", domain="https://www.acme.co.uk/",
                vat="DE 123 456 789", country="Germany"),
        account("beta", name="Beta Inc", domain="beta.io"),
        group("by-group", "acme"),
        identify("by-email", email="eve@mail.acme.co.uk"),
        identify("by-vat", email="bob@gmail.com", company={"vat_id": "DE123456789"}),
        identify("by-id", company={"id": "acme"}),
        identify("by-site", website="http://acme.co.uk/jobs"),
        identify("by-name", company="ACME Muller and Sohne", country="DE"),
        identify("elsewhere", company="Acme Muller & Sohne", country="France"),
        identify("both", email="cy@beta.io"), group("both", "acme"),
    )  # fmt: skip
    bench.wait(1000)
    assert accounts_of(bench, "by-group") == {"acme": ("GROUP", True, True)}
    assert accounts_of(bench, "by-email") == {"acme": ("EMAIL", True, True)}
    assert accounts_of(bench, "by-vat") == {"acme": ("REGISTRY", True, True)}
    assert accounts_of(bench, "by-id") == {"acme": ("REGISTRY", True, True)}
    assert accounts_of(bench, "by-site") == {"acme": ("WEBSITE", True, True)}
    assert accounts_of(bench, "by-name") == {"acme": ("NAME", True, True)}
    assert accounts_of(bench, "elsewhere") == {}  # the same name in another country
    assert outcomes(bench, "elsewhere") == {"acme muller sohne": "unsure"}
    assert accounts_of(bench, "both") == {"acme": ("GROUP", True, True)}
    assert outcomes(bench, "both") == {"beta.io": "outranked"}
    assert outcomes(bench, "by-vat")["gmail.com"] == "free"


@pytest.mark.parametrize(
    ("email", "why"),
    [("a@gmail.com", "free"), ("a@mailinator.com", "disposable"), ("a@t-online.de", "free"),
     ("a@example.com", "reserved"), ("a@box.test", "reserved")],
)  # fmt: skip
def test_mail_of_everybody_makes_no_account(bench: Bench, email: str, why: str) -> None:
    bench.send(identify("u1", email=email))
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {}
    assert list(outcomes(bench, "u1").values()) == [why]
    assert keys(bench) == []


def test_a_company_domain_makes_an_account_which_goes_when_the_company_claims_it(
    bench: Bench,
) -> None:
    bench.audience("busy", {"count": {"event": "Seen", "within": "7d"}, "at_least": 1}, "account")
    bench.send(identify("u1", email="ann@newco.com"), track("u1", "Seen"))
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {"newco.com": ("EMAIL", True, True)}
    assert len(bench.members("busy")) == 1
    bench.send(account("nc-7", domain="newco.com"))
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {"nc-7": ("EMAIL", True, True)}
    assert keys(bench) == ["nc-7"]
    ids = crm.accounts_by_key(bench.conn, ["nc-7"])
    assert bench.members("busy") == set(ids.values())
    found = audiences.memberships_of(bench.conn, SYSTEM, "account", ids["nc-7"])
    assert [one.key for one in found] == ["busy"]


def test_an_agencys_domain_is_shared_once_its_people_are_in_many_accounts(bench: Bench) -> None:
    bench.send(identify("quiet", email="zoe@agency.com"))
    bench.wait(1000)
    assert accounts_of(bench, "quiet") == {"agency.com": ("EMAIL", True, True)}
    for n in range(3):
        bench.send(group(f"c{n}", f"client{n}"), identify(f"c{n}", email=f"c{n}@agency.com"))
    bench.wait(1000)
    assert accounts_of(bench, "quiet") == {}
    assert outcomes(bench, "quiet") == {"agency.com": "shared"}
    assert "agency.com" not in keys(bench)


def test_who_takes_a_new_work_address_has_moved_and_leaves_the_past_behind(bench: Bench) -> None:
    bench.audience("busy", {"count": {"event": "Seen", "within": "30d"}, "at_least": 3}, "account")
    bench.send(account("old", domain="old.com"), account("new", domain="new.com"))
    bench.send(identify("u1", email="ann@old.com"), *[track("u1", "Seen") for _ in range(3)])
    bench.wait(clock.DAY_MS)
    bench.send(identify("u1", email="ann@new.com"), track("u1", "Seen"))
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {
        "new": ("EMAIL", True, True), "old": ("EMAIL", False, False),
    }  # fmt: skip
    assert bench.members("busy") == {crm.accounts_by_key(bench.conn, ["old"])["old"]}


def test_the_crm_has_a_contact_in_one_account_at_a_time(bench: Bench) -> None:
    conn, now = bench.conn, bench.now_ms
    a = crm.accounts.create(conn, SYSTEM, {"name": "Alpha", "key": "alpha"}, now)
    b = crm.accounts.create(conn, SYSTEM, {"name": "Beta", "key": "beta"}, now)
    con = crm.contacts.create(conn, SYSTEM, {"email": "x@gmail.com", "account_id": a.id}, now)
    conn.commit()
    bench.wait(1000)
    number = con.id.removeprefix("con_")
    assert accounts_of(bench, number, "contact") == {"alpha": ("CRM", True, True)}
    crm.contacts.update(conn, SYSTEM, con.id, {"account_id": b.id}, bench.now_ms)
    conn.commit()
    bench.wait(1000)
    assert accounts_of(bench, number, "contact") == {
        "alpha": ("CRM", False, False), "beta": ("CRM", True, True),
    }  # fmt: skip


def _world() -> list[dict[str, Any]]:
    """Consultants, movers, an agency, free mail, late domains, subsidiaries, other scripts."""
    out = [
        account("acme", name="Acme GmbH", domain="acme.com", vat="DE123456789"),
        account("acme-us", name="Acme Inc", domain="acme.com"),
        account("toyo", name="東洋株式会社", domains=["toyo.co.jp", "toyo.com"]),
        group("consultant", "acme"), group("consultant", "toyo"),
        identify("consultant", email="c@advice.com"),
        identify("mover", email="m@acme.com"), identify("mover", email="m@toyo.co.jp"),
        identify("lead", email="l@newco.com", company="Newco"),
        identify("lead2", email="l2@newco.com"), account("nc", domain="newco.com"),
        identify("free", email="f@gmail.com", company="東洋株式会社"),
        *[group(f"c{n}", f"client{n}") for n in range(3)],
        *[identify(f"c{n}", email=f"c{n}@agency.com") for n in range(3)],
        identify("quiet", email="q@agency.com"), identify("made", email="x@alone.com"),
        track("consultant", "Seen"), track("mover", "Seen"), track("made", "Seen"),
        {**track("lead", "Seen"), "anonymousId": "d1"},
        {"type": "track", "event": "Seen", "anonymousId": "d1"},
    ]  # fmt: skip
    return [
        {**item, "messageId": f"w{n}", "timestamp": clock.iso(NOW + n * clock.HOUR_MS)}
        for n, item in enumerate(out)
    ]


PICTURE = """
SELECT i.value, a.key, p.since_ms, p.until_ms, p.rung, p.is_primary, p.confidence
FROM person_account p JOIN account a ON a.id = p.account_id
JOIN fragment f ON f.person_id = p.person_id
JOIN identifier i ON i.id = f.identifier_id AND i.namespace = 'user_id' ORDER BY 1, 2
"""
SPANS = """
SELECT i.value, s.from_ms, a.key FROM person_span s LEFT JOIN account a ON a.id = s.account_id
JOIN fragment f ON f.person_id = s.person_id
JOIN identifier i ON i.id = f.identifier_id AND i.namespace = 'user_id' ORDER BY 1, 2
"""
CLUES = """
SELECT i.value, c.rung, c.value, c.first_ms, a.key, c.outcome FROM account_clue c
LEFT JOIN account a ON a.id = c.account_id JOIN fragment f ON f.person_id = c.person_id
JOIN identifier i ON i.id = f.identifier_id AND i.namespace = 'user_id' ORDER BY 1, 2, 3
"""


def picture(bench: Bench) -> dict[str, Any]:
    out: dict[str, Any] = {
        name: bench.conn.execute(query.encode()).fetchall()
        for name, query in {"members": PICTURE, "spans": SPANS, "clues": CLUES}.items()
    }
    out["accounts"] = keys(bench)
    ids = {i: k for k, i in crm.accounts_by_key(bench.conn, out["accounts"]).items()}
    out["busy"] = sorted(ids[i] for i in bench.members("busy"))
    bench.conn.commit()
    return out


@pytest.fixture
def fresh(server_url: str, template: str) -> Iterator[Any]:
    """Databases one after another, for the same history in other orders."""
    import secrets

    import psycopg

    from tests.conftest import swap_database

    made: list[tuple[str, storage.Connection]] = []

    def another() -> Bench:
        name = f"onefold_test_{secrets.token_hex(6)}"
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        conn = storage.connect(swap_database(server_url, name))
        made.append((name, conn))
        return Bench(conn)

    yield another
    for name, conn in made:
        conn.close()
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_any_order_of_arrival_ends_in_the_same_accounts(fresh: Any) -> None:
    first: dict[str, Any] | None = None
    for seed in range(6):
        rng = random.Random(seed)
        items = _world()
        if seed:
            rng.shuffle(items)
        bench = fresh()
        bench.now_ms = NOW + 100 * clock.HOUR_MS
        bench.audience("busy", {"count": {"event": "Seen"}, "at_least": 1}, "account")
        while items:
            take = rng.randrange(1, 6) if seed else len(items)
            bench.send(*items[:take])
            bench.wait(1000)
            items = items[take:]
            if rng.random() < 0.2:  # a crash: memory is lost, the tables are not
                bench.engine.recover(bench.conn, bench.now_ms)
        now = picture(bench)
        first = first or now
        assert now == first, f"order {seed}"
    assert first is not None
    by_user: dict[str, list[str]] = {}
    for user, key, *_ in first["members"]:
        by_user.setdefault(user, []).append(key)
    assert by_user["consultant"] == ["acme", "toyo"]
    assert by_user["mover"] == ["acme", "toyo"]
    assert (by_user["lead"], by_user["lead2"]) == (["nc"], ["nc"])
    assert (by_user["free"], by_user["made"]) == (["toyo"], ["alone.com"])
    assert "quiet" not in by_user


# ── what people decide ─────────────────────────────────────────────────────────────────────────


ANN = Viewer(kind="user", id=7, name="Ann", role="admin")


def say(bench: Bench, **values: Any) -> int:
    said = record.membership.decide(bench.conn, ANN, values, bench.now_ms)
    bench.conn.commit()
    bench.wait(1000)
    assert record.membership.decision(bench.conn, ANN, f"acd_{said.id}")["state"] == "in_force"
    return said.id


def undo(bench: Bench, decision_id: int) -> None:
    record.membership.undo(bench.conn, ANN, f"acd_{decision_id}", "", bench.now_ms)
    bench.conn.commit()
    bench.wait(1000)


def usage(bench: Bench, key: str) -> tuple[int, int]:
    """(events, people) of an account, all days."""
    found = crm.accounts_by_key(bench.conn, [key])[key]
    days = profiles.usage_by_day(bench.conn, SYSTEM, found, 0, 40_000)
    bench.conn.commit()
    return sum(n for n, _ in days.values()), max((p for _, p in days.values()), default=0)


def test_what_a_person_decides_holds_until_it_is_undone(bench: Bench) -> None:
    bench.send(
        account("acme", domain="acme.com"), account("beta"),
        identify("u1", email="ann@acme.com"), track("u1", "Seen"),
    )  # fmt: skip
    bench.audience("busy", {"count": {"event": "Seen"}, "at_least": 1}, "account")
    bench.wait(1000)
    before = picture(bench)
    cut = say(bench, decision="not_member", person="user_id:u1", account="account_id:acme")
    assert accounts_of(bench, "u1") == {}
    bench.send(identify("u1", email="ann@acme.com", title="CTO"))
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {}  # also when the facts say it again
    pin = say(bench, decision="member", person="user_id:u1", account="account_id:beta",
              role="Advisor", **{"from": "2026-01-01"})  # fmt: skip
    assert accounts_of(bench, "u1") == {"beta": ("HAND", True, True)}
    assert usage(bench, "beta") == (1, 1)
    undo(bench, cut)
    assert set(accounts_of(bench, "u1")) == {"acme", "beta"}
    first = say(bench, decision="primary", person="user_id:u1", account="account_id:beta")
    assert accounts_of(bench, "u1")["beta"] == ("HAND", True, True)
    for one in (first, pin):
        undo(bench, one)
    assert picture(bench) == before
    told = record.membership.of_person(bench.conn, ANN, "user_id:u1")
    assert [one["state"] for one in told["decisions"]] == ["undone"] * 3
    assert told["accounts"][0]["why"] == "An e-mail address at acme.com."


def test_merged_accounts_are_one_and_apart_again_as_if_never_merged(bench: Bench) -> None:
    bench.audience("busy", {"count": {"event": "Seen", "within": "30d"}, "at_least": 3}, "account")
    conn, now = bench.conn, bench.now_ms
    bench.send(
        account("acme", domain="acme.com", plan="pro"), account("acme-old", domain="acme.org"),
        identify("a", email="a@acme.com"), identify("b", email="b@acme.org"),
        group("c", "acme-old"), {**track("c", "Seen"), "context": {"groupId": "acme-old"}},
        track("a", "Seen"), track("b", "Seen"),
    )  # fmt: skip
    bench.wait(1000)
    old = crm.accounts_by_key(conn, ["acme-old"])["acme-old"]
    crm.tickets.create(conn, SYSTEM, {"subject": "Help", "account_id": f"acc_{old}"}, now)
    conn.commit()
    bench.wait(1000)
    before = picture(bench), usage(bench, "acme"), usage(bench, "acme-old")
    assert bench.members("busy") == set()
    merged = say(bench, decision="merge", account="account_id:acme-old", into="account_id:acme")
    for user in ("a", "b", "c"):
        assert "acme" in accounts_of(bench, user)
        assert "acme-old" not in accounts_of(bench, user)
    assert usage(bench, "acme")[0] == 3
    assert bench.members("busy") == {crm.accounts_by_key(conn, ["acme"])["acme"]}
    shown = record.account(conn, ANN, "account_id:acme-old", bench.now_ms)
    assert (shown["key"], shown["merged_into"]) == ("acme", shown["id"])
    assert [one["key"] for one in shown["merged"]] == ["acme-old"]
    assert [one["subject"] for one in shown["tickets"]] == ["Help"]
    assert crm.tickets.find(conn, ANN).rows[0].account_id == f"acc_{old}"  # rows stay
    values = {"decision": "merge", "account": "account_id:acme", "into": "account_id:acme-old"}
    with pytest.raises(errors.Invalid):
        record.membership.decide(conn, ANN, values, bench.now_ms)
    conn.rollback()
    undo(bench, merged)
    assert (picture(bench), usage(bench, "acme"), usage(bench, "acme-old")) == before


def test_a_domain_is_whose_a_person_says_and_the_workspaces_list_comes_first(
    bench: Bench,
) -> None:
    bench.send(
        account("a", domain="acme.com"), account("b", domain="acme.com"),
        identify("u1", email="x@acme.com"), identify("u2", email="y@gmail.com"),
    )  # fmt: skip
    bench.wait(1000)
    assert set(accounts_of(bench, "u1")) == {"a"}
    shown = record.account(bench.conn, ANN, "account_id:b", bench.now_ms)["domains"]
    assert [(d["owned"], d["others"][0]["key"]) for d in shown] == [(False, "a")]
    mine = say(bench, decision="domain", domain="acme.com", account="account_id:b")
    assert set(accounts_of(bench, "u1")) == {"b"}
    undo(bench, mine)
    assert set(accounts_of(bench, "u1")) == {"a"}
    for domain, verdict in (("acme.com", "shared"), ("gmail.com", "allowed")):
        values = {"verdict": verdict}
        record.domains.change(bench.conn, ANN, domain, values, bench.now_ms)
    bench.conn.commit()
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {}
    assert set(accounts_of(bench, "u2")) == {"gmail.com"}
    for domain in ("acme.com", "gmail.com"):
        record.domains.drop(bench.conn, ANN, domain)
    bench.conn.commit()
    bench.wait(1000)
    assert set(accounts_of(bench, "u1")) == {"a"}
    assert accounts_of(bench, "u2") == {}
    assert keys(bench) == ["a", "b"]


def test_parents_are_a_tree_and_add_up(bench: Bench) -> None:
    conn, now = bench.conn, bench.now_ms
    ids = [
        crm.accounts.create(conn, SYSTEM, {"name": n, "key": n.lower()}, now).id
        for n in ("Holding", "Nord", "Nord Eins")
    ]
    for child, parent in ((1, 0), (2, 1)):
        crm.accounts.update(conn, SYSTEM, ids[child], {"parent_id": ids[parent]}, now)
    with pytest.raises(errors.Invalid, match="circle"):
        crm.accounts.update(conn, SYSTEM, ids[0], {"parent_id": ids[2]}, now)
    conn.commit()
    bench.send(group("u1", "nord"), group("u1", "nord eins"), group("u2", "nord eins"))
    bench.wait(1000)
    top = record.account(conn, ANN, ids[0], bench.now_ms)
    assert [(c["name"], c["depth"], c["people"]) for c in top["children"]] == [
        ("Nord", 1, 1), ("Nord Eins", 2, 2),
    ]  # fmt: skip
    assert top["roll_up"] == {"accounts": 3, "people": 2, "open_tickets": 0}
    below = record.account(conn, ANN, ids[2], bench.now_ms)
    assert [p["name"] for p in below["parents"]] == ["Nord", "Holding"]


def test_a_lead_with_a_like_name_is_proposed_to_a_person(bench: Bench) -> None:
    bench.send(
        account("nw", name="Northwind Traders GmbH"), identify("u1", company="Northwind Trader"),
        identify("u2", company="Something Else"),
    )  # fmt: skip
    bench.wait(1000)
    assert accounts_of(bench, "u1") == {}
    found = record.domains.proposals(bench.conn, ANN)["items"]
    assert [(p["account"] or {})["key"] for p in found] == ["nw"]
    assert 0.4 < found[0]["confidence"] < 0.8
    assert "like" in found[0]["says"]
