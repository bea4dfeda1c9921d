"""Pages of deals, leads, products, subscriptions and activities, and what people do on them."""

import csv
import io
import json
import re
from typing import Any, NamedTuple

import pytest

from onefold import crm, storage
from onefold.kernel import limits
from onefold.kernel.viewer import SYSTEM

from .conftest import NASTY, Pages, World


class Made(NamedTuple):
    deal: str
    lead: str
    product: str
    subscription: str
    activity: str


@pytest.fixture(scope="module")
def made(world: World) -> Made:
    with storage.connect(world.url) as conn:
        for key, kind, more in (
            ("tier", "select", {"options": ["gold", "silver"]}), ("score", "number", {}),
        ):  # fmt: skip
            field = {"object": "deal", "key": key, "label": key.title(), "kind": kind, **more}
            crm.custom.create(conn, SYSTEM, field, world.now_ms)
        deal = crm.deals.create(conn, SYSTEM, {
            "name": f"Forty seats {NASTY}", "amount": 4800, "account_id": world.account,
            "next_step": NASTY, "custom": {"tier": "gold"},
        }, world.now_ms)  # fmt: skip
        lead = crm.leads.create(
            conn, SYSTEM, {"email": "cy@globex.test", "company": NASTY}, world.now_ms
        )
        product = crm.products.create(conn, SYSTEM, {"name": "Seat", "price": 120}, world.now_ms)
        sub = crm.subscriptions.create(
            conn, SYSTEM, {"name": NASTY, "mrr": 10, "account_id": world.account}, world.now_ms
        )
        note = crm.activities.create(
            conn, SYSTEM, {"body": f"Hello {NASTY}", "deal_id": deal.id}, world.now_ms
        )
        crm.attachments.add(conn, SYSTEM, deal.id, f"{NASTY}.txt".replace("/", ""), "", b"x", 0)
        conn.commit()
    return Made(deal.id, lead.id, product.id, sub.id, note.id)


PATHS = [
    "/deals", "/deals?view=board", "/deals?amount_min=10&status=open&sort=-amount&owner=none",
    "/deals?custom.tier=gold&sort=custom.score", "/deals/{deal}", "/deals/new",
    "/deals/{deal}/close?stage=lost", "/deals/{deal}/cell/amount", "/deals/{deal}/cell/account_id",
    "/deals/{deal}/cell/custom.tier?as=record", "/leads", "/leads/{lead}", "/leads/new",
    "/leads/{lead}/convert", "/products", "/products/{product}", "/products/new",
    "/subscriptions", "/subscriptions/{subscription}", "/subscriptions/new", "/activities",
    "/activities/{activity}", "/activities/new", "/reports/pipeline", "/reports/conversion",
    "/reports/forecast?owner=none&since=2020-01-01",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_page_answers_with_nothing_unescaped(pages: Pages, made: Made, path: str) -> None:
    text = pages.get(path.format(**made._asdict()))
    assert NASTY not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<[^>]+\sstyle=", text)


def test_a_reader_sees_no_editors_and_may_not_change(reader: Pages, made: Made) -> None:
    for path in ("/deals", f"/deals/{made.deal}", "/deals?view=board"):
        text = reader.get(path)
        assert "/cell/" not in text
        assert "New deal" not in text
        assert 'draggable="true"' not in text
    for path in ("/deals/new", f"/deals/{made.deal}/cell/name", f"/leads/{made.lead}/convert"):
        reader.get(path, status=403)
    assert reader.send(f"/deals/{made.deal}", name="Mine").status_code == 403
    assert reader.send("/deals/bulk", ids=made.deal, owner_id="none").status_code == 403


def _toast(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.headers["X-Toast"])
    return found


def test_a_cell_is_changed_in_place_and_given_back(pages: Pages, made: Made) -> None:
    path = f"/deals/{made.deal}"
    version = re.search(r'name="version" value="(\d+)"', pages.get(f"{path}/cell/amount"))
    assert version
    sent = {"as": "row", "version": version[1], "amount": "5000", "was.amount": "4800"}
    answer = pages.send(path, "PATCH", htmx=True, **sent)
    assert "5,000" in answer.text
    undo = _toast(answer)["undo"]
    assert undo["values"]["amount"] == "4800"
    stale = pages.send(path, "PATCH", htmx=True, **{**sent, "amount": "1"})
    assert "has been changed" in _toast(stale)["text"]
    back = pages.send(undo["url"], "PATCH", htmx=True, **undo["values"])
    assert "4,800" in back.text
    wrong = pages.send(path, "PATCH", htmx=True, **{"as": "row", "amount": "many"})
    assert "is not a number" in _toast(wrong)["text"]
    named = pages.send(path, "PATCH", htmx=True, **{"as": "record", "account_id": "nobody.test"})
    assert "There is no account" in _toast(named)["text"]
    own = pages.send(path, "PATCH", htmx=True, **{"as": "record", "custom.tier": "silver"})
    assert _toast(own)["undo"]["values"]["custom.tier"] == "gold"


def test_a_move_on_the_board_and_its_undo(pages: Pages, world: World, made: Made) -> None:
    with storage.connect(world.url) as conn:
        stages = crm.pipeline.list_all(conn, SYSTEM)[0].stages
    path = f"/deals/{made.deal}"
    answer = pages.send(path, "PATCH", htmx=True, **{"as": "board", "stage_id": stages[3].id})
    column = answer.text.split(f'data-stage="{stages[3].id}"')[1].split("</section>")[0]
    assert made.deal in column
    lost = {"as": "board", "stage_id": stages[-1].id, "reason": "Price"}
    pages.send(path, "PATCH", htmx=True, **lost)
    with storage.connect(world.url) as conn:
        deal = crm.deals.get(conn, SYSTEM, made.deal)
    assert (deal.status, deal.reason) == ("lost", "Price")
    undo = {"as": "board", "stage_id": stages[3].id, "probability": "80", "close_date": ""}
    pages.send(path, "PATCH", htmx=True, **undo)
    with storage.connect(world.url) as conn:
        deal = crm.deals.get(conn, SYSTEM, made.deal)
    assert (deal.status, deal.probability, deal.close_date) == ("open", 80, None)


def test_a_lead_is_made_converted_and_taken_back(pages: Pages, world: World, made: Made) -> None:
    answer = pages.send("/leads", email="dee@initech.test", company="Initech", status="")
    lead = answer.headers["Location"]
    text = pages.get(f"{lead}/convert")
    assert "A new account is made: Initech" in text
    deal = pages.send(f"{lead}/convert", deal="yes", name="Initech seats", amount="1,200")
    assert "Initech seats" in pages.get(deal.headers["Location"])
    assert "Take back" in pages.get(lead)
    pages.send(f"{lead}/unconvert")
    assert ">Convert<" in pages.get(lead)


def test_notes_links_lines_and_files_come_and_go(pages: Pages, world: World, made: Made) -> None:
    path = f"/deals/{made.deal}"
    note = pages.send("/activities", kind="call", body="Rang @maya", deal_id=made.deal, back=path)
    assert note.headers["Location"] == path
    pages.send("/links", **{"from": made.deal, "to": "ann@acme.test", "label": "champion"})
    pages.send(f"{path}/lines", product_id=made.product, quantity="3")
    text = pages.get(path)
    for part in ("Rang @maya", "Champion", "360.00"):
        assert part in text, part
    files = {"file": ("offer.txt", b"forty", "text/plain")}
    sent = pages.ask("POST", "/files", data={"_csrf": pages.csrf, "of": made.deal}, files=files)
    assert sent.status_code == 303, sent.text
    ref = re.findall(r'href="(/files/att_\d+)"', pages.get(path))[-1]
    got = pages.ask("GET", ref)
    assert got.content == b"forty"
    assert got.headers["Content-Disposition"].startswith("attachment")
    pages.send(f"{ref}/delete")
    pages.send(f"{path}/lines", drop="0")
    assert "360.00" not in pages.get(path)


def test_several_are_changed_at_once_and_views_are_saved(
    pages: Pages, world: World, made: Made
) -> None:
    for n in range(3):
        pages.send("/deals", name=f"Bulk {n}")
    answer = pages.send("/deals/bulk?q=bulk", every="yes", forecast="commit")
    assert answer.status_code == 303, answer.text
    assert pages.get("/deals?q=bulk&forecast=commit").count("data-row") == 3
    with storage.connect(world.url) as conn:
        row = conn.execute("SELECT max(id) FROM bulk_edit").fetchone()
    assert row
    pages.send(f"/bulk/blk_{row[0]}", undo="yes")
    assert "No results" in pages.get("/deals?q=bulk&forecast=commit")
    saved = pages.send("/views", object="deal", name="Bulky", query="q=bulk", shared="yes")
    assert ">Bulky</a>" in pages.get(saved.headers["Location"])


def test_a_list_is_exported_whole_and_as_it_is_filtered(
    pages: Pages, made: Made, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storage.connect(world.url) as conn:
        for n in range(3):
            values = {"name": f"=SUM({n})", "code": f"x{n}", "family": "Exports"}
            crm.products.create(conn, SYSTEM, values, world.now_ms)
        values = {"name": f"Sixty {NASTY}", "amount": 60, "custom": {"tier": "silver", "score": 7}}
        sixty = crm.deals.create(conn, SYSTEM, values, world.now_ms)
        conn.commit()
    with monkeypatch.context() as patch:
        patch.setattr(limits, "page_rows_max", 2)
        rows = _csv(pages.get("/products/export.csv?family=exports&sort=name"))
    assert [r["name"] for r in rows] == ["'=SUM(0)", "'=SUM(1)", "'=SUM(2)"]
    assert rows[0]["id"].startswith("prd_")
    (deal,) = _csv(pages.get("/deals/export.csv?custom.score_min=7"))
    assert (deal["id"], deal["amount"], deal["custom.tier"]) == (sixty.id, "60", "silver")
    assert NASTY in deal["name"]
    assert "/deals/export.csv?custom.score_min=7" in pages.get("/deals?custom.score_min=7")


def _csv(text: str) -> list[dict[str, str]]:
    assert text[0] == "\ufeff"
    return list(csv.DictReader(io.StringIO(text[1:])))
