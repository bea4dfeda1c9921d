"""Comparisons as SQL for DuckDB, as audiences/values.py means them. No expression is ever NULL."""

from onefold.audiences import moments
from onefold.audiences.values import ORDERED, Test, number

SIGNS = dict(zip(ORDERED, (">", ">=", "<", "<="), strict=True))


def quote(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def tests(value: str, wanted: tuple[Test, ...], now_ms: int) -> str:
    """All tests of a JSON value."""
    return "(" + " AND ".join(_test(value, t, now_ms) for t in wanted) + ")"


def numeric(value: str, wanted: tuple[Test, ...]) -> str:
    """All tests of an expression that is a DOUBLE or NULL, NULL being missing."""
    parts = []
    for t in wanted:
        if t.op == "set":
            parts.append(f"({value} IS {'NOT ' if t.value else ''}NULL)")
        else:
            sign = "=" if t.op == "is" else SIGNS[t.op]
            parts.append(f"coalesce({value} {sign} '{number(t.value)!r}'::DOUBLE, false)")
    return "(" + " AND ".join(parts) + ")"


def known(value: str) -> str:
    """Is the JSON value there?"""
    return f"(coalesce(json_type({value}), 'NULL') <> 'NULL')"


def _test(value: str, test: Test, now_ms: int) -> str:
    match test.op:
        case "is" | "is_not":
            same = _is(value, test.value)
            return same if test.op == "is" else f"(NOT {same})"
        case "in":
            return "(" + " OR ".join(_is(value, one) for one in test.value) + ")"
        case "contains":
            return _contains(value, test.value)
        case "starts_with" | "ends_with":
            return _text(value, f"{test.op}({{}}, {quote(test.value)})")
        case "matches":
            return _text(value, f"regexp_matches({{}}, {quote(test.value)})")
        case "set":
            return known(value) if test.value else f"(NOT {known(value)})"
        case "before" | "after":
            sign = "<" if test.op == "before" else ">="
            bound = moments.read(test.value).at_us(now_ms)
            return f"coalesce({time_us(value)} {sign} {bound}, false)"
        case _:
            return _compared(value, SIGNS[test.op], test.value)


def _text(value: str, holds: str) -> str:
    text = f"json_extract_string({value}, '$')"
    return f"coalesce(json_type({value}) = 'VARCHAR' AND {holds.format(text)}, false)"


def time_us(value: str) -> str:
    """A JSON value as microseconds since 1970, NULL when it is no time (audiences/moments.py)."""
    text = f"json_extract_string({value}, '$')"
    whole = f"regexp_full_match({text}, {quote(moments.PATTERN)})"
    bare = f"regexp_replace({text}, '(Z|[+-][0-9][0-9]:[0-9][0-9])$', '')"
    local = f"epoch_us(TRY_CAST({bare} AS TIMESTAMP))"
    zone = f"regexp_extract({text}, ':[0-9.]+([+-][0-9][0-9]:[0-9][0-9])$', 1)"
    minutes = f"(CAST({zone}[2:3] AS BIGINT) * 60 + CAST({zone}[5:6] AS BIGINT))"
    offset = f"CASE WHEN {zone} = '' THEN 0 WHEN {zone}[1] = '+' THEN {minutes} ELSE -{minutes} END"
    return (
        f"(CASE WHEN json_type({value}) = 'VARCHAR' AND {whole} "
        f"THEN {local} - ({offset}) * 60000000 END)"
    )


def _is(value: str, wanted: str | bool | float) -> str:
    if isinstance(wanted, bool):
        as_text = quote("true" if wanted else "false")
        same = f"json_type({value}) = 'BOOLEAN' AND json_extract_string({value}, '$') = {as_text}"
        return f"coalesce({same}, false)"
    return _compared(value, "=", wanted)


def as_number(value: str) -> str:
    """A JSON value as a DOUBLE, NULL when it is no number."""
    return (
        f"(CASE WHEN json_type({value}) IN ('BIGINT', 'UBIGINT', 'DOUBLE') "
        f"THEN TRY_CAST(json_extract_string({value}, '$') AS DOUBLE) END)"
    )


def _compared(value: str, sign: str, wanted: str | float) -> str:
    text = f"json_extract_string({value}, '$')"
    if isinstance(wanted, str):
        holds = f"json_type({value}) = 'VARCHAR' AND {text} {sign} {quote(wanted)}"
    else:
        holds = (
            f"json_type({value}) IN ('BIGINT', 'UBIGINT', 'DOUBLE') "
            f"AND TRY_CAST({text} AS DOUBLE) {sign} '{number(wanted)!r}'::DOUBLE"
        )
    return f"coalesce({holds}, false)"


def _contains(value: str, wanted: str | bool | float) -> str:
    listed = (
        f"CASE WHEN json_type({value}) = 'ARRAY' THEN "
        f"len(list_filter(CAST({value} AS JSON[]), lambda x: {_is('x', wanted)})) > 0 END"
    )
    if not isinstance(wanted, str):
        return f"coalesce({listed}, false)"
    text = f"json_extract_string({value}, '$')"
    within = f"CASE WHEN json_type({value}) = 'VARCHAR' THEN contains({text}, {quote(wanted)}) END"
    return f"coalesce({within}, {listed}, false)"
