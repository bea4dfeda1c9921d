"""What only this door answers. The rest is in kernel.errors."""

from onefold.kernel.errors import OnefoldError


class MethodNotAllowed(OnefoldError):
    """A known path, called with another method than it serves."""

    status = 405
    code = "method_not_allowed"


class SlowBody(OnefoldError):
    """The body did not arrive in time. SDKs send again after a 408."""

    status = 408
    code = "timeout"


class Hopeless(Exception):
    """The quick reader gave up on a body; `envelope.recover` may still split it."""


class SenderGone(Exception):
    """The connection closed before the body was whole; there is nobody to answer."""


class TooFast(OnefoldError):
    """The source sends more than it may. SDKs send again after `retry_s` seconds."""

    status = 429
    code = "too_many_requests"

    def __init__(self, wait_s: int, rate: int) -> None:
        self.retry_s = max(1, wait_s)
        super().__init__(
            f"This source may send {rate:,} items a second. Send again in {self.retry_s} s."
        )


class NoToken(OnefoldError):
    """OAuth is asked for; write keys are all that is needed."""

    status = 400
    code = "unsupported_grant_type"
