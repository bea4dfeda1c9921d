"""f on the rows of one component, as any engine can hold them.

A row is (what, a, b, namespace, value, start_ms, generic, day, told, same, at_ms, match):

    node  a: the fragment; its identifier, its chapter's start, whether it is generic
    rim   the same, of a generic node of which only the links to this component are here
    link  a, b: fragments; the newest day, and JSON of who told of it
    word  a, b: fragments that somebody said are the same person, or not; when; by likeness or not
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from onefold.identity import model
from onefold.identity.partition import partition
from onefold.identity.rules import RULES, Rules
from onefold.kernel.facts import Identifier

COLUMNS = (
    "component", "what", "a", "b", "namespace", "value", "start_ms", "generic", "day", "told",
    "same", "at_ms", "match",
)  # fmt: skip
SCHEMA = (
    "component long, what string, a long, b long, namespace string, value string, start_ms long, "
    "generic boolean, day long, told string, same boolean, at_ms long, match boolean"
)
ANSWER = "component long, fragment long, person long"  # the schema that `applyInPandas` is told


def groups(rows: Iterable[tuple[Any, ...]], rules: Rules = RULES) -> list[tuple[int, int]]:
    """(fragment, the least fragment of its person) of a component's rows, in any order."""
    nodes: list[model.Node] = []
    links: list[model.Link] = []
    words: list[model.Decision] = []
    claims: list[tuple[int, int, dict[str, int]]] = []
    rim: set[int] = set()
    for what, a, b, namespace, value, start, generic, day, told, same, at_ms, match in rows:
        if what in {"node", "rim"}:
            key = Identifier(namespace, value)
            nodes.append(model.Node(int(a), key, int(start), bool(generic)))
            rim |= {int(a)} if what == "rim" else set()
        elif what == "link":
            links.append(model.Link(int(a), int(b), int(day)))
            if isinstance(told, str) and told not in {"", "{}"}:
                claims.append((int(a), int(b), msgspec.json.decode(told)))
        else:
            words.append(model.Decision(int(a), int(b), bool(same), int(at_ms), match=bool(match)))
    space = {node.ref: node.identifier.namespace for node in nodes}
    proofs = {}
    for a, b, told in claims:
        day = rules.proved(space[a], space[b], told)
        if day is not None:
            proofs[min(a, b), max(a, b)] = day
    found = partition(nodes, links, rules, words, proofs)
    return [(ref, min(refs)) for refs in found.groups for ref in refs if ref not in rim]


def frame(rows: Any) -> Any:
    """The same for a pandas frame of `SCHEMA`, the built-in rules: for `applyInPandas`.

    spark_rows.groupBy("component").applyInPandas(solve.frame, schema=solve.ANSWER)
    """
    listed = list(rows[list(COLUMNS)].itertuples(index=False, name=None))
    found = groups(row[1:] for row in listed)
    component = [listed[0][0]] * len(found)
    return type(rows)(
        {
            "component": component,
            "fragment": [ref for ref, _ in found],
            "person": [person for _, person in found],
        }
    )
