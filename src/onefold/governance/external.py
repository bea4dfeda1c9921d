"""Identifiers beyond the spec's own: `context.externalIds`, and RudderStack's merge call.

    "context": {"externalIds": [{"type": "stripe_customer", "id": "cus_1", "collection": "users"}]}
    {"type": "merge", "mergeProperties": [{"type": "user_id", "value": "u1"}, {"type": …}]}

A type becomes a namespace when it can only name a person. These never do:

| type                          | why                                                       |
| ----------------------------- | --------------------------------------------------------- |
| `contact`                     | our own CRM's, believed from it alone                     |
| `former_id`                   | what alias and merge calls say                            |
| of a company                  | it would join everyone who works there                    |
| of a device or a browser      | it would join everyone who uses it; `anonymous_id` is     |
|                               | the one device namespace, and knows about shared devices  |
| another `collection`          | it does not name a person                                 |
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from onefold.kernel import limits

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_OWN = {"userid": "user_id", "anonymousid": "anonymous_id", "e_mail": "email", "id": "user_id"}
_NOT_PEOPLE = frozenset(
    (
        "contact", "former_id", "account", "account_id", "group", "group_id", "company",
        "company_id",
        "organization", "organization_id", "organisation_id", "workspace_id", "tenant_id",
        "domain", "ip", "ip_address", "session_id", "device", "device_id", "device_token",
        "push_token", "idfa", "idfv", "gaid", "aaid", "advertising_id", "ga_client_id",
        "client_id", "cookie_id", "fbp", "fbc",
    )
)  # fmt: skip


def namespace(kind: Any) -> str | None:
    """The namespace of a type, None for one that does not name a person."""
    if not isinstance(kind, str):
        return None
    name = kind.strip().lower().replace("-", "_").replace(" ", "_")
    name = _OWN.get(name, name)
    return None if name in _NOT_PEOPLE or not _NAME.fullmatch(name) else name


def of(found: Iterable[Any], value_key: str) -> Iterator[tuple[str, str]]:
    """(namespace, value) of each entry that names a person, at most `external_ids_max`."""
    n = 0
    for one in found:
        if not isinstance(one, dict) or one.get("collection", "users") not in ("users", "user"):
            continue
        name, value = namespace(one.get("type")), one.get(value_key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if name is not None and isinstance(value, str):
            yield name, value
            n += 1
            if n == limits.external_ids_max:
                return
