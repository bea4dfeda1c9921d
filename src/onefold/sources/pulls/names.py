"""What names a row, and which rows of a chunk are new. Pure.

A row with a key is named by the key's values; its content is what the mapping takes of it, so that
other columns may change. A row without one is named by all columns that the table had when it was
set up, and equal rows are counted: the third of them is the third, whenever it is read again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from onefold.kernel import limits
from onefold.sources.pulls.model import Known, Pull

_FIRST = (0).to_bytes(4)  # of rows without a key `content` is how many numbers went before
NO_CONTENT = b""  # of a row whose facts were taken back: it differs from whatever comes


class Named(msgspec.Struct):
    """A row's values with its name; `keyed`: by its key."""

    values: dict[str, Any]
    name: bytes
    content: bytes
    label: str
    keyed: bool
    cursor: Any = None


class Namer:
    """Names the rows of one pull."""

    def __init__(self, one: Pull) -> None:
        self.one = one
        self._taken = [c for c, to in one.mapping.columns.items() if to.to]
        plan = msgspec.to_builtins((one.target, one.mapping))
        self._plan = _hash(plan).hex()

    def of(self, values: Mapping[str, Any], raw: Mapping[str, Any]) -> Named:
        """A row by its values, `raw` ones as the database gave them and flat ones as mapped."""
        parts = [raw.get(k) for k in self.one.keys]
        cursor = raw.get(self.one.cursor_column) if self.one.cursor_column else None
        if parts and any(p is not None for p in parts):
            content = _hash([self._plan, [values.get(c) for c in self._taken]])
            label = ", ".join(f"{k} {p}" for k, p in zip(self.one.keys, parts, strict=True))
            label = label[: limits.import_shown_chars_max]
            return Named(dict(values), _hash([self.one.keys, parts]), content, label, True, cursor)
        name = _hash([[c, values.get(c)] for c in self.one.columns])
        return Named(dict(values), name, name, "", False, cursor)


class News(msgspec.Struct):
    """What a chunk holds that is not in the log: rows, each with its messageId's end.

    `put` is what is remembered once a row is in; `same` are rows that are in already; `twice` are
    rows that share a key with the one before, and differ from it.
    """

    rows: list[tuple[Named, str]] = []
    same: int = 0
    twice: list[Named] = []
    put: dict[bytes, Known] = {}
    fresh: int = 0


def news(
    rows: Sequence[Named],
    before: Mapping[bytes, Known],
    number: int,
    last: Named | None,
    *,
    once: bool,
) -> News:
    """Sort a chunk out. `number`: of the pass; `last`: the row before; `once`: rows are events."""
    out = News()
    for row in rows:
        if row.keyed:
            _keyed(row, before, number, last, once, out)
        else:
            _counted(row, before, number, out)
        last = row
    out.fresh = sum(name not in before for name in out.put)
    return out


def _keyed(
    row: Named,
    before: Mapping[bytes, Known],
    number: int,
    last: Named | None,
    once: bool,
    out: News,
) -> None:
    twin = last is not None and last.keyed and (last.name, last.cursor) == (row.name, row.cursor)
    if twin and last is not None and last.content != row.content:
        out.twice.append(row)
        return
    known = out.put.get(row.name) or before.get(row.name)
    # An event happened once: a row of it that changed later is no second one.
    if known is not None and (known[0] == row.content or (once and known[0] != NO_CONTENT)):
        out.same += 1
        return
    version, record = (known[1] + 1, known[4]) if known is not None else (1, None)
    out.put[row.name] = (row.content, version, 0, number, record)
    out.rows.append((row, f"{row.name.hex()}:{version}"))


def _counted(row: Named, before: Mapping[bytes, Known], number: int, out: News) -> None:
    known = out.put.get(row.name) or before.get(row.name)
    base, version, seen, then, record = known or (_FIRST, 0, 0, number, None)
    seen = seen + 1 if then == number else 1
    if base == NO_CONTENT:
        # Taken back: all of them come again, under numbers that no item has had.
        base, version, seen = version.to_bytes(4), 0, 1
    if seen <= version:
        out.same += 1
    else:
        version = seen
        out.rows.append((row, f"{row.name.hex()}:{int.from_bytes(base) + version}"))
    out.put[row.name] = (base, version, seen, number, record)


def _hash(value: Any) -> bytes:
    text = msgspec.json.encode(value, order="deterministic", enc_hook=_plain)
    return hashlib.blake2b(text, digest_size=16).digest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else str(value)
