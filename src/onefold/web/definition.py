"""An audience's definition, readable: a nested list of sentences. Pure."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from onefold import audiences
from onefold.web import view

_JOINS = {"all": "All of", "any": "Any of", "not": "Not", "none": "None of"}


def tree(definition: audiences.Definition) -> Markup:
    """The definition as nested lists; every part escaped."""
    rows = audiences.rows_of(definition)
    if rows is None:
        return _node(audiences.dump(definition)["where"], definition)
    if rows.how == "list":
        return Markup("Whoever is on its list, by an identifier that was uploaded.")
    every = audiences.dump(audiences.Definition(definition.of, rows))["every"]
    return Markup("Whoever this query answers, run every {}:<pre>{}</pre>").format(every, rows.text)


def _node(node: Any, definition: audiences.Definition) -> Markup:
    if not isinstance(node, Mapping):
        return Markup("{}").format(view.value(node))
    for join, word in _JOINS.items():
        parts = node.get(join)
        if join in node and isinstance(parts, list):
            items = Markup("").join(
                Markup("<li>{}</li>").format(_node(p, definition)) for p in parts
            )
            return Markup("<b>{}</b><ul>{}</ul>").format(word, items)
    if "not" in node:
        return Markup("<b>Not</b><ul><li>{}</li></ul>").format(_node(node["not"], definition))
    return Markup("{}").format(sentence(node, definition.of))


def sentence(node: Mapping[str, Any], of: str) -> str:
    """One condition in words, by the room's own description."""
    parsed = audiences.parse({"of": of, "where": {"all": [dict(node)]}}).where
    text = audiences.describe(parsed)
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return text[:1].upper() + text[1:]
