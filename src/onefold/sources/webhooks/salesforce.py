"""Salesforce: outbound messages (SOAP), and platform and change events (JSON over HTTP).

An outbound message carries up to 100 notifications and is repeated until it is acknowledged by a
SOAP answer. It carries no signature, so the address carries a secret; where the source names the
organisation (`organization_id`), messages of any other are refused. The `SessionId` in it is a key
to the sender's data and is never kept.

A contact is known by `salesforce_contact_id`, a lead by `salesforce_lead_id`. An account of ours is
the value of the field that the source names (`account_field`), else Salesforce's `AccountId`.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from onefold.sources.webhooks import payload
from onefold.sources.webhooks.model import BadSignature, Call, Config, Delivery, NotMapped

ACK = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)
NOUNS = {"Opportunity": "Deal", "Case": "Ticket"}
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_SESSION = re.compile(rb"(<(?:\w+:)?SessionId[^>]*>)[^<]*(?=</)")
_TRAITS = {
    "Name": "name", "FirstName": "first_name", "LastName": "last_name", "Title": "title",
    "Phone": "phone", "Company": "company", "Industry": "industry", "Website": "website",
    "NumberOfEmployees": "employees", "AnnualRevenue": "annual_revenue", "Type": "type",
}  # fmt: skip
_USER_FIELDS = ("User_Id__c", "UserId__c", "External_Id__c", "ExternalId__c")
_VERBS = {"CREATE": "Created", "UPDATE": "Updated", "DELETE": "Deleted", "UNDELETE": "Restored"}


def is_xml(body: bytes) -> bool:
    """Is it an outbound message? JSON begins otherwise."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def redact(body: bytes) -> bytes:
    """The message without the session id."""
    return _SESSION.sub(rb"\1", body)


def parse(body: bytes) -> dict[str, Any]:
    """An outbound message as plain values; entities and DTDs are refused. Raises `NotMapped`."""
    try:
        root = ElementTree.fromstring(body)
    except (ParseError, DefusedXmlException, ValueError) as error:
        why = str(error) or type(error).__name__
        raise NotMapped(f"is no XML that is read here: {why}.", "Send SOAP unchanged.") from None
    found = next((e for e in root.iter() if _name(e.tag) == "notifications"), None)
    if found is None:
        raise NotMapped(
            "has no `notifications`.", "Point a workflow's or flow's outbound message here."
        )
    out: dict[str, Any] = {"notifications": []}
    for child in found:
        name = _name(child.tag)
        if name == "Notification":
            out["notifications"].append(_notification(child))
        elif name != "SessionId":
            out[name] = _value(child)
    for one in out["notifications"]:
        one["organization_id"] = out.get("OrganizationId")
    return out


def split(tree: Any) -> list[Any]:
    """The notifications of a message; the events of a list, or the one event."""
    if isinstance(tree, dict) and isinstance(tree.get("notifications"), list):
        return list(tree["notifications"])
    return tree if isinstance(tree, list) else [tree]


def check_organization(config: Config, tree: Any) -> None:
    """Raises `BadSignature` when the message is of another organisation than the source's."""
    wanted = config.options.get("organization_id", "")
    if wanted and isinstance(tree, dict) and "notifications" in tree:
        given = str(tree.get("OrganizationId") or "")
        if given[:15] != wanted[:15]:
            raise BadSignature(
                f"`OrganizationId`: `{given[:20]}` is not the organisation that this source takes."
            )


def calls(config: Config, tree: Any, _: Delivery) -> Iterator[Call]:
    """The calls of one notification or event. Raises `NotMapped`."""
    part = payload.must_object(tree, "payload")
    if "notification_id" in part:
        yield from _record(config, **_of_notification(part))
        return
    inner = part.get("detail") or part.get("data") or part
    event = payload.object_of(inner)
    body = payload.object_of(event.get("payload"))
    if not body:
        raise NotMapped(
            "is neither an outbound message nor an event with a `payload`.",
            "Forward Salesforce's events unchanged: `{schema, payload, event}`.",
        )
    header = payload.object_of(body.get("ChangeEventHeader"))
    if not header:
        yield _platform(config, part, event, body)
        return
    fields = {name: value for name, value in body.items() if name != "ChangeEventHeader"}
    changed = header.get("changedFields")
    ids = header.get("recordIds")
    for record_id in ids if isinstance(ids, list) else [ids]:
        key = f"{header.get('transactionKey')}:{header.get('sequenceNumber')}:{record_id}"
        yield from _record(
            config,
            what=str(header.get("entityName") or "Record"),
            record_id=payload.text_of(record_id),
            fields=fields,
            verb=_VERBS.get(str(header.get("changeType")).removeprefix("GAP_"), "Updated"),
            moved=isinstance(changed, list) and bool({"StageName", "Status"} & {*changed}),
            message_id=f"salesforce:{key}",
            at=header.get("commitTimestamp"),
        )


def _of_notification(part: dict[str, Any]) -> dict[str, Any]:
    fields = payload.object_of(part.get("fields"))
    modified = fields.get("LastModifiedDate") or fields.get("SystemModstamp")
    created = fields.get("CreatedDate")
    moved = fields.get("LastStageChangeDate") or fields.get("ClosedDate")
    return {
        "what": str(part.get("object") or "Record"),
        "record_id": payload.text_of(fields.get("Id")),
        "fields": fields,
        "verb": "Created" if created and created == modified else "Updated",
        "moved": bool(moved and modified and moved == modified),
        "message_id": f"salesforce:{part['notification_id']}",
        "at": modified,
    }


def _record(
    config: Config, *, what: str, record_id: str | None, fields: dict[str, Any], verb: str,
    moved: bool, message_id: str, at: Any,
) -> Iterator[Call]:  # fmt: skip
    who = _who(config, what, record_id, fields)
    told = {name: value for name, value in fields.items() if not isinstance(value, dict | list)}
    noun = NOUNS.get(what) or payload.words(what.removesuffix("__c"))
    told[f"{noun.lower().replace(' ', '_')}_id"] = record_id
    told["salesforce_object"] = what
    event = _event(what, noun, verb, moved, fields)
    yield Call(event=event, message_id=message_id, at=at, properties=told, **who)
    names = {t: fields[f] for f, t in _TRAITS.items() if fields.get(f) not in (None, "")}
    about: dict[str, Any] = {"at": at, "traits": names, **who, "tells": ()}
    if not names or verb == "Deleted":
        return
    if what in ("Contact", "Lead"):
        yield Call(event="Identify", kind="identify", message_id=f"{message_id}:identify", **about)
    elif what == "Account":
        yield Call(event="Group", kind="group", message_id=f"{message_id}:group", **about)


def _event(what: str, noun: str, verb: str, moved: bool, fields: dict[str, Any]) -> str:
    if what == "Opportunity" and moved:
        stage = str(fields.get("StageName") or "")
        if _true(fields.get("IsWon")) or stage == "Closed Won":
            return "Deal Won"
        closed = _true(fields.get("IsClosed")) or stage == "Closed Lost"
        return "Deal Lost" if closed else "Deal Stage Changed"
    if what == "Case":
        if moved and (_true(fields.get("IsClosed")) or fields.get("Status") == "Closed"):
            return "Ticket Solved"
        if moved:
            return "Ticket Status Changed"
        if verb == "Created":
            return "Ticket Opened"
    return f"{noun} {verb}"


def _who(
    config: Config, what: str, record_id: str | None, fields: dict[str, Any]
) -> dict[str, Any]:
    field = config.options.get("account_field", "")
    account = record_id if what == "Account" else payload.first(fields, ("AccountId",))
    related = payload.text_of(fields.get("WhatId"))
    if account is None and related and related.startswith("001"):
        account = related
    contact = record_id if what == "Contact" else payload.text_of(fields.get("ContactId"))
    lead = record_id if what == "Lead" else None
    whom = payload.text_of(fields.get("WhoId")) or ""
    if whom.startswith("003"):
        contact = contact or whom
    elif whom.startswith("00Q"):
        lead = lead or whom
    external = {"salesforce_contact_id": contact, "salesforce_lead_id": lead}
    known = {"contact": contact, "lead": lead, "account": account}
    tells: tuple[str, ...] = ()
    if what in ("Contact", "Lead", "Account") and record_id:
        tells = (f"{what.lower()}:{record_id}",)
    elif record_id:  # whose a deal or case is; a change event names only what changed
        known["record"] = record_id
        tells = (f"record:{record_id}",)
    return {
        "email": payload.first(fields, ("Email", "SuppliedEmail", "ContactEmail", "Email__c")),
        "user_id": payload.first(fields, _USER_FIELDS) if what in ("Contact", "Lead") else None,
        "account_id": payload.text_of(fields.get(field)) if field else account,
        "account_else": account,
        "external_ids": {name: value for name, value in external.items() if value},
        "asks": tuple(f"{name}:{value}" for name, value in known.items() if value),
        "tells": tells,
    }


def _platform(
    config: Config, part: dict[str, Any], event: dict[str, Any], body: dict[str, Any]
) -> Call:
    """A platform event of the customer's own: fields by name, who it is about by common names."""
    told = payload.object_of(event.get("event"))
    channel = payload.text_of(part.get("channel")) or payload.text_of(event.get("channel")) or ""
    name = channel.rpartition("/")[2] or payload.text_of(told.get("EventApiName")) or ""
    name = name.removesuffix("__e") or "Platform Event"
    plain = {n.removesuffix("__c"): v for n, v in body.items()}
    field = config.options.get("account_field", "").removesuffix("__c")
    contact = payload.first(plain, ("ContactId", "Contact_Id"))
    account = payload.first(plain, ("AccountId", "Account_Id"))
    known = {"contact": contact, "account": account}
    key = payload.text_of(told.get("EventUuid"))
    replay = payload.text_of(told.get("replayId"))
    return Call(
        event=payload.words(name), at=body.get("CreatedDate"),
        message_id=f"salesforce:{key or f'{channel}:{replay}'}" if key or replay else "",
        email=payload.first(plain, ("Email", "Contact_Email", "User_Email")),
        user_id=payload.first(plain, ("User_Id", "UserId", "External_Id")),
        account_id=payload.text_of(plain.get(field)) if field else account, account_else=account,
        external_ids={"salesforce_contact_id": contact} if contact else {},
        properties={n: v for n, v in plain.items() if n not in ("CreatedDate", "CreatedById")},
        asks=tuple(f"{name}:{value}" for name, value in known.items() if value),
    )  # fmt: skip


def _notification(element: Element) -> dict[str, Any]:
    out: dict[str, Any] = {"notification_id": None, "object": "Record", "fields": {}}
    for child in element:
        name = _name(child.tag)
        if name == "Id":
            out["notification_id"] = _value(child)
        elif name == "sObject":
            out["object"] = child.get(_TYPE, "Record").rpartition(":")[2]
            out["fields"] = {_name(field.tag): _value(field) for field in child}
    return out


def _value(element: Element) -> Any:
    if element.get(_NIL) in ("true", "1"):
        return None
    return (element.text or "").strip()


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _true(value: Any) -> bool:
    return value is True or value == "true"
