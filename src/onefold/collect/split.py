"""Cut a JSON array or object into its parts without parsing them.

For bodies that no JSON reader takes whole: one item nested 100,000 levels deep, a lone surrogate,
`NaN`. It looks only at quotes, brackets and commas, in arrays instead of by recursion, so depth
costs nothing and 4 MB take some 100 ms. A part is not necessarily JSON: the caller looks at each.
"""

import re

import numpy as np
import numpy.typing as npt

_SPACE = b" \t\r\n"
_QUOTE, _COMMA, _BACKSLASH = b'",\\'
_OPEN, _CLOSE = (0x5B, 0x7B), (0x5D, 0x7D)
_KEY = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:', re.DOTALL)

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def commas(data: bytes) -> int:
    """How many commas there are, in strings or not: one less than the items there can be."""
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _COMMA))


def nesting(data: bytes) -> int:
    """How many brackets are open at once, at most."""
    if not data:
        return 0
    return max(int(_outline(data)[1].max()), 0)


class TooManyParts(Exception):
    """There are `n` parts, more than asked for."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(f"{n:,} parts")


def parts(data: bytes, brackets: bytes, parts_max: int) -> list[bytes] | None:
    """The parts of an array (`b"[]"`) or object (`b"{}"`), stripped; None when it is not one.

    Brackets must balance and quotes close; none of the parts may be empty. Raises `TooManyParts`.
    """
    data = data.strip(_SPACE)
    if len(data) < 2 or data[0] != brackets[0] or data[-1] != brackets[1]:
        return None
    outside, depth = _outline(data)
    if depth[-1] != 0 or not outside[-1] or int(depth[:-1].min()) < 1:
        return None
    letters = np.frombuffer(data, dtype=np.uint8)
    found_at = np.flatnonzero((letters == _COMMA) & outside & (depth == 1))
    if len(found_at) >= parts_max:
        raise TooManyParts(len(found_at) + 1)
    cuts: list[int] = found_at.tolist()
    if not cuts and not data[1:-1].strip(_SPACE):
        return []
    ends = [*cuts, len(data) - 1]
    starts = [1, *(at + 1 for at in cuts)]
    found = [data[a:b].strip(_SPACE) for a, b in zip(starts, ends, strict=True)]
    return found if all(found) else None


def key_of(member: bytes) -> tuple[bytes, bytes] | None:
    """A part of an object as its quoted key and its value, both still JSON."""
    found = _KEY.match(member)
    if found is None:
        return None
    return found[1], member[found.end() :].strip(_SPACE)


def _outline(data: bytes) -> tuple[Mask, npt.NDArray[np.int32]]:
    """For each byte: is it outside strings, and how many brackets are open after it."""
    letters = np.frombuffer(data, dtype=np.uint8)
    quotes = letters == _QUOTE
    if _BACKSLASH in data:
        quotes &= ~_escaped(letters)
    outside = (np.cumsum(quotes, dtype=np.int32) & 1) == 0
    steps = np.zeros(len(letters), dtype=np.int8)
    steps[((letters == _OPEN[0]) | (letters == _OPEN[1])) & outside] = 1
    steps[((letters == _CLOSE[0]) | (letters == _CLOSE[1])) & outside] = -1
    return outside, np.cumsum(steps, dtype=np.int32)


def _escaped(letters: Bytes) -> Mask:
    """For each byte: does an odd run of backslashes stand before it."""
    index = np.arange(len(letters), dtype=np.int32)
    index[letters == _BACKSLASH] = -1
    last_other = np.maximum.accumulate(index)
    run = np.arange(-1, len(letters) - 1, dtype=np.int32)
    run[1:] -= last_other[:-1]
    run[0] = 0
    escaped: Mask = (run & 1) == 1
    return escaped
