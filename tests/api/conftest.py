"""The API over a fresh database, called as a program would call it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from onefold import api, record, storage
from onefold.kernel.viewer import ROLES, SYSTEM

KEY = "Authorization"


class Door:
    """A client and a key a role. `door("GET", "/api/me", role="reader")` answers the response."""

    def __init__(self, client: TestClient[api.App], keys: dict[str, str]) -> None:
        self.client = client
        self.keys = keys

    def __call__(
        self, method: str, path: str, body: Any = None, *, role: str | None = "admin", **kwargs: Any
    ) -> httpx.Response:
        headers = dict(kwargs.pop("headers", {}))
        if role is not None:
            headers[KEY] = f"Bearer {self.keys[role]}"
        if body is not None:
            kwargs["json"] = body
        return self.client.request(method, path, headers=headers, **kwargs)

    def ok(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """The answer's JSON; anything but success fails the test."""
        answer = self(method, path, body, **kwargs)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def faults(self, method: str, path: str, body: Any = None, **kwargs: Any) -> list[str]:
        """The fields at fault of a request that must be refused with 400."""
        answer = self(method, path, body, **kwargs)
        assert answer.status_code == 400, (method, path, answer.status_code, answer.text)
        return [f["field"] for f in answer.json()["error"]["faults"]]


@pytest.fixture
def door(database: str) -> Iterator[Door]:
    with storage.connect(database) as conn:
        keys = {role: record.create_key(conn, SYSTEM, role, role)[1] for role in ROLES}
    with storage.pool(database, size=4) as pool:
        app = api.build_app(pool)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield Door(client, keys)
