"""HubSpot's webhook subscriptions: an array of changes, each of one object.

Contract: https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide. A change
names its object by HubSpot's own id only. A contact is known by `hubspot_contact_id`, and by its
e-mail address once a change of that property came. A company's account of ours is the value of the
property that the source names (`account_property`), else `hubspot-<id>`. Deals and tickets say
nothing of whose they are: the `associationChange` events do, so subscribe to those as well.
"""

from collections.abc import Iterator
from typing import Any

from onefold.sources.webhooks import payload
from onefold.sources.webhooks.model import Call, Config, Delivery, Kind, NotMapped

OBJECTS = {
    "0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-7": "product",
    "0-8": "line_item", "0-27": "task", "0-46": "note", "0-47": "meeting", "0-48": "call",
    "0-49": "email", "0-11": "conversation", "0-136": "lead",
}  # fmt: skip
ACTIONS = {
    "creation": "Created", "deletion": "Deleted", "privacyDeletion": "Privacy Deleted",
    "propertyChange": "Updated", "merge": "Merged", "restore": "Restored",
    "newMessage": "Replied", "completed": "Completed",
}  # fmt: skip
NAMES = {
    "ticket.creation": "Ticket Opened",
    "conversation.creation": "Conversation Opened",
    "company.creation": "Account Created",
    "company.propertyChange": "Account Updated",
    "company.deletion": "Account Deleted",
    "company.merge": "Account Merged",
    "company.restore": "Account Restored",
}
# Changes of one property that have a name of their own, and values of it that have.
PROPERTY_NAMES = {
    ("deal", "dealstage"): ("Deal Stage Changed", {"closedwon": "Deal Won",
                                                   "closedlost": "Deal Lost"}),
    ("ticket", "hs_pipeline_stage"): ("Ticket Status Changed", {"4": "Ticket Solved"}),
    ("contact", "lifecyclestage"): ("Lifecycle Stage Changed", {}),
    ("contact", "hs_lead_status"): ("Lead Status Changed", {}),
}  # fmt: skip
_TRAITS = {
    "firstname": "first_name", "lastname": "last_name", "jobtitle": "title", "phone": "phone",
    "name": "name", "domain": "domain", "industry": "industry", "website": "website",
    "numberofemployees": "employees", "annualrevenue": "annual_revenue", "company": "company",
}  # fmt: skip


def split(tree: Any) -> list[Any]:
    """The changes in the array; one change by itself is taken as well."""
    return tree if isinstance(tree, list) else [tree]


def calls(config: Config, tree: Any, _: Delivery) -> Iterator[Call]:
    """The calls of one change. Raises `NotMapped`."""
    change = payload.must_object(tree, "payload")
    subscription = payload.text_of(change.get("subscriptionType"))
    if subscription is None or "." not in subscription:
        raise NotMapped(
            "is no change of a HubSpot subscription: `subscriptionType` is missing.",
            "Use the webhook subscriptions of an app; for a workflow's webhook set a mapping.",
        )
    what, action = subscription.split(".", 1)
    if what == "object":
        what = OBJECTS.get(str(change.get("objectTypeId")), "object")
    if action == "associationChange":
        yield _association(config, change, what)
        return
    own = payload.text_of(change.get("objectId"))
    if own is None:
        raise NotMapped("`objectId` is missing.", "Send HubSpot's payload unchanged.", "objectId")
    name, value = payload.text_of(change.get("propertyName")), change.get("propertyValue")
    who = _who(config, what, own, name, value)
    at, message_id = change.get("occurredAt"), _message_id(change)
    told: dict[str, Any] = {f"{what}_id": own, "hubspot_type": subscription}
    if name:
        told |= {"property": name, "value": value}
    told |= payload.picked(
        change, ("changeSource", "sourceId", "messageType", "messageId", "mergedObjectIds")
    )
    event = _event(what, action, name, value)
    yield Call(event=event, message_id=message_id, at=at, properties=told, **who)
    if what == "contact" and action == "merge":
        yield from _merges(change, own, message_id)
    trait = _TRAITS.get(name or "", name)
    if trait and action == "propertyChange" and what in ("contact", "company"):
        kind: Kind = "identify" if what == "contact" else "group"
        yield Call(
            event=kind, kind=kind, message_id=f"{message_id}:{kind}", at=at,
            traits={} if name == "email" else {trait: value}, **{**who, "tells": ()},
        )  # fmt: skip


def _merges(change: dict[str, Any], own: str, message_id: str) -> Iterator[Call]:
    """Each contact that went into another is one person with it, also by a new id of both."""
    main = payload.text_of(change.get("primaryObjectId")) or own
    given = change.get("mergedObjectIds")
    others = [*(given if isinstance(given, list) else [given]), change.get("newObjectId"), own]
    for other in dict.fromkeys(text for o in others if (text := payload.text_of(o))):
        if other != main:
            pair = (("hubspot_contact_id", main), ("hubspot_contact_id", other))
            yield Call(
                event="merge", kind="merge", message_id=f"{message_id}:{other}", merges=pair,
                at=change.get("occurredAt"), external_ids={"hubspot_contact_id": main},
            )  # fmt: skip


def _event(what: str, action: str, name: str | None, value: Any) -> str:
    if action == "propertyChange" and (what, name) in PROPERTY_NAMES:
        usual, special = PROPERTY_NAMES[what, str(name)]
        return special.get(str(value), usual)
    whole = f"{what}.{action}"
    return NAMES.get(whole) or f"{payload.words(what)} {ACTIONS.get(action, payload.words(action))}"


def _who(config: Config, what: str, own: str, name: str | None, value: Any) -> dict[str, Any]:
    reference = f"{what}:{own}"
    who: dict[str, Any] = {"asks": (reference,), "tells": ()}
    if what == "contact":
        who["external_ids"] = {"hubspot_contact_id": own}
        if name == "email":
            who["email"] = payload.text_of(value)
        if name and name == config.options.get("user_property"):
            who |= {"user_id": payload.text_of(value), "tells": (reference,)}
    if what == "company":
        who |= _company(config, own)
        if name and name == config.options.get("account_property"):
            who |= {"account_id": payload.text_of(value), "tells": (reference,)}
    return who


def _company(config: Config, company: str) -> dict[str, Any]:
    """A company as an account. Where a property is to say which, its own id is the last resort."""
    unsure = config.options.get("account_property")
    return {"account_else" if unsure else "account_id": f"hubspot-{company}"}


def _association(config: Config, change: dict[str, Any], what: str) -> Call:
    """Two objects were joined or parted: whose a deal or ticket is, and where a contact works."""
    start, end = (
        payload.text_of(change.get("fromObjectId")),
        payload.text_of(change.get("toObjectId")),
    )
    ends = str(change.get("associationType") or "").lower().split("_to_")
    if start is None or end is None or len(ends) != 2:
        raise NotMapped(
            "`fromObjectId`, `toObjectId` or `associationType` is missing.",
            "Send HubSpot's payload unchanged.", "associationType",
        )  # fmt: skip
    sides = {ends[0]: start, ends[1]: end}
    contact, company = sides.get("contact"), sides.get("company")
    removed = change.get("associationRemoved") is True
    others = tuple(f"{n}:{i}" for n, i in sides.items() if n not in ("contact", "company"))
    asks = [f"{n}:{i}" for n, i in sides.items()]
    verb = "Dissociated" if removed else "Associated"
    return Call(
        event=f"{payload.words(ends[0] if others == () else what)} {verb}",
        message_id=_message_id(change), at=change.get("occurredAt"),
        external_ids={"hubspot_contact_id": contact} if contact else {},
        **(_company(config, company) if company else {}),
        properties={
            **{f"{n}_id": i for n, i in sides.items()},
            "association": change.get("associationType"),
        },
        asks=tuple(asks), tells=() if removed else others,
    )  # fmt: skip


def _message_id(change: dict[str, Any]) -> str:
    """HubSpot says that `eventId` alone is not unique."""
    names = ("eventId", "subscriptionId", "objectId", "fromObjectId", "toObjectId", "occurredAt")
    return "hubspot:" + ":".join(str(change[n]) for n in names if change.get(n) is not None)
