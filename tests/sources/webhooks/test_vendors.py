"""HubSpot, Salesforce, Intercom and Zendesk: what their payloads become."""

import json
from typing import Any

import pytest

from onefold.kernel import facts
from onefold.sources import webhooks
from onefold.sources.webhooks import salesforce
from tests.sources.webhooks.parts import admitted, config, delivery, items, made

# ── HubSpot ────────────────────────────────────────────────────────────────────────────────────


def change(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 100, "subscriptionId": 7, "portalId": 1, "appId": 2, "attemptNumber": 0,
        "occurredAt": 1_760_000_000_000, "subscriptionType": kind, "objectId": 42, **more,
    }  # fmt: skip


def test_hubspot_a_batch_becomes_a_fact_each() -> None:
    batch = [
        change("contact.creation"),
        change(
            "contact.propertyChange", eventId=99, propertyName="email", propertyValue="ann@acme.co"
        ),
        change("deal.propertyChange", eventId=101, propertyName="amount", propertyValue="9"),
    ]
    one = made(config("hubspot"), batch)
    tree = json.loads(one.envelope)["batch"]
    assert [t.get("event", t.get("type")) for t in tree[:3]] == [
        "Contact Created", "Contact Updated", "identify",
    ]  # fmt: skip
    assert tree[1]["context"]["traits"] == {"email": "ann@acme.co"}
    assert tree[2]["traits"] == {"email": "ann@acme.co"}
    assert tree[0]["context"]["externalIds"][0] == {
        "id": "42", "type": "hubspot_contact_id", "collection": "users", "encoding": "none",
    }  # fmt: skip
    assert tree[0]["timestamp"].startswith("2025-10-09T08:53:20")
    assert one.refused == 1  # the deal: nobody has said whose it is
    assert len({t["messageId"] for t in tree if "messageId" in t}) == 3


def test_hubspot_an_association_says_whose_a_deal_is() -> None:
    joined = change(
        "deal.associationChange", associationType="DEAL_TO_COMPANY", fromObjectId=900,
        toObjectId=77, associationRemoved=False, objectId=None,
    )  # fmt: skip
    told = made(config("hubspot"), [joined])
    (first,) = json.loads(told.envelope)["batch"]
    assert first["event"] == "Deal Associated"
    assert first["context"]["groupId"] == "hubspot-77"
    won = change(
        "deal.propertyChange", objectId=900, propertyName="dealstage", propertyValue="closedwon"
    )
    (one,) = items(config("hubspot"), [won], known=told.learned)
    assert (one["event"], one["context"]["groupId"]) == ("Deal Won", "hubspot-77")


def test_hubspot_a_contact_joins_the_company_that_it_is_associated_with() -> None:
    joined = change(
        "contact.associationChange", associationType="CONTACT_TO_COMPANY", fromObjectId=42,
        toObjectId=77, associationRemoved=False, objectId=None,
    )  # fmt: skip
    (one,) = items(config("hubspot"), [joined])
    assert (one["event"], one["context"]["groupId"]) == ("Contact Associated", "hubspot-77")
    assert one["context"]["externalIds"][0]["id"] == "42"
    ours = config("hubspot", account_property="onefold_id")
    told = made(
        ours, [change("company.propertyChange", objectId=77, propertyName="onefold_id",
                      propertyValue="acme")]
    )  # fmt: skip
    (one,) = items(ours, [joined], known=told.learned)
    assert one["context"]["groupId"] == "acme"


def test_salesforce_a_field_of_ours_names_the_account_for_all_that_belongs_to_it() -> None:
    ours = config("salesforce", account_field="Tenant__c")
    told = made(ours, soap(notification("04l1", "Account", Id="001A", Tenant__c="acme")))
    known = told.learned
    contact = soap(notification("04l2", "Contact", Id="003A", Email="a@b.co", AccountId="001A"))
    assert items(ours, contact, known=known)[0]["context"]["groupId"] == "acme"
    assert "groupId" not in items(ours, contact)[0]["context"]  # not yet: none, not a wrong one
    deal = soap(notification("04l3", "Opportunity", Id="006A", AccountId="001A"))
    assert items(ours, deal, known=known)[0]["context"]["groupId"] == "acme"


def test_hubspot_the_generic_form_names_its_object_by_number() -> None:
    (one,) = items(config("hubspot"), [change("object.creation", objectTypeId="0-2")])
    assert (one["event"], one["context"]["groupId"]) == ("Account Created", "hubspot-42")


def test_hubspot_a_property_can_be_our_account_id() -> None:
    ours = config("hubspot", account_property="onefold_id")
    told = made(
        ours, [change("company.propertyChange", propertyName="onefold_id", propertyValue="acme")]
    )
    first, group = json.loads(told.envelope)["batch"]
    assert first["context"]["groupId"] == group["groupId"] == "acme"
    later = change("company.propertyChange", propertyName="industry", propertyValue="Retail")
    _, group = items(ours, [later], known=told.learned)
    assert (group["groupId"], group["traits"]) == ("acme", {"industry": "Retail"})


# ── Salesforce ─────────────────────────────────────────────────────────────────────────────────

SOAP = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound">
<OrganizationId>00D24000000XYZAEA4</OrganizationId><ActionId>04k1</ActionId>
<SessionId>00D!secret-session</SessionId><EnterpriseUrl>https://e</EnterpriseUrl>
<PartnerUrl>https://p</PartnerUrl>{}</notifications></soapenv:Body></soapenv:Envelope>"""


def notification(number: str, what: str, **fields: str) -> str:
    inner = "".join(f"<sf:{k}>{v}</sf:{k}>" for k, v in fields.items())
    return (
        f'<Notification><Id>{number}</Id><sObject xsi:type="sf:{what}" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{inner}</sObject></Notification>'
    )


def soap(*notifications: str) -> bytes:
    return SOAP.format("".join(notifications)).encode()


def test_salesforce_an_outbound_message_becomes_a_fact_for_each_notification() -> None:
    message = soap(
        notification("04l1", "Contact", Id="003A", FirstName="Ann", LastName="Lee",
                     Email="ann@acme.co", AccountId="001A",
                     CreatedDate="2025-10-09T08:00:00.000Z",
                     LastModifiedDate="2025-10-09T08:00:00.000Z"),
        notification("04l2", "Opportunity", Id="006A", AccountId="001A", StageName="Closed Won",
                     IsWon="true", Amount="5000.0", LastModifiedDate="2025-10-09T08:01:00.000Z",
                     LastStageChangeDate="2025-10-09T08:01:00.000Z"),
        notification("04l3", "Case", Id="500A", ContactId="003A", Status="New", Subject="A &amp; B",
                     CreatedDate="2025-10-09T08:02:00.000Z",
                     SystemModstamp="2025-10-09T08:02:00.000Z"),
    )  # fmt: skip
    contact, identify, deal, ticket = items(config("salesforce"), message)
    assert (contact["event"], contact["messageId"]) == ("Contact Created", "salesforce:04l1")
    assert contact["context"]["externalIds"][0]["type"] == "salesforce_contact_id"
    assert contact["context"]["groupId"] == "001A"  # the contact works there
    assert identify["traits"] == {
        "first_name": "Ann", "last_name": "Lee", "email": "ann@acme.co"
    }  # fmt: skip
    assert (deal["event"], deal["context"]["groupId"]) == ("Deal Won", "001A")
    assert deal["properties"]["Amount"] == "5000.0"
    assert (ticket["event"], ticket["properties"]["Subject"]) == ("Ticket Opened", "A & B")


def test_salesforce_the_session_id_is_never_kept_and_the_answer_is_an_ack() -> None:
    message = soap(notification("04l1", "Account", Id="001A", Name="Acme"))
    one = made(config("salesforce"), message)
    assert b"secret-session" not in one.envelope
    assert b"<SessionId></SessionId>" in one.envelope
    answer = webhooks.answer(config("salesforce"), message)
    assert answer is not None
    assert b"<Ack>true</Ack>" in answer[1]
    assert webhooks.answer(config("salesforce"), b"{}") is None


def test_salesforce_a_bomb_of_entities_is_refused_not_read() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    outside = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
    for body in (bomb, outside, b"<x", b"<x/>", soap()[:-20]):
        (refusal,) = admitted(made(config("salesforce"), body))
        assert isinstance(refusal, facts.Refusal)
        assert refusal.raw == salesforce.redact(body)


def test_salesforce_another_organisation_is_refused() -> None:
    ours = config("salesforce", organization_id="00D24000000XYZA")
    message = soap(notification("04l1", "Account", Id="001A"))
    webhooks.read(ours, delivery(message))
    other = config("salesforce", organization_id="00D99000000XYZAEA4")
    with pytest.raises(webhooks.BadSignature, match="00D24000000XYZAEA4"):
        webhooks.read(other, delivery(message))


def test_salesforce_a_change_event_is_a_fact_for_each_record() -> None:
    tree = {
        "schema": "x", "event": {"replayId": 6},
        "payload": {
            "ChangeEventHeader": {
                "entityName": "Opportunity", "recordIds": ["006A", "006B"], "changeType": "UPDATE",
                "transactionKey": "t-1", "sequenceNumber": 1, "commitTimestamp": 1760000000000,
                "changedFields": ["StageName", "LastModifiedDate"],
            },
            "StageName": "Closed Lost", "AccountId": "001A",
        },
    }  # fmt: skip
    first, second = items(config("salesforce"), tree)
    assert first["event"] == second["event"] == "Deal Lost"
    assert first["messageId"] == "salesforce:t-1:1:006A"
    assert second["messageId"] == "salesforce:t-1:1:006B"


def test_salesforce_a_change_of_a_deal_finds_whose_it_is_by_an_earlier_message() -> None:
    message = soap(
        notification("04l1", "Opportunity", Id="006A", AccountId="001A", StageName="Open"),
        notification("04l2", "Case", Id="500A", ContactId="003A", Status="New"),
    )
    known = made(config("salesforce"), message).learned

    def change(what: str, record: str, **fields: str) -> dict[str, Any]:
        header = {
            "entityName": what, "recordIds": [record], "changeType": "UPDATE",
            "changedFields": list(fields), "transactionKey": "t-2", "sequenceNumber": 1,
        }  # fmt: skip
        return {"payload": {"ChangeEventHeader": header, **fields}}

    (deal,) = items(
        config("salesforce"), change("Opportunity", "006A", StageName="Closed Won"), known=known
    )
    assert (deal["event"], deal["context"]["groupId"]) == ("Deal Won", "001A")
    (ticket,) = items(config("salesforce"), change("Case", "500A", Status="Closed"), known=known)
    assert ticket["event"] == "Ticket Solved"
    assert ticket["context"]["externalIds"][0]["id"] == "003A"
    (other,) = admitted(made(config("salesforce"), change("Case", "500B", Status="Closed")))
    assert isinstance(other, facts.Refusal)


def test_salesforce_a_platform_event_is_read_by_its_fields_names() -> None:
    tree = {
        "channel": "/event/Renewal_Due__e",
        "data": {
            "schema": "x", "event": {"replayId": 9, "EventUuid": "u-1"},
            "payload": {"CreatedDate": "2025-10-09T08:00:00Z", "Email__c": "ann@acme.co",
                        "Tenant__c": "acme", "Days__c": 30},
        },
    }  # fmt: skip
    (one,) = items(config("salesforce", account_field="Tenant__c"), tree)
    assert (one["event"], one["messageId"]) == ("Renewal Due", "salesforce:u-1")
    assert one["context"]["traits"]["email"] == "ann@acme.co"
    assert one["context"]["groupId"] == "acme"
    assert one["properties"]["Days"] == 30


# ── Intercom ───────────────────────────────────────────────────────────────────────────────────


def notice(topic: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "notification_event", "id": "notif_1", "topic": topic, "app_id": "a1",
        "created_at": 1_760_000_000, "data": {"type": "notification_event_data", "item": item},
    }  # fmt: skip


def test_intercom_a_conversation_is_its_customers_fact() -> None:
    item = {
        "type": "conversation", "id": "12", "state": "open",
        "source": {"type": "email", "subject": "Export fails",
                   "author": {"type": "user", "id": "c1", "email": "ann@acme.co"}},
        "contacts": {"type": "contact.list",
                     "contacts": [{"type": "contact", "id": "c1", "external_id": "u1"}]},
    }  # fmt: skip
    (one,) = items(config("intercom"), notice("conversation.user.created", item))
    assert (one["event"], one["messageId"], one["userId"]) == (
        "Conversation Opened", "notif_1", "u1",
    )  # fmt: skip
    assert one["context"]["traits"]["email"] == "ann@acme.co"
    assert one["context"]["externalIds"][0]["type"] == "intercom_contact_id"
    assert one["properties"]["subject"] == "Export fails"


def test_intercom_contacts_and_companies_bring_their_traits() -> None:
    contact = {
        "type": "contact", "id": "c1", "external_id": "u1", "email": "ann@acme.co", "name": "Ann",
        "custom_attributes": {"plan": "pro"},
    }  # fmt: skip
    first, identify = items(config("intercom"), notice("contact.user.created", contact))
    assert first["event"] == "Contact Created"
    assert identify["traits"] == {"plan": "pro", "name": "Ann", "email": "ann@acme.co"}
    company = {"type": "company", "id": "x", "company_id": "acme", "name": "Acme",
               "plan": {"name": "pro"}}  # fmt: skip
    first, group = items(config("intercom"), notice("company.updated", company))
    assert (first["event"], group["groupId"]) == ("Account Updated", "acme")
    assert group["traits"] == {"name": "Acme", "plan": "pro"}


def test_intercom_messages_and_events_have_the_standard_names() -> None:
    stat = {"type": "content_stat", "id": "s1", "content_type": "email", "stat_type": "open",
            "contact_id": "c1"}  # fmt: skip
    (one,) = items(config("intercom"), notice("content_stat.email", stat))
    assert one["event"] == "Email Opened"
    own = {"type": "event", "event_name": "Report Exported", "user_id": "u1",
           "metadata": {"format": "pdf"}}  # fmt: skip
    (one,) = items(config("intercom"), notice("event.created", own))
    assert (one["event"], one["userId"]) == ("Report Exported", "u1")
    assert one["properties"]["format"] == "pdf"


def test_intercom_a_ticket_brings_its_subject_and_text() -> None:
    item = {
        "type": "ticket", "id": "494", "ticket_id": "53",
        "ticket_attributes": {"_default_title_": "Broken export", "_default_description_": "All"},
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "c1"}]},
    }  # fmt: skip
    (one,) = items(config("intercom"), notice("ticket.created", item))
    told = one["properties"]
    assert (told["ticket_id"], told["subject"], told["description"]) == (
        "53", "Broken export", "All",
    )  # fmt: skip


def test_intercom_a_ping_is_answered_and_is_no_fact() -> None:
    tree = {"type": "notification_event", "topic": "ping", "data": {"item": {"type": "ping"}}}
    assert webhooks.read(config("intercom"), delivery(tree)).ping


# ── Zendesk ────────────────────────────────────────────────────────────────────────────────────


def zen(kind: str, detail: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {
        "account_id": 1, "type": f"zen:event-type:{kind}", "id": "evt-1",
        "time": "2025-10-09T08:00:00Z", "zendesk_event_version": "2022-11-06",
        "subject": f"zen:{kind.partition('.')[0]}:{detail['id']}", "detail": detail,
        "event": change,
    }  # fmt: skip


def test_zendesk_a_ticket_is_found_by_what_user_and_organisation_events_told() -> None:
    setup = config("zendesk")
    user = {"id": "70", "email": "ann@acme.co", "external_id": "u1", "name": "Ann",
            "organization_id": "9"}  # fmt: skip
    told = made(setup, zen("user.created", user, {}))
    first, identify = json.loads(told.envelope)["batch"]
    assert (first["event"], first["userId"]) == ("Contact Created", "u1")
    assert identify["traits"] == {"name": "Ann", "email": "ann@acme.co"}
    organization = {"id": "9", "external_id": "acme", "name": "Acme"}
    other = made(setup, zen("organization.created", organization, {}))
    known = told.learned | other.learned
    ticket = {"id": "35", "subject": "Export fails", "status": "OPEN", "priority": "HIGH",
              "requester_id": "70", "organization_id": "9", "via": {"channel": "web"}}  # fmt: skip
    (one,) = items(setup, zen("ticket.created", ticket, {}), known=known)
    assert (one["event"], one["userId"], one["context"]["groupId"]) == (
        "Ticket Opened", "u1", "acme",
    )  # fmt: skip
    assert one["properties"]["channel"] == "web"
    moved = zen("ticket.status_changed", ticket, {"current": "SOLVED", "previous": "OPEN"})
    assert items(setup, moved, known=known)[0]["event"] == "Ticket Solved"
    back = zen("ticket.status_changed", ticket, {"current": "OPEN", "previous": "SOLVED"})
    assert items(setup, back, known=known)[0]["event"] == "Ticket Reopened"


def test_zendesk_who_wrote_decides_between_replied_and_answered() -> None:
    ticket = {"id": "35", "requester_id": "70"}
    for staff, name in ((True, "Ticket Answered"), (False, "Ticket Replied")):
        comment = {"id": "1", "is_public": True, "body": "x" * 2_000, "author": {"is_staff": staff}}
        (one,) = items(config("zendesk"), zen("ticket.comment_added", ticket, {"comment": comment}))
        assert one["event"] == name
        assert len(one["properties"]["text"]) == 500


def test_zendesk_a_triggers_own_body_is_read_by_the_mapping() -> None:
    paths = webhooks.Mapping(
        event="'Ticket Updated'", email="requester", properties="@", message_id="id"
    )
    both = webhooks.Config("zendesk", {}, paths)
    (one,) = items(both, {"id": 5, "requester": "ann@acme.co", "ticket": 35})
    assert (one["event"], one["messageId"]) == ("Ticket Updated", "5")


# ── all of them ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", webhooks.KINDS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b"[[]]", b"null", b'"x"', b"[1,2]", b"{}",
             b'{"type":{},"data":[],"detail":7,"topic":[],"payload":{}}', b"[" * 100_000]
)  # fmt: skip
def test_whatever_comes_is_kept_and_nothing_fails(kind: str, body: bytes) -> None:
    one = made(config(kind), body)
    assert one.items >= 1
    for refusal in admitted(one):
        assert isinstance(refusal, facts.Refusal), refusal
        assert refusal.code == "not_mapped"
