"""From a definition's text to plain values: YAML as people expect it, or JSON.

YAML 1.1 reads `no` as false, `2026-01-01` as a date and `010` as eight; here only `true`, `false`,
`null` and plain decimal numbers are anything but text. Anchors and repeated keys are refused, and
every error names its line. Audiences, tracking plans and transformations are all read here.
"""

import re
from typing import Any

import msgspec
import yaml

from onefold.kernel import errors, limits


def read(
    source: str | dict[str, Any], begin: str, *, field: str = "source",
    chars_max: int = limits.definition_chars_max,
) -> dict[str, Any]:  # fmt: skip
    """The mapping that a text holds; `begin` says how one starts. Raises `Invalid`, by line."""
    if isinstance(source, dict):
        return source
    if not isinstance(source, str):
        raise _fault(field, "is neither text nor a mapping.", "Send YAML or JSON.")
    if len(source) > chars_max:
        problem = f"has {len(source)} characters."
        raise _fault(field, problem, f"At most {chars_max} are read.")
    found = _json(source) if source.lstrip().startswith("{") else None
    if found is None:
        found = _yaml(source, field)
    if not isinstance(found, dict):
        raise _fault(field, "is no mapping.", begin)
    return found


def lines(text: str) -> dict[str, int]:
    """The line of each key and element of a readable text, by its path: `where.all[1].count`."""
    root = yaml.compose(text, _Loader)
    out: dict[str, int] = {}
    waiting: list[tuple[yaml.Node | None, str]] = [(root, "")]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = f"{path}.{key.value}" if path else str(key.value)
                out[inner] = key.start_mark.line + 1
                waiting.append((value, inner))
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                out[f"{path}[{i}]"] = value.start_mark.line + 1
                waiting.append((value, f"{path}[{i}]"))
    return out


def _json(text: str) -> Any:
    """The value, or None when it is not JSON: the YAML reader then names the line."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _yaml(text: str, field: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506, a SafeLoader that knows fewer types
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = ", ".join(p for p in (error.context, error.problem) if p)
        raise _fault(field, f"cannot be read{at}: {said}.", error.note or "") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"holds a character on line {line} that text may not have."
        raise _fault(field, problem, "Remove it.") from error
    except ValueError as error:  # a number of thousands of digits
        raise _fault(field, f"cannot be read: {error}.", "") from error


def _fault(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))


class _Loader(yaml.SafeLoader):
    """SafeLoader with fewer surprises."""

    # Not inherited: its table makes dates, sexagesimal numbers and merge keys.
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, PyYAML fills it by class

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.composer.ComposerError(
                None, None, "anchors (`&`) and aliases (`*`) are not read", event.start_mark,
                "Write the value out, or quote the text.",
            )  # fmt: skip
        self._depth += 1
        if self._depth > 3 * limits.definition_depth_max:
            raise yaml.composer.ComposerError(
                None, None, "it is nested too deeply", event.start_mark
            )
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"`{key.value}` is given twice", key.start_mark,
                        "Keep one; several conditions go into a list under `all`.",
                    )  # fmt: skip
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """A whole number, in decimal only."""
        return int(self.construct_scalar(node))


def _resolve(tag: str, pattern: str, first: str) -> None:
    name = f"tag:yaml.org,2002:{tag}"
    _Loader.add_implicit_resolver(name, re.compile(pattern, re.ASCII), list(first))


_resolve("null", r"^(?:~|null)$", "~n")
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^$"), [""])
_resolve("bool", r"^(?:true|false)$", "tf")
_resolve("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789")
_resolve("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-0123456789")
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_decimal)


def write(tree: Any) -> str:
    """Plain values as YAML that `read` takes back as they were."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=90)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what YAML 1.1 or `_Loader` would read as anything but text."""

    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012, PyYAML reads it by class
        first: yaml.SafeDumper.yaml_implicit_resolvers.get(first, [])
        + _Loader.yaml_implicit_resolvers.get(first, [])
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write a value out each time: anchors are not read."""
        return True
