"""How far a change is followed: no further than it can change anything."""

from typing import Any

import pytest

from onefold import storage
from onefold.identity import component, reach
from tests.identity.parts import Worker, fact

DAY = 86_400_000


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> list[reach.Region]:
    """Every region that f was run on."""
    found: list[reach.Region] = []

    class Kept(reach.Region):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            found.append(self)

    monkeypatch.setattr(component, "Region", Kept)
    return found


def _chain(worker: Worker, users: int) -> None:
    """Each user has an address, a phone, and once gave the next one's address."""
    for n in range(users):
        worker.feed([fact(n, DAY, f"user_id:u{n}", f"email:e{n + 1}@x.y", f"anonymous_id:d{n}")])
    for n in range(users):
        worker.feed([fact(1_000 + n, 5 * DAY, f"user_id:u{n}", f"email:e{n}@x.y")])


def test_a_chain_of_wrong_addresses_is_not_followed_to_its_end(
    conn: storage.Connection, regions: list[reach.Region]
) -> None:
    with conn.transaction(force_rollback=True):
        worker = Worker(conn)
        _chain(worker, 30)
        worker.check()
        regions.clear()
        worker.feed([fact(5_000, 9 * DAY, "user_id:u3", "email:e20@x.y")])
        worker.check()
        (region,) = regions
        looked_at = {spot.identifier.value for spot in region.spots.values()}
        assert {"u3", "e20@x.y", "u20", "u19"} <= looked_at
        assert len(looked_at) < 20
        assert "e10@x.y" not in looked_at


def test_a_shared_inbox_is_not_followed_to_all_who_use_it(
    conn: storage.Connection, regions: list[reach.Region]
) -> None:
    with conn.transaction(force_rollback=True):
        worker = Worker(conn)
        for n in range(40):
            phone = f"anonymous_id:d{n}"
            worker.feed([fact(n, n * DAY, f"user_id:u{n}", "email:office@x.y", phone)])
        regions.clear()
        worker.feed([fact(5_000, 60 * DAY, "user_id:u7", "email:office@x.y")])
        worker.check()
        (region,) = regions
        phones = [s for s in region.spots.values() if s.is_device]
        assert len(phones) <= 2  # of the one who had the inbox last, and of who has it now


def test_what_lies_beyond_is_looked_at_when_it_changes_sides(
    conn: storage.Connection, regions: list[reach.Region]
) -> None:
    """The newest evidence takes an address away, and what was suppressed for it holds again."""
    with conn.transaction(force_rollback=True):
        worker = Worker(conn)
        worker.feed([fact(1, DAY, "user_id:a", "email:x@y.z", "contact:1")])
        worker.feed([fact(2, 2 * DAY, "user_id:b", "contact:1")])
        worker.feed([fact(3, 3 * DAY, "user_id:c", "email:x@y.z")])
        worker.feed([fact(4, 4 * DAY, "user_id:a", "email:x@y.z")])
        worker.feed([fact(5, 5 * DAY, "user_id:a", "contact:1")])
        worker.check()
        assert worker.person("contact:1") == worker.person("user_id:a")
        assert worker.person("email:x@y.z") == worker.person("user_id:a")


def test_of_two_users_whose_devices_a_human_joined_the_one_seen_last_has_them(
    conn: storage.Connection,
) -> None:
    with conn.transaction(force_rollback=True):
        worker = Worker(conn)
        worker.feed([fact(1, 2 * DAY, "user_id:a", "anonymous_id:d")])
        worker.feed([fact(2, 3 * DAY, "user_id:b", "anonymous_id:e")])
        worker.decide("pin", f"anonymous_id:d@{9 * DAY}", f"anonymous_id:e@{9 * DAY}")
        worker.check()
        assert worker.person("anonymous_id:d") == worker.person("user_id:b")
        worker.feed([fact(3, 5 * DAY, "user_id:a", "anonymous_id:d")])
        worker.check()
        assert worker.person("anonymous_id:e") == worker.person("user_id:a")
