"""A set of namespaces from what a door was given, with every fault; and its compiled rules."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import msgspec

from onefold.identity.namespaces.model import Row
from onefold.identity.rules import OTHER, RULES, Namespace, Rules, blocker
from onefold.kernel import errors, forms, limits
from onefold.kernel.identifiers import FORMER

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_KINDS = ("person", "device", "account")
_CATEGORIES = (
    "product", "website", "billing", "support", "email", "enrichment", "import", "crm", "system",
)  # fmt: skip
_TELLER = re.compile(r"src_[1-9][0-9]{0,9}")
_FIELDS = Row.__struct_fields__
_NUMBERS = {
    "priority": (1, 1000), "limit": (1, 1000), "window_days": (1, 3650), "hub": (1, 10_000),
}  # fmt: skip
_LISTS = {
    "verified": 50, "blocked": limits.namespace_blocked_max,
    "patterns": limits.namespace_patterns_max, "types": 50, "traits": 50,
}  # fmt: skip
BUILT_IN = frozenset(("user_id", "contact", "email", "anonymous_id", "account_id"))
_FIXED = ("types", "traits")  # of the house's own namespace: admission knows where they are


def proposed(given: Any, before: Sequence[Row]) -> list[Row]:
    """The whole set after a change. `given`: a list of objects; what one leaves out stays as it is,
    and a namespace that is left out stays. Raises `Invalid` with every fault.
    """
    known = {row.name: row for row in before}
    faults: list[errors.Fault] = []
    if not isinstance(given, list):
        fault = errors.Fault("namespaces", "is not a list.", "Send a list of objects.")
        raise errors.Invalid(fault)
    out = dict(known)
    for n, one in enumerate(given):
        row = _row(one, n, known, faults)
        if row is not None:
            out[row.name] = row
    if len(out) > limits.namespaces_max:
        faults.append(
            errors.Fault("namespaces", f"are more than {limits.namespaces_max}.", "Send fewer.")
        )
    _clashes(out.values(), faults)
    if faults:
        raise errors.Invalid(*faults[: limits.definition_faults_max])
    return sorted(out.values(), key=lambda row: (row.priority, row.name))


def _row(one: Any, n: int, known: Mapping[str, Row], faults: list[errors.Fault]) -> Row | None:
    name = one.get("name") if isinstance(one, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        faults.append(
            errors.Fault(
                f"namespaces[{n}].name", "is not a name.",
                "Use lower-case letters, digits and `_`: `loyalty_id`.",
            )
        )  # fmt: skip
        return None
    before = len(faults)
    row = known.get(name) or Row(name)
    values: dict[str, Any] = {}
    for field, value in one.items():
        where = f"{name}.{str(field)[:60]}"
        if field not in _FIELDS:
            faults.append(errors.Fault(where, "is not known.", f"Known are {', '.join(_FIELDS)}."))
        elif field != "name":
            values[field] = _value(where, field, value, faults)
    if len(faults) > before:
        return None
    made = msgspec.structs.replace(row, **values)
    if name in known and made.kind != known[name].kind:
        faults.append(
            errors.Fault(
                f"{name}.kind", "can't be changed: what is stored depends on it.",
                "Make a namespace of another name.",
            )
        )  # fmt: skip
    if name in BUILT_IN and name in known:
        faults += [
            errors.Fault(f"{name}.{field}", "is built in.", "Leave it out.")
            for field in _FIXED
            if getattr(made, field) != getattr(known[name], field)
        ]
    if made.kind == "device" and made.hub is not None and made.hub > limits.device_users_max:
        most = limits.device_users_max
        faults.append(errors.Fault(f"{name}.hub", f"is above {most}.", "More is always a kiosk."))
    if made.window_days is not None and made.limit is None:
        faults.append(
            errors.Fault(f"{name}.window_days", "needs a limit.", "Send `limit`, or null for both.")
        )
    if made.region and made.form != "phone":
        faults.append(errors.Fault(f"{name}.region", "is of phones only.", "Leave it empty."))
    return made


def _value(where: str, field: str, value: Any, faults: list[errors.Fault]) -> Any:
    fault: tuple[str, str] | None = None
    if field in _NUMBERS:
        low, high = _NUMBERS[field]
        if value is None and field != "priority":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            fault = (f"`{str(value)[:50]}` is not a whole number from {low} to {high}.", "")
    elif field in _LISTS:
        return _texts(where, field, value, faults)
    elif field == "kind" and value not in _KINDS:
        fault = (f"`{str(value)[:50]}` is not a kind.", f"Use one of {', '.join(_KINDS)}.")
    elif field == "form" and value not in forms.FORMS:
        fault = (f"`{str(value)[:50]}` is no form.", f"Use one of {', '.join(forms.FORMS)}.")
    elif field == "region":
        value = str(value or "").strip().upper()
        if value and not forms.is_region(value):
            fault = (f"`{value[:20]}` is not a region.", "Use a country's two letters: `US`.")
    if fault is not None:
        faults.append(errors.Fault(where, *fault))
    return value


def _texts(where: str, field: str, value: Any, faults: list[errors.Fault]) -> tuple[str, ...]:
    most, chars = _LISTS[field], limits.string_identifier_chars_max
    if not isinstance(value, list | tuple) or any(not isinstance(v, str) for v in value):
        faults.append(errors.Fault(where, "is not a list of texts.", 'Send `["…"]`.'))
        return ()
    found = tuple(dict.fromkeys(v.strip() for v in value if v.strip()))
    if len(found) > most or any(len(v) > chars or "\0" in v for v in found):
        faults.append(
            errors.Fault(where, "is too much.", f"At most {most}, of {chars} characters each.")
        )
        return ()
    for text in found:
        if field == "patterns" and (problem := wrong_pattern(text)):
            faults.append(errors.Fault(where, f"`{text[:60]}` {problem}", "Mend the pattern."))
        if field == "verified" and text not in (*_CATEGORIES, "*") and not _TELLER.fullmatch(text):
            known = ", ".join(_CATEGORIES)
            faults.append(
                errors.Fault(where, f"`{text[:60]}` is no source.", f"Use {known}, `src_4` or `*`.")
            )
    if field == "types":
        found = tuple(v.lower().replace("-", "_").replace(" ", "_") for v in found)
    return found


def _clashes(rows: Iterable[Row], faults: list[errors.Fault]) -> None:
    """A type or trait must mean one namespace."""
    rows = list(rows)
    names = {row.name for row in rows}
    for field in ("types", "traits"):
        taken: dict[str, str] = {}
        for row in rows:
            for text in getattr(row, field):
                other = text if field == "types" and text in names else taken.get(text)
                if other is not None and other != row.name:
                    faults.append(
                        errors.Fault(
                            f"{row.name}.{field}", f"`{text[:60]}` is of `{other}` already.",
                            "Take it from one of the two.",
                        )
                    )  # fmt: skip
                taken[text] = row.name


def changes(before: Sequence[Row], after: Sequence[Row]) -> list[tuple[str, str, Any, Any]]:
    """(namespace, field, before, after) of all that differs; a new one's field is `name`."""
    known = {row.name: row for row in before}
    out: list[tuple[str, str, Any, Any]] = []
    for row in after:
        old = known.get(row.name)
        if old is None:
            out.append((row.name, "name", None, row.name))
            old = Row(row.name)
        out += [
            (row.name, field, getattr(old, field), getattr(row, field))
            for field in _FIELDS
            if getattr(old, field) != getattr(row, field)
        ]
    gone = {row.name for row in after}
    return out + [(row.name, "name", row.name, None) for row in before if row.name not in gone]


def regroups(before: Sequence[Row], after: Sequence[Row]) -> bool:
    """Whether a change can move anybody: some say only how new values are read."""
    reading = ("form", "region", "types", "traits")
    return any(field not in reading for _, field, _, _ in changes(before, after))


# ── compiled ───────────────────────────────────────────────────────────────────────────────────


def compiled(rows: Iterable[Row], version: int = 0) -> Rules:
    """The rules that rows say."""
    rows = list(rows)
    return Rules(
        namespaces=MappingProxyType(
            {FORMER: RULES.of(FORMER), **{row.name: _namespace(row) for row in rows}}
        ),
        other=OTHER,
        neighbours_max=limits.neighbours_max,
        component_max=limits.component_identifiers_max,
        version=version,
        windowed=any(row.window_days is not None for row in rows),
        dated=any(row.kind == "device" and row.limit is not None for row in rows),
    )


def _namespace(row: Row) -> Namespace:
    return Namespace(
        kind=row.kind,
        priority=row.priority,
        limit=row.limit,
        window_days=row.window_days,
        hub=row.hub,
        verified=frozenset(row.verified),
        blocks=blocker(row.blocked, [matcher(text) for text in row.patterns]),
        form=row.form,
        region=row.region,
    )


def matcher(pattern: str) -> Callable[[str], bool]:
    """A test of values by a pattern, in time that grows with the value alone."""
    options = jsonschema_rs.RegexOptions(size_limit=limits.pattern_bytes_max)
    found = jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=options)
    return lambda value: bool(found.is_valid(value))


def wrong_pattern(pattern: str) -> str:
    """What is wrong with a pattern, in words; empty when nothing is."""
    try:
        matches = matcher(pattern)
    except ValueError:
        return "is not a pattern that can be checked (no look-around, no back-references)."
    return "matches every value." if matches("") and matches("a1@b.co") and matches("Zz-9") else ""
