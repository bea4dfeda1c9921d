"""Reading values out of a vendor's payload without trusting its shape. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from onefold.sources.webhooks.model import NotMapped

# Where companies keep our ids in a vendor's own fields ("metadata", "custom attributes").
ACCOUNT_KEYS = (
    "account_id", "accountId", "group_id", "groupId", "organization_id", "organizationId", "org_id",
    "orgId", "company_id", "companyId", "workspace_id", "workspaceId", "tenant_id", "tenantId",
)  # fmt: skip
USER_KEYS = ("user_id", "userId", "external_id", "externalId")


def object_of(value: Any) -> dict[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """A text or number as text; None for everything else and for nothing."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def first(tree: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these fields that holds a text or number."""
    return next((found for name in names if (found := text_of(tree.get(name)))), None)


def id_of(value: Any) -> str | None:
    """The id in a reference: `"cus_1"`, or the object itself where it was expanded."""
    return text_of(value.get("id")) if isinstance(value, dict) else text_of(value)


def picked(tree: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """These fields, where they hold something."""
    return {name: tree[name] for name in names if tree.get(name) not in (None, "", [], {})}


def must_object(value: Any, what: str) -> dict[str, Any]:
    """An object, or `NotMapped`."""
    if not isinstance(value, dict):
        raise NotMapped(f"`{what}` is not an object.", "Send the vendor's payload unchanged.", what)
    return value


def words(name: str) -> str:
    """A vendor's type as an event name: `customer.tax_id.created` → `Customer Tax Id Created`."""
    parts = name.replace(".", " ").replace("_", " ").replace("-", " ").split()
    return " ".join(part[:1].upper() + part[1:] for part in parts)
