"""What an HTTP answer means for a delivery. Pure.

| answer                     | verdict                                                        |
| -------------------------- | -------------------------------------------------------------- |
| 2xx                        | sent                                                           |
| 408, 425, 429, 5xx         | try again, not before `Retry-After`                            |
| no answer, cut off, slow   | try again                                                      |
| 410                        | failed, and the destination is turned off: it asked us to stop |
| 3xx and every other 4xx    | failed at once; redirects are not followed                     |
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from onefold.activation.model import Verdict
from onefold.kernel import clock, limits

_AGAIN = frozenset((408, 425, 429))


def judge(status: int, headers: Mapping[str, str], body: bytes, now_ms: int) -> Verdict:
    """The verdict on an answer; `headers` must be case-insensitive, `body` may be its beginning."""
    said = f"{status} {_shown(body)}".strip()[: limits.outbox_response_chars_max]
    if 200 <= status < 300:
        return Verdict("sent", said)
    if status in _AGAIN or status >= 500:
        return Verdict("retry", said, after_ms=retry_after_ms(headers.get("Retry-After"), now_ms))
    if 300 <= status < 400:
        target = _shown(headers.get("Location", "").encode("utf-8", "replace"))
        said = f"{status} Redirects are not followed; set the destination's URL to {target}"
        return Verdict("failed", said[: limits.outbox_response_chars_max])
    return Verdict("failed", said, gone=status == 410)


def unreachable(error: BaseException) -> Verdict:
    """The verdict when no answer came."""
    name = type(error).__name__
    said = f"No answer: {error}" if str(error) else f"No answer: {name}"
    if isinstance(error, TimeoutError):
        said = f"No answer within {limits.outbox_timeout_s} s."
    return Verdict("retry", _shown(said.encode("utf-8", "replace")))


def retry_after_ms(value: str | None, now_ms: int) -> int:
    """`Retry-After` (seconds or an HTTP date) in milliseconds from now; 0 when there is none."""
    if not value:
        return 0
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = int(text[:10]) * 1000
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return 0
        wait = clock.from_datetime(date.astimezone(UTC) if date.tzinfo else date) - now_ms
    return max(0, min(wait, limits.outbox_retry_after_cap_s * 1000))


def _shown(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").replace("\0", "\ufffd").split())
    return text[: limits.outbox_response_chars_max]
