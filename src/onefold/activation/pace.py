"""When to try again. Pure: no clock, no randomness.

A change waits `outbox_retry_base_s` doubled with each attempt, up to `outbox_retry_cap_s`, spread
by a quarter either way so that those that failed together do not come back together. A destination
that fails again and again is left alone altogether and then tried with one change, so that a long
queue neither hammers a dead receiver nor uses up its attempts.
"""

from zlib import crc32

import msgspec

from onefold.activation.model import Job, Verdict
from onefold.kernel import clock, limits

_SPREAD = 0.25


def wait_ms(key: str, attempts: int) -> int:
    """How long to wait after `attempts` attempts; the spread is the key's own, so it repeats."""
    full_s = min(limits.outbox_retry_cap_s, limits.outbox_retry_base_s * 2.0 ** (attempts - 1))
    draw = crc32(f"{key}:{attempts}".encode()) / 2**32
    return int(full_s * 1000 * (1 - _SPREAD + 2 * _SPREAD * draw))


def settle(job: Job, verdict: Verdict, now_ms: int) -> tuple[Verdict, int]:
    """The verdict, final when attempts or time are used up, and when to try next (0: never)."""
    if verdict.status != "retry":
        return verdict, 0
    next_ms = now_ms + max(wait_ms(job.message_id, job.attempts), verdict.after_ms)
    if job.attempts >= limits.outbox_attempts_max:
        said = f"Given up after {job.attempts} attempts. {verdict.answer}"
    elif next_ms - job.created_ms > limits.outbox_age_max_h * clock.HOUR_MS:
        said = f"Given up after {limits.outbox_age_max_h} hours. {verdict.answer}"
    else:
        return verdict, next_ms
    said = said[: limits.outbox_response_chars_max]
    return msgspec.structs.replace(verdict, status="failed", answer=said), 0


class Pace:
    """How hard one destination may be pushed. Mutable: the deliverer's own, one a destination."""

    def __init__(self, in_flight_max: int) -> None:
        self.in_flight_max = in_flight_max
        self.failures = 0
        self.until_ms = 0

    def room(self, in_flight: int, now_ms: int) -> int:
        """How many more requests may start now."""
        if now_ms < self.until_ms:
            return 0
        most = 1 if self.failures >= limits.outbox_failures_pause else self.in_flight_max
        return max(0, min(most - in_flight, limits.outbox_claim_max))

    def note(self, verdict: Verdict, now_ms: int) -> None:
        """Learn from an answer. Any answer but "try again" shows that the receiver is alive."""
        if verdict.status != "retry":
            self.failures = 0
            return
        self.failures += 1
        over = self.failures - limits.outbox_failures_pause
        if over >= 0:
            pause_s = min(
                limits.outbox_pause_cap_s, limits.outbox_retry_base_s * 2.0 ** min(over, 20)
            )
            self.until_ms = max(self.until_ms, now_ms + int(pause_s * 1000))
        if verdict.after_ms:
            self.until_ms = max(self.until_ms, now_ms + verdict.after_ms)
