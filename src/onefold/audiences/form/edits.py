"""What buttons of the builder do to its cards: one function from cards and a word to cards. Pure.

A word is `do` and a place: `drop w.of.1`, `add w.of count`, `nest w.of.1`. An unknown one changes
nothing.
"""

from collections.abc import Callable

from onefold.audiences.form import cards as c
from onefold.audiences.form.cards import Card
from onefold.audiences.form.operators import BY_KIND, new


def apply(root: Card, word: str) -> tuple[Card, str]:
    """The cards after an edit, and the place that should have the focus now.

    Raises `Invalid` for a place that is none.
    """
    do, _, rest = word.partition(" ")
    place, _, what = rest.partition(" ")
    edit = _EDITS.get(do)
    return edit(root, place, what) if edit else (root, "")


def _add(root: Card, place: str, what: str) -> tuple[Card, str]:
    """A new card at the end of a list: `add w.of count`."""
    path, _, name = place.rpartition(".")
    found = c.find(root, path)
    if found is None or not name:
        return root, ""
    n = len(found.cards(name))
    made = new(what)
    changed = c.replace(
        root, path, lambda card: (c.with_list(card, name, (*card.cards(name), made)),)
    )
    return changed, f"{place}.{n}"


def _drop(root: Card, place: str, _: str) -> tuple[Card, str]:
    path, name, i = _apart(place)
    found = c.find(root, path)
    left = len(found.cards(name)) - 1 if found else 0
    changed = c.replace(root, place, lambda _card: ()) if name else root
    return changed, f"{path}.{name}.{min(i, left - 1)}" if left > 0 else path


def _copy(root: Card, place: str, _: str) -> tuple[Card, str]:
    path, name, i = _apart(place)
    return c.replace(root, place, lambda card: (card, card)), f"{path}.{name}.{i + 1}"


def _move(step: int) -> Callable[[Card, str, str], tuple[Card, str]]:
    def edit(root: Card, place: str, _: str) -> tuple[Card, str]:
        path, name, i = _apart(place)
        found = c.find(root, path)
        cards = list(found.cards(name)) if found else []
        to = i + step
        if not (0 <= i < len(cards) and 0 <= to < len(cards)):
            return root, place
        cards[i], cards[to] = cards[to], cards[i]
        changed = c.replace(root, path, lambda card: (c.with_list(card, name, tuple(cards)),))
        return changed, f"{path}.{name}.{to}"

    return edit


def _nest(root: Card, place: str, how: str) -> tuple[Card, str]:
    """A condition into a group of its own."""
    kind = how if how in ("all", "any", "none") else "any"
    changed = c.replace(root, place, lambda card: (Card("group", {"how": kind}, {"of": (card,)}),))
    return changed, f"{place}.of.0"


def _free(root: Card, place: str, _: str) -> tuple[Card, str]:
    """A group's conditions in its place."""
    path, name, i = _apart(place)
    changed = c.replace(root, place, lambda card: card.cards("of") or (card,)) if name else root
    return changed, f"{path}.{name}.{i}" if name else place


def _not(root: Card, place: str, _: str) -> tuple[Card, str]:
    """Whether a condition holds, or does not."""

    def turned(card: Card) -> tuple[Card, ...]:
        text = card.get("not")
        n = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
        return (c.with_values(card, **{"not": str(n - 1 if n else 1) if n != 1 else ""}),)

    return c.replace(root, place, turned), place


def _kind(root: Card, place: str, what: str) -> tuple[Card, str]:
    """Another operator in a condition's place; what both have stays."""

    def turned(card: Card) -> tuple[Card, ...]:
        made = new(what)
        op, before = BY_KIND.get(made.kind), BY_KIND.get(card.kind)
        if op is None or before is None:
            return (made,)
        kept = {k: v for k, v in card.values.items() if k[:5] == "frame" or k in ("event", "of")}
        shared = kept if any(p.widget == "event" for p in op.parts) else {}
        values = {**made.values, **shared}
        if card.get("not"):
            values["not"] = card.get("not")
        lists = dict(made.lists)
        if shared and card.cards("where"):
            lists["where"] = card.cards("where")
        return (Card(made.kind, values, lists),)

    return c.replace(root, place, turned), place


def _apart(place: str) -> tuple[str, str, int]:
    """`w.of.1` as its list's card, the list and the number; an empty list for the root."""
    steps = c.split(place)
    if not steps:
        return place, "", 0
    name, i = steps[-1]
    return place.rsplit(".", 2)[0], name, i


_EDITS: dict[str, Callable[[Card, str, str], tuple[Card, str]]] = {
    "add": _add,
    "drop": _drop,
    "copy": _copy,
    "up": _move(-1),
    "down": _move(1),
    "nest": _nest,
    "free": _free,
    "not": _not,
    "kind": _kind,
}
