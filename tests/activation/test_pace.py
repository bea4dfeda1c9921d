from hypothesis import given
from hypothesis import strategies as st

from onefold.activation import pace as pacing
from onefold.activation.model import Job, Verdict
from onefold.kernel import clock, limits

AGAIN, SENT = Verdict("retry", "500"), Verdict("sent", "200")


def job(attempts: int = 1, created_ms: int = 0) -> Job:
    return Job(1, "msg_a", "", {}, attempts, created_ms)


@given(st.text(max_size=20), st.integers(1, 60))
def test_waits_double_within_a_quarter_and_stay_below_the_cap(key: str, attempts: int) -> None:
    full_s = min(limits.outbox_retry_cap_s, limits.outbox_retry_base_s * 2 ** (attempts - 1))
    waited = pacing.wait_ms(key, attempts)
    assert 0.75 * full_s * 1000 - 1 <= waited <= 1.25 * full_s * 1000
    assert waited == pacing.wait_ms(key, attempts)


def test_rows_that_failed_together_do_not_come_back_together() -> None:
    assert len({pacing.wait_ms(f"msg_{n}", 5) for n in range(100)}) > 90


@given(st.integers(0, 10_000_000))
def test_the_receivers_wish_to_wait_is_kept(after_ms: int) -> None:
    verdict, next_ms = pacing.settle(job(), Verdict("retry", "429", after_ms=after_ms), 1_000)
    assert verdict.status == "retry"
    assert next_ms >= 1_000 + after_ms


def test_a_change_is_given_up_after_the_last_attempt_and_says_so() -> None:
    verdict, next_ms = pacing.settle(job(attempts=limits.outbox_attempts_max), AGAIN, 1_000)
    assert (verdict.status, next_ms) == ("failed", 0)
    assert str(limits.outbox_attempts_max) in verdict.answer
    assert "500" in verdict.answer


def test_a_change_is_given_up_when_it_is_too_old() -> None:
    verdict, _ = pacing.settle(job(), AGAIN, limits.outbox_age_max_h * clock.HOUR_MS)
    assert verdict.status == "failed"


def test_a_dead_destination_is_left_alone_and_then_tried_with_one_change() -> None:
    pace = pacing.Pace(16)
    assert pace.room(0, 0) == 16
    for _ in range(limits.outbox_failures_pause):
        pace.note(AGAIN, 0)
    assert pace.room(0, 0) == 0
    assert pace.room(0, pace.until_ms) == 1
    assert pace.room(1, pace.until_ms) == 0
    first = pace.until_ms
    pace.note(AGAIN, first)
    assert pace.until_ms - first > first
    pace.note(SENT, pace.until_ms)
    assert pace.room(0, pace.until_ms) == 16


@given(st.lists(st.booleans(), max_size=200))
def test_a_pause_never_grows_past_its_cap(answers: list[bool]) -> None:
    pace, now_ms = pacing.Pace(4), 0
    for sent in answers:
        pace.note(SENT if sent else AGAIN, now_ms)
        assert pace.until_ms - now_ms <= limits.outbox_pause_cap_s * 1000
        now_ms = max(now_ms, pace.until_ms)


def test_a_refusal_of_one_change_does_not_slow_the_others() -> None:
    pace = pacing.Pace(4)
    for _ in range(50):
        pace.note(Verdict("failed", "400"), 0)
    assert pace.room(0, 0) == 4
