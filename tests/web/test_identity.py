"""The identity tab: a picture and the same in words; decisions are previewed, made, undone."""

import re

from onefold.web import picture

from .conftest import Pages, World, drain


def test_the_tab_draws_and_tells_every_link(pages: Pages, world: World) -> None:
    text = pages.get(f"/people/{world.person}?tab=identity")
    lines = re.findall(r'class="edge[^>]*href="#(link-\d+)"', text)
    assert lines
    for line in lines:
        assert f'id="{line}"' in text
    assert "carried both user id ann and e-mail ann@acme.test" in text
    assert "per_" in text[text.index("History") :]


def test_a_cut_is_previewed_made_and_undone(pages: Pages, world: World) -> None:
    url = f"/people/{world.person}/identity/decide"
    cut = {"decision": "not_same", "a": "user_id:ann", "b": "email:ann@acme.test"}
    preview = pages.send(url, **cut)
    assert "would" in preview.text
    assert "user_id:ann" in preview.text
    made = pages.send(url, **cut, sure="1", reason="her desk mate's")
    assert made.status_code == 303
    drain(world.url)
    text = pages.get(f"/people/{world.person}?tab=identity")
    assert "her desk mate" in text
    number = re.search(r'name="id" value="(dec_\d+)"', text)
    assert number
    pages.send(f"/people/{world.person}/identity/undo", id=number[1])
    drain(world.url)
    assert "Undone by Maya" in pages.get(f"/people/{world.person}?tab=identity")


def test_a_join_with_nobody_says_so(pages: Pages, world: World) -> None:
    url = f"/people/{world.person}/identity/decide"
    answer = pages.send(url, decision="same", a=world.person, b="per_999")
    assert answer.status_code == 400
    assert "There is no person" in answer.text


def test_a_reader_sees_and_decides_nothing(reader: Pages, world: World) -> None:
    text = reader.get(f"/people/{world.person}?tab=identity")
    assert "Why this is one person" in text
    assert "identity/decide" not in text
    sure = {"decision": "same", "a": world.person, "b": "user_id:bob", "sure": "1"}
    assert (
        reader.ask("POST", f"/people/{world.person}/identity/decide", data=sure).status_code == 403
    )


def test_boxes_stand_in_columns_and_lines_join_their_sides() -> None:
    def spot(key: int, kind: str, person: str = "per_1") -> dict[str, object]:
        return {"key": key, "name": "x" * 50, "kind": kind, "person": person}

    spots = [spot(1, "person"), spot(2, "device"), spot(3, "person", "per_2"), spot(4, "person")]
    edges = [
        {"a": spots[a], "b": spots[b], "holds": b != 2, "kind": "link", "cut": None, "text": "t"}
        for a, b in ((0, 1), (0, 2), (0, 3))
    ]
    found = picture.draw({"person": "per_1", "spots": spots, "edges": edges})
    assert len({box.x for box in found.boxes}) == 3
    assert all(len(box.text) < 30 for box in found.boxes)
    assert [line.holds for line in found.lines] == [True, False, True]
    assert found.left_out == 0
