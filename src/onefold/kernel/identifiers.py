"""Normal forms of identifier values, and the values that identify nobody."""

import re
import unicodedata

_BLOCKED = frozenset(
    (
        "", "null", "undefined", "none", "nil", "nan", "0", "-1", "anonymous", "guest", "true",
        "false", "unknown", "n/a", "na", "[object object]", "distinct_id", "distinctid", "id",
        "not_authenticated", "email", "test@test.com",
    )
)  # fmt: skip
# What an alias call names: an id that somebody had before. It is of the person whose user id has
# the same value, once there is one.
FORMER = "former_id"
_ZEROES = re.compile(r"[0\-\s]+")


def normalise(namespace: str, value: str) -> str | None:
    """The normal form of a value, or None when it is blocked and must not identify anybody.

    E-mail addresses are case-folded; everything is NFC and trimmed.
    """
    clean = unicodedata.normalize("NFC", value).strip()
    if namespace == "email":
        clean = clean.casefold()
        if "@" not in clean:
            return None
    bare = clean.casefold().strip("'\" ")
    if bare in _BLOCKED or _ZEROES.fullmatch(bare):
        return None
    return clean
