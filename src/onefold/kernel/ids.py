"""Ids as the API writes them: `con_4` for contact 4. Bare integers are understood as well.

per person   acc account   con contact   tsk task   tkt ticket   sig signal
usr user     src source    dst destination   dec decision on who is who
acd decision on accounts   deal deal   lead lead   prd product   pip pipeline   stg stage
sub subscription   act activity   att attachment   fld field   view saved view
blk change in bulk   lnk association
"""

import re
from typing import Any

from onefold.kernel import errors

NAMES = {
    "per": "person", "acc": "account", "con": "contact", "tsk": "task", "tkt": "ticket",
    "sig": "signal", "usr": "user", "src": "source", "dst": "destination", "sup": "suppression",
    "dec": "decision", "acd": "account decision",
    "imp": "import", "cnn": "connector", "pair": "pair to review", "model": "matching model",
    "pul": "pull", "deal": "deal", "lead": "lead", "prd": "product", "pip": "pipeline",
    "stg": "stage", "sub": "subscription", "act": "activity", "att": "attachment",
    "fld": "field", "view": "saved view", "blk": "change in bulk", "lnk": "association",
    "pse": "secret",
}  # fmt: skip
_ID_MAX = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


def api_id(prefix: str, row_id: int) -> str:
    """`api_id("con", 4)` is `"con_4"`."""
    return f"{prefix}_{row_id}"


def api_id_or_none(prefix: str, row_id: int | None) -> str | None:
    """The same for a reference that may be empty."""
    return None if row_id is None else f"{prefix}_{row_id}"


def parse_id(prefix: str, value: Any, field: str = "id") -> int:
    """The row id in `"con_4"`, `"4"` or `4`. Raises `Invalid` naming `field` and the form."""
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    else:
        text = value if isinstance(value, str) else ""
        digits = text.removeprefix(f"{prefix}_")
        found = int(digits) if _DIGITS.fullmatch(digits) else 0
    if not 0 < found <= _ID_MAX:
        what = NAMES.get(prefix, prefix)
        raise errors.Invalid(
            errors.Fault(
                field,
                f"`{str(value)[:50]}` is not the id of a {what}.",
                f"Send one like `{prefix}_4`.",
            )
        )
    return found
