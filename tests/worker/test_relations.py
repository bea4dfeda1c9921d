"""Conditions on people of accounts, accounts of people and other audiences, in the engine."""

from collections.abc import Iterator

import pytest

from onefold import audiences, crm, identity, storage
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM
from tests.worker.harness import Bench, group, identify, track

DAY = 86_400_000


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    with storage.connect(database) as conn:
        yield Bench(conn)


def _account(bench: Bench, key: str) -> int:
    return crm.accounts_by_key(bench.conn, [key])[key]


def test_an_admin_who_opened_our_mail_puts_the_account_in_until_the_mail_is_old(
    bench: Bench,
) -> None:
    opened = {"count": {"event": "Email Opened", "within": "7d"}, "at_least": 1}
    admin = {"all": [{"trait": "role", "is": "admin"}, opened]}
    bench.audience("warm", {"people": {"any": admin}}, "account")
    bench.audience("half", {"people": {"share": admin}, "at_least": 0.5}, "account")
    bench.send(
        identify("a", role="admin"), group("a", "acme"), identify("b"), group("b", "acme"),
        identify("c"), group("c", "acme"),
    )  # fmt: skip
    bench.settle()
    acme = _account(bench, "acme")
    assert bench.members("warm") == set()
    bench.send(track("b", "Email Opened"))
    bench.settle()
    assert bench.members("warm") == set()
    bench.send(track("a", "Email Opened"))
    bench.settle()
    assert (bench.members("warm"), bench.members("half")) == ({acme}, set())
    bench.send(identify("b", role="admin"))
    bench.settle()
    assert bench.members("half") == {acme}
    bench.wait(7 * DAY + 600_000)
    assert (bench.members("warm"), bench.members("half")) == (set(), set())


def test_who_joins_or_leaves_an_account_changes_what_holds_of_its_people(bench: Bench) -> None:
    bench.audience("all_pro", {"people": {"all": {"trait": "plan", "is": "pro"}}}, "account")
    bench.send(identify("a", plan="pro"), group("a", "acme"))
    bench.settle()
    acme = _account(bench, "acme")
    assert bench.members("all_pro") == {acme}
    bench.send(identify("b", plan="free"), group("b", "acme"))
    bench.settle()
    assert bench.members("all_pro") == set()
    bench.send(identify("b", plan="pro"))
    bench.settle()
    assert bench.members("all_pro") == {acme}


def test_an_accounts_count_reaches_all_of_its_people(bench: Bench) -> None:
    busy = {"count": {"event": "Exported", "within": "1d"}, "at_least": 2}
    bench.audience("in_busy", {"accounts": {"any": busy}})
    bench.send(
        identify("a"), group("a", "acme"), identify("b"), group("b", "acme"), identify("c"),
        group("c", "other"),
    )  # fmt: skip
    bench.send(track("a", "Exported"), track("b", "Exported"))
    bench.settle()
    both = {bench.person("user_id", "a"), bench.person("user_id", "b")}
    assert bench.members("in_busy") == both
    bench.wait(DAY + 60_000)
    assert bench.members("in_busy") == set()


def test_an_audience_of_another_follows_it_and_its_changes(bench: Bench) -> None:
    bench.audience("pros", {"trait": "plan", "is": "pro"})
    both = {"all": [{"member_of": "pros"}, {"not": {"trait": "away", "is": True}}]}
    bench.audience("here", both)
    bench.send(identify("a", plan="pro"), identify("b", plan="team"))
    bench.settle()
    a, b = bench.person("user_id", "a"), bench.person("user_id", "b")
    assert bench.members("here") == {a}
    changed = {"of": "person", "where": {"trait": "plan", "is": "team"}}
    audiences.update(bench.conn, SYSTEM, "pros", source=changed)
    bench.conn.commit()
    bench.wait(200)
    assert bench.members("here") == {b}
    (entry, *_) = audiences.history(bench.conn, SYSTEM, "person", b)
    assert any("in pros: plan is" in reason["text"] for reason in entry.why)


def test_audiences_do_not_go_in_circles_and_stay_while_asked_for(bench: Bench) -> None:
    bench.audience("one", {"trait": "a", "is": 1})
    bench.audience("two", {"member_of": "one"})
    with pytest.raises(errors.Invalid, match="circles"):
        audiences.update(
            bench.conn, SYSTEM, "one", source={"of": "person", "where": {"member_of": "two"}}
        )
    bench.conn.rollback()
    with pytest.raises(errors.Conflict, match="`two`"):
        audiences.delete(bench.conn, SYSTEM, "one")
    bench.conn.rollback()
    with pytest.raises(errors.Invalid, match="no audience"):
        bench.audience("three", {"member_of": "nobody"})


def test_owner_tickets_and_campaigns_are_read_where_they_are(bench: Bench) -> None:
    bench.audience("mine", {"owner": {"is": "ann@acme.co"}}, "account")
    bench.audience("from_ads", {"first_touch": {"source": "google"}})
    bench.audience("twice", {"tickets": {"tag": "exports"}, "at_least": 2}, "account")
    campaign = {"context": {"campaign": {"source": "google", "medium": "cpc"}}}
    bench.send(identify("a"), group("a", "acme"), {**track("a", "Seen"), **campaign})
    bench.settle()
    acme = _account(bench, "acme")
    assert bench.members("from_ads") == {bench.person("user_id", "a")}
    ann = crm.users.create(
        bench.conn, SYSTEM, "ann@acme.co", "Ann", "member", "a long password", bench.now_ms
    )
    crm.accounts.update(bench.conn, SYSTEM, f"acc_{acme}", {"owner_id": ann.id}, bench.now_ms)
    for n in range(2):
        ticket = {"subject": f"Help {n}", "account_id": f"acc_{acme}", "tags": ["exports"]}
        crm.tickets.create(bench.conn, SYSTEM, ticket, bench.now_ms)
    bench.conn.commit()
    bench.settle()
    assert bench.members("mine") == {acme}
    assert bench.members("twice") == {acme}


def test_three_fragments_that_turn_out_to_be_one_person_count_once(bench: Bench) -> None:
    active = {"count": {"event": "Signed In", "within": "30d"}, "at_least": 1}
    bench.audience("two_active", {"people": {"count": active}, "at_least": 2}, "account")
    for name in ("x", "y"):
        bench.send(
            {"type": "track", "anonymousId": name, "event": "Signed In",
             "context": {"groupId": "acme"}}
        )  # fmt: skip
    bench.settle()
    acme = _account(bench, "acme")
    assert bench.members("two_active") == {acme}
    bench.send({**identify("u"), "anonymousId": "x"}, {**identify("u"), "anonymousId": "y"})
    bench.settle()
    people = {identity.person_of(bench.conn, SYSTEM, "anonymous_id", n) for n in ("x", "y")}
    assert len(people) == 1
    assert bench.members("two_active") == set()


def test_a_deal_puts_its_account_and_its_contact_in_for_as_long_as_it_is_so(bench: Bench) -> None:
    late = {"deal": {"status": "open", "stage": "Contract sent", "amount": {"at_least": 1000}}}
    bench.audience("closing", late, "account")
    bench.audience("signers", late)
    bench.send(identify("a", email="ann@acme.co"), group("a", "acme"))
    bench.settle()
    acme = _account(bench, "acme")
    contact = crm.contacts.create(bench.conn, SYSTEM, {"email": "ann@acme.co"}, bench.now_ms)
    deal = crm.deals.create(
        bench.conn, SYSTEM,
        {"name": "Acme", "account_id": f"acc_{acme}", "contact_id": contact.id, "amount": 1500},
        bench.now_ms,
    )  # fmt: skip
    bench.conn.commit()
    bench.settle()
    ann = bench.person("user_id", "a")
    assert (bench.members("closing"), bench.members("signers")) == (set(), set())
    (stage,) = bench.conn.execute("SELECT id FROM stage WHERE name = 'Contract sent'").fetchall()
    crm.deals.update(bench.conn, SYSTEM, deal.id, {"stage_id": f"stg_{stage[0]}"}, bench.now_ms)
    bench.conn.commit()
    bench.settle()
    assert (bench.members("closing"), bench.members("signers")) == ({acme}, {ann})
    crm.deals.update(bench.conn, SYSTEM, deal.id, {"amount": 999}, bench.now_ms)
    bench.conn.commit()
    bench.settle()
    assert (bench.members("closing"), bench.members("signers")) == (set(), set())
