from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import clock
from onefold.web import view

BERLIN = ZoneInfo("Europe/Berlin")
NOW = clock.from_datetime(datetime(2026, 11, 23, 21, 0, tzinfo=UTC))
times = st.integers(0, 4_000_000_000_000)
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]).map(ZoneInfo)


def test_a_time_reads_as_people_say_it() -> None:
    def ago(**delta: int) -> str:
        return view.ago(NOW - int(timedelta(**delta).total_seconds() * 1000), NOW, BERLIN)

    assert ago(seconds=10) == "just now"
    assert ago(minutes=5) == "5 min ago"
    assert ago(hours=3) == "3 h ago"
    assert ago(days=4) == "4 d ago"
    assert ago(days=-2) == "in 2 d"
    assert ago(days=60) == "24 Sep"
    assert ago(days=400) == "19 Oct 2025"


@given(at=times, now=times, tz=zones)
def test_any_time_reads_as_something_short(at: int, now: int, tz: ZoneInfo) -> None:
    assert 0 < len(view.ago(at, now, tz)) <= 12


@given(at=st.integers(-(10**18), 10**18))
def test_no_time_is_too_strange_for_the_calendar(at: int) -> None:
    assert view.local(at, BERLIN).year >= 1


@given(times)
def test_iso_datetimes_and_milliseconds_mean_the_same(at: int) -> None:
    assert view.ms(clock.to_datetime(at)) == view.ms(clock.iso(at)) == view.ms(at) == at


def test_a_day_is_the_viewers_day() -> None:
    at = clock.from_datetime(datetime(2026, 11, 23, 23, 30, tzinfo=UTC))
    assert view.local(at, BERLIN).date().isoformat() == "2026-11-24"
    today = view.local(at, BERLIN).date()
    assert view.day_label(today, today) == "Today"
    assert view.day_label(today - timedelta(days=1), today) == "Yesterday"
    assert view.day_label(today - timedelta(days=3), today) == "Saturday 21 Nov"
    assert view.day_label(today - timedelta(days=30), today) == "25 Oct"


def test_an_unknown_zone_is_utc() -> None:
    for name in (None, "", "Mars/Olympus", "../../etc/passwd", "a" * 100):
        assert str(view.zone(name)) == "UTC"


def test_an_exact_time_names_the_zone_and_utc() -> None:
    assert view.exact(NOW, BERLIN) == (
        "23 Nov 2026, 22:00:00 Europe/Berlin · 23 Nov 2026, 21:00:00 UTC"
    )


def test_a_due_date_tells_what_presses() -> None:
    day = clock.DAY_MS
    assert view.due_label(NOW - day, NOW, BERLIN) == ("red", "Overdue, 22 Nov")
    assert view.due_label(NOW, NOW, BERLIN) == ("amber", "Today")
    assert view.due_label(NOW + day, NOW, BERLIN) == ("gray", "Tomorrow")


@given(st.text(max_size=60), st.text(max_size=60))
def test_initials_are_one_or_two_letters_in_any_script(name: str, fallback: str) -> None:
    found = view.initials(name, fallback)
    assert 1 <= len(found) <= 2
    assert found == "?" or all(c.isalnum() or not c.isascii() for c in found)


def test_initials_of_names_and_addresses() -> None:
    assert view.initials("Ann Lee") == "AL"
    assert view.initials("", "bob.stone@acme.co") == "BS"
    assert view.initials("山田 太郎") == "山太"
    assert view.initials("", "") == "?"


@given(st.text())
def test_a_colour_is_always_the_same(text: str) -> None:
    assert view.hue(text) == view.hue(text)
    assert 0 <= view.hue(text) < 8


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_sparkline_bars_stay_inside(values: list[int]) -> None:
    bars = view.sparkline(values)
    assert len(bars) == len(values)
    for bar in bars:
        assert 0 <= bar["y"] <= 24
        assert bar["y"] + bar["h"] <= 24.2
        assert 0 <= bar["x"] <= 84


def test_values_are_words() -> None:
    assert view.value(None) == "–"
    assert view.value(True) == "Yes"
    assert view.value(1_234_567) == "1,234,567"
    assert view.value({"a": [1]}) == '{"a":[1]}'
    assert len(view.value("x" * 1000)) == 400


def test_a_status_nobody_knows_keeps_its_word() -> None:
    assert view.pill("resolved") == ("green", "Solved")
    assert view.pill("half_open") == ("gray", "Half open")


def test_names_of_traits_read_as_words() -> None:
    keys = ("usage_drop", "firstName", "mrr", "owner_id", "lastSeenURL", "URL", "")
    words = ["Usage drop", "First name", "MRR", "Owner id", "Last seenURL", "URL", ""]
    assert [view.words(key) for key in keys] == words
