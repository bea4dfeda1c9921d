"""Every route, walked by everybody: nobody enters without a key or does more than they may."""

from onefold import api
from onefold.kernel.viewer import ROLES
from tests.api.conftest import KEY, Door

ROUTES = api.routes()


def _path(path: str) -> str:
    """A path with something in each place that leads to no record."""
    out = path
    for name in (
        "ref",
        "record_id",
        "source_id",
        "connector_id",
        "run_id",
        "destination_id",
        "delivery_id",
        "key_id",
        "decision_id",
        "import_id",
        "preview_id",
        "pull_id",
        "suppression_id",
        "domain",
        "user_id",
    ):
        out = out.replace(f"{{{name}}}", "999999")
    out = out.replace("{pos}", "999999").replace("{name}", "plan").replace("{of}", "person")
    return out.replace("{key}", "no-such-audience").replace("{signal_id}", "999999")


def test_the_walk_knows_every_route() -> None:
    assert len(ROUTES) > 40
    assert [r for r in ROUTES if "{" in _path(r[1])] == []
    open_to_all = [path for _, path, role in ROUTES if role is None]
    assert open_to_all == ["/api/openapi.json"]


BAD_KEYS = [None, "Bearer of_wrong", "Basic YTpi", "Bearer", "of_x", "Bearer \xff"]


def test_without_a_good_key_every_route_is_401(door: Door) -> None:
    for key in BAD_KEYS:
        for method, path, role in ROUTES:
            if role is None:
                continue
            headers = {} if key is None else {KEY: key.encode("latin-1")}
            answer = door(method, _path(path), role=None, headers=headers)
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.json()["error"]["code"] == "not_signed_in"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_route_lets_in_its_role_and_higher_ones_only(door: Door) -> None:
    for role in ROLES:
        for method, path, least in ROUTES:
            where = _path(path) + ("?wait=false" if path.endswith("/stream") else "")
            answer = door(method, where, role=role)
            allowed = least is None or ROLES.index(role) >= ROLES.index(least)
            assert (answer.status_code == 403) is not allowed, (method, path, role, answer.text)
            assert answer.status_code != 401
            assert answer.status_code < 500, (method, path, answer.text)


def test_reading_needs_no_more_than_reader_and_changing_never_less_than_member() -> None:
    for method, path, role in ROUTES:
        if path.startswith(("/api/keys", "/api/audit")) or role is None:
            continue
        if path.endswith("/batch"):  # a read whose question is too long for an address
            assert role == "reader"
            continue
        assert (role == "reader") is (method == "GET"), (method, path, role)


def test_admins_alone_change_sources_destinations_users_keys_and_definitions() -> None:
    rooms = (
        "plans",
        "pulls",
        "sources",
        "destinations",
        "deliveries",
        "users",
        "keys",
        "audiences",
    )
    for method, path, role in ROUTES:
        if method != "GET" and path.split("/")[2] in rooms:
            assert role == "admin", (method, path, role)
