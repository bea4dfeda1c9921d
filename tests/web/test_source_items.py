"""The debugger, the ledger and the repair shop as pages."""

import re

import pytest

from onefold import log, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM

from .conftest import NASTY, Pages, World, drain


@pytest.fixture(scope="module")
def source(world: World) -> str:
    """A source with one good item, one repeat and two that name nobody."""
    good = f'{{"type":"track","userId":"u77","event":"Good {NASTY}","messageId":"same"}}'
    bad = '{"type":"track","event":"Bad","userid":"u%d","messageId":"b%d"}'
    items = [good, good, *(bad % (n, n) for n in (78, 79))]
    body = log.pack(f'{{"batch":[{",".join(items)}]}}'.encode())
    with storage.connect(world.url) as conn:
        made = sources.create(conn, SYSTEM, "Repairs")
        conn.commit()
        log.append(conn, [log.Row(made.id, "product", clock.now_ms(), len(items), body)])
    drain(world.url)
    return made.api_id


def test_events_show_their_outcome_and_lead_to_one(pages: Pages, source: str) -> None:
    text = pages.get(f"/sources/{source}/events")
    assert NASTY not in text
    assert [text.count(f">{word}</span>") for word in ("Processed", "Repeat", "Refused")] == [
        1, 1, 2,
    ]  # fmt: skip
    only = pages.get(f"/sources/{source}/events?outcome=duplicate")
    (link,) = re.findall(r'href="(/sources/\w+/events/\d+)">Open', only)
    one = pages.get(link)
    (first,) = re.findall(r'href="(/sources/\w+/events/\d+)">The first one', one)
    assert "Processed" in pages.get(first)
    assert "No events for this search" in pages.get(f"/sources/{source}/events?who=nobody")
    pages.get(f"/sources/{source}/events/1", status=404)


def test_the_ledger_adds_up_and_leads_to_the_items(pages: Pages, source: str) -> None:
    text = pages.get(f"/sources/{source}/ledger")
    assert "Reconciles" in text
    assert "2 × no_identifier" in text
    (link,) = re.findall(r'href="(/sources/\w+/events\?outcome=refused[^"]*)"', text)
    assert pages.get(link.replace("&amp;", "&")).count(">Refused</span>") == 2


def test_refused_ones_are_previewed_dropped_restored_and_replayed(
    pages: Pages, reader: Pages, world: World, source: str
) -> None:
    path = f"/sources/{source}/refused"
    group = {"code": "no_identifier", "field": "userId"}
    fix = {**group, "do": "rename", "where": "userid", "to": "userId"}
    answer = pages.send(path, act="preview", **fix)
    assert "2 of 2 pass" in answer.text
    assert 'value="userid"' in answer.text
    wrong = pages.send(path, act="preview", **{**fix, "do": "convert", "to": "date"})
    assert (wrong.status_code, "is not a type" in wrong.text) == (400, True)
    assert pages.send(path, act="drop", **group).status_code == 303
    text = pages.get(path)
    assert "Nothing refused is open" in text
    (action,) = re.findall(r'name="action" value="(\d+)"', text)
    assert pages.send(path, act="restore", action=action).status_code == 303
    assert pages.send(path, act="replay", **fix).status_code == 303
    drain(world.url)
    found = pages.get(f"/sources/{source}/events?who=u79&outcome=processed")
    assert found.count(">Processed</span>") == 1
    assert pages.send(path, act="replay", **fix).status_code == 303
    seen = pages.get(path)
    assert seen.count(">Replayed</span>") == 1
    reader.log_in("rita@x.test")
    assert 'name="act"' not in reader.get(path)
    assert reader.send(path, act="replay", **fix).status_code == 403
