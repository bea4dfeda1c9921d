"""What only the record and its doors can refuse."""

from onefold.kernel import errors


class TooMany(errors.OnefoldError):
    """Too many attempts; `retry_s` seconds from now another one is heard."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, retry_s: int) -> None:
        self.retry_s = retry_s
        super().__init__(message)
