"""Pages of transformations and tracking plans: built, previewed, saved, published, undone."""

import re
from typing import Any

import pytest

from onefold import governance, storage
from onefold.governance import plan_store
from onefold.kernel.viewer import SYSTEM

from .conftest import NASTY, Pages, World, drain


def post(pages: Pages, path: str, **form: Any) -> Any:
    return pages.ask("POST", path, data={"_csrf": pages.csrf, **form})


def text_of(page: str) -> str:
    found = re.search(r'name="text"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return found[1]


def test_the_source_names_its_plan_and_settings_lead_there(pages: Pages, world: World) -> None:
    with storage.connect(world.url) as conn:
        number = int(world.source.removeprefix("src_"))
        plan = plan_store.create(conn, SYSTEM, {"plan": "Named", "events": {}})
        plan_store.connect(conn, SYSTEM, plan.key, [number])
        plan_store.publish(conn, SYSTEM, plan.key)
    page = pages.get(f"/sources/{world.source}")
    assert f'<a href="/plans/{plan.key}">Named</a> <span class="meta">v1</span>' in page
    assert "From the next items" in page
    with storage.connect(world.url) as conn:
        plan_store.disconnect(conn, SYSTEM, plan.key, number)
        plan_store.delete(conn, SYSTEM, plan.key)
    assert 'href="/plans"' in pages.get("/settings")


def test_steps_are_built_previewed_saved_and_rolled_back(pages: Pages, world: World) -> None:
    path = f"/sources/{world.source}/transformation"
    page = pages.get(path)
    assert "No steps." in page
    event = "Report Exported"
    answer = post(
        pages, path, act="add", text="steps: []\n", do="rename_event", field=event, to="Exported"
    )
    assert answer.status_code in (200, 201)
    text = text_of(answer.text)
    assert "to: Exported" in text
    assert '<ins class="diff-in">&#34;Exported&#34;</ins>' in answer.text
    answer = post(pages, path, act="add", text=text, do="hash", field=f"properties.{NASTY}")
    assert answer.status_code == 400
    assert NASTY not in answer.text
    answer = post(pages, path, act="add", text=text, do="hash", field="properties.format")
    answer = post(pages, path, act="up:1", text=text_of(answer.text))
    assert text_of(answer.text).index("do: hash") < text_of(answer.text).index("do: rename")
    answer = post(pages, path, act="remove:1", text=text_of(answer.text))
    assert "do: rename" not in text_of(answer.text)
    assert post(pages, path, act="save", text=text, based_on="0").status_code == 303
    assert "holds from the next batch" in pages.get(path)
    assert post(pages, path, act="save", text="steps: []", based_on="0").status_code == 409
    drain(world.url)
    assert "holds from the next batch" not in pages.get(path)
    assert (
        post(pages, path, act="save", text="steps: [{do: drop, field: traits}]").status_code == 303
    )
    assert post(pages, path, act="rollback:1").status_code == 303
    with storage.connect(world.url) as conn:
        newest = governance.transform_store.newest(conn, SYSTEM, int(world.source[4:]))
        assert newest is not None
        assert (newest.version, newest.transformation.steps[0].to) == (3, "Exported")
        governance.transform_store.roll_back(conn, SYSTEM, int(world.source[4:]), 0)
        conn.commit()
    drain(world.url)


def test_a_plan_is_inferred_edited_published_connected_and_deleted(
    pages: Pages, world: World
) -> None:
    assert "Made from" in pages.get("/plans/new")
    answer = post(pages, "/plans", name=f"P {NASTY}", infer_from=world.source, text="")
    assert answer.status_code == 303
    path = answer.headers["Location"]
    page = pages.get(path)
    assert "Inferred from" in page
    assert NASTY not in page
    for tab in ("violations", "changes", "check", "edit"):
        assert NASTY not in pages.get(f"{path}?tab={tab}")
    wrong = post(pages, path, act="save", text="plan: x\nevents: {A: {propertis: {}}}")
    assert wrong.status_code == 400
    assert "Did you mean `properties`?" in wrong.text
    sent = "plan: x\nevents: {A: {properties: {n: {type: integer}}, required: [n]}}"
    assert post(pages, path, act="save", text=sent).status_code == 303
    assert "Draft against nothing" in pages.get(f"{path}?tab=changes")
    checked = post(pages, path, act="check", item='{"type":"track","event":"A","userId":"u"}')
    assert "properties.n" in checked.text
    assert "not JSON" in post(pages, path, act="check", item="{").text
    assert post(pages, path, act="connect", source=world.source).status_code == 303
    assert "Publish it to begin" in pages.get(path)
    assert post(pages, path, act="publish").status_code == 303
    assert "Version 1" in pages.get("/plans")
    assert post(pages, path, act=f"disconnect:{world.source}").status_code == 303
    assert post(pages, path, act="delete").status_code == 303
    with storage.connect(world.url) as conn:
        assert plan_store.list_all(conn, SYSTEM) == []


@pytest.mark.parametrize("path", ["/plans", "/plans/new"])
def test_readers_see_and_do_not_change(reader: Pages, world: World, path: str) -> None:
    answer = reader.ask("GET", path)
    assert answer.status_code == (403 if path.endswith("new") else 200)
    assert post(reader, "/plans", text="plan: x").status_code == 403
    where = f"/sources/{world.source}/transformation"
    assert "Add a step" not in reader.get(where)
    assert post(reader, where, act="save", text="steps: []").status_code == 403
