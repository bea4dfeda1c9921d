"""The official client against a real server: over HTTP with keys, and on stdin and stdout."""

import asyncio
import base64
import http.client
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from bench.server import Server, serving
from onefold import mcp as door

ANN = "email:ann@acme.co"
WAIT_S = 20
CAMPAIGN = {
    "audience": "exports_campaign",
    "of": "person",
    "where": {"count": {"event": "Report Exported", "within": "30d"}, "at_least": 1},
}


class House:
    """A server with Ann of Acme in it, a campaign, and a mail that she was sent."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.admin = server.command("keys", "create", "--name", "a", "--role", "admin")
        self.reader = server.command("keys", "create", "--name", "claude", "--role", "reader")
        product = server.command("sources", "create", "App")
        mail = server.command("sources", "create", "Mail", "--category", "email")
        self.api("POST", "/api/audiences", {"key": "exports_campaign", "definition": CAMPAIGN})
        self.send(product, {"type": "identify", "userId": "u1", "traits":
                            {"email": "ann@acme.co", "name": "Ann Lee"}})  # fmt: skip
        self.send(product, {"type": "group", "userId": "u1", "groupId": "acme",
                            "traits": {"name": "Acme"}})  # fmt: skip
        self.send(product, {"type": "track", "userId": "u1", "event": "Report Exported"})
        self.send(mail, {"type": "track", "event": "Email Delivered", "properties":
                         {"subject": "Exports are here"}, "traits": {},
                         "context": {"traits": {"email": "ann@acme.co"}}})  # fmt: skip
        self._wait()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"}
        client.request(method, path, json.dumps(body) if body else None, headers)
        answer = client.getresponse()
        text = answer.read()
        client.close()
        return json.loads(text) if answer.status < 300 else None

    def send(self, key: str, item: dict[str, Any]) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        auth = base64.b64encode(f"{key}:".encode()).decode()
        client.request("POST", "/v1/batch", json.dumps({"batch": [item]}),
                       {"Authorization": f"Basic {auth}"})  # fmt: skip
        assert client.getresponse().status == 200
        client.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            person = self.api("GET", f"/api/people/{ANN}")
            if person and person["events"]["total"] == 4 and person["audiences"]:
                return
            time.sleep(0.05)
        raise AssertionError(person)

    @asynccontextmanager
    async def assistant(self, key: str) -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers) as web:
            url = f"http://127.0.0.1:{self.server.port}/mcp"
            async with Client(streamable_http_client(url, http_client=web)) as client:
                yield client


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with serving() as server:
        yield House(server)


async def answer(client: Client, tool: str, **asked: Any) -> Any:
    result = await client.call_tool(tool, asked)
    assert not result.is_error, result.content
    return result.structured_content


def test_an_assistant_finds_reads_and_explains_a_customer(house: House) -> None:
    async def talk() -> None:
        async with house.assistant(house.reader) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == set(door.TOOLS)
            assert (await answer(client, "whoami"))["role"] == "reader"
            found = await answer(client, "search", query="an lee")
            assert [p["name"] for p in found["people"]] == ["Ann Lee"]
            person = await answer(client, "get_record", ref=ANN)
            assert person["events"]["by_name"]["Report Exported"] == 1
            page = await answer(client, "timeline", ref=person["id"], limit=2)
            assert len(page["items"]) == 2
            older = await answer(client, "timeline", ref=ANN, before=page["next"])
            assert {i["id"] for i in page["items"]}.isdisjoint(i["id"] for i in older["items"])
            why = await answer(client, "explain", ref=ANN)
            (campaign,) = why["audiences"]
            assert campaign["member"]
            assert "Report Exported" in json.dumps(campaign["why"])
            assert [t["properties"]["subject"] for t in why["told"]] == ["Exports are here"]
            account = await answer(client, "explain", ref="account_id:acme")
            assert [t["name"] for t in account["told"]] == ["Email Delivered"]
            people = await answer(
                client, "list", kind="people", filters={"account": "account_id:acme"}
            )
            assert [p["id"] for p in people["items"]] == [person["id"]]
            for kind in ("accounts", "tickets", "tasks", "signals", "audiences"):
                assert "items" in await answer(client, "list", kind=kind)

    asyncio.run(talk())


def test_what_is_wrong_is_said_and_the_remedy_with_it(house: House) -> None:
    async def talk() -> None:
        async with house.assistant(house.reader) as client:
            for tool, asked, words in (
                ("get_record", {"ref": "per_999999"}, "per_999999"),
                ("get_record", {"ref": "shoe:42"}, "shoe"),
                ("list", {"kind": "shoes"}, "Use one of people"),
                ("list", {"kind": "people", "filters": {"shoe": 1}}, "Use account"),
                ("timeline", {"ref": ANN, "limit": 10_000}, "limit"),
                ("timeline", {}, "ref"),
            ):
                result = await client.call_tool(tool, asked)
                assert result.is_error
                assert words in json.dumps([c.model_dump() for c in result.content])

    asyncio.run(talk())


@pytest.mark.parametrize("key", ["", "nonsense", "of_unknown"])
def test_no_key_no_answer(house: House, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_record", "arguments": {"ref": ANN}}}  # fmt: skip
    for path in ("/mcp", "/mcp/"):
        url = f"http://127.0.0.1:{house.server.port}{path}"
        refused = httpx2.post(url, json=body, headers=headers)
        assert refused.status_code == 401
        assert "ann" not in refused.text


def test_a_revoked_key_is_refused_at_once(house: House) -> None:
    key = house.server.command("keys", "create", "--name", "gone", "--role", "reader")
    url = f"http://127.0.0.1:{house.server.port}/mcp"
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx2.post(url, json=body, headers=headers).status_code != 401
    (made,) = [k for k in house.api("GET", "/api/keys")["items"] if k["name"] == "gone"]
    house.api("DELETE", f"/api/keys/{made['id']}")
    assert httpx2.post(url, json=body, headers=headers).status_code == 401


def test_an_assistant_on_this_machine_speaks_by_stdio(house: House) -> None:
    async def talk() -> None:
        command = StdioServerParameters(
            command=str(Path(sys.executable).with_name("onefold")),
            args=["mcp", "--data", str(house.server.data)],
            env={**os.environ, "ONEFOLD_API_KEY": house.reader},
        )
        async with Client(command) as client:
            assert (await answer(client, "whoami"))["name"] == "claude"
            assert (await answer(client, "get_record", ref=ANN))["name"] == "Ann Lee"

    asyncio.run(talk())
