"""The identity tab: a picture and the same in words; decisions are previewed, made, undone."""

import re

from onefold.web import folded, picture

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


def test_a_shared_device_is_one_box_a_person_and_one_line() -> None:
    """A tablet that two people used in turn, three periods each, is not thirty lines."""

    def spot(key: int, ref: str, person: str, start: str | None = None) -> dict[str, object]:
        kind = "device" if ref.startswith("anonymous_id") else "person"
        return {
            "key": key, "ref": ref, "name": ref, "kind": kind, "person": person,
            "chapter_from": start, "events": 1,
        }  # fmt: skip

    def edge(a: int, b: int, kind: str, holds: bool) -> dict[str, object]:
        return {
            "a": spots[a], "b": spots[b], "kind": kind, "holds": holds, "text": "t.",
            "cut": None if holds else "c", "decision": None,
        }  # fmt: skip

    tablet = "anonymous_id:4e3ecd76-2f53-42b3-a7c0-68470d494ff0"
    spots = [spot(1, "user_id:a", "per_1")] + [
        spot(n + 2, tablet, f"per_{1 + n % 2}", f"2026-11-0{n + 1}T00:00:00Z") for n in range(6)
    ]
    edges = [edge(0, n, "link", True) for n in (1, 3, 5)]
    edges += [edge(n, n + 1, "chapter", False) for n in range(1, 6)]
    found = folded.fold({"person": "per_1", "spots": spots, "edges": edges}, {"per_2": "Bob Ray"})
    assert [(s["name"], s["periods"]) for s in found["spots"]] == [
        ("user_id:a", 0), ("device 4e3ecd76…", 3), ("device 4e3ecd76…", 3),
    ]  # fmt: skip
    held, cut = found["edges"]
    assert (len(held["many"]), len(cut["many"])) == (3, 5)
    assert "shared with Bob Ray" in cut["cut"]
    assert "2026-11-06" in cut["cut"]
    assert picture.draw(found).boxes[-1].full == "device 4e3ecd76… · Bob Ray"


def test_a_history_tells_the_same_once() -> None:
    items = [{"text": text} for text in ("a", "a", "b", "a")]
    assert [(h["text"], h["times"]) for h in folded.history(items)] == [
        ("a", 2), ("b", 1), ("a", 1),
    ]  # fmt: skip
