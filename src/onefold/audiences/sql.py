"""The second execution: a definition as one DuckDB query over history.

Over these tables (or views of these names):

    entities(entity_id)                                 who is asked about
    facts(entity_id, name, at_ms, properties JSON)      what happened until now, duplicates removed
    traits(entity_id, name, value JSON)                 winning values, one row each
    account_traits(entity_id, name, value JSON)         of the person's accounts, one row each
    tickets(entity_id, status, tags VARCHAR[], priority, category)

The answer is one column, `entity_id`. Every literal is quoted here; nothing else enters the text.
tests/audiences/test_two_ways.py holds it equal to `compile_live`.
"""

from onefold.audiences import windows
from onefold.audiences.model import (
    AccountTrait,
    All,
    Count,
    Definition,
    Leaf,
    Node,
    Not,
    Property,
    Tickets,
    Trait,
    leaves,
    walk,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.values import ORDERED, Test, number

_SIGNS = dict(zip(ORDERED, (">", ">=", "<", "<="), strict=True))


def compile_sql(definition: Definition, now_ms: int) -> str:
    """The query for the ids of the entities that are in the audience at `now_ms`, in order."""
    return _Compiler(definition, now_ms).query()


class _Compiler:
    """One compilation: leaves become columns of one scan of the facts, traits become joins."""

    def __init__(self, definition: Definition, now_ms: int) -> None:
        self.where = definition.where
        self.leaves = leaves(definition)
        self.columns = {leaf.key: f"c.n{i}" for i, leaf in enumerate(self.leaves)}
        names = {n.name: None for n in walk(definition.where) if isinstance(n, Trait)}
        self.traits = {name: f"t{i}" for i, name in enumerate(names)}
        self.now_ms = now_ms

    def query(self) -> str:
        lines = []
        if self.leaves:
            wanted = [_leaf(leaf, self.now_ms) for leaf in self.leaves]
            counts = ",\n    ".join(
                f"count(*) FILTER (WHERE {cond}) AS n{i}" for i, cond in enumerate(wanted)
            )
            either = "\n    OR ".join(dict.fromkeys(f"({cond})" for cond in wanted))
            lines += [
                f"WITH counts AS (\n  SELECT entity_id,\n    {counts}\n  FROM facts",
                f"  WHERE {either}\n  GROUP BY entity_id\n)",
            ]
        lines.append("SELECT e.entity_id FROM entities e")
        if self.leaves:
            lines.append("LEFT JOIN counts c ON c.entity_id = e.entity_id")
        lines += [
            f"LEFT JOIN traits {t} ON {t}.entity_id = e.entity_id AND {t}.name = {quote(name)}"
            for name, t in self.traits.items()
        ]
        lines += [f"WHERE {self.node(self.where)}", "ORDER BY e.entity_id"]
        return "\n".join(lines)

    def node(self, node: Node) -> str:
        """A condition as an expression that is never NULL."""
        match node:
            case All():
                return "(" + " AND ".join(map(self.node, node.of)) + ")"
            case AnyOf():
                return "(" + " OR ".join(map(self.node, node.of)) + ")"
            case Not():
                return f"(NOT {self.node(node.node)})"
            case Trait():
                return _tests(f"{self.traits[node.name]}.value", node.tests)
            case AccountTrait():
                return _account_trait(node)
            case Count():
                return self.count(node)
            case Tickets():
                return _tickets(node)

    def count(self, node: Count) -> str:
        column = f"coalesce({self.columns[node.leaf.key]}, 0)"
        low, high = windows.limits_of(node.tests)
        ends = [f"{column} >= {low}"] if low else []
        ends += [] if high is None else [f"{column} <= {high}"]
        return "(" + " AND ".join(ends or ["true"]) + ")"


def quote(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def _leaf(leaf: Leaf, now_ms: int) -> str:
    parts = [] if leaf.event is None else [f"name = {quote(leaf.event)}"]
    if leaf.window_ms is not None:
        first, end = windows.bounds_ms(leaf.window_ms, now_ms)
        parts.append(f"at_ms >= {first} AND at_ms < {end}")
    parts += [_property(p) for p in leaf.where]
    return " AND ".join(parts or ["true"])


def _property(condition: Property) -> str:
    path = "$" + "".join(f'."{step}"' for step in condition.path.split("."))
    return _tests(f"json_extract(properties, {quote(path)})", condition.tests)


def _account_trait(node: AccountTrait) -> str:
    of_name = (
        "SELECT 1 FROM account_traits a "
        f"WHERE a.entity_id = e.entity_id AND a.name = {quote(node.name)}"
    )
    if node.tests[0].op == "set" and not node.tests[0].value:
        return f"(NOT EXISTS ({of_name} AND {_known('a.value')}))"
    return f"EXISTS ({of_name} AND {_known('a.value')} AND {_tests('a.value', node.tests)})"


def _tickets(node: Tickets) -> str:
    parts = [
        "k.entity_id = e.entity_id",
        "k.status = 'paused'" if node.status == "paused" else "k.status <> 'resolved'",
    ]
    if node.tag is not None:
        parts.append(f"list_contains(k.tags, {quote(node.tag)})")
    if node.priority is not None:
        parts.append(f"k.priority = {quote(node.priority)}")
    if node.category is not None:
        parts.append(f"k.category = {quote(node.category)}")
    found = f"EXISTS (SELECT 1 FROM tickets k WHERE {' AND '.join(parts)})"
    return found if node.exists else f"(NOT {found})"


# ── comparisons, as audiences/values.py means them ─────────────────────────────────────────────


def _tests(value: str, tests: tuple[Test, ...]) -> str:
    return "(" + " AND ".join(_test(value, t) for t in tests) + ")"


def _test(value: str, test: Test) -> str:
    match test.op:
        case "is":
            return _is(value, test.value)
        case "is_not":
            return f"(NOT {_is(value, test.value)})"
        case "in":
            return "(" + " OR ".join(_is(value, one) for one in test.value) + ")"
        case "contains":
            return _contains(value, test.value)
        case "set":
            return _known(value) if test.value else f"(NOT {_known(value)})"
        case _:
            return _compared(value, _SIGNS[test.op], test.value)


def _known(value: str) -> str:
    return f"(coalesce(json_type({value}), 'NULL') <> 'NULL')"


def _is(value: str, wanted: str | bool | float) -> str:
    if isinstance(wanted, bool):
        as_text = quote("true" if wanted else "false")
        same = f"json_type({value}) = 'BOOLEAN' AND json_extract_string({value}, '$') = {as_text}"
        return f"coalesce({same}, false)"
    return _compared(value, "=", wanted)


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
