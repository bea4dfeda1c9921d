"""Comparisons by example; test_two_ways.py holds them equal to SQL."""

from typing import Any

import pytest

from onefold.audiences import values
from onefold.audiences.values import Op, Test


@pytest.mark.parametrize(
    ("op", "wanted", "passes", "fails"),
    [
        ("is", "pro", ["pro"], ["Pro", "pr", None, 1, ["pro"], {"pro": 1}]),
        ("is", 1, [1, 1.0], [True, "1", 2, None, 10**400]),
        ("is", True, [True], [1, "true", False, None]),
        ("is_not", "pro", [None, "Pro", 1, ["pro"]], ["pro"]),
        ("in", (1, "a", True), [1, 1.0, "a", True], [False, 0, "1", None, []]),
        ("contains", "ro", ["pro", ["ro", 1]], ["PRO", ["pro"], None, 5, {"ro": 1}]),
        ("contains", 1, [[1], [1.0, "x"]], ["1", [True], [[1]], 1]),
        ("set", True, [0, "", [], False], [None]),
        ("set", False, [None], [0, ""]),
        ("greater_than", 3, [4, 3.1, 10**400], [3, "4", None, True, [4]]),
        ("at_least", 3, [3, 3.0], [2.9, "3"]),
        ("less_than", "2026-02", ["2026-01-31", ""], ["2026-02", "2026-03", None, 0]),
        ("at_most", 3, [3, -1], [3.5, False]),
    ],
)
def test_a_value_passes_by_its_type_and_size(
    op: Op, wanted: Any, passes: list[Any], fails: list[Any]
) -> None:
    check = values.compile_test(Test(op, wanted))
    assert [v for v in passes if not check(v)] == []
    assert [v for v in fails if check(v)] == []


def test_equal_doubles_have_one_written_form() -> None:
    forms = [repr(values.canonical_number(n)) for n in (1, 1.0, -0.0, 10**22, 1e22, 2**53 + 1)]
    assert forms == ["1", "1", "0", "1e+22", "1e+22", "9007199254740992"]
