"""The identity graph as a picture: where its boxes and lines stand. Pure; the template draws it.

People's identifiers stand at the left, devices in the middle, what belongs to others at the right,
each column in order of strength. Lines that do not count are dashed.
"""

from typing import Any

import msgspec

from onefold.kernel import limits

BOX_W, BOX_H, ROW, PAD = 196, 30, 46, 12
_GAP = 70
_CHARS = 27


class Box(msgspec.Struct, frozen=True):
    """A spot. `x`, `y`: its left top corner."""

    x: int
    y: int
    text: str
    full: str
    kind: str
    own: bool


class Line(msgspec.Struct, frozen=True):
    """An edge: its path, what it says, and which item of the list tells of it (`n`)."""

    n: int
    path: str
    holds: bool
    kind: str
    words: str


class Picture(msgspec.Struct, frozen=True):
    """All of it. `left_out`: how many spots had no room."""

    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]
    left_out: int


def draw(graph: Any) -> Picture:
    """The picture of an answer of `record.whois.person_graph`."""
    spots = graph["spots"][: limits.graph_drawn_max]
    columns: list[list[Any]] = [[], [], []]
    for spot in spots:
        own = spot["person"] == graph["person"]
        columns[2 if not own else 1 if spot["kind"] == "device" else 0].append(spot)
    columns = [column for column in columns if column]
    places: dict[int, tuple[int, int, int]] = {}
    boxes: list[Box] = []
    for n, column in enumerate(columns):
        for row, spot in enumerate(column):
            x, y = PAD + n * (BOX_W + _GAP), PAD + row * ROW
            places[spot["key"]] = n, x, y
            own = spot["person"] == graph["person"]
            whose = spot.get("owner") or spot["person"]
            name = spot["name"] if own else f"{spot['name']} · {whose}"
            boxes.append(Box(x, y, _short(name), name, spot["kind"], own))
    lines = [
        Line(n, _path(places[a], places[b]), e["holds"], e["kind"], e["cut"] or e["text"])
        for n, e in enumerate(graph["edges"])
        if (a := e["a"]["key"]) in places and (b := e["b"]["key"]) in places
    ]
    return Picture(
        PAD * 2 + len(columns) * BOX_W + max(len(columns) - 1, 0) * _GAP + _GAP // 2,
        PAD * 2 + max(map(len, columns), default=0) * ROW - (ROW - BOX_H),
        boxes,
        lines,
        len(graph["spots"]) - len(spots),
    )


def _path(a: tuple[int, int, int], b: tuple[int, int, int]) -> str:
    """From side to side between columns; within one, around its right side."""
    (column, ax, ay), (other, bx, by) = sorted((a, b))
    ya, yb = ay + BOX_H // 2, by + BOX_H // 2
    start = ax + BOX_W
    if column == other:
        bow = start + 18 + abs(yb - ya) // 8
        return f"M{start} {ya} C{bow} {ya} {bow} {yb} {start} {yb}"
    middle = (start + bx) // 2
    return f"M{start} {ya} C{middle} {ya} {middle} {yb} {bx} {yb}"


def _short(text: str) -> str:
    return text if len(text) <= _CHARS else text[: _CHARS - 1] + "…"
