"""Definitions, leaves and memberships as kept in PostgreSQL."""

import threading
from typing import Any

import pytest

from onefold import audiences, storage
from onefold.audiences import Change
from onefold.kernel import errors
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

ADMIN = Viewer(kind="user", id=1, name="Ada", role="admin")
MEMBER = Viewer(kind="user", id=2, name="Max", role="member")
READER = Viewer(kind="key", id=3, name="Dash", role="reader")
PRO = {"of": "person", "where": {"trait": "plan", "is": "pro"}}


def _count(event: str, n: int = 1, of: str = "person") -> dict[str, Any]:
    return {"of": of, "where": {"count": {"event": event, "within": "7d"}, "at_least": n}}


def _create(conn: Connection, key: str, source: Any = PRO, **more: str) -> audiences.Audience:
    return audiences.create(conn, ADMIN, key, "", source, **more)


def _leaf_ids(conn: Connection) -> dict[str, int]:
    return {leaf.key.split('"')[3]: leaf.id for leaf in audiences.load(conn).leaves}


def _enter(audience: audiences.Audience, *entity_ids: int, at_ms: int = 1000) -> list[Change]:
    why = [{"text": 'plan is "pro"', "condition": "plan is pro", "holds": True}]
    return [Change(audience.id, i, True, at_ms, why) for i in entity_ids]


def _leave(audience: audiences.Audience, *entity_ids: int, at_ms: int = 2000) -> list[Change]:
    return [Change(audience.id, i, False, at_ms, []) for i in entity_ids]


def test_what_was_created_is_read_back(conn: Connection) -> None:
    text = "audience: pros\nname: The pros\nof: person\nwhere: {trait: plan, is: pro}"
    made = audiences.create(conn, ADMIN, "", "", text, " Exports ")
    assert (made.key, made.name, made.feature, made.status) == (
        "pros", "The pros", "exports", "building",
    )  # fmt: skip
    assert made.source == PRO
    assert made.definition == audiences.parse(PRO, "exports")
    assert (made.created_by, made.version, made.members) == ("user:1", 1, 0)
    assert audiences.get(conn, READER, "pros") == made
    assert audiences.list_all(conn, READER) == [made]


def test_a_key_is_taken_once_until_it_is_deleted(conn: Connection) -> None:
    first = _create(conn, "pros")
    with pytest.raises(errors.Conflict, match="`pros`"):
        _create(conn, "pros")
    audiences.delete(conn, ADMIN, "pros")
    with pytest.raises(errors.NotFound):
        audiences.get(conn, READER, "pros")
    assert _create(conn, "pros").id != first.id


def test_every_fault_of_key_name_and_definition_is_told_at_once(conn: Connection) -> None:
    source = {"audience": "other", "of": "person", "where": {"trait": "plan", "iz": "pro"}}
    with pytest.raises(errors.Invalid) as caught:
        audiences.create(conn, ADMIN, "Bad Key", "n" * 300, source)
    fields = [f.field for f in caught.value.faults]
    assert fields == ["where.iz", "key", "key", "name"]


@pytest.mark.parametrize("viewer", [READER, MEMBER])
def test_only_admins_change_definitions(conn: Connection, viewer: Viewer) -> None:
    _create(conn, "pros")
    for change in (
        lambda: audiences.create(conn, viewer, "x", "", PRO),
        lambda: audiences.update(conn, viewer, "pros", name="Other"),
        lambda: audiences.delete(conn, viewer, "pros"),
    ):
        with pytest.raises(errors.Forbidden):
            change()


def test_a_change_of_meaning_builds_anew_and_a_new_name_does_not(conn: Connection) -> None:
    made = _create(conn, "pros")
    assert audiences.set_live(conn, made.id)
    renamed = audiences.update(conn, ADMIN, "pros", name="Professionals", source=PRO)
    assert (renamed.status, renamed.version, renamed.name) == ("live", 2, "Professionals")
    same = audiences.update(conn, ADMIN, "pros", source=PRO)
    assert (same.version, same.name) == (2, "Professionals")
    one = {"of": "person", "where": {"trait": "plan", "is": 1}}
    assert audiences.update(conn, ADMIN, "pros", source=one).status == "building"
    audiences.set_live(conn, made.id)
    true = {"of": "person", "where": {"trait": "plan", "is": True}}
    assert audiences.update(conn, ADMIN, "pros", source=true).status == "building"
    audiences.set_live(conn, made.id)
    assert audiences.update(conn, ADMIN, "pros", feature="exports").status == "building"


def test_an_edit_of_an_old_version_is_a_conflict_that_shows_the_new_one(conn: Connection) -> None:
    _create(conn, "pros")
    audiences.update(conn, ADMIN, "pros", name="First", version=1)
    with pytest.raises(errors.Conflict) as caught:
        audiences.update(conn, ADMIN, "pros", name="Second", version=1)
    assert caught.value.current["name"] == "First"
    assert caught.value.current["version"] == 2


def test_an_audience_keeps_its_kind(conn: Connection) -> None:
    _create(conn, "pros")
    with pytest.raises(errors.Invalid, match="of: person"):
        audiences.update(conn, ADMIN, "pros", source={**PRO, "of": "account"})


def test_an_audience_changed_since_does_not_go_live(conn: Connection) -> None:
    made = _create(conn, "pros")
    audiences.update(conn, ADMIN, "pros", source=_count("A"))
    assert not audiences.set_live(conn, made.id, made.version)
    assert audiences.set_live(conn, made.id, made.version + 1)
    assert audiences.get(conn, READER, "pros").status == "live"


def test_the_revision_rises_with_every_change_of_a_definition(conn: Connection) -> None:
    seen = [audiences.revision(conn)]
    made = _create(conn, "pros")
    seen.append(audiences.revision(conn))
    audiences.update(conn, ADMIN, "pros", source=_count("A"))
    seen.append(audiences.revision(conn))
    audiences.delete(conn, ADMIN, "pros")
    seen.append(audiences.revision(conn))
    _create(conn, "pros")
    seen.append(audiences.revision(conn))
    assert seen == sorted(set(seen))
    assert audiences.load(conn).revision == seen[-1]
    audiences.set_live(conn, made.id)
    assert audiences.revision(conn) == seen[-1]


def test_leaves_are_shared_and_one_that_nobody_needs_starts_anew_when_needed(
    conn: Connection,
) -> None:
    _create(conn, "one", {"of": "person", "where": {"all": [
        _count("A")["where"], _count("B")["where"]]}})  # fmt: skip
    _create(conn, "two", _count("B", 5))
    before = _leaf_ids(conn)
    assert before.keys() == {"A", "B"}
    audiences.delete(conn, ADMIN, "one")
    assert _leaf_ids(conn) == {"B": before["B"]}
    audiences.update(conn, ADMIN, "two", source=_count("A"))
    after = _leaf_ids(conn)
    assert after.keys() == {"A"}
    assert after["A"] not in before.values()


def test_loaded_leaves_belong_to_loaded_definitions_while_others_edit(
    database: str, conn: Connection
) -> None:
    stop = threading.Event()

    def edit() -> None:
        with storage.connect(database) as other:
            n = 0
            while not stop.is_set():
                n += 1
                audiences.create(other, ADMIN, "busy", "", _count(f"Event {n}"))
                other.commit()
                audiences.delete(other, ADMIN, "busy")
                other.commit()

    thread = threading.Thread(target=edit)
    thread.start()
    try:
        for _ in range(100):
            loaded = audiences.load(conn)
            conn.commit()
            kept = {leaf.key for leaf in loaded.leaves}
            alive = [a for a in loaded.audiences if a.status != "deleted"]
            needed = {leaf.key for a in alive for leaf in audiences.leaves(a.definition)}
            assert kept == needed
    finally:
        stop.set()
        thread.join()


def test_a_leaf_is_filled_once_the_backfill_meets_the_live_fold(conn: Connection) -> None:
    _create(conn, "one", _count("A"))
    (leaf,) = audiences.load(conn).leaves
    assert (leaf.live_pos, leaf.filled_pos, leaf.filled) == (None, 0, False)
    audiences.leaves_live(conn, [leaf.id], 500)
    audiences.leaves_live(conn, [leaf.id], 900)
    audiences.leaves_filled(conn, [leaf.id], 400)
    (leaf,) = audiences.load(conn).leaves
    assert (leaf.live_pos, leaf.filled_pos, leaf.filled) == (500, 400, False)
    audiences.leaves_filled(conn, [leaf.id], 500)
    assert audiences.load(conn).leaves[0].filled


def test_numbers_of_any_size_keep_their_leaf(conn: Connection) -> None:
    where = {"a": 1e22, "b": 0.1, "c": 10**21, "d": -0.0, "e": 5e-324}
    count = {"count": {"event": "A", "where": where}, "at_least": 1}
    made = _create(conn, "one", {"of": "person", "where": count})
    loaded = audiences.load(conn)
    assert [leaf.key for leaf in loaded.leaves] == [
        leaf.key for leaf in audiences.leaves(made.definition)
    ]
    assert loaded.audiences[0].definition == made.definition


def test_members_enter_and_leave_in_bulk_and_history_tells_why(conn: Connection) -> None:
    pros, trials = _create(conn, "pros"), _create(conn, "trials")
    audiences.apply(conn, [*_enter(pros, 1, 2, 3), *_enter(trials, 1, at_ms=1500)])
    audiences.apply(conn, _leave(pros, 2))
    audiences.apply(conn, _enter(pros, 1, at_ms=9999))
    assert audiences.current(conn, "person", [1, 2, 3, 4]) == {
        1: {pros.id: 1000, trials.id: 1500},
        3: {pros.id: 1000},
    }
    assert audiences.current(conn, "account", [1, 2, 3]) == {}
    assert audiences.get(conn, READER, "pros").members == 2
    of_one = audiences.memberships_of(conn, READER, "person", 1)
    assert [(m.key, m.since_ms) for m in of_one] == [("trials", 1500), ("pros", 1000)]
    told = audiences.history(conn, READER, "person", 2)
    assert [(e.key, e.entered, e.at_ms) for e in told] == [
        ("pros", False, 2000),
        ("pros", True, 1000),
    ]
    assert told[1].why[0]["text"] == 'plan is "pro"'
    assert audiences.history(conn, READER, "account", 2) == []


def test_of_several_changes_at_once_the_last_decides_and_all_are_told(conn: Connection) -> None:
    pros = _create(conn, "pros")
    audiences.apply(conn, [*_enter(pros, 1), *_leave(pros, 1)])
    assert audiences.current(conn, "person", [1]) == {}
    assert len(audiences.history(conn, READER, "person", 1)) == 2
    audiences.apply(conn, [])


def test_members_are_read_in_pages(conn: Connection) -> None:
    pros = _create(conn, "pros")
    audiences.apply(conn, _enter(pros, *range(1, 8)))
    first = audiences.members(conn, READER, "pros", 0, 5)
    assert [i for i, _ in first] == [1, 2, 3, 4, 5]
    assert audiences.members(conn, READER, "pros", 5, 5) == [(6, 1000), (7, 1000)]
    with pytest.raises(errors.NotFound):
        audiences.members(conn, READER, "nobody")


def test_an_entity_leaves_all_its_audiences_of_its_kind(conn: Connection) -> None:
    pros, trials = _create(conn, "pros"), _create(conn, "trials")
    firms = _create(conn, "firms", {"of": "account", "where": {"trait": "plan", "is": "pro"}})
    audiences.apply(conn, [c for a in (pros, trials, firms) for c in _enter(a, 7)])
    assert audiences.leave_all(conn, "person", 7, 5000) == [pros.id, trials.id]
    assert audiences.current(conn, "person", [7]) == {}
    assert audiences.current(conn, "account", [7]) == {7: {firms.id: 1000}}
    assert [e.at_ms for e in audiences.history(conn, READER, "person", 7)][:2] == [5000, 5000]


def test_a_deleted_audience_is_loaded_until_its_members_have_left(conn: Connection) -> None:
    pros = _create(conn, "pros")
    audiences.apply(conn, _enter(pros, 1, 2))
    assert audiences.clear(conn, pros.id) == 0
    audiences.delete(conn, ADMIN, "pros")
    assert audiences.memberships_of(conn, READER, "person", 1) == []
    assert [(a.id, a.status) for a in audiences.load(conn).audiences] == [(pros.id, "deleted")]
    assert audiences.clear(conn, pros.id) == 2
    assert audiences.load(conn).audiences == []
    newest = audiences.history(conn, READER, "person", 1)[0]
    assert (newest.key, newest.entered, newest.why[0]["text"]) == (
        "pros", False, "The audience was deleted.",
    )  # fmt: skip
