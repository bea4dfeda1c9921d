"""Signals as cases: read, listed, closed by hand."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from onefold import signals, storage
from onefold.kernel import clock, errors
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000
READER = Viewer(kind="key", id=7, name="Dashboards", role="reader")


INSERT = """
INSERT INTO signal
  (kind, reason, account_id, severity, evidence, baseline, opened_at, last_fired_at)
VALUES ('usage_drop', 'quiet', %s, %s, %s, 40, %s, %s) RETURNING id
"""
EVIDENCE = {
    "as_of": "2026-11-30",
    "reasons": [{"text": "Quiet"}],
    "people": [{"person_id": 4, "before": 9, "after": 0, "text": "stopped"}],
}


@pytest.fixture
def three(conn: storage.Connection, world: Any) -> list[int]:
    """Signals of three accounts, the first two firing at the same instant."""
    made = []
    for n, key in enumerate("abc"):
        times = clock.to_datetime(NOW), clock.to_datetime(NOW + n // 2)
        severity = "critical" if n else "warning"
        row = conn.execute(
            INSERT, (world.account(key, key.upper()), severity, Jsonb(EVIDENCE), *times)
        ).fetchone()
        assert row is not None
        made.append(row[0])
    return made


def test_a_signal_shows_what_the_page_needs(conn: storage.Connection, three: list[int]) -> None:
    found = signals.get(conn, READER, f"sig_{three[0]}")
    assert (found.headline, found.account_name, found.severity) == ("Quiet", "A", "warning")
    assert found.people == [{"ref": "per_4", "text": "stopped", "before": 9, "after": 0}]
    assert found.evidence == {"as_of": "2026-11-30"}
    assert found.opened_at == clock.iso(NOW)
    with pytest.raises(errors.NotFound):
        signals.get(conn, READER, 999_999)


def test_pages_are_the_whole_list_newest_first(conn: storage.Connection, three: list[int]) -> None:
    got, cursor = [], None
    while True:
        page = signals.find(conn, READER, cursor=cursor, limit=1)
        got += [s.id for s in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert got == [f"sig_{n}" for n in reversed(three)]


def test_filters(conn: storage.Connection, world: Any, three: list[int]) -> None:
    user = conn.execute(
        "INSERT INTO app_user (email, name, role, password_hash) VALUES ('r', 'R', 'member', '') "
        "RETURNING id"
    ).fetchone()
    assert user is not None
    conn.execute("UPDATE account SET owner_id = %s WHERE key = 'a'", user)
    signals.close(conn, SYSTEM, three[2], "useful", NOW)

    def n(**filters: Any) -> int:
        assert len(signals.find(conn, READER, filters).rows) == signals.count(conn, READER, filters)
        return signals.count(conn, READER, filters)

    assert n(status="open") == signals.count_open(conn, READER) == 2
    assert n(severity=["critical", "warning"]) == 3
    assert n(owner=f"usr_{user[0]}") == n(owner_id=user[0]) == 1
    assert n(owner="none", status=["open"]) == 1
    assert n(account=signals.get(conn, READER, three[1]).account_id) == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"filters": {"stauts": "open"}}, "stauts"),
        ({"filters": {"status": "shut"}}, "status"),
        ({"filters": {"account": "usr_1"}}, "account"),
        ({"limit": 0}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "2026-11-30T00:00:00Z~-1"}, "cursor"),
    ],
)
def test_a_list_says_what_it_does_not_understand(
    conn: storage.Connection, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        signals.find(conn, READER, **asked)
    assert [f.field for f in caught.value.faults] == [field]


def test_closing_by_hand_says_whether_it_helped(conn: storage.Connection, three: list[int]) -> None:
    closed = signals.close(conn, SYSTEM, three[0], "false_alarm", NOW, expected_version=1)
    assert (closed.status, closed.outcome, closed.version) == ("resolved", "false_alarm", 2)
    assert signals.close(conn, SYSTEM, three[0], "useful", NOW) == closed
    with pytest.raises(errors.Conflict) as caught:
        signals.close(conn, SYSTEM, three[0], "useful", NOW, expected_version=1)
    assert caught.value.current["outcome"] == "false_alarm"
    with pytest.raises(errors.Invalid, match="useful, false_alarm, already_known"):
        signals.close(conn, SYSTEM, three[1], "whatever", NOW)
    with pytest.raises(errors.Forbidden):
        signals.close(conn, READER, three[1], "useful", NOW)
    with pytest.raises(errors.NotFound):
        signals.close(conn, SYSTEM, 999_999, "useful", NOW)
