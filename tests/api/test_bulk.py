"""Changes in bulk and their undo, saved views, boards."""

import threading

from onefold import crm, storage
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM
from onefold.storage import jobs
from tests.api.conftest import Door

NOW = 1_796_000_000_000


def test_a_change_in_bulk_and_back(door: Door) -> None:
    for n in range(3):
        door.ok("POST", "/api/deals", {"name": f"D{n}", "next_step": f"Step {n}"})
    door.ok("PATCH", "/api/deals/deal_2", {"next_step": "Call"})
    asked = {"object": "deal", "values": {"next_step": "Call"}, "filters": {"status": "open"}}
    done = door.ok("POST", "/api/bulk-edits", asked)
    assert (done["status"], done["total"], done["done"], done["changed"]) == ("done", 3, 3, 2)
    door.ok("PATCH", "/api/deals/deal_3", {"next_step": "Mine"})
    back = door.ok("POST", f"/api/bulk-edits/{done['id']}/undo")
    assert (back["status"], back["kept"]) == ("undone", 1)
    steps = [d["next_step"] for d in door.ok("GET", "/api/deals?sort=created")["items"]]
    assert steps == ["Step 0", "Call", "Mine"]
    wrong = {"object": "deal", "ids": ["deal_1"], "values": {"nxt": 1}}
    assert door.faults("POST", "/api/bulk-edits", wrong) == ["nxt"]
    other = door("POST", f"/api/bulk-edits/{done['id']}/undo", role="member")
    assert other.status_code == 403


def test_many_go_on_in_the_background_step_by_step(database: str) -> None:
    with storage.connect(database) as conn:
        conn.execute(
            "INSERT INTO deal (name, pipeline_id, stage_id, currency, probability) "
            "SELECT 'D' || n, 1, 1, 'USD', 20 FROM generate_series(1, 230) n"
        )
        values = {"status": "lost", "reason": "Price"}
        found = crm.bulk_edits.start(conn, SYSTEM, "deal", values, NOW, filters={})
        assert (found.status, found.total, found.done) == ("waiting", 230, 0)
        conn.commit()

        def work() -> None:
            crm.bulk_edits.run(jobs.Running(database, Settings(), threading.Event()), 1)

        work()
        assert crm.bulk_edits.get(conn, SYSTEM, 1).changed == 230
        assert crm.deals.count(conn, SYSTEM, {"status": "lost"}) == 230
        crm.bulk_edits.undo(conn, SYSTEM, 1, NOW)
        conn.commit()
        work()
        assert crm.bulk_edits.get(conn, SYSTEM, 1).status == "undone"
        (deal, *_) = crm.deals.find(conn, SYSTEM, {"status": "open"}, limit=1).rows
        assert (deal.reason, deal.probability, deal.stage_name) == (
            "", 20, "Appointment scheduled",
        )  # fmt: skip


def test_a_board_sums_what_its_filters_leave(door: Door) -> None:
    (pipeline,) = door.ok("GET", "/api/pipelines")["items"]
    first, second, *_ = pipeline["stages"]
    for amount, stage, kind in ((100, first, "new_business"), (50, first, ""), (10, second, "")):
        values = {"name": "D", "amount": amount, "stage_id": stage["id"], "kind": kind}
        door.ok("POST", "/api/deals", values)
    door.ok("POST", "/api/deals", {"name": "W", "amount": 7, "status": "won"})
    board = door.ok("GET", f"/api/pipelines/{pipeline['id']}/board")
    assert [(c["count"], c["amount"], c["weighted"]) for c in board["columns"][:2]] == [
        (2, 150, 30), (1, 10, 4),
    ]  # fmt: skip
    assert (board["amount"], board["weighted"]) == (160, 34)
    assert [c["count"] for c in board["columns"]] == [2, 1, 0, 0, 0, 1, 0]
    less = door.ok("GET", f"/api/pipelines/{pipeline['id']}/board?kind=new_business")
    assert (less["amount"], less["columns"][0]["count"]) == (100, 1)
    assert door.faults("GET", f"/api/pipelines/{pipeline['id']}/board?knd=x") == ["knd"]


def test_views_are_ones_own_or_everybodys(door: Door) -> None:
    made = door.ok("POST", "/api/views", {"object": "deal", "name": "Big", "query": "?a=1"})
    assert (made["query"], made["shared"]) == ("a=1", True)
    assert [v["id"] for v in door.ok("GET", "/api/views?object=deal", role="reader")["items"]] == [
        made["id"]
    ]
    assert door("DELETE", f"/api/views/{made['id']}", role="reader").status_code == 403
    assert door.ok("PATCH", f"/api/views/{made['id']}", {"name": "Bigger"})["name"] == "Bigger"
    door.ok("DELETE", f"/api/views/{made['id']}")
    assert door.ok("GET", "/api/views")["items"] == []
