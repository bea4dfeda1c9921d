"""Imports from file to facts and CRM rows: run, resume, count, and name every fault."""

import io
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onefold import crm, identity, sources
from onefold.governance import plan_store, transform_store
from onefold.kernel import clock, errors, limits, settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import import_files, importing
from onefold.sources import imports
from onefold.storage import Connection, jobs
from tests.record.company import NOW, Company

READER = Viewer("user", 9, "Rita", "reader")


class Desk:
    """Makes and runs imports as the process `jobs` does."""

    def __init__(self, conn: Connection, database: str, folder: Path) -> None:
        self.conn = conn
        self.folder = folder
        self.running = jobs.Running(database, settings.load(), threading.Event())

    def draft(self, target: str, *lines: str, name: str = "f.csv") -> imports.Import:
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        one = importing.draft(self.conn, SYSTEM, path=path, name=name, target=target, now_ms=NOW)
        self.conn.commit()
        return one

    def run(self, one: imports.Import) -> imports.Import:
        importing.start(self.conn, SYSTEM, one.id)
        self.conn.commit()
        importing.run(self.running, one.id)
        return imports.store.get(self.conn, SYSTEM, one.id)

    def load(self, target: str, *lines: str) -> imports.Import:
        return self.run(self.draft(target, *lines))


@pytest.fixture
def desk(conn: Connection, database: str, tmp_path: Path) -> Desk:
    return Desk(conn, database, tmp_path)


def test_people_of_a_file_are_facts_like_any_other(conn: Connection, desk: Desk) -> None:
    company = Company(conn)
    done = desk.load(
        "people",
        "user id,email,company id,plan,seats",
        "u1,ann@acme.co,acme,pro,5",
        "u2,bob@acme.co,acme,free,x",
        ",,acme,free,3",
        "u3,eve@b.co,,pro,7",
    )
    assert (done.status, done.rows_done, done.created, done.refused) == ("done", 4, 3, 1)
    assert [(f.line, f.remedy != "") for f in done.faults] == [(4, True)]
    company.work(clock.now_ms())
    person = identity.person_of(conn, SYSTEM, "email", "ann@acme.co")
    assert person == identity.person_of(conn, SYSTEM, "user_id", "u1")
    assert crm.accounts_by_key(conn, ["acme"])
    source = next(s for s in sources.list_all(conn, SYSTEM) if s.name == importing.SOURCE_NAME)
    assert not source.backfill  # history is in: signals go on


def test_the_first_faults_are_told_and_the_rest_is_counted(conn: Connection, desk: Desk) -> None:
    lines = [f"u{n},{n if n % 2 else 'many'}" for n in range(400)]
    draft = desk.draft("people", "user id,seats", *lines)
    mapping = imports.Mapping(
        {"user id": imports.Column("user_id"), "seats": imports.Column("traits.seats", "number")}
    )
    importing.set_up(conn, SYSTEM, draft.id, mapping=mapping)
    done = desk.run(draft)
    assert (done.refused, done.created) == (200, 200)
    assert len(done.faults) == limits.import_faults_max
    first = done.faults[0]
    assert (first.line, first.column, first.value) == (2, "seats", "many")


def test_a_preview_counts_and_changes_nothing(conn: Connection, desk: Desk) -> None:
    company = Company(conn)
    company.send({"type": "identify", "userId": "u1", "traits": {}})
    company.work()
    draft = desk.draft("people", "user id,email", "u1,a@a.co", "u2,b@b.co", "u2,b@b.co", ",")
    found = importing.preview(conn, SYSTEM, draft)
    assert (found.rows, found.created, found.matched, found.refused) == (4, 1, 2, 1)
    assert found.whole
    assert found.examples[0]["userId"] == "u1"
    assert conn.execute("SELECT count(*) FROM log").fetchone() == (1,)


def test_rows_are_previewed_and_loaded_by_the_rules_of_their_source(
    conn: Connection, desk: Desk
) -> None:
    company = Company(conn)
    steps = [
        {"do": "filter", "events": ["Seen"], "when": "properties.n != 1"},
        {"do": "rename", "event": "Seen", "to": "Viewed"},
    ]
    events = {"Viewed": {"violations": "quarantine", "properties": {"n": {"maximum": 2}}}}
    transform_store.save(conn, SYSTEM, company.source.id, {"steps": steps})
    plan = plan_store.create(conn, SYSTEM, {"plan": "Visits", "events": events})
    plan_store.connect(conn, SYSTEM, plan.key, [company.source.id])
    plan_store.publish(conn, SYSTEM, plan.key)
    conn.commit()
    company.work()
    draft = desk.draft("events", "event,user id,n", "Seen,u0,0", "Seen,u1,1", "Seen,u9,9")
    columns = {**draft.mapping.columns, "n": imports.Column("properties.n", "number")}
    mapping = imports.Mapping(columns)
    draft = importing.set_up(conn, SYSTEM, draft.id, mapping=mapping, source_id=company.source.id)
    found = importing.preview(conn, SYSTEM, draft)
    assert (found.created, found.filtered, found.refused) == (1, 1, 1)
    assert (found.faults[0].line, found.faults[0].column) == (4, "n")
    done = desk.run(draft)
    assert (done.created, done.filtered, done.refused) == (1, 1, 1)
    company.work(clock.now_ms())
    told = sources.totals(sources.ledger(conn, SYSTEM, company.source.id))
    assert (told.processed, told.filtered, told.refused) == (1, 1, 0)
    assert told.reconciles


def test_a_test_source_takes_no_import(conn: Connection, desk: Desk) -> None:
    test = sources.create(conn, SYSTEM, "CI", test=True)
    draft = desk.draft("people", "user id,email", "u1,a@a.co")
    with pytest.raises(errors.Conflict, match="test source"):
        importing.set_up(conn, SYSTEM, draft.id, source_id=test.id)
    path = Path(draft.path)
    with pytest.raises(errors.Conflict, match="test source"):
        importing.draft(
            conn, SYSTEM, path=path, name="f.csv", target="", now_ms=NOW, source_id=test.id
        )
    imports.store.change(conn, draft.id, source_id=test.id)
    with pytest.raises(errors.Conflict, match="test source"):
        importing.start(conn, SYSTEM, draft.id)


def test_files_go_with_what_needs_them(conn: Connection, desk: Desk) -> None:
    data = desk.folder / "data"
    running = msgspec.structs.replace(
        desk.running, settings=msgspec.structs.replace(desk.running.settings, data=data)
    )

    def draft() -> imports.Import:
        path = import_files.keep_file(data, "f.csv", io.BytesIO(b"user id\nu1\n"))
        one = importing.draft(
            conn, SYSTEM, path=path, name="f.csv", target="people", now_ms=clock.now_ms()
        )
        conn.commit()
        return one

    def there(one: imports.Import) -> bool:
        return Path(one.path).exists()

    dropped, reverted, old, young = draft(), draft(), draft(), draft()
    with pytest.raises(errors.Forbidden):
        importing.discard(conn, READER, dropped.id, data)
    importing.discard(conn, SYSTEM, dropped.id, data)
    conn.commit()
    assert not there(dropped)
    desk.run(reverted)
    with pytest.raises(errors.Conflict, match="revert it"):
        importing.discard(conn, SYSTEM, reverted.id, data)
    importing.revert(conn, SYSTEM, reverted.id)
    conn.commit()
    importing.take_back(running, reverted.id)
    assert not there(reverted)
    days = f"now() - interval '{limits.import_file_kept_days + 1} days'"
    conn.execute(f"UPDATE import SET created_at = {days} WHERE id = %s".encode(), (old.id,))
    conn.commit()
    lost = import_files.keep_file(data, "g.csv", io.BytesIO(b"x"))
    os.utime(lost, (0, 0))
    import_files.tidy(running)
    assert (there(old), there(young), lost.exists()) == (False, True, False)
    old = imports.store.get(conn, SYSTEM, old.id)
    with pytest.raises(errors.NotFound, match="Upload it again"):
        importing.sample(old)


def test_a_run_that_was_cut_off_goes_on_after_its_last_chunk(
    conn: Connection, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "import_chunk_rows", 10)
    draft = desk.draft("events", "event,user id", *[f"Seen,u{n}" for n in range(35)])
    importing.start(conn, SYSTEM, draft.id)
    conn.commit()
    chunks = 0

    def check(running: jobs.Running) -> None:
        nonlocal chunks
        chunks += 1
        if chunks == 3:
            raise jobs.Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(jobs.Running, "check", check)
        with pytest.raises(jobs.Interrupted):
            importing.run(desk.running, draft.id)
    half = imports.store.get(conn, SYSTEM, draft.id)
    conn.commit()
    assert (half.status, half.rows_done) == ("running", 20)
    importing.run(desk.running, draft.id)
    importing.run(desk.running, draft.id)  # over: again does nothing
    conn.commit()
    done = imports.store.get(conn, SYSTEM, draft.id)
    assert (done.status, done.rows_done, done.created) == ("done", 35, 35)
    assert conn.execute("SELECT sum(items), count(*) FROM log").fetchone() == (35, 4)


def test_contacts_are_made_found_and_changed_through_the_crm(conn: Connection, desk: Desk) -> None:
    crm.users.create(conn, SYSTEM, "sam@us.co", "Sam", "member", "long enough", NOW)
    old = crm.contacts.create(conn, SYSTEM, {"email": "ann@acme.co", "title": "CTO"}, NOW)
    conn.commit()
    done = desk.load(
        "contacts",
        "Email,First Name,Last Name,Company,Contact owner",
        "ann@acme.co,Ann,Lee,Acme Inc,Sam",
        "bob@acme.co,Bob,Ray,Acme Inc,somebody else",
        "not an address,Eve,Poe,,",
        "ann@acme.co,Ann,Lee,Acme Inc,sam@us.co",
    )
    assert (done.created, done.matched, done.unchanged, done.refused) == (1, 1, 1, 1)
    assert (done.faults[0].line, done.faults[0].column) == (4, "Email")
    ann = crm.contacts.get(conn, SYSTEM, old.id)
    assert (ann.first_name, ann.title, ann.account_name, ann.owner_name) == (
        "Ann", "CTO", "Acme Inc", "Sam",
    )  # fmt: skip
    assert crm.accounts.count(conn, SYSTEM) == 1


def test_tickets_come_with_the_words_of_other_tools(conn: Connection, desk: Desk) -> None:
    done = desk.load(
        "tickets",
        "subject,description,status,priority,requester email,tags",
        "Export broken,It fails,solved,urgent,ann@acme.co,exports;pdf",
        "How to,please,pending,normal,bob@acme.co,",
        "Strange,please,levitating,normal,bob@acme.co,",
    )
    assert (done.created, done.refused) == (2, 1)
    assert (done.faults[0].column, done.faults[0].value) == ("status", "levitating")
    rows = crm.tickets.find(conn, SYSTEM, sort="created").rows
    assert [(t.status, t.priority, t.tags) for t in rows] == [
        ("resolved", "urgent", ["exports", "pdf"]), ("paused", "medium", []),
    ]  # fmt: skip


def test_a_file_that_breaks_off_fails_and_says_why(conn: Connection, desk: Desk) -> None:
    draft = desk.draft("people", "user id,email", "u1,a@a.co")
    Path(draft.path).unlink()
    with pytest.raises(errors.NotFound, match="Upload it again"):
        importing.start(conn, SYSTEM, draft.id)


def test_only_admins_import_and_only_drafts_change(conn: Connection, desk: Desk) -> None:
    draft = desk.draft("people", "user id,email", "u1,a@a.co")
    for change in (importing.start, importing.cancel, importing.revert):
        with pytest.raises(errors.Forbidden):
            change(conn, READER, draft.id)
    with pytest.raises(errors.Conflict, match="draft"):
        importing.revert(conn, SYSTEM, draft.id)
    importing.cancel(conn, SYSTEM, draft.id)
    with pytest.raises(errors.Conflict):
        importing.set_up(conn, SYSTEM, draft.id, target="events")
    with pytest.raises(errors.NotFound):
        imports.store.get(conn, SYSTEM, 999)


def test_a_wrong_mapping_does_not_start(conn: Connection, desk: Desk) -> None:
    draft = desk.draft("people", "user id,note", "u1,x")
    wrong: dict[str, Any] = {"note": imports.Column("traits.note")}
    with pytest.raises(errors.Invalid, match="user_id"):
        importing.set_up(conn, SYSTEM, draft.id, mapping=imports.Mapping(wrong))
