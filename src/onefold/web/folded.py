"""An identity graph as somebody new to it can read it: each thing once. Pure.

A device that people share has a chapter for every change of hands, and each chapter its own links.
Here the chapters of one device that are one person's are one box, and lines between the same two
boxes are one line; what it stands for stays inside, each with its own buttons.
"""

from collections.abc import Mapping
from typing import Any

_SHORT = 8


def fold(graph: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """The graph with chapters folded. `names`: what to call other people, by id.

    A folded line has `many`: the lines it stands for; `text` and `cut` speak of all of them.
    """
    spots: dict[tuple[str, str], dict[str, Any]] = {}
    into: dict[int, dict[str, Any]] = {}
    for spot in graph["spots"]:
        one = spots.get((spot["ref"], spot["person"]))
        if one is None:
            other = spot["person"] != graph["person"]
            one = spots[spot["ref"], spot["person"]] = {
                **spot, "periods": 0, "owner": names.get(spot["person"], "") if other else "",
            }  # fmt: skip
        one["periods"] += spot["kind"] == "device"
        into[spot["key"]] = one
    for one in spots.values():
        one["name"] = _named(one)
    lines: dict[tuple[int, int, str, bool], list[Any]] = {}
    for edge in graph["edges"]:
        a, b = into[edge["a"]["key"]], into[edge["b"]["key"]]
        if a is not b:
            low, high = sorted((a["key"], b["key"]))
            lines.setdefault((low, high, edge["kind"], edge["holds"]), []).append(edge)
    by_key = {one["key"]: one for one in spots.values()}
    edges = [_line(by_key[a], by_key[b], found) for (a, b, _, _), found in lines.items()]
    return {"person": graph["person"], "spots": list(spots.values()), "edges": edges}


def _named(spot: Mapping[str, Any]) -> str:
    if spot["kind"] != "device":
        return str(spot["name"])
    value = spot["ref"].partition(":")[2]
    short = f"{value[:_SHORT]}…" if len(value) > 3 * _SHORT else value
    return f"device {short}"


def _line(a: Mapping[str, Any], b: Mapping[str, Any], found: list[Any]) -> dict[str, Any]:
    if len(found) == 1:
        edge = found[0]
        ends = (a, b) if edge["a"]["ref"] == a["ref"] else (b, a)
        whole = {**edge, "many": []}
        if edge["kind"] != "chapter":
            return {**whole, "a": {**edge["a"], "name": ends[0]["name"], "key": ends[0]["key"]},
                    "b": {**edge["b"], "name": ends[1]["name"], "key": ends[1]["key"]}}  # fmt: skip
        return {**whole, "a": a, "b": b, "cut": _turns(a, b, edge)}
    last = max(found, key=lambda e: max(e["a"]["chapter_from"] or "", e["b"]["chapter_from"] or ""))
    line = {**last, "a": a, "b": b, "many": found}
    if last["kind"] == "chapter":
        line["cut"] = _turns(a, b, last)
    elif last["holds"]:
        line["text"] = f"{last['text']} The device changed hands in between: {len(found)} periods."
    return line


def _turns(a: Mapping[str, Any], b: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    """Why people who use one device in turn are not joined by it."""
    since = max(last["a"]["chapter_from"] or "", last["b"]["chapter_from"] or "")
    whose = a["owner"] or b["owner"] or "somebody else"
    at = f", the last time on {since[:10]}" if since else ""
    return (
        f"This device is shared with {whose}: they log in on it in turn{at}. What happens on it "
        "belongs to whoever logged in last, so sharing it does not make two people one."
    )


def history(items: list[Any]) -> list[dict[str, Any]]:
    """A history in which entries that say the same one after another are one, with their number."""
    out: list[dict[str, Any]] = []
    for item in items:
        if out and out[-1]["text"] == item["text"]:
            out[-1]["times"] += 1
        else:
            out.append({**item, "times": 1})
    return out
