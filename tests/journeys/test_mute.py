"""The day it must save: a ticket about a feature mutes the campaign about that feature."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from segment.analytics import Client
from standardwebhooks import Webhook

from bench.server import Server
from tests.journeys.conftest import Api, within


class Receiver:
    """A webhook's other end: verifies each delivery and keeps it."""

    def __init__(self) -> None:
        self.secret = ""
        self.got: list[tuple[float, dict[str, Any]]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                Webhook(receiver.secret).verify(body, dict(self.headers))
                receiver.got.append((time.monotonic(), json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.httpd.serve_forever)
    thread.start()
    yield made
    made.httpd.shutdown()
    thread.join()
    made.httpd.server_close()


def test_a_ticket_mutes_the_campaign_and_solving_it_unmutes(
    server: Server, api: Api, receiver: Receiver
) -> None:
    audience = {
        "audience": "exports_launch",
        "of": "person",
        "where": {"count": {"event": "Report Exported", "within": "30d"}, "at_least": 1},
    }
    api("POST", "/api/audiences", {"key": "exports_launch", "name": "Exports launch",
                                   "feature": "exports", "definition": audience})  # fmt: skip
    made = api("POST", "/api/destinations", {"name": "Mailer", "url": receiver.url,
                                             "audiences": ["exports_launch"]})  # fmt: skip
    receiver.secret = made["secret"]
    write = server.command("sources", "create", "App")
    client = Client(write, host=server.base, sync_mode=True)
    for user in ("ann", "bob"):
        client.identify(user, {"email": f"{user}@acme.co"})
        client.track(user, "Report Exported")
    within(30, lambda: len(receiver.got) == 2)
    assert {m["type"] for _, m in receiver.got} == {"audience.entered"}

    ticket = api("POST", "/api/tickets", {"subject": "Exports fail", "tags": ["exports"],
                                          "email": "ann@acme.co"})  # fmt: skip
    opened = time.monotonic()
    within(30, lambda: _audiences(api, "ann") == [])
    assert time.monotonic() - opened < 1.0
    within(30, lambda: len(receiver.got) == 3)
    assert receiver.got[2][0] - opened < 1.0

    api("PATCH", f"/api/tickets/{ticket['id']}", {"status": "resolved"})
    solved = time.monotonic()
    within(30, lambda: _audiences(api, "ann") == ["exports_launch"])
    assert time.monotonic() - solved < 1.0
    within(30, lambda: len(receiver.got) == 4)
    assert receiver.got[3][0] - solved < 1.0

    about_ann = [
        m["type"]
        for _, m in receiver.got
        if {"namespace": "user_id", "value": "ann"} in m["person"]["identifiers"]
    ]
    assert about_ann == ["audience.entered", "audience.exited", "audience.entered"]
    assert _audiences(api, "bob") == ["exports_launch"]
    names = {f["name"] for f in api("GET", "/api/people/user_id:ann/timeline")["items"]}
    assert {"Ticket Opened", "Ticket Solved"} <= names


def _audiences(api: Api, user: str) -> list[str]:
    return [a["key"] for a in api("GET", f"/api/people/user_id:{user}")["audiences"]]
