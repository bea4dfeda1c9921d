"""A small company in a real database, folded by the real worker, and the pages over it."""

import asyncio
import os
import secrets
import shutil
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from onefold import api, audiences, crm, log, sources, storage, web
from onefold.kernel import clock, settings
from onefold.kernel.viewer import SYSTEM
from onefold.signals import store as signal_store
from onefold.sources import pulls
from onefold.worker import engine

PASSWORD = "correct horse battery"
NASTY = "<script>alert(1)</script>"


class World(NamedTuple):
    """What the tests know of the seeded company."""

    url: str
    now_ms: int
    person: str
    account: str
    ticket: str
    task: str
    signal: str
    source: str
    pull: str


@pytest.fixture(scope="module")
def world(server_url: str, template: str) -> Iterator[World]:
    name = f"onefold_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = psycopg.conninfo.make_conninfo(server_url, dbname=name)
    yield _seed(url)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _seed(url: str) -> World:
    now = clock.now_ms()
    with storage.connect(url) as conn:
        maya = crm.users.create(conn, SYSTEM, "maya@x.test", "Maya", "admin", PASSWORD, now)
        crm.users.create(conn, SYSTEM, "rita@x.test", "Rita", "reader", PASSWORD, now)
        source = sources.create(conn, SYSTEM, "App", "product")
        site = sources.create(conn, SYSTEM, "Site", "website")
        place = pulls.model.Place("postgresql", host="db.invalid", database="shop", user="reader")
        pull = pulls.setup.create(
            conn, SYSTEM, name="Shop", place=place, secret="s", category="billing"
        )
        audiences.create(conn, SYSTEM, "exporters", "Exporters", _EXPORTERS)
        audiences.create(conn, SYSTEM, "launch", "Export launch", _LAUNCH, "exports")
        conn.commit()
        _send(conn, site, now - 3 * clock.DAY_MS, _visits(now))
        _send(conn, source, now - 2 * clock.DAY_MS, _usage(now))
        _send(conn, source, now, ["not an object"])
    drain(url)
    with storage.connect(url) as conn:
        acme = crm.accounts.find(conn, SYSTEM).rows[0]
        crm.accounts.assign(conn, SYSTEM, acme.id, maya.id, now)
        conn.commit()
        ticket = crm.tickets.create(conn, SYSTEM, {
            "subject": f"Export fails {NASTY}", "email": "ann@acme.test", "tags": ["exports"],
            "content": "It says timeout.", "account_id": acme.id, "owner_id": maya.id,
        }, now)  # fmt: skip
        conn.commit()
        signal_id = signal_store.insert(conn, _signal(int(acme.id[4:]), now))
        assert signal_id
        task = crm.create_signal_task(
            conn, SYSTEM, signal_id, int(acme.id[4:]), "Acme: usage fell", _REASONS,
            [{"ref": "user_id:ann", "name": "Ann Lee", "text": "40 → 3 events"}], "high",
            clock.to_datetime(now), now,
        )  # fmt: skip
        conn.commit()
    drain(url)
    with storage.connect(url) as conn:
        row = conn.execute("SELECT id FROM person WHERE email = 'ann@acme.test'").fetchone()
        assert row
    return World(
        url,
        now,
        f"per_{row[0]}",
        acme.id,
        ticket.id,
        task.id,
        f"sig_{signal_id}",
        source.api_id,
        pull.api_id,
    )


_EXPORTERS = """
of: person
where:
  all:
    - count: {event: Report Exported, within: 30d}
      at_least: 3
"""
_LAUNCH = """
of: person
where:
  all:
    - count: {event: Report Exported, within: 30d}
      at_least: 1
"""
_REASONS = [{"text": "Core events fell 92 % (40 → 3) in the last 14 days"}]


def _signal(account_id: int, now: int) -> dict[str, Any]:
    day = clock.to_datetime(now).date().isoformat()
    people = [{"person_id": 1, "before": 40, "after": 3, "text": "40 → 3 events"}]
    return {
        "kind": "usage_drop", "reason": "core_events", "account_id": account_id,
        "severity": "critical", "baseline": 40.0, "now": clock.to_datetime(now),
        "evidence": {
            "as_of": day, "window_days": 14, "reasons": _REASONS, "people": people,
        },
    }  # fmt: skip


def _visits(now: int) -> list[Any]:
    return [
        {
            "type": "page", "anonymousId": "anon-1", "messageId": f"v{i}",
            "timestamp": clock.iso(now - 3 * clock.DAY_MS + i * 60_000), "name": "",
            "properties": {"path": path, "url": f"https://plot.test{path}"},
        }
        for i, path in enumerate(("/", "/pricing"))
    ]  # fmt: skip


def _usage(now: int) -> list[Any]:
    start = now - 2 * clock.DAY_MS
    return [
        {
            "type": "identify", "userId": "ann", "anonymousId": "anon-1", "messageId": "i",
            "timestamp": clock.iso(start), "traits": {"email": "ann@acme.test", "name": "Ann Lee"},
        },
        {
            "type": "group", "userId": "ann", "groupId": "acme", "messageId": "g",
            "timestamp": clock.iso(start + 1), "traits": {"name": f"Acme {NASTY}", "plan": "pro"},
        },
        *(
            {
                "type": "track", "userId": "ann", "event": "Report Exported", "messageId": f"t{i}",
                "timestamp": clock.iso(start + 1000 + i), "context": {"groupId": "acme"},
                "properties": {"format": "pdf", "note": NASTY},
            }
            for i in range(14)
        ),
    ]  # fmt: skip


def _send(conn: storage.Connection, source: sources.Source, at_ms: int, items: list[Any]) -> None:
    body = log.pack(msgspec.json.encode({"batch": items}))
    log.append(conn, [log.Row(source.id, source.category, at_ms, len(items), body)])
    conn.commit()


def drain(url: str) -> None:
    """Let the worker do all there is to do."""
    with engine.connect(url) as conn:
        worker = engine.Engine(conn, clock.now_ms())
        idle = 0
        while idle < 3:
            idle = 0 if worker.step(clock.now_ms()) else idle + 1


@pytest.fixture(scope="module")
def app(world: World) -> Iterator[Litestar]:
    pool = storage.pool(world.url, size=6)
    yield api.build_app(pool, web.handlers(), settings.load(database_url=world.url), web.page_error)
    pool.close()


class Pages:
    """The pages as one user's browser asks for them, without the browser."""

    def __init__(self, client: TestClient[Litestar]) -> None:
        self.client = client
        self.cookies = ""
        self.csrf = ""

    def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        """Any request of this user's; redirects are not followed."""
        headers = {"Cookie": self.cookies, **kwargs.pop("headers", {})}
        answer = self.client.request(
            method, path, headers=headers, follow_redirects=False, **kwargs
        )
        self.client.cookies.clear()
        return answer

    def log_in(self, email: str) -> "Pages":
        answer = self.ask("POST", "/login", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        self.cookies = answer.headers["set-cookie"].split(";")[0]
        self.csrf = self.get("/").split('name="csrf" content="')[1].split('"')[0]
        return self

    def get(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = self.ask("GET", path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
        return str(answer.text)

    def send(self, path: str, method: str = "POST", htmx: bool = False, **fields: Any) -> Any:
        """A form, as the browser or as htmx sends it."""
        headers = {"HX-Request": "true", "X-CSRF-Token": self.csrf} if htmx else {}
        data = fields if htmx else {"_csrf": self.csrf, **fields}
        return self.ask(method, path, data=data, headers=headers)


@pytest.fixture(scope="module")
def stranger(app: Litestar) -> Iterator[Pages]:
    """Nobody yet."""
    with TestClient(app) as client:
        yield Pages(client)


@pytest.fixture(scope="module")
def pages(stranger: Pages) -> Pages:
    """Maya, an admin."""
    return Pages(stranger.client).log_in("maya@x.test")


@pytest.fixture(scope="module")
def reader(stranger: Pages) -> Pages:
    """Rita, who may only look."""
    return Pages(stranger.client).log_in("rita@x.test")


# ── a real browser against a real port ──────────────────────────────────────────────────────────

CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def address(app: Litestar) -> Iterator[str]:
    """The app on a port."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, websockets=False,
        log_enabled=False,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()))
    thread.start()
    ready = threading.Event()
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        ready.wait(0.1)
    yield f"http://127.0.0.1:{port}"
    loop.call_soon_threadsafe(server.stop)
    thread.join(60)
    loop.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)
    path = os.environ.get("ONEFOLD_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()
