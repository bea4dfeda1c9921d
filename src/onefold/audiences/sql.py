"""The second execution: a definition as one DuckDB query over history.

Over these tables (or views of these names):

    entities(entity_id)                                 who is asked about
    facts(entity_id, name, at_ms, properties JSON, own) what happened until now, duplicates removed;
                                                        `own`: the customer did it, not we
    traits(entity_id, name, value JSON)                 winning values, one row each
    account_traits(entity_id, name, value JSON)         of the person's accounts, one row each
    tickets(entity_id, status, tags VARCHAR[], priority, category)

The answer is one column, `entity_id`. Every literal is quoted here; nothing else enters the text.
tests/audiences/test_two_ways.py holds it equal to `compile_live`. What a leaf comes to is a common
table of its own, (entity_id, columns), that conditions look into.
"""

from onefold.audiences import sql_events, windows
from onefold.audiences.model import (
    AccountTrait,
    All,
    Chain,
    Count,
    Definition,
    Leaf,
    Measure,
    Node,
    Not,
    Since,
    Tickets,
    Trait,
    leaves,
    walk,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.sql_values import known, quote, tests


def compile_sql(definition: Definition, now_ms: int) -> str:
    """The query for the ids of the entities that are in the audience at `now_ms`, in order."""
    return _Compiler(definition, now_ms).query()


class _Compiler:
    """One compilation: counts become columns of one scan of the facts, other leaves tables."""

    def __init__(self, definition: Definition, now_ms: int) -> None:
        self.where = definition.where
        self.now_ms = now_ms
        self.counts = [leaf for leaf in leaves(definition) if _is_plain(definition.where, leaf)]
        self.columns = {leaf.key: f"c.n{i}" for i, leaf in enumerate(self.counts)}
        names = {n.name: None for n in walk(definition.where) if isinstance(n, Trait)}
        self.traits = {name: f"t{i}" for i, name in enumerate(names)}
        self.tables: list[str] = []  # "name AS (…)"
        self.joins: list[str] = []
        self.made: dict[str, str] = {}  # text of a table → its name

    def query(self) -> str:
        if self.counts:
            self._count_table()
        where = self.node(self.where)
        lines = ["WITH " + ",\n".join(self.tables)] if self.tables else []
        lines.append("SELECT e.entity_id FROM entities e")
        lines += self.joins
        lines += [
            f"LEFT JOIN traits {t} ON {t}.entity_id = e.entity_id AND {t}.name = {quote(name)}"
            for name, t in self.traits.items()
        ]
        lines += [f"WHERE {where}", "ORDER BY e.entity_id"]
        return "\n".join(lines)

    def _count_table(self) -> None:
        wanted = [sql_events.condition(leaf, self.now_ms) for leaf in self.counts]
        columns = ",\n    ".join(
            f"count(*) FILTER (WHERE {cond}) AS n{i}" for i, cond in enumerate(wanted)
        )
        either = "\n    OR ".join(dict.fromkeys(f"({cond})" for cond in wanted))
        self.tables.append(
            f"counts AS (\n  SELECT entity_id,\n    {columns}\n  FROM facts\n"
            f"  WHERE {either}\n  GROUP BY entity_id\n)"
        )
        self.joins.append("LEFT JOIN counts c ON c.entity_id = e.entity_id")

    def table(self, text: str) -> str:
        """The alias under which a leaf's table, one row an entity, is joined."""
        if text not in self.made:
            name = self.made[text] = f"l{len(self.made)}"
            self.tables.append(f"{name} AS (\n  {text}\n)")
            self.joins.append(f"LEFT JOIN {name} ON {name}.entity_id = e.entity_id")
        return self.made[text]

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
                return tests(f"{self.traits[node.name]}.value", node.tests, self.now_ms)
            case AccountTrait():
                return self.account_trait(node)
            case Tickets():
                return _tickets(node)
            case Count():
                return self.count(node)
            case _:
                return self.on_leaf(node)

    def on_leaf(self, node: Measure | Since | Chain) -> str:
        match node:
            case Measure():
                table = self.table(sql_events.measure_table(node, self.now_ms))
                return sql_events.measure_test(node, table)
            case Since():
                table = self.table(sql_events.since_table(node, self.now_ms))
                return sql_events.since_test(node, table, self.now_ms)
            case Chain():
                table = self.table(sql_events.sequence_table(node, self.now_ms))
                return f"({table}.entity_id IS NOT NULL)"

    def count(self, node: Count) -> str:
        column = f"coalesce({self.columns[node.leaf.key]}, 0)"
        low, high = windows.limits_of(node.tests)
        ends = [f"{column} >= {low}"] if low else []
        ends += [] if high is None else [f"{column} <= {high}"]
        return "(" + " AND ".join(ends or ["true"]) + ")"

    def account_trait(self, node: AccountTrait) -> str:
        of_name = (
            "SELECT 1 FROM account_traits a "
            f"WHERE a.entity_id = e.entity_id AND a.name = {quote(node.name)}"
        )
        if node.tests[0].op == "set" and not node.tests[0].value:
            return f"(NOT EXISTS ({of_name} AND {known('a.value')}))"
        passes = tests("a.value", node.tests, self.now_ms)
        return f"EXISTS ({of_name} AND {known('a.value')} AND {passes})"


def _is_plain(where: Node, leaf: Leaf) -> bool:
    return any(isinstance(n, Count) and n.leaf.key == leaf.key for n in walk(where))


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
