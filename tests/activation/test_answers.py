import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from onefold.activation import answers
from onefold.kernel import limits

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (200, "sent"), (204, "sent"), (299, "sent"), (301, "failed"), (308, "failed"),
        (400, "failed"), (401, "failed"), (404, "failed"), (408, "retry"), (410, "failed"),
        (413, "failed"), (422, "failed"), (425, "retry"), (429, "retry"), (500, "retry"),
        (501, "retry"), (503, "retry"), (599, "retry"),
    ],
)  # fmt: skip
def test_each_answer_has_its_verdict(status: int, wanted: str) -> None:
    verdict = answers.judge(status, CIMultiDict(), b"said", NOW)
    assert verdict.status == wanted
    assert verdict.gone == (status == 410)
    assert verdict.answer.startswith(str(status))


def test_a_redirect_names_its_target() -> None:
    verdict = answers.judge(308, CIMultiDict(location="https://new.example/hook"), b"", NOW)
    assert "https://new.example/hook" in verdict.answer


@given(st.binary(max_size=4_000))
def test_any_answer_can_be_stored_and_shown(body: bytes) -> None:
    said = answers.judge(400, CIMultiDict(), body, NOW).answer
    assert len(said) <= limits.outbox_response_chars_max
    assert "\0" not in said
    said.encode()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("7", 7_000), (" 0 ", 0), (None, 0), ("soon", 0), ("-4", 0), ("1.5", 0),
        ("999999999999", limits.outbox_retry_after_cap_s * 1000),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60_000), ("Mon, 21 Sep 2020 14:14:20 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, wanted: int) -> None:
    now_ms = 1_790_000_000_000  # Mon, 21 Sep 2026 14:13:20 GMT
    assert answers.retry_after_ms(value, now_ms) == wanted


def test_the_header_is_found_however_it_is_written() -> None:
    verdict = answers.judge(429, CIMultiDict({"retry-AFTER": "3"}), b"", NOW)
    assert verdict.after_ms == 3_000


def test_silence_is_named() -> None:
    assert "within" in answers.unreachable(TimeoutError()).answer
    assert "refused" in answers.unreachable(ConnectionRefusedError("refused")).answer
