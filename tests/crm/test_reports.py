"""Reports equal plain sums over rows that were fetched one by one, on deals made at random."""

import random
from collections import defaultdict
from datetime import UTC, datetime
from statistics import mean, median
from typing import Any
from urllib.parse import parse_qsl

import pytest
from psycopg.rows import dict_row

from onefold import crm, storage
from onefold.crm import reports
from onefold.kernel import errors
from onefold.kernel.viewer import Viewer

from .conftest import user

START = 1_796_000_000_000
DAY = 86_400_000


def _history(conn: storage.Connection, rep: Viewer, seed: int) -> None:
    """Forty deals of two owners (and of nobody) that wander through the stages for months."""
    rng = random.Random(seed)
    other = user(conn, "other@onefold.test", "Otto Other")
    crm.currencies.put(conn, Viewer("user", rep.id, "A", "admin"), "USD", {"EUR": 1.25}, START)
    stages = crm.pipeline.list_all(conn, rep)[0].stages
    for n in range(40):
        now = START + rng.randrange(120) * DAY + rng.randrange(DAY)
        owner = rng.choice([rep.id, other.id, None])
        values: dict[str, Any] = {
            "name": f"Deal {n}", "currency": rng.choice(["USD", "EUR"]),
            "owner_id": f"usr_{owner}" if owner else None,
        }  # fmt: skip
        if rng.random() < 0.9:
            values["amount"] = rng.randrange(100_000) / 100
        if rng.random() < 0.8:
            day = datetime.fromtimestamp((START + rng.randrange(300) * DAY) / 1000, UTC)
            values["close_date"] = day.date().isoformat()
        deal = crm.deals.create(conn, rep, values, now)
        for _ in range(rng.randrange(6)):
            now += rng.randrange(1, 40 * DAY)
            to = rng.choice(stages)
            more = {"reason": rng.choice(["Price", "Timing", ""])} if to.category != "open" else {}
            crm.deals.update(conn, rep, deal.id, {"stage_id": to.id, **more}, now)


def _rows(conn: storage.Connection, text: Any) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text).fetchall()


def _by(found: reports.Report, *keys: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    out = {tuple(r.values[k] for k in keys): r.values for r in found.rows}
    assert len(out) == len(found.rows)
    return out


DEALS = """SELECT t.*, coalesce(u.name, 'Nobody') AS owner, s.name AS stage
FROM deal t JOIN stage s ON s.id = t.stage_id LEFT JOIN app_user u ON u.id = t.owner_id"""


@pytest.mark.parametrize("seed", [1, 2])
def test_numbers_equal_sums_by_hand(conn: storage.Connection, rep: Viewer, seed: int) -> None:
    _history(conn, rep, seed)
    deals = _rows(conn, DEALS)
    won = [d for d in deals if d["status"] == "won"]
    assert len(won) > 2
    pipeline, forecast, wins, cycle = (
        defaultdict(list), defaultdict(lambda: defaultdict(int)), defaultdict(list),
        defaultdict(list),
    )  # type: Any, Any, Any, Any  # fmt: skip
    for d in deals:
        amount = d["amount_base"] or 0
        if d["status"] == "open":
            pipeline[d["stage"],].append(amount)
        if d["close_date"] and d["status"] != "lost" and d["forecast"] != "omitted":
            cell = forecast[d["close_date"].isoformat()[:7], d["owner"]]
            cell["won" if d["status"] == "won" else d["forecast"]] += amount
            cell["weighted"] += amount * (100 if d["status"] == "won" else d["probability"])
        if d["status"] == "won":
            at = d["closed_at"].astimezone(UTC)
            wins[f"{at:%Y-%m}", d["owner"]].append(amount)
            cycle[d["owner"],].append((d["closed_at"] - d["created_at"]).total_seconds() / 86400)
    found = _by(reports.report(conn, rep, "pipeline", {}), "stage")
    assert {k: (v["count"], v["amount"]) for k, v in found.items()} == {
        k: (len(v), sum(v) / 100) for k, v in pipeline.items()
    }
    found = _by(reports.report(conn, rep, "forecast", {}), "month", "owner")
    assert found.keys() == forecast.keys()
    for key, cell in forecast.items():
        for name in ("won", "commit", "best_case", "pipeline"):
            assert found[key][name] == cell[name] / 100
        assert found[key]["weighted"] == pytest.approx(cell["weighted"] / 10_000, abs=0.01)
    found = _by(reports.report(conn, rep, "won", {}), "month", "owner")
    assert {k: (v["count"], v["amount"]) for k, v in found.items()} == {
        k: (len(v), sum(v) / 100) for k, v in wins.items()
    }
    found = _by(reports.report(conn, rep, "cycle", {}), "owner")
    assert found.keys() == cycle.keys()
    for key, days in cycle.items():
        assert found[key]["average_days"] == pytest.approx(mean(days), abs=0.01)
        assert found[key]["median_days"] == pytest.approx(median(days), abs=0.01)


@pytest.mark.parametrize("seed", [3, 4])
def test_conversion_follows_each_deal(conn: storage.Connection, rep: Viewer, seed: int) -> None:
    _history(conn, rep, seed)
    since = datetime.fromtimestamp((START + 60 * DAY) / 1000, UTC).date()
    stages = {s["id"]: s for s in _rows(conn, "SELECT * FROM stage")}
    status = {d["id"]: d["status"] for d in _rows(conn, DEALS)}
    ways: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for move in _rows(conn, "SELECT * FROM deal_move ORDER BY id"):
        ways[move["deal_id"]].append(move)
    expected: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for deal, way in ways.items():
        seen = set()
        for i, move in enumerate(way):
            stage = stages[move["to_id"]]
            if stage["id"] in seen or stage["category"] != "open":
                continue
            seen.add(stage["id"])
            if move["at"].astimezone(UTC).date() < since:
                continue
            later = [stages[m["to_id"]] for m in way[i + 1 :]]
            on = [s for s in later if s["position"] > stage["position"] and s["category"] != "lost"]
            expected[stage["name"]].append((bool(on), status[deal] == "won"))
    report = reports.report(conn, rep, "conversion", {"since": since.isoformat()})
    found = {r.values["stage"]: r.values for r in report.rows}
    assert found.keys() == expected.keys()
    for name, each in expected.items():
        on, won = sum(a for a, _ in each), sum(b for _, b in each)
        assert (found[name]["entered"], found[name]["moved_on"]) == (len(each), on)
        assert found[name]["won"] == won
        assert found[name]["rate"] == pytest.approx(on / len(each), abs=1e-4)


def test_a_number_leads_to_its_deals(conn: storage.Connection, rep: Viewer) -> None:
    _history(conn, rep, 5)
    since = datetime.fromtimestamp((START + 40 * DAY) / 1000, UTC).date().isoformat()
    followed = 0
    for name in reports.KINDS:
        for asked in ({}, {"since": since, "owner": f"usr_{rep.id}"}):
            found = reports.report(conn, rep, name, asked)
            kinds = {c.key: c.kind for c in found.columns}
            for row in found.rows:
                for column, query in row.deals.items():
                    listed = crm.deals.find(conn, rep, dict(parse_qsl(query)), limit=100).rows
                    total = sum(d.amount_base or 0 for d in listed)
                    if kinds[column] == "money":
                        assert total == pytest.approx(row.values[column]), (name, query)
                    else:
                        assert len(listed) == row.values[column], (name, query)
                    followed += 1
    assert followed > 30


def test_what_a_report_cannot_be_asked(conn: storage.Connection, rep: Viewer) -> None:
    for name, asked in (
        ("pipeline", {"since": "soon"}), ("won", {"colour": "red"}),
        ("won", {"since": "2026-01-01", "closed_at_after": ["2026-01-01", "2026-02-01"]}),
    ):  # fmt: skip
        with pytest.raises(errors.Invalid):
            reports.report(conn, rep, name, asked)
    with pytest.raises(errors.NotFound, match="pipeline, forecast"):
        reports.report(conn, rep, "weather", {})
    assert reports.report(conn, rep, "won", {}).rows == []
