"""What events come to, as SQL for DuckDB: counts, measures, recency, sequences.

The same bounds as the fold's (audiences/frames.py) as literals, everything else from the facts.
"""

from onefold.audiences import cells, frames
from onefold.audiences.model import Chain, Filter, Group, Leaf, Measure, Since, Step
from onefold.audiences.sql_values import SIGNS, as_number, numeric, quote, tests
from onefold.kernel import limits

_ORDER = "rank, number, text"


def condition(leaf: Leaf, now_ms: int, table: str = "") -> str:
    """Does a fact count for the leaf?"""
    return " AND ".join(
        [*_event(leaf.event, leaf.where, table, now_ms), *_within(leaf, now_ms, table)] or ["true"]
    )


def _event(event: str | None, where: tuple[Filter, ...], table: str, now_ms: int) -> list[str]:
    parts = [] if event is None else [f"{table}name = {quote(event)}"]
    return parts + [filter_sql(f, f"{table}properties", now_ms) for f in where]


def _within(leaf: Leaf, now_ms: int, table: str) -> list[str]:
    first, end = frames.bounds_ms(leaf.frame, now_ms)
    parts = [f"{table}at_ms >= {first}"] if leaf.frame != frames.EVER else []
    parts += [f"{table}at_ms < {end}"] if leaf.frame.kind != "since" else []
    return parts + ([f"{table}own"] if leaf.own else [])


def filter_sql(condition: Filter, column: str, now_ms: int) -> str:
    """Does a JSON object pass?"""
    if isinstance(condition, Group):
        joiner = " AND " if condition.how == "all" else " OR "
        joined = "(" + joiner.join(filter_sql(f, column, now_ms) for f in condition.of) + ")"
        return f"(NOT {joined})" if condition.how == "none" else joined
    return tests(_property(condition.path, column), condition.tests, now_ms)


def _property(path: str, column: str = "properties") -> str:
    steps = "$" + "".join(f'."{step}"' for step in path.split("."))
    return f"json_extract({column}, {quote(steps)})"


def measure_table(node: Measure, now_ms: int, facts: str) -> str:
    """entity_id and what the measure needs: `value`, or `total` and `n` in millionths."""
    leaf, cond = node.leaf, condition(node.leaf, now_ms)
    number = as_number(_property(leaf.path)) if leaf.path else ""
    match node.name:
        case "sum" | "average":
            micros = f"CAST(floor({number} * 1e6 + 0.5) AS HUGEINT)"
            fits = f"abs({number}) <= 1e12"
            return (
                f"SELECT entity_id, sum({micros})::HUGEINT AS total, count(*)::HUGEINT AS n "
                f"FROM {facts} WHERE {cond} AND coalesce({fits}, false) GROUP BY entity_id"
            )
        case "min" | "max":
            return (
                f"SELECT entity_id, {node.name}({number}) AS value "
                f"FROM {facts} WHERE {cond} GROUP BY entity_id"
            )
        case "days":
            starts = _day_starts(leaf, now_ms)
            day = f"len(list_filter({starts}, lambda s: s <= at_ms))"
            return (
                f"SELECT entity_id, count(DISTINCT {day}) AS value "
                f"FROM {facts} WHERE {cond} GROUP BY entity_id"
            )
    return _of_values(node, cond, number, facts)


def _of_values(node: Measure, cond: str, number: str, facts: str) -> str:
    value = _property(node.leaf.path)
    scalars = (
        f"SELECT entity_id, at_ms, {value} AS value, {_rank(value)} AS rank, "
        f"coalesce(CASE json_type({value}) WHEN 'BOOLEAN' "
        f"THEN CAST(json_extract_string({value}, '$') = 'true' AS DOUBLE) ELSE {number} END, 0) "
        f"+ 0.0 AS number, "
        f"CASE json_type({value}) WHEN 'VARCHAR' THEN json_extract_string({value}, '$') ELSE '' "
        f"END AS text FROM {facts} WHERE {cond}"
    )
    some = f"({scalars}) WHERE rank IS NOT NULL"
    match node.name:
        case "distinct":
            return (
                f"SELECT entity_id, count(DISTINCT ROW({_ORDER})) AS value "
                f"FROM {some} GROUP BY entity_id"
            )
        case "first" | "last":
            way = "arg_min" if node.name == "first" else "arg_max"
            return (
                f"SELECT entity_id, {way}(value, ROW(at_ms, {_ORDER})) AS value "
                f"FROM {some} GROUP BY entity_id"
            )
        case _:
            counted = (
                f"SELECT entity_id, {_ORDER}, any_value(value) AS value, count(*) AS n "
                f"FROM {some} GROUP BY entity_id, {_ORDER}"
            )
            return (
                f"SELECT entity_id, arg_min(value, ROW(-n, {_ORDER})) AS value "
                f"FROM ({counted}) GROUP BY entity_id"
            )


def _rank(value: str) -> str:
    fits = f"length(json_extract_string({value}, '$')) <= {limits.leaf_value_chars_max}"
    return (
        f"CASE json_type({value}) WHEN 'BOOLEAN' THEN 0 WHEN 'BIGINT' THEN 1 "
        f"WHEN 'UBIGINT' THEN 1 WHEN 'DOUBLE' THEN 1 "
        f"WHEN 'VARCHAR' THEN CASE WHEN {fits} THEN 2 END END"
    )


def _day_starts(leaf: Leaf, now_ms: int) -> str:
    first, end = frames.days(leaf.frame, now_ms)
    starts = (str(frames.day_start_ms(day, leaf.frame.zone)) for day in range(first, end))
    return f"[{', '.join(starts)}]::BIGINT[]"


def measure_test(node: Measure, table: str) -> str:
    """Does the measure pass? `table` holds a row of `measure_table`, or none."""
    match node.name:
        case "sum" | "average":
            return _summed(node, table)
        case "min" | "max":
            return numeric(f"{table}.value", node.tests)
        case "distinct" | "days":
            return numeric(f"coalesce({table}.value, 0)::DOUBLE", node.tests)
        case _:
            return tests(f"{table}.value", node.tests, 0)


def _summed(node: Measure, table: str) -> str:
    """As whole numbers of millionths, as audiences/measures.py compares."""
    parts = []
    average = node.name == "average"
    for t in node.tests:
        if t.op == "set":
            parts.append(f"({table}.total IS {'NOT ' if t.value else ''}NULL)")
            continue
        sign = "=" if t.op == "is" else SIGNS[t.op]
        limit = f"({cells.micros(t.value) or 0})::HUGEINT"
        if average:
            parts.append(f"coalesce({table}.total {sign} {limit} * {table}.n, false)")
        else:
            parts.append(f"(coalesce({table}.total, 0) {sign} {limit})")
    return "(" + " AND ".join(parts) + ")"


def since_table(node: Since, now_ms: int, facts: str) -> str:
    """entity_id, and first_ms or last_ms, whichever is asked about."""
    cond = condition(node.leaf, now_ms)
    end = "min(at_ms) AS first_ms" if node.first else "max(at_ms) AS last_ms"
    return f"SELECT entity_id, {end} FROM {facts} WHERE {cond} GROUP BY entity_id"


def since_test(node: Since, table: str, now_ms: int) -> str:
    """Is the first or last event as long ago as asked?"""
    age = f"({now_ms} - {table}.{'first' if node.first else 'last'}_ms)"
    parts = [f"coalesce({age} {SIGNS[t.op]} {t.value}, false)" for t in node.tests]
    return "(" + " AND ".join(parts) + ")"


def sequence_table(node: Chain, now_ms: int, facts: str) -> str:
    """entity_id of those for whom it holds."""
    leaf = node.leaf
    then = leaf.then or Step("")
    within = _within(leaf, now_ms, "")
    a = " AND ".join([*_event(leaf.event, leaf.where, "", now_ms), *within])
    b = " AND ".join([*_event(then.event, then.where, "", now_ms), *within])
    follows = (
        f"b.entity_id = a.entity_id AND b.at_ms > a.at_ms AND b.at_ms <= a.at_ms + {node.gap_ms}"
    )
    second = f"(SELECT entity_id, at_ms FROM {facts} WHERE {b}) b"
    if not node.without:
        first = f"(SELECT entity_id, at_ms FROM {facts} WHERE {a}) a"
        return f"SELECT DISTINCT a.entity_id FROM {first} JOIN {second} ON {follows}"
    size = frames.size_ms(leaf.frame)
    bucket = f"((at_ms - ((at_ms % {size}) + {size}) % {size}) // {size})"
    lasts = (
        f"SELECT entity_id, max(at_ms) AS at_ms FROM {facts} WHERE {a} GROUP BY entity_id, {bucket}"
    )
    first = f"({lasts}) a"
    return (
        f"SELECT DISTINCT a.entity_id FROM {first} WHERE a.at_ms + {node.gap_ms} < {now_ms} "
        f"AND NOT EXISTS (SELECT 1 FROM {second} WHERE {follows})"
    )
