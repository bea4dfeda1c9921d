"""A company whose marketer wants trial accounts that went cold: what the sentence is about.

Of twelve accounts two are in it: `north` and `quill`. Each of the others fails one condition.
"""

from typing import Any

from onefold import crm, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from tests.web.conftest import PASSWORD, _send, drain

LAST_MAIL = "November news"
IN_IT = ("north", "quill")
# key, plan, exports in the last days, has an open ticket, role of who opened what
ACCOUNTS = (
    ("north", "trial", 1, False, "admin", LAST_MAIL),
    ("quill", "trial", 0, False, "admin", LAST_MAIL),
    ("pelagic", "trial", 5, False, "admin", LAST_MAIL),
    ("ridge", "trial", 2, True, "admin", LAST_MAIL),
    ("saffron", "trial", 2, False, "member", LAST_MAIL),
    ("tundra", "trial", 1, False, "admin", "October news"),
    ("umber", "pro", 1, False, "admin", LAST_MAIL),
    ("vesper", "pro", 9, False, "member", "October news"),
    ("willow", "team", 4, False, "admin", "October news"),
    ("xenon", "free", 0, False, "member", LAST_MAIL),
    ("yarrow", "pro", 7, True, "admin", "October news"),
    ("zephyr", "team", 3, False, "admin", LAST_MAIL),
)


def seed(url: str) -> None:
    """Fill a migrated database, and let the worker fold it."""
    now = clock.now_ms()
    with storage.connect(url) as conn:
        crm.users.create(conn, SYSTEM, "maya@x.test", "Maya", "admin", PASSWORD, now)
        crm.users.create(conn, SYSTEM, "rita@x.test", "Rita", "reader", PASSWORD, now)
        app = sources.create(conn, SYSTEM, "App", "product")
        mail = sources.create(conn, SYSTEM, "Mailer", "email")
        conn.commit()
        for row in ACCOUNTS:
            _send(conn, app, now - 20 * clock.DAY_MS, _joined(row, now))
            _send(conn, app, now - clock.HOUR_MS, _exports(row, now))
            _send(conn, mail, now - clock.HOUR_MS, _mails(row, now))
    drain(url)
    with storage.connect(url) as conn:
        for key, *_, ticket, _role, _mail in ACCOUNTS:
            if ticket:
                crm.tickets.create(conn, SYSTEM, {
                    "subject": "Export fails", "email": f"boss@{key}.test", "tags": ["exports"],
                    "content": "It says timeout.", "account_id": _account(conn, key),
                }, now)  # fmt: skip
        conn.commit()
    drain(url)


def _account(conn: storage.Connection, key: str) -> str:
    row = conn.execute("SELECT id FROM account WHERE key = %s", (key,)).fetchone()
    assert row
    return f"acc_{row[0]}"


def _joined(row: tuple[Any, ...], now: int) -> list[Any]:
    key, plan, *_, role, _mail = row
    at = now - 20 * clock.DAY_MS
    return [
        {
            "type": "group", "userId": f"{who}-{key}", "groupId": key,
            "messageId": f"g-{who}-{key}",
            "timestamp": clock.iso(at), "traits": {"name": key.capitalize(), "plan": plan,
                                                    "seats": 3 + len(key)},
        } for who in ("boss", "hand")
    ] + [
        {
            "type": "identify", "userId": f"{who}-{key}", "messageId": f"i-{who}-{key}",
            "timestamp": clock.iso(at), "traits": {
                "email": f"{who}@{key}.test", "name": f"{who.capitalize()} {key.capitalize()}",
                "role": role if who == "boss" else "member", "country": "de" if key < "s" else "fr",
            },
        } for who in ("boss", "hand")
    ]  # fmt: skip


def _exports(row: tuple[Any, ...], now: int) -> list[Any]:
    key, _, n, *_ = row
    hour = 6 * clock.HOUR_MS
    old = [  # some weeks ago everybody exported
        _track(f"hand-{key}", "Report Exported", f"o{i}-{key}", now - (12 + i) * clock.DAY_MS, key)
        for i in range(6)
    ]
    return old + [
        _track(f"hand-{key}", "Report Exported", f"e{i}-{key}", now - (i + 1) * hour, key)
        for i in range(n)
    ]  # fmt: skip


def _mails(row: tuple[Any, ...], now: int) -> list[Any]:
    key, *_, campaign = row
    at = now - 2 * clock.DAY_MS
    return [
        {
            "type": "track", "userId": f"boss-{key}", "event": "Email Opened",
            "messageId": f"m-{key}", "timestamp": clock.iso(at),
            "properties": {"campaign_name": campaign, "subject": f"{campaign} of Plot"},
        }
    ]  # fmt: skip


def _track(user: str, event: str, message: str, at_ms: int, account: str) -> dict[str, Any]:
    return {
        "type": "track", "userId": user, "event": event, "messageId": message,
        "timestamp": clock.iso(at_ms), "context": {"groupId": account},
        "properties": {"format": "pdf" if len(message) % 2 else "csv", "rows": len(message) * 40},
    }  # fmt: skip
