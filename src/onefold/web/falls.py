"""A pair's evidence as a waterfall: where its bars stand, and what each says. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 200.0
_BAR_MIN = 2.0
_STRONG = frozenset(("same", "same but for order", "short form"))


def chance_of(chance: float) -> str:
    """A chance as people read it: never 0 % or 100 %, which nobody knows."""
    if chance >= 0.9995:
        return "99.9 %+"
    if chance >= 0.99:
        return f"{chance * 100:.1f} %"
    return "under 1 %" if chance < 0.01 else f"{chance * 100:.0f} %"


def share_of(count: int, of: int) -> str:
    """A part of a whole in per cent; never all or nothing unless it is."""
    if not of or count in (0, of):
        return "100 %" if of and count == of else "0 %"
    share = 100 * count / of
    return "under 1 %" if share < 1 else f"{min(share, 99):.0f} %"


def agree_hue(outcome: str) -> str:
    """The colour of how two values agree."""
    if outcome in _STRONG:
        return "green"
    return "red" if outcome == "different" else "gray" if outcome == "missing" else "amber"


def bars(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps with the place of each bar, from the sum before it to the sum after."""
    edges = [0.0, *(s["from_bits"] for s in steps), *(s["to_bits"] for s in steps)]
    low, high = min(edges), max(edges)
    scale = WIDTH / max(high - low, 1.0)
    out = []
    for step in steps:
        if step["outcome"] == "missing":
            continue
        left, right = sorted((step["from_bits"], step["to_bits"]))
        width = max((right - left) * scale, _BAR_MIN)
        out.append({
            "label": step["label"], "words": _words(step), "bits": f"{step['bits']:+.1f}",
            "x": f"{min((left - low) * scale, WIDTH - width):.1f}", "w": f"{width:.1f}",
            "zero": f"{(0 - low) * scale:.1f}",
            "hue": "start" if step["name"] == "prior" else "for" if step["bits"] > 0 else "against",
        })  # fmt: skip
    return out


def _words(step: Mapping[str, Any]) -> str:
    if step["name"] == "prior":
        return f"one pair in {round(2 ** min(-step['bits'], 60)):,} is one person"
    if step["a"] and step["a"] == step["b"]:
        return f"{step['outcome']}: {step['a']}"
    if step["a"] and step["b"]:
        return f"{step['outcome']}: {step['a']} / {step['b']}"
    return str(step["outcome"])
