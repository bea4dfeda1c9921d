"""From the cells of a file to comparable features."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from onefold.identity.match import clean, organisations, words
from onefold.identity.match.columns import Recognised, Table
from onefold.identity.match.model import Codes, Feature, Records, factorise

NAME_TOKENS_MAX = 6
DIALLED_MAX = 5_000  # phones that tell which country the others are of
SAME_ROLE_MAX = 4  # columns of one role that are compared with one another: phone, mobile, work …

Cells = Sequence[str | None]
_SINGLE: dict[str, Callable[[str | None], str | None]] = {
    "city": clean.phrase,
    "state": clean.phrase,
    "country": clean.country,
    "gender": clean.gender,
    "occupation": clean.phrase,
    "text": clean.phrase,
    "postcode": clean.postcode,
    "id": clean.identifier,
    "email": clean.email,
}


def build(table: Table, seen: Recognised) -> Records:
    """Features of all rows of one kind (`seen.kind` is person or organisation)."""
    records = Records(seen.kind, table.count, {})
    columns = dict(zip(table.names, table.cells, strict=True))
    by_role: dict[str, list[Cells]] = {
        role: [columns[n] for n in seen.of(role)] for role in set(seen.roles.values())
    }
    if seen.kind == "organisation":
        _organisation(records, by_role)
    else:
        _person(records, by_role)
    _dates(records, by_role, seen.day_first)
    _addresses(records, by_role)
    region = _region(by_role)
    for role in ("email", "id", "postcode", "city", "state", "country", "gender", "occupation"):
        _plain(records, role, by_role.get(role, []), _SINGLE[role])
    _plain(records, "phone", by_role.get("phone", []), lambda text: clean.phone(text, region))
    _plain(records, "domain", by_role.get("domain", []), clean.domain)
    _plain(records, "text", by_role.get("text", []), clean.phrase)
    _mail_parts(records)
    return records


def _plain(
    records: Records, role: str, columns: Sequence[Cells], form: Callable[[str | None], str | None]
) -> None:
    for number, cells in enumerate(columns[:SAME_ROLE_MAX], 1):
        known: dict[str | None, str | None] = {cell: form(cell) for cell in set(cells)}
        feature = factorise([known[cell] for cell in cells])
        if feature.values:
            records.features[role if number == 1 else f"{role}_{number}"] = feature


def _dates(records: Records, by_role: dict[str, list[Cells]], day_first: bool) -> None:
    _plain(records, "dob", by_role.get("dob", [])[:1], lambda text: clean.date(text, day_first))
    if "dob" not in records.features and (years := by_role.get("year")):
        nothing: Cells = [None] * records.count
        months, days = (by_role.get(part, [nothing])[0] for part in ("month", "day"))
        joined = [_date_of(*row) for row in zip(years[0], months, days, strict=True)]
        if any(joined):
            records.features["dob"] = factorise(joined)


def _date_of(*parts: str | None) -> str | None:
    """Year, month and day as `yyyymmdd`; 00 for what is missing."""
    numbers = [int(part) if part and part.isdigit() else 0 for part in parts]
    return "{:04d}{:02d}{:02d}".format(*numbers) if numbers[0] else None


def _addresses(records: Records, by_role: dict[str, list[Cells]]) -> None:
    parts = by_role.get("house", []) + by_role.get("address", [])
    if not parts:
        return
    joined: list[str | None] = [
        " ".join(cell for cell in row if cell is not None and not clean.blank(cell)) or None
        for row in zip(*parts, strict=True)
    ]
    _plain(records, "address", [joined], clean.address)


def _region(by_role: dict[str, list[Cells]]) -> str | None:
    """The country that most rows name, for phones written without its prefix."""
    counts: dict[str, int] = {}
    for cells in by_role.get("country", [])[:1]:
        for cell in cells:
            code = clean.country(cell)
            if code and len(code) == 2:
                counts[code.upper()] = counts.get(code.upper(), 0) + 1
    return max(counts, key=lambda code: counts[code]) if counts else _dialled(by_role)


def _dialled(by_role: dict[str, list[Cells]]) -> str | None:
    """The country that most phones written with its prefix are of."""
    cells = [cell for column in by_role.get("phone", [])[:SAME_ROLE_MAX] for cell in column if cell]
    counts = Counter(filter(None, map(clean.prefix, cells[:DIALLED_MAX])))
    return clean.region(counts.most_common(1)[0][0]) if counts else None


def _mail_parts(records: Records) -> None:
    """The part before the @, and for organisations the domain where it is their own."""
    mail = records.features.get("email")
    if mail is None:
        return
    users = [value.partition("@")[0] for value in mail.values]
    users = ["" if user in words.ROLE_MAIL else user for user in users]
    records.features["user"] = factorise([users[c] if c >= 0 else None for c in mail.codes])
    if "name_tokens" in records.extra and records.kind == "person":
        records.extra["mail_rest"] = _mail_rest(records, records.features["user"])
    if records.kind == "organisation" and "domain" not in records.features:
        own = [clean.domain(value) for value in mail.values]
        own = [None if host in words.FREE_MAIL else host for host in own]
        feature = factorise([own[c] if c >= 0 else None for c in mail.codes])
        if feature.values:
            records.features["domain"] = feature


def _mail_rest(records: Records, user: Feature) -> Codes:
    """What an address holds besides its owner's names: a number a rest, 0 for nothing.

    -1 where it is not made of the names. james.smith says no more than James Smith does.
    """
    vocabulary = [*records.extra["name_vocabulary"], ""]
    known: dict[str, int] = {"": 0}
    out = np.full(records.count, -1, dtype=np.int32)
    for row in np.flatnonzero(user.codes >= 0):
        text = user.values[user.codes[row]]
        letters = "".join(char for char in clean.latin(text) if char.isalpha())
        tokens = [vocabulary[t] for t in records.extra["name_tokens"][row] if t >= 0]
        for token in sorted(tokens, key=len, reverse=True):
            letters = letters.replace(token, "", 1)
        if tokens and len(letters) <= 2 and set(letters) <= {token[0] for token in tokens}:
            rest = "".join(char for char in text if char.isdigit())
            out[row] = known.setdefault(rest, len(known))
    return out


def _person(records: Records, by_role: dict[str, list[Cells]]) -> None:
    given, surname, middle, full = (
        by_role.get(role, []) for role in ("given", "surname", "middle", "name")
    )
    if given or surname or full or middle:
        rows: list[tuple[list[str], list[str], list[str]]] = [
            ([], [], []) for _ in range(records.count)
        ]
        for place, columns in ((0, given[:1]), (1, surname[:1]), (2, middle + given[1:])):
            for cells in columns:
                for row, cell in enumerate(cells):
                    rows[row][place].extend(clean.person_tokens(cell))
        for cells in full:
            for row, cell in enumerate(cells):
                _full_name(rows[row], cell)
        _names(records, rows)
    for number, cells in enumerate(by_role.get("company", [])[:1]):
        _plain(records, "company" if not number else "company_2", [cells], organisations.core)


def _full_name(row: tuple[list[str], list[str], list[str]], cell: str | None) -> None:
    """Spread a full name over what the row's own first and last name columns leave open."""
    if cell is None or clean.blank(cell):
        return
    found = clean.person_tokens(cell)
    head, comma, tail = cell.partition(",")
    if comma and not row[0] and not row[1] and clean.tokens(tail):
        surname, rest = clean.person_tokens(head), clean.person_tokens(tail)
        if rest and len(surname) <= 3 and len(rest) <= 3:
            row[0].append(rest[0])
            row[1].extend(surname)
            row[2].extend(rest[1:])
            return
    if not row[0] and not row[1]:
        row[0].extend(found[:1])
        row[1].extend(found[-1:] if len(found) > 1 else [])
        row[2].extend(found[1:-1])
        return
    known = {*row[0], *row[1], *row[2]}
    row[2].extend(word for word in found if word not in known)


def _names(records: Records, rows: list[tuple[list[str], list[str], list[str]]]) -> None:
    for place, name in ((0, "given"), (1, "surname"), (2, "middle")):
        feature = factorise([" ".join(row[place]) or None for row in rows])
        if feature.values:
            records.features[name] = feature
    known: dict[str, int] = {}
    table = np.full((records.count, NAME_TOKENS_MAX), -1, dtype=np.int32)
    for number, row in enumerate(rows):
        for place, word in enumerate(dict.fromkeys(row[0] + row[1] + row[2])):
            if place < NAME_TOKENS_MAX and len(word) > 1:
                table[number, place] = known.setdefault(word, len(known))
    records.extra["name_tokens"] = table
    records.extra["name_vocabulary"] = list(known)
    records.extra["name_words"] = known
    for name in ("given", "surname"):
        if name not in records.features:
            records.features[name] = Feature(np.full(records.count, -1, dtype=np.int32), [])
        records.extra[f"{name}_word"] = _as_words(records.features[name], known)


def _as_words(feature: Feature, known: dict[str, int]) -> Codes:
    """The feature's value as a word of the name vocabulary; -2 where it is none."""
    of_value = np.array([known.get(value, -2) for value in feature.values] or [-2], dtype=np.int32)
    return np.where(feature.codes >= 0, of_value[feature.codes], -2).astype(np.int32)


def _organisation(records: Records, by_role: dict[str, list[Cells]]) -> None:
    names = by_role.get("company", []) or by_role.get("name", [])
    if not names:
        return
    main: list[str | None] = [
        next((cell for cell in row if cell and not clean.blank(cell)), None)
        for row in zip(*names, strict=True)
    ]
    _plain(records, "company", [main], organisations.core)
    _plain(records, "legal_form", [main], organisations.legal_form)
    feature = records.features.get("company")
    if feature is None:
        return
    known: dict[str, int] = {}
    width = organisations.TOKENS_MAX
    of_value = np.full((len(feature.values) + 1, width), -1, dtype=np.int32)
    for code, value in enumerate(feature.values):
        for place, word in enumerate(dict.fromkeys(value.split())):
            if place < width:
                of_value[code, place] = known.setdefault(word, len(known))
    records.extra["name_tokens"] = of_value[feature.codes]
    records.extra["name_vocabulary"] = list(known)
    records.extra["name_words"] = known
