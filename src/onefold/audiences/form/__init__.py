"""The page builder's side of a definition: the same tree as cards of fields, losing nothing.

    source (YAML, JSON)  ⇄  cards  ⇄  the flat fields of an HTML form

`operators` describes what there is to ask, one row each; `parts` are what rows are made of;
`convert` goes between a definition's mapping and cards, `edits` changes cards. A condition that no
row can show stands as a card of text, so that a definition survives whatever wrote it. All pure.
"""

# isort: off
from onefold.audiences.form.cards import Card, decode, encode, find, replace
from onefold.audiences.form.convert import Written, opened, written
from onefold.audiences.form.edits import apply
from onefold.audiences.form.operators import BY_KIND, MENU, Operator, new

__all__ = [
    "BY_KIND", "MENU", "Card", "Operator", "Written", "apply", "decode", "encode", "find", "new",
    "opened", "replace", "written",
]  # fmt: skip
