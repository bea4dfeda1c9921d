"""A config's JSON Schema as the fields of a form, and the form as a config. Pure.

A field's name in the form is `c` and its place in the config as a JSON pointer: `c/ssh/password`.
Where a schema offers alternatives (`oneOf`), `o` and the pointer says which is chosen. Secrets are
never put into a form: an empty one keeps the secret that is set. What the schema does not know
stays as it is; what no field can show is written as JSON.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import msgspec

from onefold.kernel import errors
from onefold.sources.connectors import hidden
from onefold.web import view

_TAGS = re.compile(r"<[^>]*>")
_HINT_CHARS_MAX = 300
_DEPTH_MAX = 8
_PLAIN = ("string", "integer", "number")


class Field(msgspec.Struct, frozen=True):
    """One field. `kind`: text, secret, number, bool, choice, lines, json, group, oneof."""

    path: str
    kind: str
    label: str
    hint: str = ""
    place: str = ""
    required: bool = False
    value: Any = ""
    long: bool = False
    options: tuple[tuple[str, str], ...] = ()
    inner: tuple["Field", ...] = ()


def fields(
    schema: Mapping[str, Any], config: Mapping[str, Any], form: Mapping[str, str], at: str = ""
) -> tuple[Field, ...]:
    """The fields of an object's schema, with what a config has there or a form just sent.

    `config` is masked.
    """
    out = []
    needed = schema.get("required")
    for name, one in _properties(schema):
        path = f"{at}/{_escaped(name)}"
        if path.count("/") > _DEPTH_MAX or _fixed(one):
            continue
        made = _field(one, path, config.get(name), form)
        label = str(one.get("title") or view.words(name))
        required = isinstance(needed, list) and name in needed
        out.append(msgspec.structs.replace(made, label=label, required=required))
    return tuple(out)


def read(
    schema: Mapping[str, Any],
    form: Mapping[str, str],
    before: Mapping[str, Any],
    faults: list[errors.Fault],
    at: str = "",
) -> dict[str, Any]:
    """The config in a form. `before` is masked; masks in the answer keep what is set."""
    known = dict(_properties(schema))
    out = {k: v for k, v in before.items() if k not in known}
    needed = schema.get("required")
    for name, one in known.items():
        path = f"{at}/{_escaped(name)}"
        if _fixed(one):
            value = one["const"] if "const" in one else before.get(name, one.get("default"))
        else:
            value = _value(one, path, form, before.get(name), faults)
        if value is None or (value in ("", [], {}) and name not in (needed or ())):
            continue
        out[name] = value
    return out


def path_of(fault: errors.Fault) -> str:
    """Where in a form a fault of a config belongs: `config.ssh.port` → `/ssh/port`."""
    return fault.field.removeprefix("config").replace(".", "/")


def _properties(schema: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = schema.get("properties")
    pairs = [(str(n), _plain(s)) for n, s in (found if isinstance(found, dict) else {}).items()]
    places = {name: n for n, (name, _) in enumerate(pairs)}

    def order(pair: tuple[str, dict[str, Any]]) -> tuple[float, int]:
        wanted = pair[1].get("order")
        return (wanted if isinstance(wanted, int | float) else 1e9, places[pair[0]])

    return sorted(pairs, key=order)


def _plain(schema: Any) -> dict[str, Any]:
    """A schema without wrappings that say nothing to a form: `allOf` of one, `null` beside one."""
    if not isinstance(schema, dict):
        return {}
    for word in ("allOf", "anyOf", "oneOf"):
        found = schema.get(word)
        parts = [p for p in found if _type(p) != "null"] if isinstance(found, list) else []
        if len(parts) == 1 and isinstance(parts[0], dict):
            rest = {k: v for k, v in schema.items() if k != word}
            return _plain({**parts[0], **rest})
    return schema


def _fixed(schema: Mapping[str, Any]) -> bool:
    return "const" in schema or bool(schema.get("airbyte_hidden"))


def _type(schema: Any) -> str:
    found = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(found, list):
        return next((str(t) for t in found if t != "null"), "null")
    return str(found or "")


def _choices(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its alternatives, when all of them are objects."""
    for word in ("oneOf", "anyOf"):
        found = schema.get(word)
        parts = [p for p in found if _type(p) != "null"] if isinstance(found, list) else []
        if parts and all(isinstance(p, dict) and "properties" in p for p in parts):
            return parts
    return []


def _kind(schema: Mapping[str, Any], secret: bool) -> str:
    kind = _type(schema)
    if _choices(schema):
        return "oneof"
    if isinstance(schema.get("enum"), list):
        return "choice"
    if secret and kind in ("string", ""):
        return "secret"
    if kind == "object" and isinstance(schema.get("properties"), dict):
        return "group"
    if kind == "array":
        items = schema.get("items")
        plain = _type(items) in _PLAIN and not (isinstance(items, dict) and "enum" in items)
        return "lines" if plain else "json"
    by_type = {"string": "text", "integer": "number", "number": "number", "boolean": "bool"}
    return by_type.get(kind, "json")


def _field(schema: dict[str, Any], path: str, value: Any, form: Mapping[str, str]) -> Field:
    name = path.rpartition("/")[2]
    secret = hidden.is_secret(schema, name)
    kind = _kind(schema, secret)
    made = Field(path, kind, "", hint=_hint(schema), place=_place(schema, value, kind))
    sent = form.get(f"c{path}")
    if kind == "oneof":
        return _oneof(schema, made, value, form)
    if kind == "group":
        inner = fields(schema, value if isinstance(value, dict) else {}, form, path)
        return msgspec.structs.replace(made, inner=inner)
    if kind == "secret":
        return msgspec.structs.replace(made, long=bool(schema.get("multiline")))
    now = schema.get("default") if value is None else value
    if kind == "bool":
        checked = sent is not None if form else bool(now)
        return msgspec.structs.replace(made, value=checked)
    shown = sent if sent is not None else _shown(kind, now)
    options: tuple[tuple[str, str], ...] = ()
    if kind == "choice":
        options = tuple((_text(v), _text(v)) for v in schema["enum"])
    long = kind in ("lines", "json") or bool(schema.get("multiline"))
    return msgspec.structs.replace(made, value=shown, options=options, long=long)


def _oneof(schema: dict[str, Any], made: Field, value: Any, form: Mapping[str, str]) -> Field:
    parts = _choices(schema)
    chosen = _chosen(parts, made.path, value, form)
    part = parts[chosen]
    before = value if isinstance(value, dict) and chosen == _matching(parts, value) else {}
    labels = tuple((str(n), str(p.get("title") or f"Way {n + 1}")) for n, p in enumerate(parts))
    inner = fields(part, before, form, made.path)
    return msgspec.structs.replace(made, value=str(chosen), options=labels, inner=inner)


def _chosen(parts: list[dict[str, Any]], path: str, value: Any, form: Mapping[str, str]) -> int:
    text = form.get(f"o{path}", "")
    if text.isascii() and text.isdigit() and int(text) < len(parts):
        return int(text)
    return max(0, _matching(parts, value))


def _matching(parts: list[dict[str, Any]], value: Any) -> int:
    """The alternative that a value is of: by what is fixed in it, else by its names; -1: none."""
    if not isinstance(value, dict):
        return -1
    for n, part in enumerate(parts):
        fixed = {k: s["const"] for k, s in _properties(part) if "const" in s}
        if fixed and all(value.get(k) == v for k, v in fixed.items()):
            return n
    scored = [len(value.keys() & dict(_properties(part)).keys()) for part in parts]
    return scored.index(max(scored)) if any(scored) else -1


def _value(
    schema: dict[str, Any],
    path: str,
    form: Mapping[str, str],
    before: Any,
    faults: list[errors.Fault],
) -> Any:
    kind = _kind(schema, hidden.is_secret(schema, path.rpartition("/")[2]))
    inner = before if isinstance(before, dict) else {}
    if kind == "group":
        return read(schema, form, inner, faults, path)
    if kind == "oneof":
        parts = _choices(schema)
        chosen = _chosen(parts, path, before, form)
        kept = inner if chosen == _matching(parts, before) else {}
        known = {n for part in parts for n, _ in _properties(part)}
        return read(parts[chosen], form, {k: v for k, v in kept.items() if k in known}, faults,
                    path)  # fmt: skip
    if kind == "bool":
        return f"c{path}" in form
    text = form.get(f"c{path}", "")
    if kind == "secret":
        return text or (hidden.MASK if before else "")
    return _typed(schema, kind, text, path, faults)


def _typed(
    schema: dict[str, Any], kind: str, text: str, path: str, faults: list[errors.Fault]
) -> Any:
    clean = text.strip()
    field = "config" + path.replace("/", ".")
    if kind == "choice":
        return next((v for v in schema["enum"] if _text(v) == text), None)
    if not clean:
        return [] if kind == "lines" else None
    try:
        if kind == "number":
            return int(clean) if _type(schema) == "integer" else float(clean)
        if kind == "lines":
            cast: Any = {"integer": int, "number": float}.get(_type(schema["items"]), str)
            return [cast(line.strip()) for line in text.splitlines() if line.strip()]
        if kind == "json":
            return msgspec.json.decode(text)
    except (ValueError, msgspec.MsgspecError):
        what = "JSON" if kind == "json" else "a number"
        faults.append(errors.Fault(field, f"is not {what}.", "Correct it."))
        return None
    return clean


def _shown(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == "lines" and isinstance(value, list):
        return "\n".join(_text(v) for v in value)
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _hint(schema: Mapping[str, Any]) -> str:
    text = unescape(_TAGS.sub("", str(schema.get("description") or "")))
    text = " ".join(text.split())
    return text if len(text) <= _HINT_CHARS_MAX else text[: _HINT_CHARS_MAX - 1] + "…"


def _place(schema: Mapping[str, Any], value: Any, kind: str) -> str:
    if kind == "secret":
        return "Set. Leave empty to keep it." if value else ""
    found = schema.get("examples")
    return _text(found[0])[:80] if isinstance(found, list) and found else ""


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
