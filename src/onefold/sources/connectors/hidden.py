"""Secrets in a connector's config: masked where shown, kept where the mask comes back, and cut out
of whatever the connector says.

A field is secret when its JSON Schema says so (`airbyte_secret`, `secret`, `writeOnly`, or the
format `password`) or when its name does. Singer has no schema that has to name secrets: without
one all of a config is masked, and from what a tap says every text of its config is cut out.
"""

import re
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from onefold.sources.connectors.model import Connector

MASK = "********"
_SECRET_CHARS_MIN = 4
_TEXT_CHARS_MIN = 6  # of a Singer config's other texts: `main`, `true` say nothing
_NAMES = re.compile(
    r"pass(word|wd|phrase)?$|pwd|secret|token|api_?key|private_?key|credential|sqlalchemy_url"
    r"|connection_?string|^key$|auth",
    re.IGNORECASE,
)


def shown(one: Connector) -> Connector:
    """The connector as an admin may see it."""
    blank = one.protocol == "singer" and not one.spec
    config, pending = (
        None if c is None else _blank(c) if blank else mask(one.spec, c)
        for c in (one.config, one.pending)
    )
    return msgspec.structs.replace(one, config=config or {}, pending=pending)


def of(one: Connector) -> list[str]:
    """Everything that must not show in what it says, in each form it may take, longest first."""
    found: set[str] = set()
    for config in (one.config, one.pending):
        found.update(values(one.spec, config))
        if one.protocol == "singer":
            found.update(t for t in _texts(config) if len(t) >= _TEXT_CHARS_MIN)
    forms = {form for text in found for form in _forms(text)}
    return sorted(forms, key=len, reverse=True)


def _forms(text: str) -> set[str]:
    """A secret as it is, in an address, in JSON, in Python."""
    written = msgspec.json.encode(text).decode()[1:-1]
    return {text, quote(text, safe=""), quote(text), quote_plus(text), written, repr(text)[1:-1]}


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [t for v in value.values() for t in _texts(v)]
    if isinstance(value, list):
        return [t for v in value for t in _texts(v)]
    return [value, *value.splitlines()] if isinstance(value, str) else []


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _blank(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_blank(v) for v in value]
    return value if value in (None, "") or isinstance(value, bool) else MASK


def mask(schema: Any, config: Any, name: str = "") -> Any:
    """The config as it may be shown."""
    if isinstance(config, dict):
        return {k: mask(_under(schema, k), v, k) for k, v in config.items()}
    if isinstance(config, list):
        return [mask(_items(schema), v, name) for v in config]
    if config in (None, "") or isinstance(config, bool):
        return config
    return MASK if is_secret(schema, name) else config


def keep(before: Any, new: Any) -> Any:
    """A config that was sent back, with the masks in it replaced by what they stand for."""
    if isinstance(new, dict):
        old = before if isinstance(before, dict) else {}
        return {k: keep(old.get(k), v) for k, v in new.items()}
    if isinstance(new, list):
        rows = before if isinstance(before, list) else []
        return [keep(rows[i] if i < len(rows) else None, v) for i, v in enumerate(new)]
    return before if new == MASK else new


def values(schema: Any, config: Any, name: str = "") -> list[str]:
    """Every secret in a config, the longest first."""
    found: list[str] = []
    if isinstance(config, dict):
        for key, value in config.items():
            found += values(_under(schema, key), value, key)
    elif isinstance(config, list):
        for value in config:
            found += values(_items(schema), value, name)
    elif is_secret(schema, name) and not isinstance(config, bool) and config is not None:
        shown = str(config)
        # A secret of many lines (a private key) may be told line by line.
        found = [t for t in {shown, *shown.splitlines()} if len(t) >= _SECRET_CHARS_MIN]
    return sorted(found, key=len, reverse=True)


def scrub(text: str, secrets: list[str]) -> str:
    """The text without any of the secrets."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def is_secret(schemas: Any, name: str) -> bool:
    """Is a field of this schema and name secret?"""
    for schema in _each(schemas):
        if schema.get("airbyte_secret") or schema.get("secret") or schema.get("writeOnly"):
            return True
        if schema.get("format") == "password":
            return True
    return bool(_NAMES.search(name))


def _each(schema: Any) -> list[dict[str, Any]]:
    """A schema and its alternatives."""
    if isinstance(schema, list):
        return [one for part in schema for one in _each(part)]
    if not isinstance(schema, dict):
        return []
    out = [schema]
    for word in ("oneOf", "anyOf", "allOf"):
        found = schema.get(word)
        out += _each(found) if isinstance(found, list) else []
    return out


def _under(schema: Any, key: str) -> list[Any]:
    found = []
    for one in _each(schema):
        properties = one.get("properties")
        if isinstance(properties, dict) and key in properties:
            found.append(properties[key])
    return found


def _items(schema: Any) -> list[Any]:
    return [one["items"] for one in _each(schema) if isinstance(one.get("items"), dict)]
