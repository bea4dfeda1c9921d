"""The load: events of a B2B product by many people, and a hundred audiences over them."""

import base64
import random
from typing import Any

import msgspec

EVENTS = [
    "Report Viewed", "Report Exported", "Dashboard Created", "Member Invited", "Signed In",
    "Search Performed", "Filter Applied", "Comment Added", "File Uploaded", "Integration Connected",
]  # fmt: skip
PLANS = ["trial", "starter", "pro", "enterprise"]


def audiences() -> list[dict[str, Any]]:
    """100 definitions: 50 on traits and counts ever, 30 windowed, 20 on accounts."""
    out: list[dict[str, Any]] = []
    for n in range(50):
        where: list[dict[str, Any]] = [{"trait": "plan", "is": PLANS[n % 4]}]
        where.append(
            {"count": {"event": EVENTS[n % 10]}, "at_least": 3 + n}
            if n % 2
            else {"trait": "seats", "greater_than": n}
        )
        out.append({"audience": f"t{n}", "of": "person", "where": {"all": where}})
    for n in range(30):
        window = ["15m", "6h", "1d", "7d", "30d"][n % 5]
        count = {"count": {"event": EVENTS[n % 10], "within": window}, "at_least": 2 + n}
        none = {"none": {"tickets": {"status": "open", "tag": "exports"}}}
        out.append({"audience": f"w{n}", "of": "person", "where": {"all": [count, none]}})
    for n in range(20):
        count = {"count": {"event": EVENTS[n % 10], "within": "7d"}, "less_than": 50 * (n + 1)}
        where = [{"trait": "plan", "is": PLANS[n % 4]}, count]
        out.append({"audience": f"a{n}", "of": "account", "where": {"all": where}})
    return out


def identities(people: int, accounts: int) -> list[dict[str, Any]]:
    """The calls that make everyone known: identify, then group."""
    out = []
    for n in range(people):
        who = {"userId": f"u{n}", "anonymousId": f"anon-{n}"}
        traits = {"email": f"u{n}@c{n % accounts}.example", "name": f"Person {n}",
                  "plan": PLANS[n % 4], "seats": n % 60}  # fmt: skip
        out.append({"type": "identify", "messageId": f"i{n}", **who, "traits": traits})
        account = {"name": f"Company {n % accounts}", "plan": PLANS[n % accounts % 4]}
        out.append({"type": "group", "messageId": f"g{n}", **who,
                    "groupId": f"c{n % accounts}", "traits": account})  # fmt: skip
    return out


def tracks(n: int, people: int, seed: int, salt: str) -> list[dict[str, Any]]:
    """`n` track calls by random people, half with their device on them."""
    rng = random.Random(seed)
    out = []
    for i in range(n):
        person = int(rng.random() ** 2 * people)  # some are far busier than others
        item: dict[str, Any] = {
            "type": "track",
            "event": EVENTS[int(rng.random() ** 2 * 10)],
            "messageId": f"{salt}-{i}",
            "userId": f"u{person}",
            "properties": {"format": "pdf", "rows": i % 1000, "path": f"/reports/{i % 97}",
                           "referrer": "https://example.com/reports", "team": f"team-{i % 13}"},
            "context": {"library": {"name": "bench", "version": "1"}, "ip": "192.0.2.1",
                        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
        }  # fmt: skip
        if i % 2:
            item["anonymousId"] = f"anon-{person}"
        out.append(item)
    return out


def requests(items: list[dict[str, Any]], key: str, batch: int = 100) -> list[bytes]:
    """Whole HTTP requests, ready to be written to a socket."""
    auth = base64.b64encode(f"{key}:".encode()).decode()
    encode = msgspec.json.Encoder().encode
    out = []
    for start in range(0, len(items), batch):
        body = encode({"batch": items[start : start + batch]})
        head = (
            "POST /v1/batch HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Authorization: Basic {auth}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        out.append(head.encode() + body)
    return out
