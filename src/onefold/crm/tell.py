"""The fact that a change leaves: a Segment-spec track call. Pure.

A fact needs a home: a contact, an account, or a lead's e-mail. A task about neither has no timeline
to be on, so its changes leave no fact.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from onefold.crm.model import Item, Row
from onefold.kernel import clock, ids, limits
from onefold.kernel.viewer import Viewer

REFS = {
    "owner_id": "usr", "account_id": "acc", "contact_id": "con", "ticket_id": "tkt",
    "signal_id": "sig", "parent_id": "acc", "deal_id": "deal", "lead_id": "lead",
    "pipeline_id": "pip", "stage_id": "stg", "product_id": "prd", "subscription_id": "sub",
    "mentions": "usr",
}  # fmt: skip
Changes = Mapping[str, tuple[Any, Any]]


def item(
    noun: str,
    prefix: str,
    event: str,
    row: Row,
    *,
    viewer: Viewer,
    now_ms: int,
    contact_id: int | None,
    account_key: str | None,
    properties: Mapping[str, Any],
    changes: Changes,
    traits: Mapping[str, str] | None = None,
    suffix: str = "",
) -> Item | None:
    """The fact about `row` as it is after the change; None when it has no home.

    `properties` and `changes` hold column values; they come out as the API shows them.
    """
    context: dict[str, Any] = {"actor": viewer.actor}
    if contact_id is not None:
        context["externalIds"] = [{"type": "contact", "id": str(contact_id)}]
    if account_key:
        context["groupId"] = account_key
    if traits:
        context["traits"] = dict(traits)
    if context.keys() <= {"actor", "traits"} and not (traits or {}).get("email"):
        return None
    told: dict[str, Any] = {f"{noun}_id": ids.api_id(prefix, row["id"])}
    for name, value in properties.items():
        if value not in (None, "", []):
            told[name] = shown(name, value)
    if changes:
        told["changes"] = {
            name: [shown(name, old), shown(name, new)] for name, (old, new) in changes.items()
        }
    return {
        "type": "track",
        "event": event,
        "messageId": f"crm-{noun}-{row['id']}-v{row['version']}{suffix}",
        "timestamp": clock.iso(now_ms),
        "context": context,
        "properties": told,
    }


def shown(name: str, value: Any) -> Any:
    """A column's value as the API and facts show it; long texts are cut."""
    if value is None:
        return None
    if name in REFS:
        if isinstance(value, list):
            return [ids.api_id(REFS[name], one) for one in value]
        return ids.api_id(REFS[name], value)
    if isinstance(value, datetime):
        return clock.iso(clock.from_datetime(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and len(value) > limits.fact_text_chars_max:
        return value[: limits.fact_text_chars_max] + "…"
    return value
