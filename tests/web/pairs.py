"""People of whom some are there twice, compared: what the review pages are tested on."""

import threading
from typing import Any

from onefold import crm, sources, storage
from onefold.identity import review
from onefold.kernel import clock, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import matching
from onefold.storage import jobs

from .conftest import World, _send, drain

GIVEN = ("Anna", "Bruno", "Carla", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas")
SURNAMES = ("Albrecht", "Bianchi", "Castillo", "Dubois", "Eriksen", "Fontaine")
PAIRS = 6


def user(n: int) -> dict[str, Any]:
    """Traits of a user. A `phone` would be an identifier and join the two without a question."""
    given, surname = GIVEN[n % 10], SURNAMES[n % 6]
    return {
        "firstName": given, "lastName": surname, "email": f"{given}.{surname}@acme.test".lower(),
        "workphone": f"+49 30 {(n * 7_919_017) % 8_999_999 + 1_000_000}", "company": "Acme",
    }  # fmt: skip


def seed(world: World) -> World:
    """Thirty users, six of them in the CRM again under other addresses, compared."""
    now = clock.now_ms()
    items = [
        {
            "type": "identify", "userId": f"m{n}", "messageId": f"m{n}", "traits": user(n),
            "timestamp": clock.iso(now - 1000),
        }
        for n in range(30)
    ]  # fmt: skip
    with storage.connect(world.url) as conn:
        source = conn.execute("SELECT id FROM source WHERE key = 'app'").fetchone()
        assert source
        _send(conn, sources.get(conn, SYSTEM, source[0]), now, items)
        for n in range(PAIRS):
            one = user(n)
            crm.contacts.create(
                conn, SYSTEM, {
                    "first_name": one["firstName"], "last_name": one["lastName"],
                    "phone": one["workphone"],
                }, now,
            )  # fmt: skip
            conn.commit()
    drain(world.url)
    running = jobs.Running(world.url, settings.load(), threading.Event())
    matching.run.due(running)
    with storage.connect(world.url) as conn:
        rows = conn.execute("SELECT id FROM match_run").fetchall()
    for (number,) in rows:
        matching.run.run(running, number)
    with storage.connect(world.url) as conn:
        assert review.store.open_count(conn) == PAIRS
    return world


def take_back(queue: World) -> None:
    """Every answer."""
    with storage.connect(queue.url) as conn:
        rows = conn.execute(
            "SELECT DISTINCT batch FROM match_candidate WHERE batch IS NOT NULL"
        ).fetchall()
        for (batch,) in rows:
            matching.answers.undo(conn, SYSTEM, batch, "", clock.now_ms())
        conn.execute("DELETE FROM match_skip")
        conn.commit()
    drain(queue.url)
