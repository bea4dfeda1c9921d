"""How a condition's mapping is laid out, as one flat mapping of its parts, and back. Pure.

    scalar   {head: name, …comparisons}          trait, member_of
    inner    {head: {…fields}, …comparisons}     count, sum, sequence, …
    nested   {head: {…fields, …comparisons}}     account, owner
    where    {head: {…properties}}               first_touch
    tickets  {any|none: {tickets: {…}}} or {tickets: {…}, …comparisons}
    related  {head: {how: condition}, …comparisons}

The flat mapping has comparisons under `tests`. A function here answers None for what is not laid
out so.
"""

from collections.abc import Mapping
from typing import Any, Literal

Shape = Literal["scalar", "inner", "nested", "where", "tickets", "related"]
Flat = dict[str, Any]
HOWS = ("any", "all", "none", "count", "share")


def flatten(
    shape: Shape, head: str, fields: tuple[str, ...], raw: Mapping[Any, Any]
) -> Flat | None:
    """The flat mapping; `fields` are the keys that are no comparisons."""
    if shape == "tickets":
        return _tickets(raw)
    if head not in raw:
        return None
    inner, rest = raw[head], {k: v for k, v in raw.items() if k != head}
    tests = {"tests": rest} if rest else {}
    if shape == "scalar":
        return {fields[0]: inner, **tests}
    if not isinstance(inner, Mapping):
        return None
    match shape:
        case "inner":
            return {**inner, **tests}
        case "nested":
            own = {k: v for k, v in inner.items() if k in fields}
            return {**own, "tests": {k: v for k, v in inner.items() if k not in fields}}
        case "where":
            return {fields[0]: inner}
    hows = [how for how in HOWS if how in inner]
    return {"how": hows[0], "node": inner[hows[0]], **tests} if len(hows) == 1 else None


def unflatten(shape: Shape, head: str, fields: tuple[str, ...], flat: Flat) -> dict[str, Any]:
    """The condition's mapping of its parts."""
    tests = flat.get("tests") or {}
    own = {k: v for k, v in flat.items() if k != "tests"}
    match shape:
        case "scalar":
            return {head: own.get(fields[0]), **tests}
        case "inner":
            return {head: own, **tests}
        case "nested":
            return {head: {**own, **tests}}
        case "where":
            return {head: own.get(fields[0]) or {}}
        case "related":
            how = own.get("how") or "any"
            return {head: {how: own.get("node")}, **(tests if how in ("count", "share") else {})}
    how = own.pop("how", None) or "any"
    if how == "count":
        return {"tickets": own, **tests}
    return {how: {"tickets": own}}


def _tickets(raw: Mapping[Any, Any]) -> Flat | None:
    if isinstance(raw.get("tickets"), Mapping):
        rest = {k: v for k, v in raw.items() if k != "tickets"}
        return {**raw["tickets"], "how": "count", "tests": rest}
    for how in ("any", "none"):
        inner = raw.get(how)
        if isinstance(inner, Mapping) and isinstance(inner.get("tickets"), Mapping):
            return {**inner["tickets"], "how": how}
    return None
