"""Identity review: the queue, answers with undo, the trust page, settings."""

from collections.abc import Iterator

import pytest

from onefold import crm, storage
from onefold.identity import review
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.record import matching
from onefold.web import falls

from . import pairs
from .conftest import Pages, World
from .pairs import PAIRS


@pytest.fixture(scope="module")
def queue(world: World) -> World:
    return pairs.seed(world)


@pytest.fixture
def fresh(queue: World) -> Iterator[World]:
    """The same, with every answer taken back afterwards."""
    yield queue
    pairs.take_back(queue)


def test_the_queue_shows_a_pair_side_by_side(pages: Pages, queue: World) -> None:
    text = pages.get("/identity/review")
    assert text.count('data-pair="') == PAIRS
    assert "Are these two one person?" in text
    assert "Anna" in text
    assert "would become part of" in text
    assert "Two people at random" in text
    assert f"{PAIRS} pairs agree in exactly this way" in text
    assert "The person you would get" in text


def test_a_reader_sees_and_does_not_answer(reader: Pages, queue: World) -> None:
    text = reader.get("/identity/review")
    assert "Members and admins answer" in text
    assert "data-answer" not in text
    with storage.connect(queue.url) as conn:
        number = review.store.queue(conn, SYSTEM, clock.now_ms())[0].id
    assert reader.send(f"/identity/review/{number}/answer", answer="same").status_code == 403
    assert reader.send("/identity/matching/run").status_code == 403


def test_answers_without_javascript(pages: Pages, fresh: World) -> None:
    with storage.connect(fresh.url) as conn:
        one = review.store.queue(conn, SYSTEM, clock.now_ms())[0]
    answer = pages.send(f"/identity/review/{one.id}/answer", answer="different", reason="twins")
    assert answer.status_code == 303
    assert pages.get("/identity/review").count('data-pair="') == PAIRS - 1
    text = pages.get("/identity/review/answered")
    assert "Different people" in text
    assert pages.send(f"/identity/review/{one.id}/undo").status_code == 303
    assert pages.get("/identity/review").count('data-pair="') == PAIRS


def test_filters_and_assignment(pages: Pages, queue: World) -> None:
    with storage.connect(queue.url) as conn:
        one = review.store.queue(conn, SYSTEM, clock.now_ms())[-1]
        maya = crm.users.by_email(conn, SYSTEM, "maya@x.test")
    assert maya
    assert "No pairs for this filter" in pages.get("/identity/review?whose=mine")
    pages.send(f"/identity/review/{one.id}/assign", assignee=maya.id)
    assert pages.get("/identity/review?whose=mine").count('data-pair="') == 1
    pages.send(f"/identity/review/{one.id}/assign", assignee="")
    assert "No pairs for this filter" in pages.get("/identity/review?pattern=none+such")


def test_trust_opens_the_list_behind_each_number(pages: Pages, queue: World) -> None:
    text = pages.get("/identity/trust")
    for words in ("Duplicates suspected", "Coverage", "Conflicts", "Review load", "counted"):
        assert words in text
    assert f'<b class="num">{PAIRS}</b>' in text
    assert "Anna" in pages.get("/identity/trust/duplicates")
    assert pages.send("/identity/trust").status_code == 303
    pages.get("/identity/trust/nonsense", 404)
    assert "One person can have" not in pages.get("/identity/why?a=user_id:m0&b=user_id:m1")


def test_settings_are_an_admins(pages: Pages, reader: Pages, queue: World) -> None:
    text = pages.get("/identity/matching")
    assert "Learnt without labels" in text
    version = text.split('name="version" value="')[1].split('"')[0]
    form = {
        "version": version, "enabled": "1", "certain_from": "99.5", "review_from": "30",
        "retrain_days": "7", "assignee": "", "join": "1",
    }  # fmt: skip
    wrong = pages.send("/identity/matching", **{**form, "certain_from": "70"})
    assert wrong.status_code == 400
    assert "is no such threshold" in wrong.text
    assert pages.send("/identity/matching", **form).status_code == 303
    assert 'value="99.5"' in pages.get("/identity/matching")
    stale = pages.send("/identity/matching", **form)
    assert "changed meanwhile" in stale.text
    assert "Admins change these" in reader.get("/identity/matching")
    with storage.connect(queue.url) as conn:
        matching.house.change(conn, SYSTEM, {"certain_from": None, "review_from": 0.2}, 1)
        conn.commit()


def test_likely_duplicates_show_while_a_contact_is_typed_in(pages: Pages, queue: World) -> None:
    user = pairs.user(7)
    answer = pages.send(
        "/contacts/likely", htmx=True, first_name=user["firstName"], last_name=user["lastName"],
        phone=user["workphone"], email="", title="", account_key="",
    )  # fmt: skip
    assert answer.status_code == 200
    assert f"{user['firstName']} {user['lastName']}" in answer.text
    nobody = pages.send("/contacts/likely", htmx=True, first_name="Zbigniew", last_name="Wu")
    assert "Perhaps" not in nobody.text


def test_bars_run_from_sum_to_sum() -> None:
    steps = [
        {"name": "prior", "label": "p", "outcome": "", "a": "", "b": "", "bits": -10.0,
         "from_bits": 0.0, "to_bits": -10.0},
        {"name": "email", "label": "E", "outcome": "same", "a": "x", "b": "x", "bits": 15.0,
         "from_bits": -10.0, "to_bits": 5.0},
        {"name": "phone", "label": "P", "outcome": "missing", "a": "", "b": "1", "bits": 0.0,
         "from_bits": 5.0, "to_bits": 5.0},
    ]  # fmt: skip
    prior, mail = falls.bars(steps)
    assert (prior["x"], prior["hue"]) == ("0.0", "start")
    assert float(mail["x"]) + float(mail["w"]) == pytest.approx(falls.WIDTH)
    assert mail["words"] == "same: x"
    assert falls.chance_of(0.99999) == "99.9 %+"
    assert falls.share_of(1, 1000) == "under 1 %"
