"""The settings of identifiers: changed after a look at what that does, ordered, taken back."""

import threading

from onefold import storage
from onefold.identity.namespaces import preview, store
from onefold.kernel import ids, settings
from onefold.storage import jobs

from .conftest import NASTY, Pages, World, drain

HOME = "/settings/identifiers"


def looked(world: World, path: str) -> str:
    """Let the job do its work, as the process `jobs` would."""
    chosen = settings.load(database_url=world.url)
    running = jobs.Running(world.url, chosen, threading.Event())
    preview.run(running, preview=ids.parse_id("nsp", path.rpartition("/")[2]))
    return path


def rule(world: World, name: str) -> store.Row:
    with storage.connect(world.url) as conn:
        return next(r for r in store.rows(conn) if r.name == name)


def test_a_change_is_shown_before_it_is_made_and_can_be_taken_back(
    pages: Pages, world: World
) -> None:
    assert HOME in pages.get("/settings")
    page = pages.get(HOME)
    assert "stripe_customer_id" in page
    assert "Version 1 holds" in page
    form = pages.get(f"{HOME}/edit?name=email")
    assert "A link that would give a person more is left out" in form
    assert ">crm\nsystem\nbilling</textarea>" in form

    answer = pages.send(f"{HOME}/edit", old="email", limit="1", blocked=f"{NASTY}\ntest@x.co")
    assert answer.status_code == 303
    path = answer.headers["location"]
    assert "Looking at every link" in pages.get(path)
    found = pages.get(looked(world, path))
    assert "What it would do" in found
    assert NASTY not in found
    assert rule(world, "email").limit == 5, "nothing is changed yet"

    answer = pages.send(path, reason="one address each")
    assert answer.headers["location"] == HOME
    assert "is being applied" in pages.get(HOME)
    drain(world.url)
    page = pages.get(HOME)
    assert "Version 2 holds" in page
    assert "one address each" in page
    assert rule(world, "email").limit == 1

    path = pages.send(f"{HOME}/revert", version="1").headers["location"]
    assert "Back to version 1" in pages.get(looked(world, path))
    pages.send(path)
    drain(world.url)
    assert "Version 3 holds" in pages.get(HOME)
    assert rule(world, "email") == store.Row(
        "email", "person", 30, 5, verified=("crm", "system", "billing"), form="email",
        types=("e_mail",), traits=("email",),
    )  # fmt: skip


def test_faults_stand_beside_their_fields(pages: Pages) -> None:
    answer = pages.send(f"{HOME}/edit", old="email", limit="zero", patterns="(?=x)")
    assert answer.status_code == 400
    assert 'id="e-limit"' in answer.text
    assert 'id="e-patterns"' in answer.text
    answer = pages.send(f"{HOME}/edit", name="No Name")
    assert 'id="e-name"' in answer.text
    assert "holds no identifiers" in pages.send(f"{HOME}/import", settings="[]").text
    assert "is not JSON" in pages.send(f"{HOME}/import", settings="{").text
    assert pages.ask("GET", f"{HOME}/edit?name=nope").status_code == 404
    assert pages.ask("GET", f"{HOME}/preview/nsp_999").status_code == 404


def test_an_order_and_segments_settings_become_previews(pages: Pages, world: World) -> None:
    with storage.connect(world.url) as conn:
        names = [row.name for row in store.rows(conn)]
    names[0], names[2] = names[2], names[0]
    answer = pages.ask("POST", f"{HOME}/order", data={"_csrf": pages.csrf, "order": names})
    page = pages.get(answer.headers["location"])
    assert "Priority" in page or "priority" in page
    given = '{"identifiers": [{"type": "user_id", "limit": 1, "blockedValues": ["demo"]}]}'
    answer = pages.send(f"{HOME}/import", settings=given)
    assert "demo" in pages.get(answer.headers["location"])


def test_readers_look_and_change_nothing(reader: Pages) -> None:
    page = reader.get(HOME)
    assert "New namespace" not in page
    assert "data-order-handle" not in page
    for path in ("edit", "order", "import", "revert", "preview/nsp_1"):
        assert reader.send(f"{HOME}/{path}", name="x", settings="[]").status_code == 403, path
