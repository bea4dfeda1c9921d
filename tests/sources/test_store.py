"""Sources: who may make them, what they look like, what became of their items."""

from collections.abc import Callable
from typing import Any

import pytest

from onefold import sources, storage
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import SYSTEM, Role, Viewer


def viewer(role: Role) -> Viewer:
    return Viewer(kind="user", id=7, name="Ann", role=role)


ADMIN, MEMBER, READER = viewer("admin"), viewer("member"), viewer("reader")


def test_a_source_has_a_key_of_its_own_and_a_write_key(conn: storage.Connection) -> None:
    made = sources.create(conn, ADMIN, "  Café App ", "website")
    assert (made.key, made.name, made.category) == ("cafe-app", "Café App", "website")
    assert (made.enabled, made.backfill, made.created_by) == (True, False, "user:7")
    assert made.api_id == f"src_{made.id}"
    assert made.write_key.startswith("wk_")
    assert len(made.write_key) == 3 + 24
    assert made.created_at.tzinfo is not None
    assert sources.get(conn, ADMIN, made.id) == made
    assert sources.by_write_key(conn, made.write_key) == made
    assert sources.by_write_key(conn, "wk_other") is None


def test_names_may_repeat_and_keys_do_not(conn: storage.Connection) -> None:
    made = [sources.create(conn, ADMIN, name) for name in ("App", "app", "APP!", "日本")]
    assert [s.key for s in made] == ["app", "app-2", "app-3", "source"]
    assert len({s.write_key for s in made}) == 4
    assert sources.list(conn, ADMIN) == made
    assert {s.category for s in made} == {"product"}


@pytest.mark.parametrize(
    ("name", "category", "fields"),
    [
        ("", "product", ["name"]),
        ("  ", "product", ["name"]),
        ("x" * 101, "product", ["name"]),
        ("a\0b", "product", ["name"]),
        ("a\nb", "product", ["name"]),
        ("\ud800", "product", ["name"]),
        ("App", "crm", ["category"]),
        ("App", "", ["category"]),
        ("", "nonsense", ["name", "category"]),
    ],
)
def test_every_wrong_field_is_named_at_once(
    conn: storage.Connection, name: str, category: str, fields: list[str]
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        sources.create(conn, ADMIN, name, category)
    assert [fault.field for fault in caught.value.faults] == fields
    assert all(fault.remedy for fault in caught.value.faults)
    assert sources.list(conn, ADMIN) == []


def test_only_admins_make_change_and_see_keys(conn: storage.Connection) -> None:
    made = sources.create(conn, SYSTEM, "App")
    changes: list[Callable[[Viewer], Any]] = [
        lambda who: sources.create(conn, who, "Other"),
        lambda who: sources.set_enabled(conn, who, made.id, False),
        lambda who: sources.set_backfill(conn, who, made.id, True),
    ]
    for who in (READER, MEMBER):
        for change in changes:
            with pytest.raises(errors.Forbidden):
                change(who)
        assert sources.get(conn, who, made.id).write_key == ""
        assert [s.write_key for s in sources.list(conn, who)] == [""]
    assert sources.get(conn, ADMIN, made.id).write_key == made.write_key


def test_switches_stay_where_they_are_put(conn: storage.Connection) -> None:
    made = sources.create(conn, ADMIN, "App")
    assert not sources.set_enabled(conn, ADMIN, made.id, False).enabled
    found = sources.by_write_key(conn, made.write_key)
    assert found is not None
    assert not found.enabled  # still found: senders are told that it is disabled
    assert sources.set_backfill(conn, ADMIN, made.id, True).backfill
    assert sources.backfilling(conn)
    sources.set_backfill(conn, ADMIN, made.id, False)
    assert not sources.backfilling(conn)


def test_a_source_that_is_not_there_is_named(conn: storage.Connection) -> None:
    for call in (
        lambda: sources.get(conn, ADMIN, 99),
        lambda: sources.set_enabled(conn, ADMIN, 99, True),
        lambda: sources.set_backfill(conn, ADMIN, 99, True),
    ):
        with pytest.raises(errors.NotFound, match="src_99"):
            call()


def test_there_is_a_most(conn: storage.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "sources_max", 2)
    sources.create(conn, ADMIN, "App")
    sources.create(conn, ADMIN, "App")
    with pytest.raises(errors.Conflict, match="2 sources"):
        sources.create(conn, ADMIN, "App")


def test_refused_items_are_listed_newest_first_by_page(conn: storage.Connection) -> None:
    made = sources.create(conn, ADMIN, "App")
    for pos in range(5):
        conn.execute(
            "INSERT INTO refused VALUES (%s, %s, 1, 'invalid_item', 'type', 'is x.', 'Use y.', %s)",
            (pos, made.id, b"raw%d" % pos),
        )
    first = sources.refused(conn, READER, made.id, rows_max=3)
    assert [r.pos for r in first] == [4, 3, 2]
    assert (first[0].raw, first[0].code, first[0].remedy) == (b"raw4", "invalid_item", "Use y.")
    rest = sources.refused(conn, READER, made.id, before_pos=first[-1].pos, rows_max=3)
    assert [r.pos for r in rest] == [1, 0]
    assert sources.refused(conn, READER, made.id + 1) == []


def test_the_ledger_tells_hour_by_hour(conn: storage.Connection) -> None:
    made = sources.create(conn, ADMIN, "App")
    for hour in range(3):
        conn.execute(
            "INSERT INTO ledger VALUES (%s, %s, 10, 7, 2, 1)", (made.id, hour * clock.HOUR_MS)
        )
    found = sources.ledger(conn, READER, made.id, since_ms=clock.HOUR_MS)
    assert [h.hour_ms // clock.HOUR_MS for h in found] == [2, 1]
    assert all(h.received == h.processed + h.duplicate + h.refused for h in found)
