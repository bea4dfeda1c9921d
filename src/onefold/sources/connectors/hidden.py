"""Secrets in a connector's config: masked where shown, kept where the mask comes back, and cut out
of whatever the connector says.

A field is secret when its JSON Schema says so (`airbyte_secret`, `secret`, `writeOnly`, or the
format `password`) or, in a config without a schema, when its name does.
"""

import re
from typing import Any

MASK = "********"
_SECRET_CHARS_MIN = 4
_NAMES = re.compile(
    r"pass(word|wd|phrase)?$|pwd|secret|token|api_?key|private_?key|credential|sqlalchemy_url"
    r"|connection_?string|^key$|auth",
    re.IGNORECASE,
)


def mask(schema: Any, config: Any, name: str = "") -> Any:
    """The config as it may be shown."""
    if isinstance(config, dict):
        return {k: mask(_under(schema, k), v, k) for k, v in config.items()}
    if isinstance(config, list):
        return [mask(_items(schema), v, name) for v in config]
    if config in (None, "") or isinstance(config, bool):
        return config
    return MASK if _is_secret(schema, name) else config


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
    elif _is_secret(schema, name) and not isinstance(config, bool) and config is not None:
        shown = str(config)
        # A secret of many lines (a private key) may be told line by line.
        found = [t for t in {shown, *shown.splitlines()} if len(t) >= _SECRET_CHARS_MIN]
    return sorted(found, key=len, reverse=True)


def scrub(text: str, secrets: list[str]) -> str:
    """The text without any of the secrets."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _is_secret(schemas: Any, name: str) -> bool:
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
