"""What the audit log holds."""

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

Action = Literal["login", "user.created", "user.changed", "key.created", "key.revoked"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class Change(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """A field's value before and after; None where there was no record."""

    before: Any
    after: Any


class Entry(msgspec.Struct, frozen=True):
    """One act. `actor` is `user:3` (by page), `key:7` (by API key) or `system:0` (command line)."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    changes: dict[str, Change]
