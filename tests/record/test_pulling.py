"""Pulls from a real PostgreSQL: each row once, whatever is read again, killed or changed."""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from onefold import crm, identity, log, sources
from onefold.kernel import clock, errors, facts, limits, settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import importing, pulling
from onefold.sources import imports, pulls
from onefold.sources.pulls import engine
from onefold.storage import Connection, jobs
from tests.record.company import Company

READER = Viewer("user", 9, "Rita", "reader")
SECRET = "hunter2-of-the-shop"
CUSTOMERS = """
CREATE TABLE shop.customers (
  id int PRIMARY KEY, email text, plan text, seats int, updated_at timestamptz);
INSERT INTO shop.customers
SELECT n, 'u' || n || '@acme.co', 'pro', n,
  '2026-03-01T10:00:00Z'::timestamptz + n * '1 min'::interval
FROM generate_series(1, 25) AS n
"""


class Desk:
    """Sets pulls up and runs them as the process `jobs` does. The shop is the same database."""

    def __init__(self, conn: Connection, database: str, shop: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self.shop = shop
        info = conninfo_to_dict(database)
        self.place = pulls.Place(
            "postgresql", host=str(info["host"]), port=int(info.get("port") or 5432),
            database=str(info["dbname"]), user=str(info["user"]), tls="off",
        )  # fmt: skip
        self.secret = str(info["password"])
        folder = self.place.host if self.place.host.startswith("/") else ""
        self.running = jobs.Running(database, settings.load(pull_files=folder), threading.Event())

    def sql(self, text: str, *values: Any) -> None:
        self.shop.execute(text, values)

    def made(self, table: str = "shop.customers", query: str = "", **given: Any) -> pulls.Pull:
        one = pulls.setup.create(
            self.conn, SYSTEM, name="Shop", place=self.place, secret=self.secret,
            category="billing",
        )  # fmt: skip
        self.conn.commit()
        return self.chosen(one.id, "" if query else table, query, **given)

    def chosen(self, number: int, table: str, query: str = "", **given: Any) -> pulls.Pull:
        one = pulls.store.for_run(self.conn, number)
        self.conn.rollback()
        allowed = self.running.settings.pull_files
        target = given.pop("target", "")
        found = pulls.setup.look(one, table, query, target, allowed)
        choice = pulls.setup.Choice(
            table, query, target, given.pop("mapping", None), given.pop("keys", found.keys),
            given.pop("cursor", found.cursor_column), given.pop("overlap", None),
            given.pop("zone", "UTC"),
        )  # fmt: skip
        assert not given
        pulls.setup.choose(self.conn, SYSTEM, number, pulls.setup.check(one, found, choice))
        self.conn.commit()
        return pulls.store.for_run(self.conn, number)

    def run(self, one: pulls.Pull) -> pulls.Run:
        made = pulling.start(self.conn, SYSTEM, one.id)
        self.conn.commit()
        pulling.run(self.running, made.id)
        self.conn.rollback()
        return pulls.store.run(self.conn, SYSTEM, made.id)

    def counts(self, one: pulls.Pull) -> tuple[int, ...]:
        """Read, created, matched, unchanged, refused of another run."""
        done = self.run(one)
        assert (done.status, done.error) == ("done", "")
        return (done.read, done.created, done.matched, done.unchanged, done.refused)

    def take_back(self, import_id: int, company: Company) -> None:
        importing.take_back(self.running, import_id)
        for second in range(20):  # accounts go in a second round, when all else is concluded
            company.work(clock.now_ms() + second * 1_000)
            found = imports.store.get(self.conn, SYSTEM, import_id).status
            self.conn.commit()
            if found == "reverted":
                return
        raise AssertionError("it was not taken back")

    def items(self) -> list[dict[str, Any]]:
        found = []
        for row in log.read(self.conn, 0):
            found += [msgspec.json.decode(raw) for raw in log.unpack(row.body).batch]
        self.conn.rollback()
        return found


@pytest.fixture
def desk(conn: Connection, database: str) -> Iterator[Desk]:
    with psycopg.connect(database, autocommit=True) as shop:
        shop.execute("CREATE SCHEMA shop")
        yield Desk(conn, database, shop)


def test_rows_are_people_once_and_a_changed_row_is_the_same_person(
    conn: Connection, desk: Desk
) -> None:
    company = Company(conn)
    desk.sql(CUSTOMERS)
    one = desk.made()
    assert (one.target, one.keys, one.cursor_column) == ("people", ["id"], "updated_at")
    assert one.mapping.columns["id"].to == "user_id"
    assert one.mapping.columns["updated_at"].to == "timestamp"
    assert desk.counts(one) == (25, 25, 0, 0, 0)
    assert desk.counts(one) == (11, 0, 0, 11, 0)  # ten minutes before the last, and the last
    company.work(clock.now_ms())
    desk.sql("UPDATE shop.customers SET plan = 'free', updated_at = '2026-03-02' WHERE id = 3")
    assert desk.counts(one) == (12, 0, 1, 11, 0)
    company.work(clock.now_ms())
    person = identity.person_of(conn, SYSTEM, "email", "u3@acme.co")
    assert person == identity.person_of(conn, SYSTEM, "user_id", "3")
    items = desk.items()
    assert len(items) == 26
    assert len({i["messageId"] for i in items}) == 26
    assert items[-1]["timestamp"] == "2026-03-02T00:00:00.000Z"
    assert items[-1]["traits"] == {"email": "u3@acme.co", "plan": "free", "seats": 3}
    source = sources.get(conn, SYSTEM, pulls.store.for_run(conn, one.id).source_id or 0)
    assert (source.name, source.category, source.backfill) == ("Shop", "billing", False)


def test_equal_cursors_and_late_commits_are_neither_lost_nor_doubled(desk: Desk) -> None:
    desk.sql("CREATE TABLE shop.orders (no int, who text, at timestamptz)")
    at = "2026-03-01T10:00:00Z"
    desk.sql("INSERT INTO shop.orders SELECT n, 'u' || n, %s FROM generate_series(1, 5) n", at)
    mapping = imports.Mapping(
        {"who": imports.Column("user_id"), "at": imports.Column("timestamp")},
        {"event": "Ordered"},
    )
    one = desk.made(
        "shop.orders", target="events", keys=["no"], cursor="at", mapping=mapping, overlap=60
    )
    assert desk.counts(one) == (5, 5, 0, 0, 0)
    desk.sql("INSERT INTO shop.orders VALUES (6, 'u6', %s)", at)  # the boundary's own time
    desk.sql("INSERT INTO shop.orders VALUES (7, 'u7', '2026-03-01T09:59:30Z')")  # committed late
    desk.sql("INSERT INTO shop.orders VALUES (8, 'u8', '2026-03-01T09:58:00Z')")  # too late
    assert desk.counts(one) == (7, 2, 0, 5, 0)
    assert desk.counts(one) == (7, 0, 0, 7, 0)
    assert len(desk.items()) == 7


def test_equal_rows_without_a_key_are_counted(desk: Desk) -> None:
    desk.sql("CREATE TABLE shop.views (who text, page text)")
    desk.sql("INSERT INTO shop.views VALUES ('u1', '/'), ('u1', '/'), ('u2', '/')")
    mapping = imports.Mapping(
        {"who": imports.Column("user_id"), "page": imports.Column("properties.page")},
        {"event": "Viewed"},
    )
    one = desk.made("shop.views", target="events", keys=[], cursor="", mapping=mapping)
    assert desk.counts(one)[:2] == (3, 3)
    assert desk.counts(one) == (3, 0, 0, 3, 0)
    desk.sql("INSERT INTO shop.views VALUES ('u1', '/')")
    assert desk.counts(one) == (4, 1, 0, 3, 0)
    assert len({i["messageId"] for i in desk.items()}) == 4


def test_an_event_happens_once_however_its_row_changes(desk: Desk) -> None:
    desk.sql("CREATE TABLE shop.orders (id int, user_id text, total numeric, updated_at timestamp)")
    desk.sql("INSERT INTO shop.orders VALUES (1, 'u1', 9.90, '2026-03-01')")
    one = desk.made("shop.orders", target="events")
    assert desk.counts(one)[:2] == (1, 1)
    desk.sql("UPDATE shop.orders SET total = 12, updated_at = '2026-03-02'")
    assert desk.counts(one) == (1, 0, 0, 1, 0)
    assert desk.items()[0]["properties"] == {"id": 1, "total": 9.9}


def test_what_is_odd_about_a_table_is_told(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    desk.sql("UPDATE shop.customers SET updated_at = NULL WHERE id < 4")
    desk.sql("UPDATE shop.customers SET updated_at = '2999-01-01' WHERE id = 9")
    desk.sql("UPDATE shop.customers SET email = NULL WHERE id = 10")
    done = desk.run(desk.made(mapping=imports.Mapping(
        {"email": imports.Column("email"), "updated_at": imports.Column("timestamp", "time")}
    )))  # fmt: skip
    assert (done.read, done.created, done.refused) == (22, 21, 1)
    assert [f.row for f in done.faults] == ["id 10"]
    assert done.notes[0].startswith("3 rows have no `updated_at`")
    assert "in the future" in done.notes[1]
    assert done.position is not None
    assert done.position.value.startswith("2026-03-01T10:25")
    told = pulls.store.run(conn, READER, done.id)
    assert (told.faults, told.notes, told.position) == ([], [], None)


def test_a_key_that_two_rows_share_is_told_and_never_swings(desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    desk.sql("ALTER TABLE shop.customers DROP CONSTRAINT customers_pkey")
    desk.sql("UPDATE shop.customers SET id = 1, updated_at = '2026-03-01' WHERE id IN (1, 2)")
    one = desk.made(keys=["id"])
    done = desk.run(one)
    assert (done.read, done.created, done.refused) == (25, 24, 1)
    assert "no two rows share" in str(done.faults[0])
    seen = pulling.preview(
        desk.conn, SYSTEM, pulls.store.for_run(desk.conn, one.id),
        desk.running.settings.pull_files, None,
    )  # fmt: skip
    assert seen.created == 0


def test_a_run_that_was_cut_off_goes_on(
    conn: Connection, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "import_chunk_rows", 10)
    monkeypatch.setattr(limits, "pull_fetch_bytes", 1)
    monkeypatch.setattr(engine, "_FIRST_ROWS", 7)
    desk.sql(CUSTOMERS)
    one = desk.made(overlap=60)
    made = pulling.start(conn, SYSTEM, one.id)
    conn.commit()
    with monkeypatch.context() as patch:
        left = iter(range(6))

        def check(_: jobs.Running) -> None:
            if next(left, None) is None:
                raise jobs.Interrupted

        patch.setattr(jobs.Running, "check", check)
        with pytest.raises(jobs.Interrupted):
            pulling.run(desk.running, made.id)
    half = pulls.store.run(conn, SYSTEM, made.id)
    conn.commit()
    assert half.status == "running"
    assert 0 < half.created < 25
    pulling.run(desk.running, made.id)
    pulling.run(desk.running, made.id)  # over: again does nothing
    done = pulls.store.run(conn, SYSTEM, made.id)
    assert (done.status, done.created, done.passes) == ("done", 25, 2)
    assert len(desk.items()) == 25


def test_a_full_refresh_knows_what_it_has_and_brings_what_changed(desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    one = desk.made(cursor="", query="SELECT id, email, plan FROM shop.customers -- all;")
    assert desk.counts(one) == (25, 25, 0, 0, 0)
    assert desk.counts(one) == (25, 0, 0, 25, 0)
    desk.sql("ALTER TABLE shop.customers ADD note text DEFAULT 'x'")
    desk.sql("UPDATE shop.customers SET plan = 'free' WHERE id = 2")
    assert desk.counts(one)[3:] == (24, 0)
    assert len(desk.items()) == 26


def test_tickets_are_opened_changed_and_reverted(conn: Connection, desk: Desk) -> None:
    company = Company(conn)
    desk.sql(
        "CREATE TABLE shop.cases (id int PRIMARY KEY, subject text, status text, email text,"
        " updated_at timestamptz)"
    )
    desk.sql(
        "INSERT INTO shop.cases SELECT n, 'Case ' || n, 'new', 'c' || n || '@x.co', '2026-03-01'"
        " FROM generate_series(1, 3) n"
    )
    one = desk.made("shop.cases")
    assert one.target == "tickets"
    first = desk.run(one)
    assert (first.created, first.refused, first.error) == (3, 0, "")
    desk.sql("UPDATE shop.cases SET status = 'solved', updated_at = '2026-03-02' WHERE id = 2")
    second = desk.run(one)
    assert (second.created, second.matched, second.unchanged) == (0, 1, 2)
    found = {t.subject: t.status for t in crm.tickets.find(conn, SYSTEM).rows}
    assert found == {"Case 1": "open", "Case 2": "resolved", "Case 3": "open"}
    for done in (second, first):
        assert done.import_id
        importing.revert(conn, SYSTEM, done.import_id)
        conn.commit()
        desk.take_back(done.import_id, company)
        found = {t.subject: t.status for t in crm.tickets.find(conn, SYSTEM).rows}
        assert found == ({f"Case {n}": "open" for n in (1, 2, 3)} if done is second else {})
    pulls.setup.restart(conn, SYSTEM, one.id)
    conn.commit()
    assert desk.counts(one) == (3, 3, 0, 0, 0)


def test_facts_of_a_run_are_reverted_and_come_again(conn: Connection, desk: Desk) -> None:
    company = Company(conn)
    desk.sql(CUSTOMERS)
    one = desk.made()
    done = desk.run(one)
    company.work(clock.now_ms())
    assert identity.person_of(conn, SYSTEM, "user_id", "7") is not None
    assert done.import_id
    importing.revert(conn, SYSTEM, done.import_id)
    conn.commit()
    desk.take_back(done.import_id, company)
    assert identity.store.known(conn, [facts.Identifier("user_id", "7")]) == set()
    conn.commit()
    assert desk.counts(one)[1] == 11  # the window alone
    pulls.setup.restart(conn, SYSTEM, one.id)
    conn.commit()
    assert desk.counts(one)[:3] == (25, 14, 0)
    company.work(clock.now_ms())
    assert identity.person_of(conn, SYSTEM, "user_id", "7") is not None
    assert importing.imports.store.list_all(conn, SYSTEM) == []


def test_a_preview_counts_and_changes_nothing(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    one = desk.made()
    allowed = desk.running.settings.pull_files
    seen = pulling.preview(conn, SYSTEM, one, allowed, 10)
    assert (seen.rows, seen.created, seen.whole) == (10, 10, False)
    assert seen.examples[0]["type"] == "identify"
    seen = pulling.preview(conn, SYSTEM, one, allowed, None)
    assert (seen.rows, seen.created, seen.whole) == (25, 25, True)
    assert desk.items() == []
    desk.run(one)
    seen = pulling.preview(conn, SYSTEM, pulls.store.for_run(conn, one.id), allowed, None)
    assert (seen.rows, seen.created, seen.unchanged) == (11, 0, 11)


def test_a_run_that_can_not_read_says_what_to_do(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    one = desk.made()
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"port": 1, "host": "127.0.0.1"}, "secret-x", "Nobody answers at 127.0.0.1:1"),
        ({"database": "nothing"}, desk.secret, "no database `nothing`"),
        ({"user": "stranger"}, "secret-x", "does not let `stranger` in"),
        ({"host": "no.such.host.invalid"}, "secret-x", "`no.such.host.invalid` is not known"),
    ]
    for changes, secret, words in cases:
        place = msgspec.structs.replace(desk.place, **changes)
        pulls.setup.move(conn, SYSTEM, one.id, place, secret)
        done = desk.run(one)
        assert done.status == "failed"
        assert words in done.error
        assert secret not in done.error
    pulls.setup.move(conn, SYSTEM, one.id, desk.place, desk.secret)
    desk.sql("ALTER TABLE shop.customers RENAME email TO mail")
    assert "no column `email` any more" in desk.run(one).error
    desk.sql("DROP TABLE shop.customers")
    assert "does not understand it" in desk.run(one).error
    assert desk.items() == []


def test_a_password_is_told_nobody_and_goes_to_no_other_server(
    conn: Connection, desk: Desk
) -> None:
    one = pulls.setup.create(conn, SYSTEM, name="S", place=desk.place, secret=SECRET)
    for viewer in (SYSTEM, READER):
        shown = pulls.store.get(conn, viewer, one.id)
        assert SECRET not in repr((shown, pulls.store.list_all(conn, viewer)))
    assert pulls.store.get(conn, READER, one.id).place == pulls.Place("postgresql")
    mask = pulls.store.get(conn, SYSTEM, one.id).secret
    pulls.setup.move(conn, SYSTEM, one.id, msgspec.structs.replace(desk.place, user="u2"), mask)
    assert pulls.store.for_run(conn, one.id).secret == SECRET
    evil = msgspec.structs.replace(desk.place, host="evil.example")
    with pytest.raises(errors.Invalid, match="of another server"):
        pulls.setup.move(conn, SYSTEM, one.id, evil, mask)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM shop.customers RETURNING 1",
        "SELECT 1; DROP TABLE shop.customers",
        "SELECT 1) AS x; DROP TABLE shop.customers; SELECT * FROM (SELECT 1",
        "WITH gone AS (DELETE FROM shop.customers RETURNING id) SELECT * FROM gone",
        "SELECT nextval('shop.numbers') AS n",
        "SELECT setval('shop.numbers', 99) AS n",
        "SELECT 'open",
    ],
)
def test_a_query_reads_and_does_nothing_else(desk: Desk, query: str) -> None:
    desk.sql(CUSTOMERS)
    desk.sql("CREATE SEQUENCE shop.numbers")
    with pytest.raises(errors.Invalid):
        desk.made(query=query)
    assert desk.shop.execute("SELECT count(*) FROM shop.customers").fetchone() == (25,)
    assert desk.shop.execute("SELECT last_value, is_called FROM shop.numbers").fetchone() == (
        1, False,
    )  # fmt: skip


def test_odd_values_are_read_and_break_nothing(desk: Desk) -> None:
    desk.sql(
        """
        CREATE TABLE shop.odd AS SELECT 1 AS id, 'u1'::text AS "user id",
          'infinity'::timestamptz AS inf,
          '20000-01-01'::date AS far, 'NaN'::numeric AS nan, 19.99::numeric AS price,
          12345678901234567890123::numeric AS big, '\\x00ff'::bytea AS raw,
          'caf\u00e9'::bytea AS txt,
          '{"a": {"b": [1, 2]}}'::jsonb AS doc, ARRAY['x', 'y'] AS list,
          '3 days 02:03:04'::interval AS span,
          '10.0.0.1'::inet AS ip, gen_random_uuid() AS uid, '[1,5)'::int4range AS span2,
          '2026-03-01 12:00'::timestamp AS local, 'x''y; %s -- "z"'::text AS "we;ird %"
        """.replace("%s", "%%s").replace('"we;ird %"', '"we;ird %%"'),
    )
    one = desk.made("shop.odd", target="people", keys=["id"], cursor="", zone="Europe/Berlin",
        mapping=imports.Mapping({
            "user id": imports.Column("user_id"),
            **{c: imports.Column(f"traits.{c}", kind) for c, kind in {
                "inf": "text", "far": "text", "nan": "number", "price": "number", "big": "text",
                "raw": "text", "txt": "text", "doc.a": "json", "list": "json", "span": "text",
                "ip": "text", "span2": "text", "local": "time",
            }.items()},
            "we;ird %": imports.Column("traits.weird"),
        }),
    )  # fmt: skip
    assert desk.counts(one)[1] == 1
    traits = desk.items()[0]["traits"]
    assert traits == {
        "inf": "infinity", "far": "20000-01-01", "price": 19.99,
        "big": "12345678901234567890123", "raw": "00ff", "txt": "café", "doc.a": {"b": [1, 2]},
        "list": ["x", "y"], "span": "74:03:04", "ip": "10.0.0.1",
        "span2": "[1, 5)", "local": "2026-03-01T11:00:00.000Z", "weird": 'x\'y; %s -- "z"',
    }  # fmt: skip


def test_schedules_start_runs_and_pausing_stops_that(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    one = desk.made()
    now = clock.now_ms()
    pulls.setup.set_schedule(conn, SYSTEM, one.id, "every 15m", True, now - 2 * clock.HOUR_MS)
    conn.commit()
    pulling.due(desk.running)
    (run,) = pulls.store.runs(conn, SYSTEM, one.id)
    assert run.status == "waiting"
    pulling.due(desk.running)
    following = pulls.store.get(conn, SYSTEM, one.id).next_at
    assert following is not None
    assert 0 < clock.from_datetime(following) - now <= 15 * clock.MINUTE_MS + 5_000
    with pytest.raises(errors.Conflict, match="waiting or under way"):
        pulling.start(conn, SYSTEM, one.id)
    assert pulling.cancel(conn, SYSTEM, one.id).status == "cancelled"
    paused = pulls.setup.set_schedule(conn, SYSTEM, one.id, "every 15m", False, now)
    assert (paused.enabled, paused.next_at) == (False, None)
    conn.commit()
    pulling.run(desk.running, run.id)  # cancelled: nothing to do
    assert desk.items() == []


def test_test_sources_and_sources_that_are_off_take_no_pull(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    test = sources.create(conn, SYSTEM, "CI", test=True)
    with pytest.raises(errors.Conflict, match="test source"):
        pulls.setup.create(conn, SYSTEM, name="S", place=desk.place, secret="", source_id=test.id)
    one = desk.made()
    sources.set_enabled(conn, SYSTEM, one.source_id or 0, False)
    with pytest.raises(errors.Conflict, match="is off"):
        pulling.start(conn, SYSTEM, one.id)


def test_a_deleted_pull_forgets_and_leaves_what_it_brought(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    one = desk.made()
    desk.run(one)
    pulling.delete(conn, SYSTEM, one.id)
    conn.commit()
    pulling.forget(desk.running, one.id)
    assert conn.execute("SELECT count(*) FROM pull_row").fetchone() == (0,)
    assert pulls.store.list_all(conn, SYSTEM) == []
    with pytest.raises(errors.NotFound):
        pulls.store.get(conn, SYSTEM, one.id)
    assert len(desk.items()) == 25


def test_only_admins_set_pulls_up_and_run_them(conn: Connection, desk: Desk) -> None:
    desk.sql(CUSTOMERS)
    one = desk.made()
    for act in (pulling.start, pulling.cancel, pulling.delete, pulls.setup.restart):
        with pytest.raises(errors.Forbidden):
            act(conn, READER, one.id)
    with pytest.raises(errors.Forbidden):
        pulling.preview(conn, READER, one, "", 1)


def test_memory_and_transactions_stay_small_whatever_the_rows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sql("CREATE TABLE shop.big AS SELECT n AS id, repeat('x', 20000) AS note, 'u' || n AS who"
             " FROM generate_series(1, 300) n")  # fmt: skip
    sizes: list[int] = []
    flush = pulls.store.put

    def put(conn: Connection, pull: int, run: int, rows: Any) -> None:
        sizes.append(len(rows))
        flush(conn, pull, run, rows)

    monkeypatch.setattr(pulls.store, "put", put)
    monkeypatch.setattr(limits, "pull_chunk_bytes", 400_000)
    mapping = imports.Mapping({"who": imports.Column("user_id")}, {"event": "Seen"})
    one = desk.made("shop.big", target="events", keys=["id"], cursor="", mapping=mapping)
    assert desk.counts(one)[1] == 300
    assert max(sizes) <= 20
