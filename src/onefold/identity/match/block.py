"""Which pairs are worth comparing: those that share one of about a dozen keys.

A key joins values that a slip in one column leaves whole. A key value held by many records says
little, so each key takes the rarest values first, up to a cap of records a block and of pairs in
all. Small files are compared pair by pair.
"""

import numpy as np
from numpy.typing import NDArray

from onefold.identity.match.compare import Pairs
from onefold.identity.match.model import Feature, Ints, Records

ALL_PAIRS_MAX = 1_200  # records; below it every pair is compared
BLOCK_MAX = 80  # records that share one value of a key
KEY_PAIRS_PER_RECORD = 24  # budget of one key
_NOTHING = np.int64(-1)


def candidates(records: Records) -> Pairs:
    """Pairs (left < right), each once, in order."""
    count = records.count
    if count <= ALL_PAIRS_MAX:
        left, right = np.triu_indices(count, 1)
        return left.astype(np.int64), right.astype(np.int64)
    found = [_block(key, count) for key in keys(records)]
    joined = np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
    return joined // count, joined % count


def _block(key: Ints, count: int) -> Ints:
    """Pairs `left * count + right` of the records that share a value of the key."""
    rows = np.flatnonzero(key >= 0)
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    rows = rows[np.argsort(key[rows], kind="stable")]
    _, first, size = np.unique(key[rows], return_index=True, return_counts=True)
    good = (size > 1) & (size <= BLOCK_MAX)
    first, size = first[good], size[good]
    order = np.argsort(size, kind="stable")
    first, size = first[order], size[order]
    kept = np.cumsum(size * (size - 1) // 2) <= KEY_PAIRS_PER_RECORD * count
    first, size = first[kept], size[kept]
    out = []
    for length in np.unique(size):
        starts = first[size == length]
        a, b = np.triu_indices(int(length), 1)
        left, right = rows[starts[:, None] + a], rows[starts[:, None] + b]
        low, high = np.minimum(left, right), np.maximum(left, right)
        out.append((low * count + high).ravel())
    return np.concatenate(out) if out else np.zeros(0, dtype=np.int64)


def keys(records: Records) -> list[Ints]:
    """The keys that the file's features allow: one number a record, -1 where it takes no part."""
    parts = _parts(records)
    wanted = _PERSON if records.kind == "person" else _ORGANISATION
    found = [_joined([parts[name] for name in names])
             for names in wanted if all(name in parts for name in names)]  # fmt: skip
    table = records.extra.get("name_tokens")
    if table is not None and not {"dob", "address", "postcode", "email", "phone"} & parts.keys():
        found += _pairs_of_words(table)
    if table is not None and records.kind == "organisation":
        found += [_rarest(table, place) for place in (0, 1)]
    return found


_PERSON: tuple[tuple[str, ...], ...] = (
    ("name", "year"), ("name", "city"), ("name", "postcode"), ("name",), ("dob", "surname3"),
    ("dob", "given3"), ("dob", "postcode"), ("dob", "area"), ("dob", "city"), ("email",), ("user",),
    ("phone",), ("phone_2",), ("id",), ("id_2",), ("id_3",), ("postcode", "given3"),
    ("postcode", "surname3"), ("address",), ("address", "given1"), ("surname", "given1", "year"),
    ("surname", "given1", "area"), ("given", "surname3", "city"), ("surname", "given1", "city"),
    ("sound", "year"), ("sound", "area"), ("sound", "city"), ("sound",), ("given", "month", "city"),
    ("surname", "month"), ("given", "month", "area"), ("dob", "occupation"), ("dob",),
    ("postcode", "year"), ("postcode", "occupation"), ("surname", "occupation", "area"),
    ("surname", "occupation", "year"), ("given", "occupation", "area"),
    ("given", "occupation", "year"), ("company", "surname"), ("given", "surname1", "area"),
    ("user_head",), ("user_tail",), ("given3", "surname3", "year"),
)  # fmt: skip
_ORGANISATION: tuple[tuple[str, ...], ...] = (
    ("company",), ("company", "city"), ("company", "postcode"), ("domain",), ("phone",), ("id",),
    ("id_2",), ("email",), ("address",), ("address", "company1"), ("postcode", "company3"),
    ("company5", "city"), ("company5", "state"), ("company5",), ("postcode", "city"), ("joined",),
    ("company_tail",), ("company_sound",),
)  # fmt: skip


def _parts(records: Records) -> dict[str, Ints]:
    """Whole values and pieces of them, as numbers."""
    features = records.features
    parts = {name: feature.codes.astype(np.int64) for name, feature in features.items()}
    for name, new, form in _PIECES:
        if name in features and features[name].values:
            parts[new] = _piece(features[name], form)
    given, surname = features.get("given"), features.get("surname")
    if given is not None and surname is not None and given.values:
        parts["name"] = _both(given, surname, lambda value: value)
        parts["sound"] = _both(given, surname, _sound)
        if not surname.values:
            parts["name"] = parts["given"]
    return parts


def _sound(value: str) -> str:
    """First letter and the consonants that carry a name, doubled letters once; three of them."""
    kept = value[:1]
    for char in value[1:].translate(_ALIKE):
        if char.isalpha() and char not in "aeiouyhw" and char != kept[-1]:
            kept += char
    return kept[:4]


_ALIKE = str.maketrans({"c": "k", "q": "k", "z": "s", "v": "f", "d": "t", "b": "p", "m": "n"})
_PIECES = (
    ("given", "given1", lambda v: v[:1]),
    ("given", "given3", lambda v: v[:3]),
    ("surname", "surname1", lambda v: v[:1]),
    ("surname", "surname3", lambda v: v[:3]),
    ("dob", "year", lambda v: v[:4]),
    ("dob", "month", lambda v: v[:6]),
    ("postcode", "area", lambda v: v[: max(2, len(v) - 3)]),
    ("company", "company1", lambda v: v.split()[0]),
    ("company", "company3", lambda v: v[:3]),
    ("company", "company5", lambda v: "".join(v.split())[:6]),
    ("company", "company_tail", lambda v: "".join(v.split())[-6:]),
    ("company", "company_sound", lambda v: "".join(_sound(word) for word in v.split())),
    ("user", "user_head", lambda v: v[:5]),
    ("user", "user_tail", lambda v: v[-5:]),
    ("company", "joined", lambda v: "".join(sorted("".join(v.split())))),
)


def _piece(feature: Feature, form: object) -> Ints:
    known: dict[str, int] = {}
    forms = [form(value) for value in feature.values]  # type: ignore[operator]
    numbers = np.array([known.setdefault(f, len(known)) if f else -1 for f in forms] + [-1])
    return numbers[feature.codes].astype(np.int64)


def _both(given: Feature, surname: Feature, form: object) -> Ints:
    """Both names in either order as one number; needs both."""
    known: dict[str, int] = {}
    a = [known.setdefault(form(v), len(known)) for v in given.values]  # type: ignore[operator]
    b = [known.setdefault(form(v), len(known)) for v in surname.values]  # type: ignore[operator]
    left, right = np.array([*a, -1])[given.codes], np.array([*b, -1])[surname.codes]
    low, high = np.minimum(left, right).astype(np.int64), np.maximum(left, right).astype(np.int64)
    return np.where(low >= 0, low * (len(known) + 1) + high, _NOTHING)


def _joined(parts: list[Ints]) -> Ints:
    """One number for several; -1 where any is missing."""
    out = parts[0]
    for part in parts[1:]:
        width = int(part.max(initial=0)) + 1
        value = np.where((out < 0) | (part < 0), _NOTHING, out * width + part)
        _, dense = np.unique(value, return_inverse=True)
        out = np.where(value < 0, _NOTHING, dense.astype(np.int64))
    return out


def _rarest(table: NDArray[np.int32], place: int) -> Ints:
    """The rarest word of a name that some other record has too, or the second rarest."""
    counts = np.append(np.bincount(table[table >= 0], minlength=1), 0)
    often = counts[table].astype(np.float64)
    often[(table < 0) | (often < 2)] = np.inf
    order = np.argsort(often, axis=1)[:, place]
    rows = np.arange(len(table))
    word = table[rows, order].astype(np.int64)
    return np.where(np.isfinite(often[rows, order]), word, _NOTHING)


def _pairs_of_words(table: NDArray[np.int32]) -> list[Ints]:
    """For files of names alone: each single rare word, in any place of the name."""
    return [_rarest(table, place) for place in range(min(3, table.shape[1]))]
