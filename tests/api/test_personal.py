"""A browser reads its own person's allow-listed traits and audiences by a token, and no more."""

from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from onefold import api, audiences, storage
from onefold.kernel import clock, limits
from onefold.kernel.viewer import SYSTEM
from tests.api.conftest import Door
from tests.record.company import NOW, Company, group, identify, page

PRO = {"of": "person", "where": {"trait": "plan", "is": "pro"}}
ACCOUNTS = {"of": "account", "where": {"trait": "tier", "is": "gold"}}
SETTINGS = "/api/personalisation"


@pytest.fixture
def company(database: str) -> Iterator[Company]:
    with storage.connect(database) as conn:
        made = Company(conn)
        for key, definition in (("pro", PRO), ("secret_pro", PRO), ("gold", ACCOUNTS)):
            audiences.create(conn, SYSTEM, key, key.title(), definition)
        conn.commit()
        made.send(
            identify("u1", "d1", email="ann@acme.co", plan="pro", salary=9),
            identify("u2", email="bo@acme.co", plan="free", salary=1),
            group("u1", "acme", tier="gold"),
        )
        made.work()
        yield made


@pytest.fixture
def secret(door: Door, company: Company) -> dict[str, str]:
    del company
    lists = {"traits": ["plan", "nothing"], "audiences": ["pro"]}
    door.ok("PATCH", SETTINGS, lists)
    made: dict[str, str] = door.ok("POST", f"{SETTINGS}/secrets")
    return made


def me(door: Door, token: str, method: str = "GET", **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {token}", **headers}
    return door(method, "/v1/me", role=None, headers=sent)


def signed(secret: dict[str, str], **claims: Any) -> str:
    """A token as a customer's own backend makes it."""
    now = clock.now_ms() // 1000
    whole = {"sub": "user_id:u1", "aud": "onefold", "iat": now, "exp": now + 60, **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, secret["secret"], algorithm="HS256")


def test_a_token_reads_its_own_person_and_only_what_is_allowed(
    door: Door, secret: dict[str, str]
) -> None:
    token = door.ok("POST", "/api/people/user_id:u1/token", {"for_s": 60}, role="member")
    assert token["expires_at"] > (clock.iso(clock.now_ms()) or "")
    found = me(door, token["token"])
    assert found.json() == {"traits": {"plan": "pro"}, "audiences": ["pro"]}
    assert me(door, signed(secret)).json() == found.json()
    other = me(door, signed(secret, sub="user_id:u2")).json()
    assert other == {"traits": {"plan": "free"}, "audiences": []}
    for sub in ("email:ann@acme.co", "anonymous_id:d1"):
        assert me(door, signed(secret, sub=sub)).json() == found.json()
    per = door.ok("GET", "/api/people/user_id:u1?fields=id")["id"]
    by_id = door.ok("POST", f"/api/people/{per}/token")["token"]
    assert me(door, by_id).json() == found.json()
    nothing = {"traits": {}, "audiences": []}
    for sub in ("user_id:new", "account_id:acme", "per_999", "shop:7", "user_id:", "", "\0"):
        assert me(door, signed(secret, sub=sub)).json() == nothing, sub


def test_the_lists_hold_at_once_and_an_etag_says_nothing_changed(
    door: Door, secret: dict[str, str], company: Company
) -> None:
    token = signed(secret)
    tag = me(door, token).headers["ETag"]
    assert me(door, token, **{"If-None-Match": tag}).status_code == 304
    company.send(identify("u1", salary=10), at_ms=NOW + 1)
    company.work(NOW + 1)
    assert me(door, token, **{"If-None-Match": tag}).status_code == 304
    door.ok("PATCH", SETTINGS, {"traits": [], "audiences": []})
    assert me(door, token, **{"If-None-Match": tag}).json() == {"traits": {}, "audiences": []}


def test_a_token_follows_its_person_through_a_merge(
    door: Door, secret: dict[str, str], company: Company
) -> None:
    company.send(page("d9"))
    company.work()
    per = door.ok("GET", "/api/people/anonymous_id:d9?fields=id")["id"]
    token = door.ok("POST", f"/api/people/{per}/token")["token"]
    assert me(door, token).json()["traits"] == {}
    company.send(identify("u1", "d9"), at_ms=NOW + 1)
    company.work(NOW + 1)
    assert me(door, token).json()["traits"] == {"plan": "pro"}


def test_what_is_no_good_token_is_401(door: Door, secret: dict[str, str]) -> None:
    now = clock.now_ms() // 1000
    good = signed(secret)
    head, body, tail = good.split(".")
    wrong = [
        signed(secret, exp=now - 1, iat=now - 60),
        signed(secret, iat=now, exp=now + limits.personal_token_s_max + 1),
        signed(secret, iat=now + 3600, exp=now + 3660),
        signed(secret, nbf=now + 3600),
        signed(secret, aud="other"),
        signed(secret, exp="soon"),
        signed(secret, iat=[1]),
        *(signed(secret, **{name: None}) for name in ("sub", "aud", "iat", "exp")),
        signed({"secret": "x" * 40}),
        jwt.encode({"sub": "user_id:u1", "aud": "onefold", "iat": now, "exp": now + 60}, None,
                   algorithm="none"),
        f"{head}.{body}.", f"{head}.{body}.{tail[::-1]}", f"{head}.{body[::-1]}.{tail}",
        "of_wrong", "", "a.b.c", "x" * 10_000, door.keys["admin"],
    ]  # fmt: skip
    for token in wrong:
        answer = me(door, token)
        assert answer.status_code == 401, token
        assert answer.json()["error"]["code"] == "not_signed_in"
    assert door("GET", "/v1/me", role=None).status_code == 401
    assert me(door, good).status_code == 200


def test_a_token_is_for_nothing_else(door: Door, secret: dict[str, str]) -> None:
    token = signed(secret)
    headers = {"Authorization": f"Bearer {token}"}
    for method, path, role in api.routes():
        if role is not None:
            where = path.replace("{", "").replace("}", "")
            answer = door(method, where, role=None, headers=headers)
            assert answer.status_code == 401, (method, path)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert me(door, token, method).status_code == 405


def test_pages_of_other_origins_may_not_ask(door: Door, secret: dict[str, str]) -> None:
    token = signed(secret)
    any_page = me(door, token, Origin="https://a.example")
    assert any_page.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Credentials" not in any_page.headers
    door.ok("PATCH", SETTINGS, {"origins": ["https://app.acme.co"]})
    refused = me(door, token, Origin="https://a.example")
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    asked = {"Origin": "https://app.acme.co", "Access-Control-Request-Headers": "authorization"}
    flight = door("OPTIONS", "/v1/me", role=None, headers=asked)
    assert flight.status_code == 204
    assert flight.headers["Access-Control-Allow-Origin"] == "https://app.acme.co"
    assert "Authorization" in flight.headers["Access-Control-Allow-Headers"]
    ended = me(door, "no", Origin="https://app.acme.co")
    assert (ended.status_code, ended.headers["Access-Control-Allow-Origin"]) == (
        401,
        "https://app.acme.co",
    )


def test_a_secret_that_ends_takes_its_tokens_along(door: Door, secret: dict[str, str]) -> None:
    old = signed(secret)
    second = door.ok("POST", f"{SETTINGS}/secrets")
    assert door("POST", f"{SETTINGS}/secrets").status_code == 409
    assert me(door, old).status_code == me(door, signed(second)).status_code == 200
    door.ok("DELETE", f"{SETTINGS}/secrets/{secret['id']}")
    assert me(door, old).status_code == 401
    assert me(door, signed(second)).status_code == 200
    door.ok("DELETE", f"{SETTINGS}/secrets/{second['id']}")
    off = door("POST", "/api/people/user_id:u1/token")
    assert off.status_code == 409
    assert "Personalisation is off" in off.json()["error"]["message"]


def test_settings_say_what_is_wrong_and_never_show_a_secret(
    door: Door, secret: dict[str, str]
) -> None:
    body = {"audiences": ["pro", "gold", "none"], "origins": ["app.acme.co", "https://a/b"]}
    assert door.faults("PATCH", SETTINGS, body) == ["audiences", "audiences", "origins", "origins"]
    shown = door("GET", SETTINGS, role="reader")
    assert secret["secret"] not in shown.text
    assert [s["id"] for s in shown.json()["secrets"]] == [secret["id"]]
    stale = {"traits": ["plan"], "expected_version": 1}
    assert door("PATCH", SETTINGS, stale).status_code == 409
    assert door.faults("POST", "/api/people/user_id:u1/token", {"for_s": 0}) == ["for_s"]
    assert door("POST", "/api/people/per_999/token").status_code == 404
