"""Settings of Segment Unify's identity resolution, read as namespaces.

Segment shows a table: for each identifier its limit (with how often: ever, weekly, monthly or
annually), its blocked values (exact ones, patterns, and the suggestion "zeroes and dashes"), and an
order of priority. There is no one file for it, so any JSON is read that says the same: a list, or
an object with the list under `identifiers`, `externalIds`, `settings`, `rules` or the like; a
row's fields by any of the names below, in any spelling.

    {"identifiers": [{"type": "user_id", "limit": 1, "frequency": "ever", "priority": 1,
                      "blockedValues": ["anonymous", "^[0-]*$"]}]}
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from onefold.identity.namespaces.model import Row
from onefold.kernel import errors

_LISTS = (
    "identifiers", "externalids", "idtypes", "identifierconfigs", "settings", "rules",
    "idresolutionrules", "identityresolution", "data",
)  # fmt: skip
_NAMES = ("type", "identifier", "externalid", "externalidtype", "idtype", "name", "id", "key")
_LIMITS = ("limit", "valuelimit", "max", "maximum", "perprofile")
_FREQUENCIES = ("frequency", "limitfrequency", "window", "period", "limitwindow", "limittype")
_PRIORITIES = ("priority", "rank", "order", "matchpriority")
_BLOCKED = ("blockedvalues", "blocked", "blocklist", "blockvalues", "blockedpatterns", "denylist")
_DAYS = {
    "ever": None, "forever": None, "alltime": None, "daily": 1, "day": 1, "weekly": 7, "week": 7,
    "monthly": 30, "month": 30, "annually": 365, "annual": 365, "yearly": 365, "year": 365,
}  # fmt: skip
_PATTERN = re.compile(r"[\^$*+?\[\]()|\\]")
_DEVICES = re.compile(r"^(ios|android)[._]|anonymous|cookie|ga_client|idfa|idfv|gaid|push_token")
_OWN = {"group_id": "account_id", "ga_client_id": "ga_client_id"}
_ZEROES = "zeroes and dashes"


def read(given: Any, before: Sequence[Row]) -> list[dict[str, Any]]:
    """Namespaces as `parse.proposed` takes them. Raises `Invalid` when nothing is found."""
    rows = _rows(given)
    if not rows:
        raise errors.Invalid(
            errors.Fault(
                "settings", "holds no identifiers.",
                'Send `{"identifiers": [{"type": "email", "limit": 5, "priority": 2}]}`.',
            )
        )  # fmt: skip
    types = {text: row.name for row in before for text in row.types}
    known = {row.name: row for row in before}
    order = sorted(range(len(rows)), key=lambda n: (_number(rows[n], _PRIORITIES) or 10_000 + n, n))
    return [_namespace(rows[n], place, types, known) for place, n in enumerate(order, 1)]


def _rows(given: Any) -> list[Mapping[str, Any]]:
    if isinstance(given, dict):
        plain = {_plain(name): value for name, value in given.items()}
        for name in _LISTS:
            found = _rows(plain[name]) if name in plain else []
            if found:
                return found
        named = [
            {"type": name, **value}
            for name, value in given.items()
            if isinstance(value, dict) and _field({_plain(k): 1 for k in value}, _LIMITS)
        ]
        return [{_plain(k): v for k, v in one.items()} for one in named]
    if not isinstance(given, list):
        return []
    rows = [{_plain(k): v for k, v in one.items()} for one in given if isinstance(one, dict)]
    return [row for row in rows if isinstance(_field(row, _NAMES), str)]


def _namespace(
    row: Mapping[str, Any], place: int, types: Mapping[str, str], known: Mapping[str, Row]
) -> dict[str, Any]:
    text = str(_field(row, _NAMES)).strip().lower()
    name = re.sub(r"[^a-z0-9]+", "_", text).strip("_")
    name = types.get(name, _OWN.get(name, name))
    out: dict[str, Any] = {"name": name}
    kind = known[name].kind if name in known else "device" if _DEVICES.search(text) else "person"
    if name not in known:
        out["kind"] = kind
    if kind == "account":
        return out
    out["priority"] = place * 10
    if _given(row, _LIMITS):
        out["limit"] = _number(row, _LIMITS)
    frequency = _plain(str(_field(row, _FREQUENCIES) or "ever"))
    out["window_days"] = _DAYS.get(frequency) if out.get("limit") is not None else None
    values, patterns = _blocked(_field(row, _BLOCKED))
    if name in known:
        values = [*known[name].blocked, *values]
        patterns = [*known[name].patterns, *patterns]
    if values:
        out["blocked"] = list(dict.fromkeys(values))
    if patterns:
        out["patterns"] = list(dict.fromkeys(patterns))
    return out


def _blocked(found: Any) -> tuple[list[str], list[str]]:
    values: list[str] = []
    patterns: list[str] = []
    for one in found if isinstance(found, list) else [found] if isinstance(found, str) else ():
        plain = {_plain(k): v for k, v in one.items()} if isinstance(one, dict) else {}
        text = str(_field(plain, ("value", "pattern", "regex", "match", "name")) or one)
        kind = _plain(str(_field(plain, ("type", "kind", "matchtype")) or ""))
        said = kind in ("regex", "pattern", "regexp") or "regex" in plain or "pattern" in plain
        looks = kind != "exact" and _PATTERN.search(text) is not None and "@" not in text
        if text.strip().lower() == _ZEROES:
            patterns.append("^[0-]*$")
        else:
            (patterns if said or looks else values).append(text)
    return values, patterns


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", str(text).lower())


def _field(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _given(row: Mapping[str, Any], names: Sequence[str]) -> bool:
    return any(name in row for name in names)


def _number(row: Mapping[str, Any], names: Sequence[str]) -> int | None:
    found = _field(row, names)
    if isinstance(found, bool):
        return None
    try:
        return int(found)
    except (TypeError, ValueError):
        return None
