"""Values of databases as JSON holds them, and cursors kept exactly."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import errors
from onefold.sources.pulls import cells

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
U = UUID("0191f6c2-7d2b-7c3e-8f00-000000000001")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True), (7, 7), (2**63, 2**63), (2**70, str(2**70)), (1.5, 1.5), (float("nan"), None),
        (Decimal("19.90"), 19.9), (Decimal("3.00"), 3), (Decimal("NaN"), None),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (Decimal("1E+30"), "1" + "0" * 30),
        (b"caf\xc3\xa9", "café"), (b"\x00\xff", "00ff"), (memoryview(b"x"), "x"),
        ("a\0b", "a\ufffdb"),
        ("0000-00-00 00:00:00", None), (time(9, 5), "09:05:00"),
        (timedelta(hours=-30, seconds=1), "-29:59:59"),
        (timedelta(seconds=1.5), "00:00:01.500000"), (U, str(U)),
        ({"a": [Decimal("1.5"), date(2026, 1, 2)]}, {"a": [1.5, "2026-01-02"]}),
        (AT.replace(tzinfo=None), datetime(2026, 3, 1, 12, tzinfo=BERLIN)),
    ],
)  # fmt: skip
def test_each_type_has_one_form(value: Any, shown: Any) -> None:
    assert cells.plain(value, BERLIN) == shown


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
        | st.decimals() | st.datetimes() | st.dates() | st.times() | st.timedeltas() | st.uuids(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)  # fmt: skip
def test_whatever_comes_can_be_written_as_json(value: Any) -> None:
    found = cells.plain(value, BERLIN)
    assert msgspec.json.decode(msgspec.json.encode(found)) is not ...


@given(
    st.datetimes() | st.datetimes(timezones=st.just(UTC)) | st.dates() | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False) | st.text() | st.uuids()
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
def test_a_cursor_comes_back_as_it_was(value: Any) -> None:
    at = msgspec.json.decode(
        msgspec.json.encode(cells.position("c", value)), type=type(cells.position("c", 1))
    )
    found = cells.start(at, 0)
    assert (found, type(found)) == (value, type(value))


def test_the_overlap_is_in_the_cursors_own_measure() -> None:
    def start(value: Any, overlap: int | None = None) -> Any:
        return cells.start(cells.position("c", value), overlap)

    at = datetime(2026, 3, 1, 0, 5, tzinfo=UTC)
    assert start(at) == datetime(2026, 2, 28, 23, 55, tzinfo=UTC)
    assert start(date(2026, 3, 1)) == date(2026, 2, 28)
    assert start(date(2026, 3, 1), 0) == date(2026, 3, 1)
    assert start(5_000) == 4_000
    assert start(Decimal("5.5"), 2) == Decimal("3.5")
    assert start("2026-03-01 00:05:10.123+00:00") == "2026-02-28 23:55:10"
    assert start("2026-03-01T00:05Z") == "2026-02-28T23:55"
    assert start("2026-03-01", 86_400) == "2026-02-28"
    assert start("2026-99-01") == "2026-99-01"
    assert start("01ARZ3NDEKTSV4RRFFQ69G5FAV") == "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@given(st.datetimes(min_value=AT.replace(year=1000, tzinfo=None)), st.integers(1, 10**7))
def test_a_time_in_text_begins_before_its_window(at: datetime, overlap: int) -> None:
    for form in (at.isoformat(" "), at.isoformat("T") + "Z", at.isoformat(timespec="seconds")):
        inside = (at - timedelta(seconds=overlap - 1)).isoformat(form[10])
        assert cells.start(cells.position("c", form), overlap) <= inside


def test_what_has_no_order_is_no_cursor() -> None:
    for value in (None, True, [1], {"a": 1}, b"x", float("nan"), timedelta(1)):
        with pytest.raises(errors.Invalid, match="without an order"):
            cells.position("c", value)
    assert cells.is_ahead(AT.replace(year=2999, tzinfo=None), AT, BERLIN)
    assert not cells.is_ahead("2999", AT, BERLIN)
    with pytest.raises(errors.Invalid, match="Europe/Berlin"):
        cells.zone("Mars/Olympus")
