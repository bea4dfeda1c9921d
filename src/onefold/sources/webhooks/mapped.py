"""A payload nobody here has seen, by paths that the source's owner wrote. Pure.

The paths are JMESPath (https://jmespath.org): `user.email`, `data.items[0].sku`,
`customer.email || email`, `'Order Paid'` for a fixed text. Two prefixes reach beyond the part:
`header:X-GitHub-Event` and `root:account.id` (the whole payload, when `each` cuts it into parts).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jmespath
import jmespath.exceptions
import msgspec

from onefold.kernel import errors, limits
from onefold.sources.webhooks import payload
from onefold.sources.webhooks.model import Call, Config, Delivery, NotMapped
from onefold.sources.webhooks.model import Mapping as Paths

_HEADER, _ROOT = "header:", "root:"
_TEXTS = ("event", "message_id", "time", "user_id", "anonymous_id", "email", "account_id")


def faults_of(mapping: Paths) -> list[errors.Fault]:
    """Everything that is wrong with a mapping's expressions, before it is used."""
    found = [("each", mapping.each), *((n, getattr(mapping, n)) for n in _TEXTS)]
    for name in ("external_ids", "properties", "traits"):
        value = getattr(mapping, name)
        if isinstance(value, str):
            found.append((name, value))
        else:
            found += [(f"{name}.{key}", path) for key, path in value.items()]
    out = []
    for name, path in found:
        why = _wrong(path)
        if why:
            out.append(errors.Fault(f"mapping.{name}", why, "Write a JMESPath like `user.email`."))
    if mapping.type == "track" and not mapping.event:
        out.append(
            errors.Fault(
                "mapping.event", "is missing.",
                "Say where the event's name is: `type`, or a fixed text: `'Order Paid'`.",
            )
        )  # fmt: skip
    who = ("user_id", "anonymous_id", "email", "account_id")
    if not any(getattr(mapping, n) for n in who) and not mapping.external_ids:
        out.append(
            errors.Fault(
                "mapping.user_id", "is missing, and so is every other identifier.",
                "Give a path for at least one of user_id, email, account_id, anonymous_id.",
            )
        )  # fmt: skip
    return out


def split(config: Config, tree: Any) -> list[Any]:
    """The parts that `each` finds; the payload itself without one. Raises `NotMapped`."""
    mapping = config.mapping
    if mapping is None or not mapping.each:
        return [tree]
    found = _compiled(mapping.each.removeprefix(_ROOT))(tree)
    if not isinstance(found, list):
        raise NotMapped(
            f"`{mapping.each}` finds no list.", "Correct `each` in the mapping.", "each"
        )
    return found


def calls(config: Config, part: Any, delivery: Delivery, root: Any = None) -> Iterator[Call]:
    """The one call of a part. Raises `NotMapped`."""
    mapping = config.mapping
    if mapping is None:
        raise NotMapped("has no mapping yet.", "Write one on the source's page.", "mapping")

    def read(path: str) -> Any:
        return _read(path, part, root, delivery)

    def text(path: str) -> str | None:
        return payload.text_of(read(path)) if path else None

    event = text(mapping.event) or ""
    event = mapping.names.get(event, event)
    if mapping.type == "track" and not event:
        raise NotMapped(
            f"`{mapping.event}` finds no event name.", "Correct `event` in the mapping.", "event"
        )
    at = read(mapping.time) if mapping.time else None
    external = {name: found for name, path in mapping.external_ids.items() if (found := text(path))}
    yield Call(
        event=event or mapping.type, kind=mapping.type, at=at,
        message_id=text(mapping.message_id) or _digest(part, at),
        user_id=text(mapping.user_id), anonymous_id=text(mapping.anonymous_id),
        email=text(mapping.email), account_id=text(mapping.account_id), external_ids=external,
        properties=_object(mapping.properties, read), traits=_object(mapping.traits, read),
    )  # fmt: skip


def suggest(tree: Any) -> Paths:
    """A first mapping for a payload, from the names of its fields."""
    found: dict[str, str] = {}
    each, part = "", tree
    if isinstance(tree, list) and tree:
        each, part = "[]", tree[0]
    for path, value in _leaves(part, "", 0):
        name = path.rpartition(".")[2].strip('"').replace("_", "").replace("-", "").lower()
        for field, names in _GUESSES.items():
            if name in names and field not in found and payload.text_of(value):
                found[field] = path
    inner = next(
        (n for n in ("properties", "data", "payload", "attributes", "object")
         if isinstance(payload.object_of(part).get(n), dict)), "@",
    )  # fmt: skip
    values = {"event": "'Webhook Received'", "each": each, "properties": inner, **found}
    return msgspec.convert(values, Paths)


_GUESSES = {
    "event": ("event", "type", "eventtype", "eventname", "action", "topic", "trigger"),
    "message_id": ("messageid", "eventid", "deliveryid", "uuid", "id"),
    "time": ("timestamp", "time", "occurredat", "createdat", "created", "eventtime", "date", "ts"),
    "user_id": ("userid", "externalid", "customerid", "distinctid"),
    "email": ("email", "emailaddress", "useremail", "customeremail", "recipient"),
    "account_id": ("accountid", "groupid", "companyid", "organizationid", "orgid", "workspaceid",
                   "tenantid"),
}  # fmt: skip


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Paths of single values, the shallowest first."""
    if not isinstance(value, dict) or depth > 4:
        return
    nested = []
    for name, inner in value.items():
        key = name if name.isidentifier() and name.isascii() else f'"{name}"'
        here = f"{path}.{key}" if path else key
        if isinstance(inner, dict):
            nested.append((here, inner))
        else:
            yield here, inner
    for here, inner in nested:
        yield from _leaves(inner, here, depth + 1)


def _read(path: str, part: Any, root: Any, delivery: Delivery) -> Any:
    if path.startswith(_HEADER):
        return delivery.headers.get(path.removeprefix(_HEADER).strip().lower())
    tree = part
    if path.startswith(_ROOT):
        path, tree = path.removeprefix(_ROOT), part if root is None else root
    try:
        return _compiled(path)(tree)
    except jmespath.exceptions.JMESPathError as error:
        raise NotMapped(f"`{path}`: {error}.", "Correct the path in the mapping.") from None


def _object(paths: str | Mapping[str, str], read: Callable[[str], Any]) -> dict[str, Any]:
    if isinstance(paths, str):
        return payload.object_of(read(paths)) if paths else {}
    return {name: value for name, path in paths.items() if (value := read(path)) is not None}


def _digest(part: Any, at: Any) -> str:
    """An id for a sender that gives none: only a part that says its time can be told apart."""
    if at is None:
        return ""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(part, order="sorted")).hexdigest()[:40]


def _wrong(path: str) -> str | None:
    if not path or path.startswith(_HEADER):
        return None
    if len(path) > limits.webhook_path_chars_max:
        return f"is longer than {limits.webhook_path_chars_max} characters."
    try:
        _compiled(path.removeprefix(_ROOT))
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        return f"`{path}` is no JMESPath: {first}."
    return None


@lru_cache(maxsize=10_000)
def _compiled(path: str) -> Callable[[Any], Any]:
    search: Callable[[Any], Any] = jmespath.compile(path).search
    return search
