from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import clock
from onefold.web import timeline, view

BERLIN = ZoneInfo("Europe/Berlin")
NOW = 1_795_000_000_000
events = st.builds(
    lambda at, kind, name, source, path: {
        "at": clock.iso(NOW - at), "kind": kind, "name": name, "source": source,
        "category": "product", "properties": {"path": path}, "account": None,
    },
    st.integers(0, 10 * clock.DAY_MS), st.sampled_from(["track", "page", "identify"]),
    st.sampled_from(["A", "B"]), st.sampled_from(["app", "site"]), st.sampled_from(["/", "/x"]),
)  # fmt: skip
lines = st.lists(events, max_size=40).map(lambda found: sorted(found, key=_at, reverse=True))


def _at(event: dict[str, Any]) -> str:
    return str(event["at"])


@given(lines)
def test_days_and_runs_keep_every_event_in_order(found: list[dict[str, Any]]) -> None:
    days = timeline.days(found, BERLIN, NOW)
    assert [e for day in days for run in day.runs for e in run.events] == found


@given(lines)
def test_each_day_stands_once_newest_first_in_the_viewers_zone(found: list[dict[str, Any]]) -> None:
    days = timeline.days(found, BERLIN, NOW)
    dates = [day.day for day in days]
    assert dates == sorted(set(dates), reverse=True)
    for day in days:
        for run in day.runs:
            for event in run.events:
                assert view.local(view.ms(event["at"]) or 0, BERLIN).date() == day.day


@given(lines)
def test_no_two_neighbours_of_a_day_read_alike(found: list[dict[str, Any]]) -> None:
    for day in timeline.days(found, BERLIN, NOW):
        for one, other in zip(day.runs, day.runs[1:], strict=False):
            assert timeline._likeness(one.first) != timeline._likeness(other.first)


def _track(name: str, minutes: int, **properties: Any) -> dict[str, Any]:
    at = clock.iso(NOW - int(timedelta(minutes=minutes).total_seconds() * 1000))
    return {"at": at, "kind": "track", "name": name, "source": "app", "properties": properties}


def test_equal_events_in_a_row_fold_into_one_line() -> None:
    found = [_track("Report Exported", i, format="pdf") for i in range(14)]
    (day,) = timeline.days(found, BERLIN, NOW)
    (run,) = day.runs
    assert (run.n, run.title, run.detail) == (14, "Report Exported", "pdf")


def test_failures_stand_out() -> None:
    (run,) = timeline.fold([_track("Export Failed", 1, error="timeout")])
    assert (run.icon, run.hue, run.detail) == ("warn", "red", "timeout")


def test_page_views_of_different_pages_do_not_fold() -> None:
    found = [
        {"at": clock.iso(NOW), "kind": "page", "name": "", "source": "site",
         "properties": {"path": path}}
        for path in ("/", "/", "/pricing")
    ]  # fmt: skip
    assert [(r.n, r.detail) for r in timeline.fold(found)] == [(2, "/"), (1, "/pricing")]


def test_an_audience_change_tells_why() -> None:
    event = {
        "at": clock.iso(NOW), "kind": "audience", "name": "Left Export launch",
        "properties": {"why": [{"text": "1 unresolved exports ticket"}]},
    }  # fmt: skip
    (run,) = timeline.fold([event])
    assert (run.title, run.detail) == ("Left Export launch", "1 unresolved exports ticket")


def test_a_change_in_the_crm_says_what_changed() -> None:
    properties = {"owner_id": "usr_2", "owner": "Ines", "changes": {"owner_id": [None, "usr_2"]}}
    event = {"name": "Account Updated", "source": "crm", "properties": properties}
    assert timeline.detail(event) == "Owner: Ines"
    event["properties"] = {"plan": "pro", "changes": {"risk": ["warning", ""]}}
    assert timeline.detail(event) == "Risk removed"
    event = {"name": "Contact Created", "source": "crm", "properties": {"first_name": "Ann"}}
    assert timeline.detail(event) == "Ann"


def test_a_run_names_each_of_its_people_once() -> None:
    ann, bob = {"id": "per_1", "name": "Ann"}, {"id": "per_2", "name": "Bob"}
    found = [{"at": clock.iso(NOW), "name": "A", "source": "app", "person": p}
             for p in (ann, bob, ann, None)]  # fmt: skip
    (run,) = timeline.fold(found)
    assert (run.n, run.people) == (4, [ann, bob])
