"""Comparisons: how alike two records are in one thing, as a gamma for each pair.

Every function takes the records and two arrays of row numbers and returns an int8 array: -1 where a
value is missing, else the number of the level (model.py). Strings are compared by RapidFuzz over
whole arrays, and only where cheaper tests have not decided.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio, token_sort_ratio

from onefold.identity.match import words
from onefold.identity.match.model import Bools, Codes, Feature, Floats, Ints, Levels, Records

Texts = NDArray[np.object_]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def start(feature: Feature, pairs: Pairs) -> tuple[Levels, Bools, Codes, Codes]:
    """(gammas with missing set, where both are there and differ, codes left, codes right)."""
    left, right = feature.codes[pairs[0]], feature.codes[pairs[1]]
    gamma = np.zeros(len(left), dtype=np.int8)
    missing = (left < 0) | (right < 0)
    gamma[missing] = -1
    return gamma, ~missing & (left != right), left, right


def texts(feature: Feature) -> Texts:
    """The values as an array, to be picked from by code."""
    array = np.empty(len(feature.values) + 1, dtype=object)
    array[: len(feature.values)] = feature.values
    array[-1] = ""
    return array


def similarity(
    scorer: Callable[..., float], left: Texts, right: Texts, cutoff: float | None = None
) -> Floats:
    """Similarities of the strings pair by pair, 0 to 1 (or 0 to 100 for the fuzz scorers).

    What is beyond `cutoff` need not be told apart, which saves most of the work.
    """
    if not len(left):
        return np.zeros(0)
    found = process.cpdist(
        left,
        right,
        scorer=scorer,
        score_cutoff=cutoff,
        dtype=np.float32,
        workers=2,
    )
    return found.astype(np.float64)


def jaro(left: Texts, right: Texts, least: float) -> Floats:
    """Jaro-Winkler similarities; 0 below `least`."""
    return similarity(JaroWinkler.similarity, left, right, least)


def edits(left: Texts, right: Texts, most: int) -> Floats:
    """Damerau-Levenshtein distances; more than `most` is `most + 1`."""
    return similarity(DamerauLevenshtein.distance, left, right, most)


def distinct(left: Codes, right: Codes) -> tuple[Ints, Ints, Ints]:
    """Pairs of codes, each once, and which of them each pair is: many pairs repeat a few values."""
    width = int(right.max(initial=0)) + 2
    both, back = np.unique(
        (left.astype(np.int64) + 1) * width + right.astype(np.int64) + 1, return_inverse=True
    )
    return both // width - 1, both % width - 1, back.ravel()


def graded(
    feature: Feature, pairs: Pairs, top: int, grade: Callable[[Ints, Ints], Bools | Ints]
) -> Levels:
    """`top` for the same value, -1 where one is missing, else what `grade` says of the codes."""
    gamma, differ, left, right = start(feature, pairs)
    gamma[(gamma == 0) & ~differ] = top
    at = np.flatnonzero(differ)
    a, b, back = distinct(left[at], right[at])
    gamma[at] = grade(a, b)[back]
    return gamma


def exact(feature: Feature, pairs: Pairs) -> Levels:
    """1 same, 0 not."""
    gamma, differ, _, _ = start(feature, pairs)
    gamma[(gamma == 0) & ~differ] = 1
    return gamma


def near(feature: Feature, pairs: Pairs) -> Levels:
    """Words: 3 same, 2 nearly the same or one's words all in the other's, 1 alike, 0 not."""

    array = texts(feature)

    def grade(left: Ints, right: Ints) -> Ints:
        a, b = array[left], array[right]
        close, sets = jaro(a, b, 0.85), similarity(token_set_ratio, a, b, 99)
        return np.where((close >= 0.93) | (sets >= 99), 2, np.where(close >= 0.85, 1, 0))

    return graded(feature, pairs, 3, grade)


def dates(feature: Feature, pairs: Pairs) -> Levels:
    """4 same, 3 one slip or day and month exchanged, 2 two of three parts, 1 year or two slips."""

    array = texts(feature)
    parts = np.array([(v[:4], v[4:6], v[6:]) for v in feature.values] or [("", "", "")])

    def grade(left: Ints, right: Ints) -> Ints:
        a, b = array[left], array[right]
        slips = edits(a, b, 2)
        one, other = parts[left], parts[right]
        same = one == other
        crossed = same[:, 0] & (one[:, 1] == other[:, 2]) & (one[:, 2] == other[:, 1])
        two = same.sum(axis=1) >= 2
        level = np.where(same[:, 0] | (slips <= 2), 1, 0)
        level = np.where(two, 2, level)
        return np.where((slips <= 1) | crossed, 3, level)

    return graded(feature, pairs, 4, grade)


def identifiers(feature: Feature, pairs: Pairs) -> Levels:
    """Digits and letters: 3 same, 2 one slip, 1 two slips in a longer one, 0 not."""

    array = texts(feature)

    def grade(left: Ints, right: Ints) -> Ints:
        a, b = array[left], array[right]
        slips = edits(a, b, 2)
        shorter = np.array([min(len(x), len(y)) for x, y in zip(a, b, strict=True)])
        two = np.where((slips <= 2) & (shorter >= 6), 1, 0)
        return np.where((slips <= 1) & (shorter >= 4), 2, two)

    return graded(feature, pairs, 3, grade)


def postcodes(feature: Feature, pairs: Pairs) -> Levels:
    """3 same, 2 one slip, 1 same beginning (the area), 0 not."""

    array = texts(feature)
    areas = np.array([v[: max(2, len(v) - 3)] for v in feature.values] or [""])

    def grade(left: Ints, right: Ints) -> Ints:
        a, b = array[left], array[right]
        slips = edits(a, b, 1)
        same = areas[left] == areas[right]
        return np.where(slips <= 1, 2, np.where(same, 1, 0))

    return graded(feature, pairs, 3, grade)


def addresses(feature: Feature, pairs: Pairs) -> Levels:
    """4 same, 3 nearly, 2 clearly alike or one contains the other, 1 alike, 0 not."""

    array = texts(feature)

    def grade(left: Ints, right: Ints) -> Ints:
        a, b = array[left], array[right]
        ratio = similarity(token_sort_ratio, a, b, 70)
        sets = similarity(token_set_ratio, a, b, 98)
        level = np.where(ratio >= 70, 1, 0)
        level = np.where((ratio >= 83) | (sets >= 98), 2, level)
        return np.where(ratio >= 93, 3, level)

    return graded(feature, pairs, 4, grade)


def mails(
    mail: Feature, user: Feature, pairs: Pairs, rest: NDArray[np.int32] | None = None
) -> Levels:
    """4 same, 3 nearly the same, 2 same part before the @, 1 that part nearly, 0 not.

    Addresses made of their owners' names alone are alike because the names are: where they differ
    they say nothing (`rest`: features.py).
    """
    gamma, differ, left, right = start(mail, pairs)
    gamma[(gamma == 0) & ~differ] = 4
    at = np.flatnonzero(differ)
    a, b, back = distinct(left[at], right[at])
    array = texts(mail)
    whole = edits(array[a], array[b], 2)[back]
    ul, ur = user.codes[pairs[0][at]], user.codes[pairs[1][at]]
    close = jaro_of(user, ul, user, ur, 0.9)
    known = (ul >= 0) & (ur >= 0)
    level = np.where(known & (close >= 0.92), 1, 0)
    level = np.where(known & (ul == ur), 2, level)
    level = np.where((whole <= 2) & (close >= 0.9), 3, level)
    if rest is not None:
        one, other = rest[pairs[0][at]], rest[pairs[1][at]]
        named = (one >= 0) & (other >= 0) & ((one != other) | (one == 0))
        level = np.where(named & (level > 0), -1, level)
    gamma[at] = level
    return gamma


def jaro_of(one: Feature, left: Codes, other: Feature, right: Codes, least: float) -> Floats:
    """Jaro-Winkler similarities of values by code."""
    a, b, back = distinct(left, right)
    return jaro(texts(one)[a], texts(other)[b], least)[back]


def best_of(compare: Callable[[Feature, Pairs], Levels], features: Sequence[Feature],
            pairs: Pairs) -> Levels:  # fmt: skip
    """The best gamma over all columns of one role: work phone against mobile, and so on."""
    if len(features) == 1:
        return compare(features[0], pairs)
    values = {value: code for code, value in enumerate(
        dict.fromkeys(value for feature in features for value in feature.values))}  # fmt: skip
    shared = []
    for feature in features:
        new = np.array([values[value] for value in feature.values] + [-1], dtype=np.int32)
        shared.append(new[feature.codes])
    best: Levels | None = None
    listed = list(values)
    rows = len(shared[0])
    for one in shared:
        for other in shared:
            both = Feature(np.concatenate([one, other]), listed)
            gamma = compare(both, (pairs[0], pairs[1] + rows))
            best = gamma if best is None else np.maximum(best, gamma)
    assert best is not None  # noqa: S101
    return best


def _within(words_left: Codes, table: Codes, right: NDArray[np.int64]) -> Bools:
    """Whether the word of the left record is among the name words of the right one."""
    return np.asarray((table[right] == words_left[:, None]).any(axis=1))


def given_names(records: Records, pairs: Pairs) -> Levels:
    """6 same, 5 short form, 4 nearly, 3 in the other's names, 2 alike, 1 initial."""
    return _person_name(records, pairs, "given", "surname", _given_level)


def surnames(records: Records, pairs: Pairs) -> Levels:
    """5 same, 4 nearly the same, 3 among the other's names, 2 one of two words, 1 alike, 0 not."""
    return _person_name(records, pairs, "surname", "given", _surname_level)


def _person_name(records: Records, pairs: Pairs, name: str, other: str,
                 rank: Callable[[Texts, Texts], Levels]) -> Levels:  # fmt: skip
    feature, cross = records.features[name], records.features[other]
    gamma, differ, left, right = start(feature, pairs)
    top = 6 if name == "given" else 5
    gamma[(gamma == 0) & ~differ] = top
    at = np.flatnonzero(differ)
    a, b, back = distinct(left[at], right[at])
    array = texts(feature)
    level = rank(array[a], array[b])[back]
    rows = pairs[0][at], pairs[1][at]
    crossed = _crossed(records, rows, name, other)
    far = level == 0 if name == "given" else (level == 0) | (level == 2)
    rest = np.flatnonzero(~crossed & far)
    if len(rest):
        l_cross, r_cross = cross.codes[rows[0][rest]], cross.codes[rows[1][rest]]
        there = jaro_of(feature, left[at][rest], cross, r_cross, 0.88)
        back_again = jaro_of(feature, right[at][rest], cross, l_cross, 0.88)
        crossed[rest] = np.minimum(there, back_again) >= 0.88
    weak = (level == 0) | (level == 2) if name == "given" else level < 4
    gamma[at] = np.where(crossed & weak, 3, level)
    if name == "given":  # names exchanged are one agreement, which the surname tells
        gamma[at[crossed & weak & _exchanged(records, rows)]] = -1
    return gamma


def _exchanged(records: Records, pairs: Pairs) -> Bools:
    """Where each record's first name is the other's last, and the other way round."""
    left, right = pairs
    given, surname = records.extra["given_word"], records.extra["surname_word"]
    both = (given[left] == surname[right]) & (given[right] == surname[left])
    return np.asarray(both & (given[left] >= 0) & (given[right] >= 0))


def _crossed(records: Records, pairs: Pairs, name: str, other: str) -> Bools:
    """Names exchanged: each in the other record's names, or one in what is neither first nor last.

    Thomas Green and Gabriel Thomas share one word in crossed places; counted here and again for the
    surname it would be two agreements, so one alone counts only where a name is missing.
    """
    left, right = pairs
    word, table = records.extra[f"{name}_word"], records.extra["name_tokens"]
    foreign, cross = records.extra[f"{other}_word"], records.features[other]
    there = _within(word[left], table, right)
    back = _within(word[right], table, left)
    missing = (cross.codes[left] < 0) | (cross.codes[right] < 0)
    middle = (there & (word[left] != foreign[right])) | (back & (word[right] != foreign[left]))
    return np.asarray((there & back) | ((there | back) & missing) | middle)


def _given_level(a: Texts, b: Texts) -> Levels:
    close = jaro(a, b, 0.8)
    level = np.where(close >= 0.92, 4, np.where(close >= 0.8, 2, 0)).astype(np.int8)
    for at, (x, y) in enumerate(zip(a, b, strict=True)):
        if x[:1] == y[:1] and (len(x) == 1 or len(y) == 1):
            level[at] = 1
        elif (len(x) > 2 and len(y) > 2 and (x.startswith(y) or y.startswith(x))) or (
            words.DIMINUTIVES.get(x, _NONE) & words.DIMINUTIVES.get(y, _NONE)
        ):
            level[at] = 5
    return level


_NONE: frozenset[int] = frozenset()


def _surname_level(a: Texts, b: Texts) -> Levels:
    close = jaro(a, b, 0.82)
    level = np.where(close >= 0.82, 1, 0).astype(np.int8)
    for at, (x, y) in enumerate(zip(a, b, strict=True)):
        if (" " in x or " " in y) and set(x.split()) & set(y.split()):
            level[at] = 2
    level[close >= 0.92] = 4
    return level


def middle_names(feature: Feature, pairs: Pairs) -> Levels:
    """3 same, 2 all of one in the other or its initial, 1 something shared, 0 not."""

    array = texts(feature)

    def grade(left: Ints, right: Ints) -> Ints:
        a, b = array[left], array[right]
        sets, close = similarity(token_set_ratio, a, b, 60), jaro(a, b, 0.8)
        initial = np.array([x[:1] == y[:1] and min(len(x), len(y)) == 1 for x, y in
                            zip(a, b, strict=True)], dtype=bool)  # fmt: skip
        level = np.where((sets >= 60) | (close >= 0.8), 1, 0)
        return np.where((sets >= 99) | (close >= 0.92) | initial, 2, level)

    return graded(feature, pairs, 3, grade)


def companies(records: Records, pairs: Pairs) -> Levels:
    """5 same, 4 the same but for spaces or order, 3 nearly, 2 the telling words, 1 alike, 0 not."""
    feature = records.features["company"]
    gamma, differ, left, right = start(feature, pairs)
    gamma[(gamma == 0) & ~differ] = 5
    at = np.flatnonzero(differ)
    array = texts(feature)
    a, b = array[left[at]], array[right[at]]
    ratio, close = similarity(token_sort_ratio, a, b, 75), jaro(a, b, 0.88)
    shared = _telling_words(records, pairs[0][at], pairs[1][at])
    joined = np.array(["".join(value.split()) for value in feature.values] + [""])
    ordered = np.array([" ".join(sorted(value.split())) for value in feature.values] + [""])
    numbers = np.array([" ".join(w for w in v.split() if w.isdigit()) for v in feature.values]
                       + [""])  # fmt: skip
    level = np.where((ratio >= 75) | (shared >= 0.45) | (close >= 0.88), 1, 0)
    level = np.where((shared >= 0.7) | (ratio >= 90), 2, level)
    level = np.where((ratio >= 93) | (close >= 0.96), 3, level)
    same = (joined[left[at]] == joined[right[at]]) | (ordered[left[at]] == ordered[right[at]])
    level = np.where(same, 4, level)
    other_number = (numbers[left[at]] != numbers[right[at]]) & (numbers[left[at]] != "") & (
        numbers[right[at]] != "")  # fmt: skip
    gamma[at] = np.where(other_number & (level < 4), 0, level)
    return gamma


def _telling_words(records: Records, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    """Share of the words' rarity that two names have in common (weighted Dice), 0 to 1."""
    table = records.extra.get("name_tokens") if records.kind == "organisation" else None
    if table is None or not len(left):
        return np.zeros(len(left))
    counts = np.bincount(table[table >= 0], minlength=len(records.extra["name_vocabulary"]))
    rarity = np.append(np.log((records.count + 1) / np.maximum(counts, 1)) + 0.1, 0.0)
    out = np.zeros(len(left))
    for first in range(0, len(left), 200_000):
        a, b = table[left[first : first + 200_000]], table[right[first : first + 200_000]]
        hit = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).any(axis=2)
        common = (rarity[a] * hit).sum(axis=1)
        total = rarity[a].sum(axis=1) + rarity[b].sum(axis=1)
        out[first : first + 200_000] = 2 * common / np.maximum(total, 1e-9)
    return out
