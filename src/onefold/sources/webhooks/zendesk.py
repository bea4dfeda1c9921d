"""Zendesk's event webhooks. Contract: https://developer.zendesk.com/api-reference/webhooks.

A ticket names its requester and organisation by Zendesk's ids only. A requester is known by
`zendesk_user_id`; events of users give the address and our user id (`external_id`), those of
organisations our account's id (`external_id`), so subscribe to them as well. Webhooks of triggers
have a body of the customer's own making: set a mapping for them.
"""

from collections.abc import Iterator
from typing import Any

from onefold.kernel import limits
from onefold.sources.webhooks import payload
from onefold.sources.webhooks.model import Call, Config, Delivery, NotMapped

PREFIX = "zen:event-type:"
NAMES = {
    "ticket.created": "Ticket Opened",
    "ticket.status_changed": "Ticket Status Changed",
    "ticket.priority_changed": "Ticket Priority Changed",
    "ticket.agent_assignment_changed": "Ticket Assigned",
    "ticket.group_assignment_changed": "Ticket Assigned",
    "ticket.merged": "Ticket Merged",
    "ticket.soft_deleted": "Ticket Deleted",
    "ticket.permanently_deleted": "Ticket Deleted",
    "ticket.undeleted": "Ticket Restored",
    "ticket.marked_as_spam": "Ticket Marked As Spam",
    "ticket.subject_changed": "Ticket Updated",
    "ticket.description_changed": "Ticket Updated",
    "ticket.tags_changed": "Ticket Updated",
    "ticket.custom_field_changed": "Ticket Updated",
    "ticket.requester_changed": "Ticket Updated",
    "ticket.organization_changed": "Ticket Updated",
    "ticket.ticket_type_changed": "Ticket Updated",
    "ticket.satisfaction_score_changed": "Ticket Rated",
    "user.created": "Contact Created",
    "user.deleted": "Contact Deleted",
    "user.merged": "Contact Merged",
    "organization.created": "Account Created",
    "organization.deleted": "Account Deleted",
}
_CLOSED = ("SOLVED", "CLOSED")
_TICKET = (
    "subject", "status", "custom_status", "priority", "type", "tags", "assignee_id", "group_id",
    "form_id", "is_public",
)  # fmt: skip


def calls(_: Config, tree: Any, __: Delivery) -> Iterator[Call]:
    """The calls of one event. Raises `NotMapped`."""
    event = payload.must_object(tree, "payload")
    kind = payload.text_of(event.get("type")) or ""
    detail = payload.object_of(event.get("detail"))
    if not kind.startswith(PREFIX) or not detail:
        raise NotMapped(
            "is no Zendesk event: `type` or `detail` is missing.",
            "Connect the webhook to Zendesk events, or set a mapping for a trigger's own body.",
        )
    kind = kind.removeprefix(PREFIX)
    what = kind.partition(".")[0]
    change = payload.object_of(event.get("event"))
    who = _who(what, detail)
    message_id = payload.text_of(event.get("id")) or ""
    at = event.get("time")
    yield Call(
        event=_event(kind, what, change), message_id=message_id, at=at,
        properties=_properties(kind, what, detail, change), **who,
    )  # fmt: skip
    told: dict[str, Any] = {"message_id": f"{message_id}:traits", "at": at, **who, "tells": ()}
    if what == "user":
        traits = payload.picked(detail, ("name", "phone", "role", "time_zone", "locale"))
        yield Call(event="Identify", kind="identify", traits=traits, **told)
    elif what == "organization":
        traits = payload.picked(detail, ("name", "domain_names", "tags", "notes"))
        yield Call(event="Group", kind="group", traits=traits, **told)


def _event(kind: str, what: str, change: dict[str, Any]) -> str:
    if kind == "ticket.status_changed":
        now, was = str(change.get("current")).upper(), str(change.get("previous")).upper()
        if now in _CLOSED and was not in _CLOSED:
            return "Ticket Solved"
        if was in _CLOSED and now not in _CLOSED:
            return "Ticket Reopened"
    if kind == "ticket.comment_added":
        author = payload.object_of(payload.object_of(change.get("comment")).get("author"))
        return "Ticket Answered" if author.get("is_staff") is True else "Ticket Replied"
    usual = {"user": "Contact Updated", "organization": "Account Updated"}.get(what)
    return NAMES.get(kind) or usual or payload.words(kind)


def _who(what: str, detail: dict[str, Any]) -> dict[str, Any]:
    own = payload.text_of(detail.get("id"))
    organization = own if what == "organization" else payload.text_of(detail.get("organization_id"))
    asks: list[str] = []
    who: dict[str, Any] = {"email": None, "user_id": None, "account_id": None, "tells": ()}
    person = None
    if what == "user":
        person = own
        who["email"] = payload.text_of(detail.get("email"))
        who["user_id"] = payload.text_of(detail.get("external_id"))
        who["tells"] = (f"user:{own}",) if own else ()
    elif what == "organization":
        who["account_id"] = payload.text_of(detail.get("external_id"))
        who["tells"] = (f"organization:{own}",) if own else ()
    else:
        person = payload.first(detail, ("requester_id", "user_id", "actor_id"))
    if person:
        asks.append(f"user:{person}")
    if organization:
        asks.append(f"organization:{organization}")
    return {
        **who,
        "external_ids": {"zendesk_user_id": person} if person else {},
        "account_else": f"zendesk-{organization}" if organization else None,
        "asks": tuple(asks),
    }


def _properties(
    kind: str, what: str, detail: dict[str, Any], change: dict[str, Any]
) -> dict[str, Any]:
    out: dict[str, Any] = {"zendesk_type": kind}
    own = payload.text_of(detail.get("id"))
    if own:
        out[f"{what}_id"] = own
    if what == "ticket":
        out |= payload.picked(detail, _TICKET)
        channel = payload.text_of(payload.object_of(detail.get("via")).get("channel"))
        if channel:
            out["channel"] = channel
    for name in ("current", "previous"):
        if isinstance(change.get(name), str | int | bool):
            out[name] = change[name]
    comment = payload.object_of(change.get("comment"))
    if comment:
        out["comment_id"] = payload.text_of(comment.get("id"))
        out["public"] = comment.get("is_public")
        out["text"] = str(comment.get("body") or "")[: limits.fact_text_chars_max]
    return out
