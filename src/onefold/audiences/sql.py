"""The second execution: a definition as one DuckDB query over history.

Over these tables (or views of these names):

    person_entities(entity_id)                          who is asked about
    person_facts(entity_id, name, at_ms, properties JSON, own)
                                                        what happened until now, duplicates removed;
                                                        `own`: the customer did it, not we
    person_traits(entity_id, name, value JSON)          winning values, one row each
    person_tickets(entity_id, status, tags VARCHAR[], priority, category)
    person_owners(entity_id, email)
    person_deals(entity_id, deal JSON)
    account_entities, account_facts, …                  the same of accounts
    person_touches(entity_id, first JSON, last JSON)    what campaigns said
    person_accounts(person_id, account_id)              who is where
    members(key, kind, entity_id)                       of audiences that are lists or SQL

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
    Deal,
    Definition,
    Kind,
    Leaf,
    Measure,
    Member,
    Node,
    Not,
    Owner,
    Related,
    Rows,
    Since,
    Tickets,
    Touch,
    Trait,
    walk_of,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.sql_values import known, numeric, quote, tests


def compile_sql(definition: Definition, now_ms: int) -> str:
    """The query for the ids of the entities that are in the audience at `now_ms`, in order."""
    return _Compiler(definition, now_ms).query()


class _Compiler:
    """One compilation: counts become columns of one scan of the facts, other leaves tables."""

    def __init__(self, definition: Definition, now_ms: int) -> None:
        self.where = definition.where
        self.of = definition.of
        self.now_ms = now_ms
        self.facts = f"{self.of}_facts"
        self.counts = self.plain(definition.where)
        self.columns = {leaf.key: f"c.n{i}" for i, leaf in enumerate(self.counts)}
        names = {n.name: None for n in self.own(definition.where) if isinstance(n, Trait)}
        self.traits = {name: f"t{i}" for i, name in enumerate(names)}
        self.tables: list[str] = []  # "name AS (…)"
        self.joins: list[str] = []
        self.made: dict[str, str] = {}  # text of a table → its name

    def own(self, node: Node) -> list[Node]:
        """Conditions on the entity itself."""
        return [n for n, of in walk_of(node, self.of) if of == self.of]

    def plain(self, where: Node) -> list[Leaf]:
        """Leaves of counts, each once."""
        found = {n.leaf.key: n.leaf for n in self.own(where) if isinstance(n, Count)}
        return list(found.values())

    def query(self) -> str:
        if self.counts:
            self._count_table()
        where = self.node(self.where)
        lines = ["WITH " + ",\n".join(self.tables)] if self.tables else []
        lines.append(f"SELECT e.entity_id FROM {self.of}_entities e")
        lines += self.joins
        lines += [
            f"LEFT JOIN {self.of}_traits {t} "
            f"ON {t}.entity_id = e.entity_id AND {t}.name = {quote(name)}"
            for name, t in self.traits.items()
        ]
        lines += [f"WHERE {where}", "ORDER BY e.entity_id"]
        return "\n".join(lines)

    def _count_table(self) -> None:
        wanted = [sql_events.condition(leaf, self.now_ms) for leaf in self.counts]
        columns = ",\n    ".join(
            f"count(*) FILTER (WHERE {cond}) AS n{i}" for i, cond in enumerate(wanted)
        )
        if len(wanted) == 1:  # asked once, below
            columns = "count(*) AS n0"
        either = "\n    OR ".join(dict.fromkeys(f"({cond})" for cond in wanted))
        self.tables.append(
            f"counts AS (\n  SELECT entity_id,\n    {columns}\n  FROM {self.of}_facts\n"
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
            case Count():
                return self.count(node)
            case Measure() | Since() | Chain():
                return self.on_leaf(node)
            case _:
                return self.beside(node)

    def beside(self, node: Tickets | Owner | Touch | Deal | Member | Rows | Related) -> str:
        """A condition on rows beside the entity."""
        match node:
            case Tickets():
                return _tickets(node, self.of)
            case Owner():
                return _owner(node, self.of)
            case Touch():
                return self.touch(node)
            case Deal():
                passes = " AND ".join(
                    sql_events.filter_sql(f, "d.deal", self.now_ms) for f in node.where
                )
                mine = f"FROM {self.of}_deals d WHERE d.entity_id = e.entity_id"
                return f"EXISTS (SELECT 1 {mine} AND {passes})"
            case Member():
                return self.member(node)
            case Rows():
                return self.member(Member(node.key, by_row=True))
            case Related():
                return self.related(node)

    def touch(self, node: Touch) -> str:
        column = "first" if node.first else "last"
        passes = " AND ".join(
            sql_events.filter_sql(f, f"t.{column}", self.now_ms) for f in node.where
        )
        return (
            f"EXISTS (SELECT 1 FROM person_touches t WHERE t.entity_id = e.entity_id AND {passes})"
        )

    def member(self, node: Member) -> str:
        if node.where is not None:
            return self.node(node.where)
        of = quote(self.of)
        found = f"m.key = {quote(node.key)} AND m.kind = {of} AND m.entity_id = e.entity_id"
        return f"EXISTS (SELECT 1 FROM members m WHERE {found})"

    def related(self, node: Related) -> str:
        inner = compile_sql(Definition(of=node.of, where=node.where), self.now_ms)
        mine, theirs = f"{self.of}_id", f"{node.of}_id"
        of_mine = f"SELECT {{}} FROM person_accounts pa WHERE pa.{mine} = e.entity_id"
        total = f"({of_mine.format('count(*)')})"
        n = f"({of_mine.format('count(*)')} AND pa.{theirs} IN ({inner}))"
        match node.how:
            case "any":
                return f"({n} > 0)"
            case "none":
                return f"({n} = 0)"
            case "all":
                return f"({n} = {total})"
            case "count":
                return numeric(f"{n}::DOUBLE", node.tests)
            case "share":
                return numeric(f"({n}::DOUBLE / nullif({total}, 0)::DOUBLE)", node.tests)

    def on_leaf(self, node: Measure | Since | Chain) -> str:
        """A condition on a leaf with a table of its own."""
        match node:
            case Measure():
                table = self.table(sql_events.measure_table(node, self.now_ms, self.facts))
                return sql_events.measure_test(node, table)
            case Since():
                table = self.table(sql_events.since_table(node, self.now_ms, self.facts))
                return sql_events.since_test(node, table, self.now_ms)
            case Chain():
                table = self.table(sql_events.sequence_table(node, self.now_ms, self.facts))
                return f"({table}.entity_id IS NOT NULL)"

    def count(self, node: Count) -> str:
        column = f"coalesce({self.columns[node.leaf.key]}, 0)"
        low, high = windows.limits_of(node.tests)
        ends = [f"{column} >= {low}"] if low else []
        ends += [] if high is None else [f"{column} <= {high}"]
        return "(" + " AND ".join(ends or ["true"]) + ")"

    def account_trait(self, node: AccountTrait) -> str:
        of_name = (
            "SELECT 1 FROM person_accounts pa JOIN account_traits a ON a.entity_id = pa.account_id "
            f"WHERE pa.person_id = e.entity_id AND a.name = {quote(node.name)}"
        )
        if node.tests[0].op == "set" and not node.tests[0].value:
            return f"(NOT EXISTS ({of_name} AND {known('a.value')}))"
        passes = tests("a.value", node.tests, self.now_ms)
        return f"EXISTS ({of_name} AND {known('a.value')} AND {passes})"


def _owner(node: Owner, of: Kind) -> str:
    mine = f"SELECT 1 FROM {of}_owners o WHERE o.entity_id = e.entity_id"
    passes = tests("to_json(o.email)", node.tests, 0)
    nobody = tests("NULL::JSON", node.tests, 0)
    return f"(EXISTS ({mine} AND {passes}) OR (NOT EXISTS ({mine}) AND {nobody}))"


def _tickets(node: Tickets, of: Kind) -> str:
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
    rows = f"FROM {of}_tickets k WHERE {' AND '.join(parts)}"
    if node.tests:
        return numeric(f"(SELECT count(*) {rows})::DOUBLE", node.tests)
    found = f"EXISTS (SELECT 1 {rows})"
    return found if node.exists else f"(NOT {found})"
