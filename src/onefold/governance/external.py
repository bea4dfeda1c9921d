"""Identifiers beyond the spec's own: `context.externalIds`, and RudderStack's merge call.

    "context": {"externalIds": [{"type": "stripe_customer", "id": "cus_1", "collection": "users"}]}
    {"type": "merge", "mergeProperties": [{"type": "user_id", "value": "u1"}, {"type": …}]}

A type becomes a namespace when it can only name a person. These never do:

| type                          | why                                                       |
| ----------------------------- | --------------------------------------------------------- |
| `contact`                     | our own CRM's, believed from it alone                     |
| `former_id`                   | what alias and merge calls say                            |
| of a company                  | it would join everyone who works there                    |
| of a device, browser, click   | it would join everyone who uses it; `anonymous_id` is     |
|                               | the one device namespace, and knows about shared devices  |
| another `collection`          | it does not name a person                                 |
"""

import re
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_BLANKS = str.maketrans("- .", "___")
_OWN = {"userid": "user_id", "anonymousid": "anonymous_id", "e_mail": "email", "id": "user_id"}
_NOT_PEOPLE = frozenset(
    (
        "contact", "former_id", "account", "account_id", "group", "group_id", "company",
        "company_id",
        "organization", "organization_id", "organisation_id", "workspace_id", "tenant_id",
        "domain", "ip", "ip_address", "session_id", "device", "device_id", "device_token",
        "push_token", "idfa", "idfv", "gaid", "aaid", "advertising_id", "ga_client_id",
        "client_id", "cookie_id", "cross_domain_id", "installation_id", "app_instance_id", "fbp",
        "fbc", "gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "ttclid", "twclid",
    )
)  # fmt: skip
_OF_DEVICES = ("_device_id", "_session_id", "_install_id", "_token", "_ip")


def namespace(kind: Any) -> str | None:
    """The namespace of a type, None for one that does not name a person."""
    if not isinstance(kind, str):
        return None
    name = kind.strip().lower().replace("-", "_").replace(" ", "_")
    name = _OWN.get(name, name)
    if name in _NOT_PEOPLE or name.endswith(_OF_DEVICES) or not _NAME.fullmatch(name):
        return None
    return name


def plain(kind: str) -> str:
    """A type without regard to how it is spelt: `ios.idfa` is `ios_idfa`."""
    return kind.strip().lower().translate(_BLANKS)


def of_users(one: Any) -> bool:
    """Whether an entry is an object about a person."""
    return isinstance(one, dict) and one.get("collection", "users") in ("users", "user")
