"""A definition's condition as cards and back. Pure.

`written(opened(where)).where == where` for every condition, whoever wrote it: a condition that
cards cannot show becomes a card of text. `Not` is a value of the card below it, `none` of a group.
A group that stands for a single condition (`single`) is that condition as long as it has one card.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold.audiences.form import parts, shapes, texts
from onefold.audiences.form.cards import ROOT, Card, made, with_values
from onefold.audiences.form.operators import OPERATORS, Operator
from onefold.kernel import definitions, errors

_ALIASES = {"company": "account"}


class Lack(msgspec.Struct, frozen=True):
    """A field that has to be filled in: its name in the form, and what to say."""

    card: str
    field: str
    text: str


class Written(msgspec.Struct):
    """Cards as a condition.

    where   the mapping that `parse` takes
    places  where each condition stands in it → the card's path: `where.all[0]` → `w.of.0`
    lacks   what the cards still lack
    lossy   cards hold something that the mapping cannot (a comparison twice)
    """

    where: Any = None
    places: dict[str, str] = {}
    lacks: list[Lack] = []
    lossy: bool = False

    def card_of(self, field: str) -> str:
        """The card that a fault's field is on."""
        path = field
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, ROOT)


# ── to cards ───────────────────────────────────────────────────────────────────────────────────


def opened(where: Any) -> Card:
    """A condition as the builder's root: always a group."""
    card = _open(where)
    if card.kind == "group" and not card.get("not"):
        return card
    return Card("group", {"how": "all", "single": "1"}, {"of": (card,)})


def _open(raw: Any) -> Card:
    if not isinstance(raw, Mapping):
        return _text(raw)
    nots = 0
    while isinstance(raw, Mapping) and list(raw) == ["not"]:
        raw, nots = raw["not"], nots + 1
    card = _open_group(raw, nots)
    if card is None:
        card = next((c for op in OPERATORS if (c := _open_row(op, raw))), None) or _text(raw)
        card = _negated(card, nots)
    return card


def _negated(card: Card, nots: int) -> Card:
    return with_values(card, **{"not": str(nots)}) if nots else card


def _open_group(raw: Any, nots: int) -> Card | None:
    if not isinstance(raw, Mapping) or len(raw) != 1:
        return None
    ((how, inner),) = raw.items()
    if how not in ("all", "any") or not isinstance(inner, list):
        return None
    cards = {"of": tuple(map(_open, inner))} if inner else {}
    if how == "any" and nots:
        return _negated(Card("group", {"how": "none"}, cards), nots - 1)
    return _negated(Card("group", {"how": how}, cards), nots)


def _open_row(op: Operator, raw: Any) -> Card | None:
    if not isinstance(raw, Mapping):
        return None
    raw = {_ALIASES.get(k, k) if isinstance(k, str) else k: v for k, v in raw.items()}
    flat = shapes.flatten(op.shape, op.head, op.fields, raw)
    if flat is None:
        return None
    taken = parts.Taken()
    for part in op.parts:
        if part.widget == "node":
            taken.lists[part.key] = (opened(flat.get(part.key)),)
        else:
            parts.take(_for(op, part, flat.get("how")), flat, taken)
    card = made(op.kind, taken.values, taken.lists)
    return card if _same(_close_row(op, card, "", ROOT, Written({}, {}, [])), raw) else None


def _for(op: Operator, part: parts.Part, how: Any) -> parts.Part:
    """A share compares with hundredths, a number of people with whole ones."""
    share = op.shape == "related" and part.widget == "tests" and how == "share"
    return msgspec.structs.replace(part, of="share") if share else part


def _text(raw: Any) -> Card:
    return Card("text", {"text": definitions.write(raw).rstrip("\n").removesuffix("\n...")})


_encoder = msgspec.json.Encoder(order="sorted")


def _same(one: Any, other: Any) -> bool:
    try:
        return _encoder.encode(one) == _encoder.encode(other)
    except (TypeError, UnicodeEncodeError):
        return False


# ── from cards ─────────────────────────────────────────────────────────────────────────────────


def written(card: Card) -> Written:
    """The condition that cards say, as far as they do."""
    out = Written(None, {}, [])
    out.where = _close(card, "where", ROOT, out)
    return out


def _close(card: Card, place: str, path: str, out: Written) -> Any:
    nots = int(n) if (n := card.get("not")).isascii() and n.isdigit() and len(n) < 3 else 0
    inner = place + ".not" * nots
    told = _close_plain(card, inner, path, out)
    out.places.setdefault(place, path)
    for _ in range(nots):
        told = {"not": told}
    return told


def _close_plain(card: Card, place: str, path: str, out: Written) -> Any:
    if card.kind == "group":
        return _close_group(card, place, path, out)
    if card.kind == "text":
        return _close_text(card, path, out)
    op = next((o for o in OPERATORS if o.kind == card.kind), None)
    if op is None:
        out.lacks.append(Lack(path, f"{path}/kind", "This condition is not known."))
        return None
    return _close_row(op, card, place, path, out)


def _close_group(card: Card, place: str, path: str, out: Written) -> Any:
    how, cards = card.get("how") or "all", card.cards("of")
    if card.get("single") and len(cards) == 1 and how == "all":
        return _close(cards[0], place, f"{path}.of.0", out)
    if not cards:
        out.lacks.append(Lack(path, f"{path}/how", "Add a condition."))
    key = "all" if how == "all" else "any"
    at = f"{place}.not.any" if how == "none" else f"{place}.{key}"
    told = {key: [_close(one, f"{at}[{i}]", f"{path}.of.{i}", out) for i, one in enumerate(cards)]}
    return {"not": told} if how == "none" else told


def _close_text(card: Card, path: str, out: Written) -> Any:
    text = card.get("text").replace("\r\n", "\n")
    try:
        lines = "\n".join("  " + line for line in text.split("\n"))
        return definitions.read("c:\n" + lines, "")["c"]
    except errors.Invalid as error:
        fault = error.faults[0]
        said = f"{fault.problem} {fault.remedy}".strip()
        out.lacks.append(Lack(path, f"{path}/text", f"The text {said}"))
        out.lossy = True
        return None


def _close_row(op: Operator, card: Card, place: str, path: str, out: Written) -> dict[str, Any]:
    flat: shapes.Flat = {}
    how = texts.read_name(card.get("how"))
    for part in op.parts:
        if part.widget == "node":
            inner = next(iter(card.cards(part.key)), Card("group", {"how": "all", "single": "1"}))
            at = f"{place}.{op.head}.{how or 'any'}"
            flat[part.key] = _close(inner, at, f"{path}.{part.key}.0", out)
            continue
        counted = how in ("count", "share")
        if part.widget == "tests" and op.shape in ("tickets", "related") and not counted:
            continue
        flat |= parts.give(_for(op, part, how), card)
        if lack := parts.lacks(part, card):
            out.lacks.append(Lack(path, path + lack[0], lack[1]))
        if any(map(parts.twice, _compared(part, card))):
            out.lossy = True
    return shapes.unflatten(op.shape, op.head, op.fields, flat)


def _compared(part: parts.Part, card: Card) -> list[tuple[Card, ...]]:
    """Every list of comparisons below a part."""
    found: list[tuple[Card, ...]] = []
    waiting = list(card.cards(part.key if part.widget != "event" else "where"))
    if part.widget == "tests":
        return [card.cards(part.key)]
    while waiting:
        one = waiting.pop()
        found.append(one.cards("tests"))
        waiting += [*one.cards("of"), *one.cards("where")]
    return found
