import msgspec
import pytest

from onefold.activation import outcome
from onefold.activation.model import Job, Outcome, Verdict
from onefold.kernel import limits
from tests.activation.parts import NOW, change


def told(home: str, status: str = "sent") -> dict | None:
    payload = msgspec.json.decode(outcome.payload(change(home=home)))
    job = Job(1, "msg_a", home, payload, 3, 0)
    return outcome.fact(Outcome(job, 4, "mail-tool", Verdict(status, "200 ok")), NOW)


def test_the_message_says_what_happened_to_whom() -> None:
    message = msgspec.json.decode(outcome.payload(change(entered=False)))
    assert message == {
        "type": "audience.exited",
        "audience": {"key": "exports", "name": "Exports campaign"},
        "person": {
            "id": "per_1",
            "identifiers": [{"namespace": "user_id", "value": "u1"}],
            "traits": {"name": "Ångström 李", "seats": 3},
        },
        "at": "2026-09-21T14:13:20.000Z",
    }


def test_an_accounts_change_is_about_the_account() -> None:
    moved = msgspec.structs.replace(change(), entity_kind="account", entity_id="acc_9")
    assert msgspec.json.decode(outcome.payload(moved))["account"]["id"] == "acc_9"


def test_a_message_that_would_be_too_large_goes_without_traits_and_says_so() -> None:
    large = {f"t{n}": "x" * 10_000 for n in range(40)}
    text = outcome.payload(msgspec.structs.replace(change(), traits=large))
    assert len(text) <= limits.outbox_payload_bytes_max
    assert msgspec.json.decode(text)["person"]["traits_left_out"] is True


def test_what_the_store_cannot_hold_is_replaced() -> None:
    text = outcome.payload(
        msgspec.structs.replace(change(), traits={"a": "x\0y", "n": float("nan")})
    )
    assert msgspec.json.decode(text)["person"]["traits"] == {"a": "x\ufffdy", "n": None}


@pytest.mark.parametrize(
    ("home", "field", "value"),
    [
        ("user_id:org/42:a", "userId", "org/42:a"),
        ("anonymous_id:d-1", "anonymousId", "d-1"),
        ("email:ann@acme.co", "context", {"traits": {"email": "ann@acme.co"}}),
        ("contact:4", "context", {"externalIds": [{"type": "contact", "id": "4"}]}),
        ("account_id:acme", "context", {"groupId": "acme"}),
    ],
)
def test_the_outcome_goes_to_the_home_it_came_from(home: str, field: str, value: object) -> None:
    item = told(home)
    assert item is not None
    assert item[field] == value
    assert item["event"] == "Audience Change Delivered"
    assert item["properties"] == {
        "destination": "mail-tool", "audience": "exports", "entered": True, "attempts": 3,
    }  # fmt: skip


def test_a_failure_tells_the_answer() -> None:
    item = told("user_id:u1", "failed")
    assert item is not None
    assert item["event"] == "Audience Change Failed"
    assert item["properties"]["answer"] == "200 ok"


def test_a_delivery_that_goes_on_is_no_fact_yet() -> None:
    assert told("user_id:u1", "retry") is None


def test_without_a_home_there_is_no_timeline_to_tell() -> None:
    assert told("") is None
    assert told("martian:x") is None
