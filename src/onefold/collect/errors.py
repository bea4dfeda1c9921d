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
