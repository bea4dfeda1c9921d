"""Errors that tell the reader what to do.

OnefoldError              every error that the product raises on purpose
├── Invalid    400        the request or definition is wrong; `faults` names each field
├── NotSignedIn 401       no or unknown key or session
├── Forbidden  403        known, but not allowed
├── NotFound   404
├── Conflict   409        another edit came first; `current` holds what is there now
├── TooLarge   413
└── Unavailable 503       a part is starting or overloaded; try again
"""

from typing import Any

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong: where (`field`, a dotted path), what, and what to do about it."""

    field: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"`{self.field}`: {self.problem}" + (f" {self.remedy}" if self.remedy else "")


class OnefoldError(Exception):
    """Base of all errors raised on purpose; `status` is the HTTP answer it becomes."""

    status = 500
    code = "internal_error"


class Invalid(OnefoldError):
    """The input is wrong. All faults are collected before it is raised."""

    status = 400
    code = "invalid_request"

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(str(f) for f in faults))


class NotSignedIn(OnefoldError):
    """No key or session, or one that is not known."""

    status = 401
    code = "not_signed_in"


class Forbidden(OnefoldError):
    """Known, but not allowed."""

    status = 403
    code = "forbidden"


class NotFound(OnefoldError):
    """There is no such thing, or none that the caller may see."""

    status = 404
    code = "not_found"


class Conflict(OnefoldError):
    """Another edit came first; `current` is the row as it stands."""

    status = 409
    code = "conflict"

    def __init__(self, message: str, current: dict[str, Any] | None = None) -> None:
        self.current = current or {}
        super().__init__(message)


class TooLarge(OnefoldError):
    """More than a named limit."""

    status = 413
    code = "too_large"


class Unavailable(OnefoldError):
    """A part is starting or overloaded; trying again helps."""

    status = 503
    code = "unavailable"
