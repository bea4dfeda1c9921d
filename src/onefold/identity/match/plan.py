"""Which comparisons a file allows, with the values of m and u that training starts from.

The starting values are what such columns usually show. They decide alone in a file of a few rows,
and give way to the file's own as it grows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from onefold.identity.match import compare
from onefold.identity.match.compare import Pairs
from onefold.identity.match.model import Comparison, Level, Levels, Records


@dataclass(frozen=True)
class Planned:
    """A comparison with starting values, and the function that finds its gammas."""

    comparison: Comparison
    run: Callable[[Records, Pairs], Levels]


# levels from gamma 0 up: label, m, u, share of the frequency adjustment
Rows = tuple[tuple[str, float, float, float], ...]
_GIVEN: Rows = (
    ("different", 0.05, 0.92, 0),
    ("initial", 0.02, 0.02, 0),
    ("alike", 0.03, 0.03, 0),
    ("among the other's names", 0.03, 0.006, 0),
    ("nearly the same", 0.07, 0.006, 0),
    ("short form", 0.06, 0.006, 0),
    ("same", 0.74, 0.012, 1),
)
_SURNAME: Rows = (
    ("different", 0.06, 0.955, 0),
    ("alike", 0.03, 0.03, 0),
    ("one of two words", 0.03, 0.003, 0),
    ("among the other's names", 0.03, 0.005, 0),
    ("nearly the same", 0.08, 0.003, 0),
    ("same", 0.77, 0.004, 1),
)
_MIDDLE: Rows = (
    ("different", 0.2, 0.93, 0),
    ("something shared", 0.1, 0.04, 0),
    ("one in the other", 0.2, 0.02, 0),
    ("same", 0.5, 0.01, 1),
)
_DATE: Rows = (
    ("different", 0.05, 0.93, 0),
    ("year or two slips", 0.04, 0.055, 0),
    ("two parts", 0.04, 0.008, 0),
    ("one slip", 0.09, 0.0035, 0),
    ("same", 0.78, 0.0002, 1),
)
_MAIL: Rows = (
    ("different", 0.2, 0.994, 0),
    ("name part alike", 0.03, 0.004, 0),
    ("same name part", 0.05, 0.001, 0),
    ("nearly the same", 0.12, 0.0001, 0),
    ("same", 0.6, 0.0003, 1),
)
_DIGITS: Rows = (
    ("different", 0.2, 0.997, 0),
    ("two slips", 0.02, 0.002, 0),
    ("one slip", 0.08, 0.0005, 0),
    ("same", 0.7, 0.0003, 1),
)
_POSTCODE: Rows = (
    ("different", 0.17, 0.97, 0),
    ("same area", 0.08, 0.02, 0),
    ("one slip", 0.1, 0.006, 0),
    ("same", 0.65, 0.003, 1),
)
_ADDRESS: Rows = (
    ("different", 0.2, 0.975, 0),
    ("alike", 0.08, 0.02, 0),
    ("clearly alike", 0.12, 0.004, 0),
    ("nearly the same", 0.15, 0.0006, 0),
    ("same", 0.45, 0.0005, 1),
)
_NEAR: Rows = (
    ("different", 0.2, 0.92, 0),
    ("alike", 0.04, 0.015, 0),
    ("nearly the same", 0.1, 0.015, 0),
    ("same", 0.66, 0.05, 1),
)
_EXACT: Rows = (("different", 0.12, 0.7, 0), ("same", 0.88, 0.3, 1))
_COMPANY: Rows = (
    ("different", 0.06, 0.968, 0),
    ("alike", 0.05, 0.03, 0),
    ("the telling words", 0.12, 0.004, 0),
    ("nearly the same", 0.12, 0.001, 0),
    ("same but for order", 0.06, 0.0004, 0),
    ("same", 0.59, 0.0016, 1),
)
_DOMAIN: Rows = (("different", 0.08, 0.998, 0), ("same", 0.92, 0.002, 1))  # fmt: skip

_BY_ROLE: tuple[tuple[str, Rows, Callable[..., Levels]], ...] = (
    ("dob", _DATE, compare.dates),
    ("phone", _DIGITS, compare.identifiers),
    ("id", _DIGITS, compare.identifiers),
    ("domain", _DOMAIN, compare.exact),
    ("address", _ADDRESS, compare.addresses),
    ("postcode", _POSTCODE, compare.postcodes),
    ("city", _NEAR, compare.near),
    ("state", _EXACT, compare.exact),
    ("country", _EXACT, compare.exact),
    ("gender", _EXACT, compare.exact),
    ("occupation", _EXACT, compare.exact),
    ("legal_form", _EXACT, compare.exact),
    ("text", _NEAR, compare.near),
)
_TOGETHER = ("phone", "email")  # any of these columns may meet any other of its role


def _comparison(name: str, rows: Rows, feature: str = "") -> Comparison:
    return Comparison(name, feature or name, tuple(Level(*row) for row in rows))


def plan(records: Records) -> tuple[Planned, ...]:
    """The comparisons for the features that are there."""
    features = records.features
    found: list[Planned] = []
    if "given" in features:
        if features["given"].values:
            found.append(Planned(_comparison("given", _GIVEN), compare.given_names))
        if features["surname"].values:
            found.append(Planned(_comparison("surname", _SURNAME), compare.surnames))
    if "middle" in features:
        found.append(
            Planned(_comparison("middle", _MIDDLE), partial(_one, compare.middle_names, "middle"))
        )
    if "company" in features:
        found.append(Planned(_comparison("company", _COMPANY), compare.companies))
    if "email" in features:
        found.append(Planned(_comparison("email", _MAIL), _mail))
    for role, rows, run in _BY_ROLE:
        columns = [
            n for n in features if n == role or (n.startswith(f"{role}_") and n[-1].isdigit())
        ]
        if role in _TOGETHER and columns:
            found.append(Planned(_comparison(role, rows), partial(_best, run, tuple(columns))))
            continue
        found.extend(Planned(_comparison(name, rows), partial(_one, run, name)) for name in columns)
    return tuple(found)


def _one(run: Callable[..., Levels], name: str, records: Records, pairs: Pairs) -> Levels:
    return run(records.features[name], pairs)


def _best(run: Callable[..., Levels], names: tuple[str, ...], records: Records,
          pairs: Pairs) -> Levels:  # fmt: skip
    return compare.best_of(run, [records.features[name] for name in names], pairs)


def _mail(records: Records, pairs: Pairs) -> Levels:
    rest = records.extra.get("mail_rest")
    return compare.mails(records.features["email"], records.features["user"], pairs, rest)
