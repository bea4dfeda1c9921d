"""What holds for all four objects: versions, facts in the same transaction, validation, lists."""

import threading
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import crm, storage
from onefold.kernel import clock, errors
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000
READER = Viewer(kind="key", id=7, name="Dashboards", role="reader")
SAMPLES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (crm.contacts, {"email": "ann@acme.co"}, {"title": "CFO"}),
    (crm.accounts, {"key": "acme"}, {"name": "Acme"}),
    (crm.tickets, {"subject": "Broken", "email": "ann@acme.co"}, {"priority": "urgent"}),
    (crm.tasks, {"subject": "Call"}, {"priority": "high"}),
]
each = pytest.mark.parametrize(
    ("records", "values", "edit"), SAMPLES, ids=[r.kind.noun for r, _, _ in SAMPLES]
)


@each
def test_a_new_record_reads_back_as_answered(
    conn: storage.Connection, rep: Viewer, records: Any, values: dict[str, Any], edit: Any
) -> None:
    made = records.create(conn, rep, values, NOW)
    assert records.get(conn, rep, made.id) == made
    assert made.version == 1
    assert made.created_at == made.updated_at == clock.iso(NOW)
    assert made.id.startswith(records.kind.prefix + "_")


@each
def test_an_edit_makes_a_version_and_repeating_it_makes_none(
    conn: storage.Connection, rep: Viewer, facts: Any, records: Any, values: Any, edit: Any
) -> None:
    made = records.create(conn, rep, values, NOW)
    after = records.update(conn, rep, made.id, edit, NOW + 5, expected_version=1)
    told = len(facts())
    again = records.update(conn, rep, made.id, edit, NOW + 9)
    assert after.version == again.version == 2
    assert again.updated_at == clock.iso(NOW + 5)
    assert len(facts()) == told
    ((name, value),) = edit.items()
    assert getattr(after, name) == value


@each
def test_a_stale_version_is_a_conflict_that_shows_the_current_row(
    conn: storage.Connection, rep: Viewer, records: Any, values: Any, edit: Any
) -> None:
    made = records.create(conn, rep, values, NOW)
    records.update(conn, rep, made.id, edit, NOW)
    with pytest.raises(errors.Conflict) as caught:
        records.update(conn, rep, made.id, {"owner_id": rep.id}, NOW, expected_version=1)
    assert caught.value.current["version"] == 2
    assert caught.value.current["id"] == made.id


@each
def test_readers_see_and_may_not_change(
    conn: storage.Connection, rep: Viewer, records: Any, values: Any, edit: Any
) -> None:
    made = records.create(conn, rep, values, NOW)
    assert records.get(conn, READER, made.id) == made
    assert records.find(conn, READER).rows == [made]
    for change in (
        lambda: records.create(conn, READER, values, NOW),
        lambda: records.update(conn, READER, made.id, edit, NOW),
        lambda: records.assign(conn, READER, made.id, None, NOW),
    ):
        with pytest.raises(errors.Forbidden):
            change()


@each
def test_a_roll_back_leaves_neither_row_nor_fact(
    conn: storage.Connection, rep: Viewer, facts: Any, records: Any, values: Any, edit: Any
) -> None:
    records.create(conn, rep, values, NOW)
    conn.rollback()
    assert records.find(conn, SYSTEM).rows == []
    assert facts() == []


@each
def test_assigning_tells_old_and_new_owner(
    conn: storage.Connection, rep: Viewer, facts: Any, records: Any, values: Any, edit: Any
) -> None:
    made = records.create(conn, rep, values, NOW)
    after = records.assign(conn, rep, made.id, f"usr_{rep.id}", NOW)
    assert (after.owner_id, after.owner_name) == (f"usr_{rep.id}", "Rita Rep")
    if facts() and records is not crm.tasks:
        assert facts()[-1]["properties"]["changes"] == {"owner_id": [None, f"usr_{rep.id}"]}
        assert facts()[-1]["properties"]["owner"] == "Rita Rep"
        assert facts()[-1]["context"]["actor"] == f"user:{rep.id}"
    assert records.assign(conn, rep, made.id, None, NOW).owner_id is None


def test_all_faults_are_named_at_once(conn: storage.Connection, rep: Viewer) -> None:
    with pytest.raises(errors.Invalid) as caught:
        crm.tickets.create(
            conn,
            rep,
            {
                "subjet": "x", "status": "opne", "priority": None, "email": "no address",
                "owner_id": "usr_999", "account_id": "con_3", "tags": "exports",
                "content": "a\0b", "version": 3,
            },
            NOW,
        )  # fmt: skip
    found = {f.field: str(f) for f in caught.value.faults}
    assert set(found) == {
        "subjet", "status", "priority", "email", "owner_id", "account_id", "tags", "content",
        "version", "subject",
    }  # fmt: skip
    assert "Did you mean `subject`?" in found["subjet"]
    assert "open, paused, resolved" in found["status"]
    assert "Did you mean `open`?" in found["status"]
    assert "there is no user `usr_999`" in found["owner_id"]
    assert "acc_4" in found["account_id"]
    assert "NUL" in found["content"]
    assert "can be read, not set" in found["version"]


def test_a_record_that_is_not_there_is_not_found(conn: storage.Connection, rep: Viewer) -> None:
    with pytest.raises(errors.NotFound, match="tsk_99"):
        crm.tasks.get(conn, rep, "tsk_99")
    with pytest.raises(errors.NotFound):
        crm.tasks.update(conn, rep, 99, {"subject": "x"}, NOW)


def test_of_two_edits_of_one_version_the_second_waits_and_conflicts(database: str) -> None:
    outcome: list[Any] = []

    def second() -> None:
        with storage.connect(database, application="second") as other:
            try:
                values = {"title": "B"}
                crm.contacts.update(other, SYSTEM, made.id, values, NOW, expected_version=1)
            except errors.Conflict as conflict:
                outcome.append(conflict.current)

    with storage.connect(database) as first, storage.connect(database, autocommit=True) as watch:
        made = crm.contacts.create(first, SYSTEM, {"email": "ann@acme.co"}, NOW)
        first.commit()
        crm.contacts.update(first, SYSTEM, made.id, {"title": "A"}, NOW, expected_version=1)
        thread = threading.Thread(target=second)
        thread.start()
        _wait_until_blocked(watch, "second")
        first.commit()
        thread.join(60)
    assert outcome[0]["title"] == "A"
    assert outcome[0]["version"] == 2


def test_edits_of_several_connections_without_a_version_all_count(
    database: str, facts: Any
) -> None:
    with storage.connect(database) as conn:
        made = crm.contacts.create(conn, SYSTEM, {"email": "ann@acme.co"}, NOW)
        conn.commit()
        threads = [
            threading.Thread(target=_edit, args=(database, made.id, {"title": f"T{n}"}))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert crm.contacts.get(conn, SYSTEM, made.id).version == 5
        told = [f["messageId"] for f in facts(conn)]
    assert told == [f"crm-contact-1-v{n}" for n in range(1, 6)]


def _edit(database: str, record_id: str, values: dict[str, Any]) -> None:
    with storage.connect(database) as other:
        crm.contacts.update(other, SYSTEM, record_id, values, NOW)


def _wait_until_blocked(watch: storage.Connection, application: str) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = %s AND wait_event_type = 'Lock'"
    )
    for _ in range(10_000):
        row = watch.execute(query, (application,)).fetchone()
        if row and row[0]:
            return
        watch.execute("SELECT pg_sleep(0.002)")
    raise AssertionError("never blocked")


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def many(conn: storage.Connection, rep: Viewer) -> list[crm.Task]:
    names = ["Éva", "eva", "Zoë", "Ångström", "山田太郎", "Søren", "Eve", "", "50% off_er", "eva"]
    return [
        crm.tasks.create(
            conn, rep,
            {
                "subject": name or "nameless", "priority": ("low", "medium", "high")[n % 3],
                "owner_id": rep.id if n % 2 else None,
                "due_at": clock.iso(NOW + n % 4 * clock.DAY_MS) if n % 4 else None,
            },
            NOW + n // 3,
        )
        for n, name in enumerate(names)
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 3, 10])
@pytest.mark.parametrize(
    "sort", [way + name for name in ("due", "updated", "created", "priority") for way in ("", "-")]
)
def test_pages_put_together_are_the_whole_list(
    conn: storage.Connection, rep: Viewer, many: list[crm.Task], sort: str, limit: int
) -> None:
    whole = crm.tasks.find(conn, rep, sort=sort, limit=200).rows
    assert sorted(t.id for t in whole) == sorted(t.id for t in many)
    got, cursor = [], None
    while True:
        page = crm.tasks.find(conn, rep, sort=sort, limit=limit, cursor=cursor)
        got += page.rows
        cursor = page.next
        if cursor is None:
            break
    assert got == whole


def test_words_are_found_whatever_their_accents_and_wildcards_are_letters(
    conn: storage.Connection, rep: Viewer, many: list[crm.Task]
) -> None:
    def found(q: str) -> list[str]:
        return sorted(t.subject for t in crm.tasks.find(conn, rep, q=q).rows)

    assert found("EVA") == ["eva", "eva", "Éva"]
    assert found("angstrom") == ["Ångström"]
    assert found("太郎") == ["山田太郎"]
    assert found("0% off_") == ["50% off_er"]
    assert found("%") == ["50% off_er"]
    assert found("off 50") == ["50% off_er"]
    assert crm.tasks.count(conn, rep, q="eva") == 3


def test_filters_take_one_or_several_values_and_nobody(
    conn: storage.Connection, rep: Viewer, many: list[crm.Task]
) -> None:
    def n(**filters: Any) -> int:
        assert len(crm.tasks.find(conn, rep, filters).rows) == crm.tasks.count(conn, rep, filters)
        return crm.tasks.count(conn, rep, filters)

    assert n(owner=f"usr_{rep.id}") == n(owner_id=rep.id) == n(owner="none") == 5
    assert n(owner=[None, str(rep.id)]) == 10
    assert n(priority=["low", "high"]) == 7
    assert n(priority=[]) == 0
    assert n(status="done") == 0
    assert n(due_before=clock.iso(NOW + 2 * clock.DAY_MS)) == 3


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"filters": {"onwer": 1}}, "onwer"),
        ({"filters": {"status": "opne"}}, "status"),
        ({"filters": {"owner": "acc_1"}}, "owner"),
        ({"filters": {"due_before": "soon"}}, "due_before"),
        ({"filters": {"due_before": None}}, "due_before"),
        ({"filters": {"priority": ["low"] * 51}}, "priority"),
        ({"sort": "size"}, "sort"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"q": "x" * 101}, "q"),
        ({"q": "a\0"}, "q"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "äöü"}, "cursor"),
        ({"cursor": "WyItdXBkYXRlZCIsICJ4IiwgMV0"}, "cursor"),
    ],
)
def test_a_list_says_what_it_does_not_understand(
    conn: storage.Connection, rep: Viewer, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        crm.tasks.find(conn, rep, **asked)
    assert [f.field for f in caught.value.faults] == [field]


def test_a_cursor_of_another_order_is_refused(
    conn: storage.Connection, rep: Viewer, many: list[crm.Task]
) -> None:
    cursor = crm.tasks.find(conn, rep, sort="due", limit=2).next
    with pytest.raises(errors.Invalid, match="cursor"):
        crm.tasks.find(conn, rep, sort="-due", limit=2, cursor=cursor)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [*sorted({f.name for r, _, _ in SAMPLES for f in r.kind.fields}), "id", "x"]
)
ABOUT = {"subject", "email", "name", "contact_id"}  # named when missing


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.dictionaries(NAMES, JUNK, max_size=6), which=st.integers(0, 3))
def test_whatever_is_sent_is_stored_or_refused_by_name(
    conn: storage.Connection, values: dict[str, Any], which: int
) -> None:
    records = SAMPLES[which][0]
    conn.execute("SELECT 1")  # so that the block below is a savepoint
    faults: tuple[errors.Fault, ...] = ()
    try:
        with conn.transaction():
            made = records.create(conn, SYSTEM, values, NOW)
            assert records.get(conn, SYSTEM, made.id) == made
    except errors.Invalid as invalid:
        faults = invalid.faults
    except errors.Conflict:
        pass
    assert all(f.problem and f.remedy for f in faults)
    assert {f.field for f in faults} <= set(values) | ABOUT
    assert conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
