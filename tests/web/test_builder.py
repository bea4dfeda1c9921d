"""The audience builder without a browser: what its buttons send back, its faults, what is kept."""

import json
from typing import Any

from onefold.audiences import form
from onefold.web import builder

from .conftest import Pages

TEXT = "audience: pros\nname: Pros\nof: account\nwhere:\n  all:\n    - {trait: plan, is: pro}\n"


def _sent(where: Any, **head: str) -> dict[str, str]:
    return {"of": "account", "mode": "form", **head, **form.encode(form.opened(where))}


def _check(pages: Pages, fields: dict[str, str]) -> Any:
    answer = pages.send("/audiences/~check", htmx=True, **fields)
    assert answer.status_code == 201, answer.text
    return json.loads(answer.text)


def test_a_button_answers_the_cards_changed(pages: Pages) -> None:
    fields = _sent({"all": [{"trait": "plan", "is": "trial"}]}, name="Cold")
    answer = pages.send("/audiences/~edit", htmx=True, do="add w.of tickets", **fields)
    assert 'value="trial"' in answer.text
    assert 'value="Cold"' in answer.text
    answer = pages.send("/audiences/~edit", htmx=True, do="add w.of people", **fields)
    assert 'name="w.of.1.node.0/how"' in answer.text
    assert 'data-focus="w.of.1"' in answer.text
    assert 'data-add="w.of.1.node.0.of" data-of="person"' in answer.text


def test_every_kind_of_condition_is_drawn(pages: Pages) -> None:
    cards = tuple(form.new(entry.id) for _, entries in form.MENU for entry in entries)
    text = form.Card("text", {"text": "a: 1"})
    root = form.Card("group", {"how": "any"}, {"of": (*cards, text)})
    answer = pages.send("/audiences/~edit", htmx=True, do="", of="person", **form.encode(root))
    assert answer.status_code == 200
    for i, card in enumerate(cards):
        for name in form.encode(card, f"w.of.{i}"):
            assert f'name="{name}"' in answer.text, (card.kind, name)


def test_what_is_typed_is_checked_and_told_in_a_sentence(pages: Pages) -> None:
    told = _check(pages, _sent({"all": [{"trait": "plan", "is": "trial"}]}))
    assert told["sentence"] == "Accounts where plan is trial."
    assert told["definition"] == {
        "of": "account",
        "where": {"all": [{"trait": "plan", "is": "trial"}]},
    }
    told = _check(
        pages, _sent({"all": [{"trait": None, "is": None}, {"trait": "x", "matches": "("}]})
    )
    assert [(n["card"], n["soft"]) for n in told["notes"]] == [("w.of.0", True), ("w.of.0", True)]
    told = _check(pages, _sent({"all": [{"trait": "x", "matches": "("}]}))
    assert told["notes"][0]["card"] == "w.of.0"
    assert told["notes"][0]["text"].startswith("`matches` is no pattern")
    assert not told["notes"][0]["soft"]


def test_faults_of_a_text_are_told_all_at_once_each_with_its_line(pages: Pages) -> None:
    bad = "of: person\nwhere:\n  all:\n    - tarit: plan\n      is: x\n    - count: {evnt: A}\n"
    told = _check(pages, {"mode": "text", "yaml": bad})
    assert [n["line"] for n in told["notes"]] == [4, 6, 6]
    answer = pages.send("/audiences", mode="text", yaml=bad, feature="kept")
    assert answer.status_code == 400
    assert answer.text.count("Line 6:") >= 2
    assert 'value="kept"' in answer.text
    told = _check(pages, {"mode": "text", "yaml": "of: person\nwhere: ["})
    assert told["notes"][0]["line"] in (2, 3)


def test_cards_and_text_are_two_sights_of_one_definition(pages: Pages) -> None:
    where = {"all": [{"not": {"trait": "a b", "is": "5"}}, {"count": {"within": "7d"}, "is": 2}]}
    state = builder.state(_sent(where, name="N", key="n"))
    as_text = builder.switched(state)
    assert as_text.mode == "text"
    back = builder.switched(builder.state({"mode": "text", "yaml": as_text.text}))
    assert (back.mode, back.where, back.name, back.key) == ("form", where, "N", "n")
    half = builder.state(_sent({"all": [{"trait": "plan", "is": None}]}))
    again = builder.switched(builder.state({"mode": "text", "yaml": half.text}))
    assert again.cards == half.cards
    broken = builder.state({"mode": "text", "yaml": "where: ["})
    assert builder.switched(broken) == broken
    odd = builder.state({"mode": "text", "yaml": "of: account\nwhen: now\nwhere: {all: []}\n"})
    assert builder.switched(odd).mode == "text"


def test_a_definition_is_made_edited_and_read_back(pages: Pages) -> None:
    answer = pages.send("/audiences", mode="text", yaml=TEXT)
    assert answer.status_code == 303, answer.text
    assert "Plan is" in pages.get("/audiences/pros")
    page = pages.get("/audiences/pros/edit")
    assert 'value="pro"' in page
    fields = _sent({"all": [{"trait": "plan", "is": "no"}]}, name="Pro plans", feature="exports")
    answer = pages.send("/audiences/pros", version="1", **fields)
    assert answer.status_code == 303, answer.text
    page = pages.get("/audiences/pros")
    assert "Pro plans" in page
    answer = pages.send("/audiences/pros", version="1", **fields)
    assert answer.status_code == 409
    assert "was changed meanwhile" in answer.text


def test_a_key_is_made_of_the_name_and_what_lacks_is_shown(pages: Pages) -> None:
    fields = _sent({"all": [{"trait": "plan", "is": "trial"}]}, name="Ünder contract, cold!")
    answer = pages.send("/audiences", **fields)
    assert answer.headers["Location"] == "/audiences/under_contract_cold"
    answer = pages.send("/audiences", **_sent({"all": []}, name="Nobody"))
    assert answer.status_code == 400
    assert "Add a condition." in answer.text
    assert pages.send("/audiences/~edit", do="drop w.of.x", **fields).status_code == 400


def test_readers_do_not_build(reader: Pages) -> None:
    reader.get("/audiences/new", status=403)
    assert reader.send("/audiences/~edit", htmx=True, do="").status_code == 403
    assert reader.send("/audiences", **_sent({"all": [{"trait": "a", "is": 1}]})).status_code == 403


def test_names_and_values_that_are_there_are_suggested(pages: Pages) -> None:
    def of(**query: str) -> list[str]:
        address = "&".join(f"{k}={v}" for k, v in query.items())
        answer = pages.ask("GET", f"/api/suggestions?{address}")
        assert answer.status_code == 200, answer.text
        return [item["write"] for item in answer.json()["items"]]

    assert of(field="events", q="rep") == ["Report Exported"]
    assert of(field="properties", event="Report%20Exported") == ["format", "note"]
    assert of(field="property_values", event="Report%20Exported", name="format") == ["pdf"]
    assert "plan" in of(field="traits", of="account")
    assert of(field="values", of="account", name="plan") == ["pro"]
    assert of(field="values", of="person", name="email", q="ann") == ["ann@acme.test"]
    assert of(field="tags") == ["exports"]
    assert "maya@x.test" in of(field="owners")
    assert "exporters" in of(field="audiences", of="person")
    assert of(field="touches")[:2]
    assert of(field="touch_values", name="source") == []
    answer = pages.ask("GET", "/api/suggestions?field=secrets")
    assert answer.status_code == 400


def test_queries_and_lists_are_made_and_edited_as_text(pages: Pages) -> None:
    texts = {
        "asked": "audience: asked\nof: person\nsql: SELECT person_id FROM people\nevery: 6h\n",
        "vips": "audience: vips\nof: account\nlist: true\n",
    }
    for key, text in texts.items():
        fields = {"mode": "text", "yaml": text, "of": "person"}
        assert not _check(pages, fields)["notes"]
        assert pages.send("/audiences", **fields).status_code == 303
        assert pages.get(f"/audiences/{key}")
        assert text.splitlines()[2] in pages.get(f"/audiences/{key}/edit")
    assert "run every 6h" in pages.get("/audiences/asked")
