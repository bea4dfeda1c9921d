"""Audiences whose members are rows: by SQL over the lake, and lists that were uploaded."""

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onefold import activation, audiences, crm, record
from onefold.audiences import rows_store
from onefold.kernel import clock, errors, limits, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import answering, history, lists, marking
from onefold.storage import Connection, jobs
from tests.worker.harness import NOW, Bench, group, identify, track

EXPORTERS = """
SELECT i.person_id FROM facts f JOIN identifiers i ON i.identifier_id = f.home_id
WHERE f.name = 'Exported' GROUP BY 1 HAVING count(*) >= 2"""


class World(msgspec.Struct):
    """A worker, and jobs that answer queries."""

    bench: Bench
    running: jobs.Running

    def define(self, key: str, definition: dict[str, Any], **extra: Any) -> None:
        audiences.create(self.bench.conn, SYSTEM, key, key, definition, **extra)
        self.bench.conn.commit()
        self.bench.wait(200)

    def answer(self) -> None:
        """Extracts are made anew and every due query is run."""
        with history.open_lake(self.running.url, self.running.settings) as one:
            history.extract(self.bench.conn, one, self.bench.now_ms)
        self.bench.conn.execute("UPDATE audience_run SET next_ms = 0")
        self.bench.conn.commit()
        answering.run(self.running)
        self.bench.wait(200)

    def upload(self, key: str, **given: Any) -> record.lists.Uploaded:
        done = lists.change(self.bench.conn, SYSTEM, key, self.bench.now_ms, **given)
        self.bench.conn.commit()
        self.bench.wait(200)
        return done

    def run(self, key: str) -> rows_store.Run:
        one = audiences.get(self.bench.conn, SYSTEM, key)
        return rows_store.runs(self.bench.conn, [one.id])[one.id]


@pytest.fixture
def world(conn: Connection, database: str, tmp_path: Path) -> World:
    chosen = settings.load(data=tmp_path)
    return World(Bench(conn), jobs.Running(database, chosen, threading.Event()))


def test_what_a_query_answers_are_the_members_with_effects_and_dependents(world: World) -> None:
    bench = world.bench
    world.define("exporters", {"of": "person", "sql": EXPORTERS, "every": "5m"})
    world.define("quiet_exporters", {"of": "person", "where": {"all": [
        {"member_of": "exporters"}, {"none": {"tickets": {"tag": "exports"}}}]}})  # fmt: skip
    hook = {"name": "Mailer", "url": "http://127.0.0.1:9/", "audiences": ["exporters"]}
    activation.create(bench.conn, SYSTEM, hook, bench.now_ms)
    bench.conn.commit()
    assert audiences.get(bench.conn, SYSTEM, "exporters").status == "building"
    bench.send(*(track(u, "Exported") for u in ("ann", "ann", "bob")))
    bench.settle()
    assert bench.members("exporters") == set()
    world.answer()
    ann, bob = bench.person("user_id", "ann"), bench.person("user_id", "bob")
    found = audiences.get(bench.conn, SYSTEM, "exporters")
    assert (found.status, found.kind, found.members) == ("live", "sql", 1)
    assert (bench.members("exporters"), bench.members("quiet_exporters")) == ({ann}, {ann})
    bench.send(track("bob", "Exported"))
    bench.settle()
    world.answer()
    assert bench.members("exporters") == bench.members("quiet_exporters") == {ann, bob}
    why = audiences.history(bench.conn, SYSTEM, "person", bob)[0].why
    assert why
    bench.send({"type": "identify", "userId": "cat", "traits": {}})
    world.define("nobody", {"of": "person", "sql": "SELECT 1 AS person_id WHERE false"})
    world.answer()
    assert bench.members("nobody") == set()
    sent = bench.conn.execute("SELECT payload->>'type' FROM outbox ORDER BY id").fetchall()
    assert [kind for (kind,) in sent] == ["audience.entered", "audience.entered"]
    audiences.update(
        bench.conn, SYSTEM, "exporters",
        source={"of": "person", "sql": EXPORTERS.replace("2", "9"), "every": "5m"},
    )  # fmt: skip
    bench.conn.commit()
    bench.wait(200)
    assert bench.members("exporters") == {ann, bob}  # they stay until there is an answer
    world.answer()
    assert bench.members("exporters") == bench.members("quiet_exporters") == set()
    with pytest.raises(errors.Conflict):
        audiences.delete(bench.conn, SYSTEM, "exporters")
    bench.conn.rollback()
    audiences.delete(bench.conn, SYSTEM, "nobody")
    bench.conn.commit()


def test_a_person_that_merged_keeps_its_row(world: World) -> None:
    bench = world.bench
    world.define("exporters", {"of": "person", "sql": EXPORTERS})
    bench.send(*(track("ann", "Exported") for _ in range(2)), track("x", "Seen"))
    bench.settle()
    world.answer()
    bench.send({"type": "alias", "userId": "x", "previousId": "ann"})
    bench.settle()
    one = bench.person("user_id", "x")
    assert one == bench.person("user_id", "ann")
    assert bench.members("exporters") == {one}
    world.answer()
    assert bench.members("exporters") == {one}


QUERIES = [
    ("SELECT nothing FROM facts", "nothing"),
    ("SELECT * FROM read_csv('/etc/passwd')", "file"),
    ("SELECT * FROM read_text('/etc/hostname')", "file"),
    ("SELECT * FROM 'https://example.com/x.parquet'", ""),
    ("SELECT content AS person_id FROM glob('/*') t(content)", ""),
    ("SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'person')", ""),
    ("SELECT person_id FROM getenv_table", ""),
    ("SELECT name, email FROM people", "person_id"),
]


def test_a_query_that_fails_or_reaches_out_keeps_its_reason(world: World) -> None:
    for n, (text, _) in enumerate(QUERIES):
        world.define(f"bad{n}", {"of": "person", "sql": text})
    world.answer()
    for n, (text, why) in enumerate(QUERIES):
        run = world.run(f"bad{n}")
        assert run.error, text
        assert why in run.error
        assert run.good_ms is None
        assert audiences.get(world.bench.conn, SYSTEM, f"bad{n}").status == "building"


def test_a_query_that_takes_too_long_or_too_much_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "audience_sql_s_max", 1)
    slow = "SELECT count(*) AS person_id FROM range(100000000) a, range(100000000) b"
    world.define("slow", {"of": "person", "sql": slow})
    world.answer()
    assert "more than 1 seconds" in world.run("slow").error
    monkeypatch.setattr(limits, "audience_sql_rows_max", 10)
    many = {"of": "person", "sql": "SELECT range AS person_id FROM range(11)"}
    audiences.update(world.bench.conn, SYSTEM, "slow", source=many)
    world.bench.conn.commit()
    world.answer()
    assert "more than 10 ids" in world.run("slow").error


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"sql": "SELECT 1; DROP TABLE facts"}, "sql"),
        ({"sql": "DELETE FROM facts"}, "sql"),
        ({"sql": "SELEKT 1"}, "sql"),
        ({"sql": "SELECT 1", "every": "1s"}, "every"),
        ({"sql": "SELECT 1", "where": {"trait": "a", "is": 1}}, "where"),
        ({"list": False}, "list"),
        ({"every": "1h"}, "every"),
    ],
)
def test_a_faulty_text_is_refused(definition: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.Invalid) as raised:
        audiences.parse({"of": "person", **definition})
    assert raised.value.faults[0].field == field


def test_a_list_has_who_is_on_it_now_and_who_turns_up_later(world: World) -> None:
    bench = world.bench
    world.define("vips", {"of": "person", "list": True})
    world.define("pro_vips", {"of": "person", "where": {"all": [
        {"member_of": "vips"}, {"trait": "plan", "is": "pro"}]}})  # fmt: skip
    bench.send(identify("ann", email="ann@acme.co", plan="pro"), identify("bob", email="b@x.co"))
    bench.settle()
    done = world.upload("vips", add="name,Email\nAnn,ANN@acme.co\nEve,eve@new.co\n,\nX,no mail\n")
    assert (done["added"], done["matched"], done["unmatched"]) == (2, 1, 1)
    assert done["refused_total"] == 1
    ann = bench.person("user_id", "ann")
    assert bench.members("vips") == bench.members("pro_vips") == {ann}
    bench.send(identify("eve", email="eve@new.co", plan="pro"))
    bench.settle()
    eve = bench.person("user_id", "eve")
    assert bench.members("vips") == bench.members("pro_vips") == {ann, eve}
    done = world.upload("vips", add=["user_id:bob", "eve@new.co"], remove=["ann@acme.co"])
    assert (done["added"], done["known"], done["removed"]) == (1, 1, 1)
    bob = bench.person("user_id", "bob")
    assert bench.members("vips") == {bob, eve}
    assert bench.members("pro_vips") == {eve}
    page = lists.entries(bench.conn, SYSTEM, "vips", None, 1)
    assert [i["identifier"] for i in page["items"]] == ["email:eve@new.co"]
    rest = lists.entries(bench.conn, SYSTEM, "vips", page["next"], 5)
    assert [i["id"] for i in rest["items"]] == [f"per_{bob}"]
    with pytest.raises(errors.Invalid):
        lists.change(bench.conn, SYSTEM, "pro_vips", NOW, add=["x"])
    for broken in ("[", "[1, 2"):
        with pytest.raises(errors.Invalid):
            lists.change(bench.conn, SYSTEM, "vips", NOW, add=broken)
    odd = lists.change(bench.conn, SYSTEM, "vips", NOW, add='[1, null, {"a": 2}, "ok"]')
    assert odd["added"] == 1


def test_a_list_of_accounts_goes_by_key_and_domain(world: World) -> None:
    bench = world.bench
    world.define("targets", {"of": "account", "list": True})
    world.define("of_targets", {"of": "person", "where": {
        "accounts": {"any": {"member_of": "targets"}}}})  # fmt: skip
    bench.send(group("ann", "acme", name="Acme", website="https://www.acme.com"))
    bench.settle()
    done = world.upload("targets", add="domain\nacme.com\nglobex.com\n")
    assert (done["entries"], done["matched"]) == (2, 1)
    acme = crm.accounts_by_key(bench.conn, ["acme"])["acme"]
    assert bench.members("targets") == {acme}
    assert bench.members("of_targets") == {bench.person("user_id", "ann")}
    bench.send(group("eve", "glo", name="Globex", website="globex.com"), group("zed", "zet"))
    bench.settle()
    glo = crm.accounts_by_key(bench.conn, ["glo"])["glo"]
    assert bench.members("targets") == {acme, glo}
    world.upload("targets", add=["zet", "later"])
    bench.send(group("new", "later"))
    bench.settle()
    keys = crm.accounts_by_key(bench.conn, ["zet", "later"])
    assert bench.members("targets") == {acme, glo, *keys.values()}


def test_due_queries_are_left_to_jobs_once(world: World) -> None:
    world.define("exporters", {"of": "person", "sql": EXPORTERS})
    for _ in range(2):
        marking.due(world.running)
    waiting = world.bench.conn.execute(
        "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s", (rows_store.ANSWER,)
    ).fetchall()
    assert waiting == [(1,)]
    answering.run(world.running)
    run = world.run("exporters")
    assert run.next_ms > clock.now_ms()
    assert run.rows == 0
