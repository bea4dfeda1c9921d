"""Keys of records: hashes of what two records of one person most likely share.

As in `match.block`, but each key stands for itself, so that they can be kept in a table and a new
record be compared without the others at hand.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from onefold.identity.likeness import fields
from onefold.identity.match.columns import Recognised, Table
from onefold.identity.match.features import build
from onefold.identity.match.model import Records
from onefold.kernel import limits

_Text = Callable[[str], str | None]
_USER_CHARS_MIN = 4


def records_of(rows: Sequence[Mapping[str, str]]) -> Records:
    """Rows of fields, made comparable."""
    names = list(fields.ROLES)
    cells = [[row.get(name) or None for row in rows] for name in names]
    filled = [n for n, column in enumerate(cells) if any(column)]
    table = Table([names[n] for n in filled], [cells[n] for n in filled])
    roles = {names[n]: fields.ROLES[names[n]] for n in filled}
    made = build(table, Recognised(roles, "person"))
    made.count = len(rows)
    return made


def keys_of(records: Records) -> list[list[int]]:
    """The keys of each record, signed 64-bit numbers."""
    return [_keys(records, row) for row in range(records.count)]


def _keys(records: Records, row: int) -> list[int]:
    def text(name: str) -> str:
        feature = records.features.get(name)
        return (feature.text(row) if feature is not None else None) or ""

    given, surname, company = text("given"), text("surname"), text("company")
    user, dob, mail = text("user"), text("dob"), text("email")
    both = " ".join(sorted(filter(None, (given, surname))))
    whole = bool(given and surname)
    first = company.split()[0] if company else ""
    sound = f"{_sound(given)} {_sound(surname)}" if whole else ""
    city, area = text("city"), text("postcode")[:3]
    found: list[tuple[str, ...]] = [
        ("email", mail),
        ("user", user if len(user) >= _USER_CHARS_MIN else ""),
        *(("phone", text(name)) for name in ("phone", "phone_2", "phone_3")),
        ("name", both if whole else ""),
        ("sound", sound, first),
        ("sound", sound, city),
        ("sound", sound, area),
        ("dob", dob, surname[:3]),
        ("dob", dob, given[:3]),
        ("company", first, surname),
        ("company", first, given),
        ("company", first, given[:1], surname[:3]),
        ("initial", given[:1], surname, city),
        ("address", text("address")),
        ("spelled", _spelled(user)),
        ("spelled", f"{given[:1]}{surname}" if whole else ""),
        ("spelled", f"{given}{surname}" if whole else ""),
    ]
    kept = dict.fromkeys(part for part in found if all(part))
    return [_hash(part) for part in kept][: limits.match_keys_max]


def _spelled(user: str) -> str:
    """The letters of the part before the @: alee and ann.lee are spelled by Ann Lee."""
    return "".join(c for c in user if c.isalpha())


_ALIKE = str.maketrans({"c": "k", "q": "k", "z": "s", "v": "f", "d": "t", "b": "p", "m": "n"})
_SOUND_CHARS = 4


def _sound(value: str) -> str:
    kept = value[:1]
    for char in value[1:].translate(_ALIKE):
        if char.isalpha() and char not in "aeiouyhw" and char != kept[-1]:
            kept += char
    return kept[:_SOUND_CHARS]


def _hash(part: tuple[str, ...]) -> int:
    body = "\x1f".join(part).encode()
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big", signed=True)
