"""Cards: what the builder shows of a condition, and the names of its fields in an HTML form. Pure.

A card has values (texts) and lists of further cards. Its place is a path from the root, `w`:
`w.of.1.where.0` is the first card of `where` of the second of `of`. A value's field is named after
its card's place: `w.of.1/event`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from onefold.kernel import errors, limits

ROOT = "w"
Lists = Mapping[str, tuple["Card", ...]]


class Card(msgspec.Struct, frozen=True):
    """One condition, comparison, filter or group as a form shows it."""

    kind: str
    values: dict[str, str] = {}
    lists: dict[str, tuple["Card", ...]] = {}

    def get(self, name: str) -> str:
        """A value, empty when the form has none."""
        return self.values.get(name, "")

    def cards(self, name: str) -> tuple["Card", ...]:
        """A list of cards."""
        return self.lists.get(name, ())


def made(kind: str, values: dict[str, str], lists: Lists) -> Card:
    """A card without empty lists, as a form would tell it."""
    return Card(kind, values, {k: v for k, v in lists.items() if v})


def encode(card: Card, path: str = ROOT) -> dict[str, str]:
    """The fields of a card and of all below it."""
    out = {f"{path}/kind": card.kind}
    out |= {f"{path}/{name}": value for name, value in card.values.items()}
    for name, cards in card.lists.items():
        for i, one in enumerate(cards):
            out |= encode(one, f"{path}.{name}.{i}")
    return out


def decode(fields: Mapping[str, str]) -> Card:
    """The cards that a form's fields tell of; gaps in a list's numbers close.

    Fields of other names are passed over. Raises `Invalid` for a form that no builder sent.
    """
    tree: dict[str, Any] = {}
    taken = 0
    for name, value in fields.items():
        place, slash, key = name.partition("/")
        steps = place.split(".")
        if not slash or steps[0] != ROOT or len(steps) % 2 == 0:
            continue
        taken += 1
        if taken > limits.form_fields_max or len(steps) > 4 * limits.definition_depth_max:
            problem = f"has more than {limits.form_fields_max} fields, or is nested too deeply."
            raise errors.Invalid(errors.Fault("where", problem, "Split the audience in two."))
        node = tree
        for step in steps[1:]:
            node = node.setdefault("." + step, {})
        node[key] = value
    return _card(tree)


def _card(tree: Mapping[str, Any]) -> Card:
    values = {k: v for k, v in tree.items() if not k.startswith(".") and k != "kind"}
    lists = {
        name[1:]: tuple(_card(below[i]) for i in sorted(below, key=_number))
        for name, below in tree.items()
        if name.startswith(".") and isinstance(below, dict)
    }
    return made(str(tree.get("kind", "group")), values, lists)


def _number(step: str) -> tuple[int, str]:
    text = step[1:]
    return (int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0), text


def split(path: str) -> tuple[tuple[str, int], ...]:
    """A path's steps: (list, number) each. Raises `Invalid` for a text that is no path."""
    head, *steps = path.split(".")
    numbers = steps[1::2]
    if head != ROOT or len(steps) % 2 or not all(n.isascii() and n.isdigit() for n in numbers):
        raise errors.Invalid(errors.Fault("where", f"has no place `{path[:60]}`.", "Reload."))
    return tuple(zip(steps[::2], map(int, numbers), strict=True))


def find(card: Card, path: str) -> Card | None:
    """The card at a place, None when there is none."""
    found: Card | None = card
    for name, i in split(path):
        cards = found.cards(name) if found is not None else ()
        found = cards[i] if i < len(cards) else None
    return found


def replace(card: Card, path: str, change: Callable[[Card], tuple[Card, ...]]) -> Card:
    """The root with another card, none or several, in place of the one at `path`.

    The root itself can be replaced by one card only.
    """
    return _replace(card, split(path), change)


def _replace(
    card: Card, steps: tuple[tuple[str, int], ...], change: Callable[[Card], tuple[Card, ...]]
) -> Card:
    if not steps:
        made = change(card)
        return made[0] if len(made) == 1 else card
    (name, i), rest = steps[0], steps[1:]
    cards = card.cards(name)
    if i >= len(cards):
        return card
    inner = change(cards[i]) if not rest else (_replace(cards[i], rest, change),)
    return with_list(card, name, (*cards[:i], *inner, *cards[i + 1 :]))


def with_list(card: Card, name: str, cards: tuple[Card, ...]) -> Card:
    """The card with another list of that name."""
    return made(card.kind, card.values, {**card.lists, name: cards})


def with_values(card: Card, **values: str) -> Card:
    """The card with some values changed; an empty one goes."""
    merged = {**card.values, **values}
    return Card(card.kind, {k: v for k, v in merged.items() if v}, card.lists)
