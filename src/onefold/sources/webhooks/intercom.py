"""Intercom's notifications. Contract: https://developers.intercom.com/docs/webhooks.

A contact is known by `intercom_contact_id`, its `external_id` (our user id) and its e-mail address;
a company by `company_id`, which is our account's id.
"""

from collections.abc import Iterator
from typing import Any

from onefold.kernel import limits
from onefold.sources.webhooks import payload
from onefold.sources.webhooks.model import Call, Config, Delivery, NotMapped

NAMES = {
    "conversation.user.created": "Conversation Opened",
    "conversation.admin.single.created": "Conversation Started By Team",
    "conversation.user.replied": "Conversation Replied",
    "conversation.admin.replied": "Conversation Answered",
    "conversation.admin.noted": "Conversation Noted",
    "conversation.admin.assigned": "Conversation Assigned",
    "conversation.admin.closed": "Conversation Closed",
    "conversation.admin.opened": "Conversation Reopened",
    "conversation.admin.snoozed": "Conversation Snoozed",
    "conversation.admin.unsnoozed": "Conversation Unsnoozed",
    "conversation.rating.added": "Conversation Rated",
    "conversation.priority.updated": "Conversation Priority Changed",
    "ticket.created": "Ticket Opened",
    "ticket.contact.replied": "Ticket Replied",
    "ticket.admin.replied": "Ticket Answered",
    "ticket.state.updated": "Ticket Status Changed",
    "ticket.closed": "Ticket Solved",
    "ticket.rating.provided": "Ticket Rated",
    "contact.created": "Contact Created",
    "contact.user.created": "Contact Created",
    "contact.lead.created": "Contact Created",
    "user.created": "Contact Created",
    "contact.user.updated": "Contact Updated",
    "contact.lead.updated": "Contact Updated",
    "contact.updated": "Contact Updated",
    "contact.deleted": "Contact Deleted",
    "user.deleted": "Contact Deleted",
    "contact.archived": "Contact Archived",
    "contact.email.updated": "Contact Updated",
    "contact.lead.signed_up": "Signed Up",
    "contact.signed_up": "Signed Up",
    "contact.unsubscribed": "Unsubscribed",
    "contact.subscribed": "Subscribed",
    "company.created": "Account Created",
    "company.updated": "Account Updated",
    "company.deleted": "Account Deleted",
}
MESSAGES = {
    "receipt": "Email Delivered", "open": "Email Opened", "click": "Email Clicked",
    "reply": "Email Replied", "unsubscribe": "Unsubscribed", "hard_bounce": "Email Bounced",
    "soft_bounce": "Email Bounced", "spam_complaint": "Email Marked As Spam",
}  # fmt: skip
_TRAITS = ("name", "phone", "role", "avatar", "location_data")
_COMPANY_TRAITS = ("name", "industry", "size", "website", "monthly_spend", "plan")


def is_ping(tree: Any) -> bool:
    """Intercom's test of the address."""
    return isinstance(tree, dict) and tree.get("topic") == "ping"


def calls(_: Config, tree: Any, __: Delivery) -> Iterator[Call]:
    """The calls of one notification. Raises `NotMapped`."""
    event = payload.must_object(tree, "payload")
    topic = payload.text_of(event.get("topic"))
    item = payload.object_of(payload.object_of(event.get("data")).get("item"))
    if topic is None or not item:
        raise NotMapped(
            "is no Intercom notification: `topic` or `data.item` is missing.",
            "Send Intercom's payload unchanged.",
        )
    who = _who(item)
    message_id = payload.text_of(event.get("id")) or ""
    at = event.get("created_at")
    yield Call(
        event=_event(topic, item), message_id=message_id, at=at,
        properties={**_properties(item), "intercom_topic": topic}, **who,
    )  # fmt: skip
    custom = payload.object_of(item.get("custom_attributes"))
    what = item.get("type")
    if what in ("contact", "user", "lead"):
        traits = {**custom, **payload.picked(item, _TRAITS)}
        yield Call(
            event="Identify", kind="identify", message_id=f"{message_id}:identify", at=at,
            traits=traits, **who,
        )  # fmt: skip
    elif what == "company" and (who["account_id"] or who["account_else"]):
        plan = payload.object_of(item.get("plan")).get("name")
        traits = {**custom, **payload.picked(item, _COMPANY_TRAITS)}
        traits |= {"plan": plan} if plan else {}
        yield Call(
            event="Group", kind="group", message_id=f"{message_id}:group", at=at, traits=traits,
            **who,
        )  # fmt: skip


def _event(topic: str, item: dict[str, Any]) -> str:
    if topic == "event.created":
        return payload.text_of(item.get("event_name")) or "Event"
    if topic.startswith("content_stat."):
        return MESSAGES.get(str(item.get("stat_type")), payload.words(topic))
    if topic == "ticket.state.updated":
        state = payload.object_of(item.get("ticket_state")).get(
            "category", item.get("ticket_state")
        )
        if state == "resolved":
            return "Ticket Solved"
    return NAMES.get(topic) or payload.words(topic)


def _who(item: dict[str, Any]) -> dict[str, Any]:
    what = item.get("type")
    if what == "company":
        return {
            "account_id": payload.text_of(item.get("company_id")),
            "account_else": f"intercom-{item.get('id')}" if item.get("id") else None,
        }
    person = item if what in ("contact", "user", "lead") else _person(item)
    own = payload.text_of(person.get("id"))
    companies = payload.object_of(person.get("companies") or item.get("companies"))
    listed = companies.get("data") or companies.get("companies")
    company = payload.object_of(listed[0]) if isinstance(listed, list) and listed else {}
    return {
        "user_id": payload.first(person, ("external_id", "user_id")),
        "email": payload.text_of(person.get("email")),
        "account_id": payload.first(company, ("company_id",))
        or payload.text_of(item.get("company_id")),
        "external_ids": {"intercom_contact_id": own} if own else {},
        "account_else": None,
    }


def _person(item: dict[str, Any]) -> dict[str, Any]:
    """The customer of a conversation, ticket, message or event."""
    nested = payload.object_of(item.get("contacts")).get("contacts") or payload.object_of(
        item.get("contacts")
    ).get("data")
    listed = [c for c in nested if isinstance(c, dict)] if isinstance(nested, list) else []
    person = dict(listed[0]) if listed else {}
    for place in (item.get("contact"), item.get("user"), item.get("lead")):
        person = person or payload.object_of(place)
    author = payload.object_of(payload.object_of(item.get("source")).get("author"))
    if author.get("type") in ("user", "lead", "contact"):
        person = {**author, **{k: v for k, v in person.items() if v}}
    if not person:  # content_stat and event items carry the fields themselves
        person = {k: item.get(k) for k in ("external_id", "user_id", "email")}
        person["id"] = item.get("contact_id") or item.get("intercom_user_id")
    return person


def _properties(item: dict[str, Any]) -> dict[str, Any]:
    what = str(item.get("type") or "object")
    out: dict[str, Any] = {}
    if payload.text_of(item.get("id")):
        out[f"{'conversation' if what == 'conversation' else what}_id"] = str(item["id"])
    out |= payload.picked(
        item, ("state", "open", "priority", "title", "ticket_id", "category", "content_type",
               "stat_type", "admin_assignee_id", "team_assignee_id"),
    )  # fmt: skip
    source = payload.object_of(item.get("source"))
    subject, channel = payload.text_of(source.get("subject")), payload.text_of(source.get("type"))
    if subject:
        out["subject"] = subject[: limits.fact_text_chars_max]
    if channel:
        out["channel"] = channel
    if what == "ticket":
        out |= _written(payload.object_of(item.get("ticket_attributes")))
    rating = payload.object_of(item.get("conversation_rating"))
    if rating:
        out |= {"rating": rating.get("rating"), "remark": rating.get("remark")}
    if item.get("metadata") and what == "event":
        out |= payload.object_of(item.get("metadata"))
    return out


def _written(attributes: dict[str, Any]) -> dict[str, Any]:
    """Subject and text of a ticket, which stand among its attributes."""
    named = {"subject": "_default_title_", "description": "_default_description_"}
    found = {name: payload.text_of(attributes.get(given)) for name, given in named.items()}
    return {name: text[: limits.fact_text_chars_max] for name, text in found.items() if text}
