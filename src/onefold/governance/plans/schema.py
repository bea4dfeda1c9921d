"""Schemas that may be trusted in the hot path: checked once when a plan is saved, then compiled.

A schema never reaches for the network or a file, never runs in circles (a `$ref` that comes back to
itself is refused, so its cost is bounded by its own size with each `$ref` written out), and its
patterns are matched in linear time (Rust's regex engine: no look-around, no back-references).
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from onefold.kernel import errors, limits

_PLAIN_KEYS = frozenset(
    ("type", "properties", "required", "$schema", "$id", "id", "title", "description", "labels",
     "definitions", "$defs", "examples", "default", "$comment")
)  # fmt: skip
_DYNAMIC = ("$dynamicRef", "$recursiveRef")


class _Refused(Exception):
    def __init__(self, at: str, problem: str, remedy: str) -> None:
        self.fault = errors.Fault(at, problem, remedy)
        super().__init__(problem)


def faults(schema: Any, at: str) -> Iterator[errors.Fault]:
    """What keeps a schema from being used, each with its place and remedy."""
    if not isinstance(schema, dict):
        yield errors.Fault(at, "is no schema.", "Write a JSON Schema, an object.")
        return
    try:
        _Walk(schema, at).run()
    except _Refused as refused:
        yield refused.fault
        return
    try:
        compile(schema)
    except (jsonschema_rs.ValidationError, ValueError, OverflowError) as error:
        yield _said(error, at)


def compile(schema: dict[str, Any]) -> Any:  # noqa: A001 - entered as `schema.compile`
    """A validator. Its messages do not hold the values they speak of."""
    return jsonschema_rs.validator_for(
        schema,
        validate_formats=True,
        offline=True,
        mask="the value",
        pattern_options=jsonschema_rs.RegexOptions(size_limit=limits.pattern_bytes_max),
    )


def parts_needed(schema: dict[str, Any]) -> frozenset[str] | None:
    """The message's fields that a schema looks at; None when it may look at any."""
    if not schema.keys() <= _PLAIN_KEYS:
        return None
    named = schema.get("properties", {})
    return frozenset((*named, *schema.get("required", ())))


def _said(error: Exception, at: str) -> errors.Fault:
    path = getattr(error, "instance_path", [])
    where = ".".join((at, *(str(p) for p in path)))[:200]
    problem = str(getattr(error, "message", error)).split("\n", 1)[0][:300]
    remedy = "See https://json-schema.org/understanding-json-schema/reference."
    if 'is not a "regex"' in problem:
        remedy = "Patterns know no look-around and no back-references, and have a size limit."
    elif "meta-schema" in problem:
        remedy = "Leave `$schema` out, or use one of draft 4, 6, 7, 2019-09 or 2020-12."
    elif "Pointer" in problem:
        remedy = "Point `$ref` at a part of this schema: `#/definitions/…`."
    return errors.Fault(where, f"is not valid: {problem}", remedy)


class _Walk:
    """Visits every part, each local `$ref` written out, within a budget."""

    def __init__(self, schema: dict[str, Any], at: str) -> None:
        self.schema = schema
        self.at = at
        self.left = limits.schema_nodes_max

    def run(self) -> None:
        self._visit(self.schema, self.at, 0, ())

    def _visit(self, node: Any, at: str, depth: int, refs: tuple[str, ...]) -> None:
        self.left -= 1
        if self.left < 0:
            raise _Refused(
                self.at, f"has more than {limits.schema_nodes_max:,} parts, `$ref`s written out.",
                "Split the event, or name fewer fields.",
            )  # fmt: skip
        if depth > limits.schema_depth_max:
            raise _Refused(at[:200], "is nested too deeply.", "Nest less.")
        if isinstance(node, list):
            for i, inner in enumerate(node):
                self._visit(inner, f"{at}.{i}", depth + 1, refs)
        elif isinstance(node, dict):
            self._check(node, at, depth)
            for name, inner in node.items():
                self._visit(inner, f"{at}.{name}", depth + 1, refs)
            ref = node.get("$ref")
            if isinstance(ref, str):
                self._follow(ref, at, depth, refs)

    def _check(self, node: dict[str, Any], at: str, depth: int) -> None:
        for name in _DYNAMIC:
            if isinstance(node.get(name), str):
                raise _Refused(f"{at}.{name}"[:200], "is not read.", "Use `$ref`.")
        for name in ("$id", "id"):
            if depth and isinstance(node.get(name), str):
                raise _Refused(
                    f"{at}.{name}"[:200],
                    "stands inside a schema.",
                    "Leave it out: it moves `$ref`s.",
                )

    def _follow(self, ref: str, at: str, depth: int, refs: tuple[str, ...]) -> None:
        where = f"{at}.$ref"[:200]
        if ref != "#" and not ref.startswith("#/"):
            raise _Refused(
                where, f"`{ref[:100]}` is not in this schema, and nothing is fetched.",
                "Copy it to `definitions` and point at `#/definitions/…`.",
            )  # fmt: skip
        if ref in refs or ref == "#":
            raise _Refused(
                where, f"`{ref[:100]}` leads back to itself.",
                "Write the levels out that you send.",
            )  # fmt: skip
        found: Any = self.schema
        for part in ref[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise _Refused(where, f"`{ref[:100]}` does not exist.", "Correct the pointer.")
        self._visit(found, at, depth + 1, (*refs, ref))
