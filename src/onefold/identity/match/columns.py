"""Which column holds what: from its header, checked against and completed by its values."""

import re
from collections import Counter
from dataclasses import dataclass

from onefold.identity.match import clean, headers, words
from onefold.kernel import errors

SAMPLE_ROWS = 2_000
KINDS = ("person", "organisation")
_PERSONAL = {"given", "surname", "middle", "dob", "gender", "year"}
_PHONE = re.compile(r"^\+?[\d\s().\-/]{7,20}(?:\s*(?:x|ext)\.?\s*\d+)?$")
_URL = re.compile(
    r"^(?:https?://|www\.)\S+$|^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}$", re.IGNORECASE
)


@dataclass(frozen=True)
class Table:
    """A file's content as text: `cells[c][r]` is column c in row r, None where nothing is."""

    names: list[str]
    cells: list[list[str | None]]

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.cells[0]) if self.cells else 0


@dataclass(frozen=True)
class Recognised:
    """Roles of the columns, by name, and what kind of thing the rows are."""

    roles: dict[str, str]
    kind: str  # person, organisation, or mixed: rows of both
    day_first: bool = False

    def of(self, role: str) -> list[str]:
        """Columns with a role, in the file's order."""
        return [name for name, found in self.roles.items() if found == role]


@dataclass(frozen=True)
class _Look:
    """What a column's values look like, from a sample; shares of the filled cells."""

    filled: int
    distinct: float
    email: float
    date: float
    phone: float
    url: float
    letters: float
    words: float
    legal: float
    old: float  # dates before the year 2010, as birth dates are
    given: float  # first names that many have
    code: float  # digits, as many as the column's cells mostly have, four to six


def recognise(table: Table, mapped: dict[str, str] | None = None, kind: str = "auto") -> Recognised:
    """Roles for all columns; `mapped` (column → role) has the last word."""
    mapped = _checked(table, mapped or {}, kind)
    looks = {name: _look(table, number) for number, name in enumerate(table.names)}
    roles = {}
    for name in table.names:
        roles[name] = mapped.get(name) or _role(name, looks[name])
    _birth_parts(table, roles, mapped)
    _settle_names(roles, looks, mapped)
    kind = kind if kind != "auto" else _kind(table, roles, looks)
    if kind == "organisation":
        _name_of_organisation(roles, mapped)
    if all(role == "ignore" for role in roles.values()):
        raise errors.Invalid(
            errors.Fault(
                "columns",
                f"was recognised in none of: {', '.join(table.names)}.",
                "Name the roles with --map, for example --map who=name,born=dob.",
            )
        )
    return Recognised(roles, kind, _day_first(table, roles))


def _checked(table: Table, mapped: dict[str, str], kind: str) -> dict[str, str]:
    faults = [
        errors.Fault(column, "is not a column of the file.", f"It has: {', '.join(table.names)}.")
        for column in mapped
        if column not in table.names
    ]
    faults += [
        errors.Fault(column, f"`{role}` is not a role.", f"Roles: {', '.join(headers.ROLES)}.")
        for column, role in mapped.items()
        if role not in headers.ROLES
    ]
    if kind not in {"auto", *KINDS}:
        faults.append(
            errors.Fault("kind", f"`{kind}` is unknown.", "Use person, organisation, auto.")
        )
    if faults:
        raise errors.Invalid(*faults)
    return mapped


def _look(table: Table, number: int) -> _Look:
    cells = table.cells[number]
    step = max(1, len(cells) // SAMPLE_ROWS)
    sample = [cell.strip() for cell in cells[::step] if cell is not None and not clean.blank(cell)]
    count = max(len(sample), 1)
    dates = [clean.date(cell) for cell in sample if clean.is_date(cell)]
    forms = [clean.tokens(cell) for cell in sample]

    def share(test: list[bool]) -> float:
        return sum(test) / count

    return _Look(
        filled=len(sample),
        distinct=len(set(sample)) / count,
        email=share([clean.email(cell) is not None for cell in sample]),
        date=len(dates) / count,
        phone=share([bool(_PHONE.match(cell)) and not clean.is_date(cell) for cell in sample]),
        url=share([bool(_URL.match(cell)) for cell in sample]),
        letters=share([any(char.isalpha() for char in cell) for cell in sample]),
        words=sum(map(len, forms)) / count,
        legal=share([len(form) > 1 and form[-1] in words.LEGAL_FORMS for form in forms]),
        old=sum(1 for date in dates if date and date < "2010") / max(len(dates), 1),
        given=share([0 < len(form) < 3 and form[0] in words.GIVEN for form in forms]),
        code=_code(sample) / count,
    )


def _code(sample: list[str]) -> int:
    """Cells of digits alone that are as long as most are; years are none."""
    lengths = Counter(len(cell) for cell in sample if cell.isdigit() and 4 <= len(cell) <= 6)
    years = sum(cell.isdigit() and "1850" <= cell <= "2049" for cell in sample if len(cell) == 4)
    return max(lengths.values(), default=0) if years * 2 < len(sample) else 0


def _role(name: str, look: _Look) -> str:
    """The header's role unless the values contradict it; then, and without one, the values'."""
    if not look.filled:
        return "ignore"
    role = headers.role(name)
    if role in {"ignore", "email", "id", "company", "gender", "postcode", "house", "country"}:
        return role if role != "email" or look.email > 0.3 else _by_values(look)
    if look.email > 0.6:
        return "email"
    contradicts = {
        "dob": look.date < 0.3,
        "phone": look.letters > 0.7,
        "name": look.letters < 0.3,
        "given": look.letters < 0.3,
        "surname": look.letters < 0.3,
        "city": look.letters < 0.3,
        "domain": look.url < 0.3,
    }
    if role is None or contradicts.get(role, False):
        return _by_values(look)
    return role


def _by_values(look: _Look) -> str:
    if look.email > 0.6:
        return "email"
    if look.url > 0.6:
        return "domain"
    if look.date > 0.7:
        return "dob" if look.old > 0.7 and look.distinct > 0.1 else "ignore"
    if look.phone > 0.8 and look.letters < 0.1 and look.distinct > 0.3:
        return "phone"
    if look.code > 0.8 and 0.02 < look.distinct < 0.95:
        return "postcode"
    return "text" if look.letters > 0.6 else "ignore"


def _birth_parts(table: Table, roles: dict[str, str], mapped: dict[str, str]) -> None:
    """Year, month and day of birth in columns of their own."""
    if "dob" in mapped.values():
        return
    found: dict[str, str] = {}
    for number, name in enumerate(table.names):
        for part, pattern in headers.BIRTH_PARTS.items():
            if name not in mapped and part not in found and pattern.match(headers.normal(name)):
                cells = [cell for cell in table.cells[number][:SAMPLE_ROWS] if cell]
                low, high = _PARTS[part]
                fits = sum(cell.isdigit() and low <= int(cell) <= high for cell in cells)
                if cells and fits > 0.8 * len(cells):
                    found[part] = name
    birth = found.get("year", "")
    if len(found) == 3 or (birth and headers.normal(birth) not in ("year", "jahr", "annee")):
        roles.update({name: part for part, name in found.items()})


_PARTS = {"year": (1850, 2049), "month": (1, 12), "day": (1, 31)}


def _names_by_values(
    roles: dict[str, str], looks: dict[str, _Look], mapped: dict[str, str]
) -> None:
    """Without a name in any header: a column of first names, and beside it one of surnames."""
    texts = [name for name, role in roles.items() if role == "text" and name not in mapped]
    if not texts:
        return
    given = max(texts, key=lambda name: looks[name].given)
    if looks[given].given < 0.3:
        return
    if looks[given].words > 1.6:
        roles[given] = "name"
        return
    places = {name: number for number, name in enumerate(roles)}
    short = [name for name in texts if name != given and looks[name].words < 1.6]
    near = [name for name in short if abs(places[name] - places[given]) == 1]
    if near:
        best = max(near, key=lambda name: (looks[name].distinct, places[name]))
        roles[given], roles[best] = "given", "surname"


def _settle_names(roles: dict[str, str], looks: dict[str, _Look], mapped: dict[str, str]) -> None:
    """`nom`, `nome` and `name` beside a first name are the surname; without any name, take text."""
    if not set(roles.values()) & {"given", "surname", "name", "company"}:
        _names_by_values(roles, looks, mapped)
    full = [name for name, role in roles.items() if role == "name" and name not in mapped]
    if "given" in roles.values() and "surname" not in roles.values():
        short = [name for name in full if looks[name].words < 1.6]
        if len(full) == 1 and short:
            roles[full[0]] = "surname"
    if set(roles.values()) & {"given", "surname", "name", "company"}:
        return
    texts = [name for name, role in roles.items() if role == "text" and name not in mapped]
    if texts:
        best = max(texts, key=lambda name: looks[name].distinct)
        if looks[best].words < 8:
            roles[best] = "company" if looks[best].legal > 0.05 else "name"


def _kind(table: Table, roles: dict[str, str], looks: dict[str, _Look]) -> str:
    found = set(roles.values())
    if found & _PERSONAL:
        if "company" in found and _mixed(table, roles):
            return "mixed"
        return "person"
    named = [name for name, role in roles.items() if role == "name"]
    legal = max((looks[name].legal for name in named), default=0.0)
    if legal > 0.05:
        return "organisation"
    if "company" in found:
        # beside a person's name a company is where they work; alone it is who the row is
        return "mixed" if named and _mixed(table, roles) else "person" if named else "organisation"
    return "organisation" if "domain" in found and "email" not in found else "person"


def organisation_rows(table: Table, roles: dict[str, str]) -> list[bool]:
    """Rows that name a company and no person."""
    person = [i for i, n in enumerate(table.names) if roles[n] in {"given", "surname", "name"}]
    company = [i for i, n in enumerate(table.names) if roles[n] == "company"]
    return [
        any(not clean.blank(table.cells[c][row]) for c in company)
        and all(clean.blank(table.cells[c][row]) for c in person)
        for row in range(table.count)
    ]


def _mixed(table: Table, roles: dict[str, str]) -> bool:
    return sum(organisation_rows(table, roles)) > 0.02 * table.count


def _name_of_organisation(roles: dict[str, str], mapped: dict[str, str]) -> None:
    """The organisation's name is `company`, or else `name`."""
    if "company" not in roles.values():
        for name, role in roles.items():
            if role == "name":
                roles[name] = "company"
    for name, role in roles.items():
        if name not in mapped and role == "text" and "company" not in roles.values():
            roles[name] = "company"


def _day_first(table: Table, roles: dict[str, str]) -> bool:
    """Whether dates such as 3/4/1970 are day first: what the unambiguous ones of the file show."""
    first = second = 0
    for number, name in enumerate(table.names):
        if roles[name] != "dob":
            continue
        for cell in table.cells[number]:
            parts = re.split(r"[-/.\s]", cell.strip())[:2] if cell else []
            if len(parts) == 2 and all(p.isdigit() and len(p) <= 2 for p in parts):
                first += int(parts[0]) > 12
                second += int(parts[1]) > 12
    return first > second
