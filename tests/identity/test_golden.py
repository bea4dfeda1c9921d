"""What other vendors document of shared devices and bad values, held against f and the resolver.

Adobe: AdobeDocs/experience-platform.en,
help/identity-service/identity-graph-linking-rules/example-configurations.md. Each line of a case is
an event; later lines are newer. Expected are the graphs that the page describes.
"""

from collections.abc import Iterable
from itertools import combinations, count

import pytest

from onefold import identity, storage
from onefold.identity import Link, Node, rules
from onefold.kernel import identifiers, limits
from onefold.kernel.facts import Identifier
from tests.identity.parts import Worker, fact

DAY = 86_400_000


def settings(**unique: int) -> rules.Rules:
    """Adobe's namespaces: CRMID is unique in a graph; `unique` names others that are."""
    kinds: dict[str, rules.Kind] = {
        "CRMID": "person", "Email": "person", "Phone": "person", "loginID": "person",
        "GAID": "device", "IDFA": "device", "ECID": "device",
    }  # fmt: skip
    limit = {"CRMID": 1, **unique}
    return rules.Rules(
        {name: rules.Namespace(kind, n, limit.get(name)) for n, (name, kind) in
         enumerate(kinds.items(), 1)},
        rules.Namespace("person", 99), limits.neighbours_max, limits.component_identifiers_max,
    )  # fmt: skip


def graphs(events: Iterable[str], found: rules.Rules) -> set[frozenset[str]]:
    """The people that f makes of events written `CRMID: Tom, ECID: 111`, as sets of values."""
    rows = [[Identifier(*part.split(": ")) for part in event.split(", ")] for event in events]
    refs = {key: n for n, key in enumerate(dict.fromkeys(key for row in rows for key in row))}
    links = [
        Link(refs[a], refs[b], day) for day, row in enumerate(rows) for a, b in combinations(row, 2)
    ]
    part = identity.partition([Node(ref, key) for key, ref in refs.items()], links, found)
    names = {ref: key.value for key, ref in refs.items()}
    return {frozenset(names[ref] for ref in group) for group in part.groups}


HASHED = [
    "CRMID: Tom, Email: aabbcc", "CRMID: Tom, ECID: 111", "CRMID: Summer, Email: ddeeff",
    "CRMID: Summer, ECID: 222",
]  # fmt: skip
MOBILE = [
    "CRMID: Tom, Email: aabbcc, Phone: 123-4567", "CRMID: Tom, ECID: 111",
    "CRMID: Tom, ECID: 222, IDFA: A-A-A", "CRMID: Summer, Email: ddeeff, Phone: 765-4321",
    "CRMID: Summer, ECID: 333", "CRMID: Summer, ECID: 444, GAID: B-B-B",
]  # fmt: skip
LOGINS = [
    "CRMID: Tom, loginID: ID_A", "CRMID: Tom, loginID: ID_B", "loginID: ID_A, ECID: 111",
    "CRMID: Summer, loginID: ID_C", "CRMID: Summer, loginID: ID_D", "loginID: ID_C, ECID: 222",
]  # fmt: skip
COMPLEX = ["CRMID: Tom, Email: aabbcc, Phone: 123-4567", *LOGINS[:3],
           "CRMID: Summer, Email: ddeeff, Phone: 765-4321", *LOGINS[3:]]  # fmt: skip
TOM, SUMMER = "Tom aabbcc 123-4567", "Summer ddeeff 765-4321"
ADOBE = {
    "CRMID only, shared device": (
        ["CRMID: Tom, ECID: 111", "CRMID: Summer, ECID: 111"], ["Tom", "Summer 111"]),
    "hashed e-mail, shared device": (
        [*HASHED, "CRMID: Summer, ECID: 111"], ["Tom aabbcc", "Summer ddeeff 222 111"]),
    "hashed e-mail, not unique": (
        [*HASHED, "CRMID: Summer, Email: aabbcc"], ["Tom 111", "Summer ddeeff 222 aabbcc"]),
    "shared computer": (
        [*MOBILE, "CRMID: Summer, ECID: 111"],
        [f"{TOM} 222 A-A-A", f"{SUMMER} 333 444 B-B-B 111"]),
    "shared Android device": (
        [*MOBILE, "CRMID: Tom, ECID: 444, GAID: B-B-B"],
        [f"{TOM} 111 222 A-A-A 444 B-B-B", f"{SUMMER} 333"]),
    "shared Apple device, ECID not reset": (
        [*MOBILE, "CRMID: Summer, ECID: 222, IDFA: A-A-A"],
        [f"{TOM} 111", f"{SUMMER} 333 444 B-B-B 222 A-A-A"]),
    "shared Apple device, ECID reset": (
        [*MOBILE, "CRMID: Summer, ECID: 555, IDFA: A-A-A"],
        [f"{TOM} 111 222", f"{SUMMER} 333 444 B-B-B 555 A-A-A"]),
    "phone of two": (
        [*MOBILE, "CRMID: Summer, Phone: 123-4567"],
        ["Tom aabbcc 111 222 A-A-A", f"{SUMMER} 333 444 B-B-B 123-4567"]),
    "e-mail of two": (
        [*MOBILE, "CRMID: Summer, Email: aabbcc"],
        ["Tom 123-4567 111 222 A-A-A", f"{SUMMER} 333 444 B-B-B aabbcc"]),
    "several log-ins, shared device": (
        [*LOGINS, "loginID: ID_C, ECID: 111"], ["Tom ID_A ID_B", "Summer ID_C ID_D 222 111"]),
    "several log-ins, bad data": (
        [*LOGINS, "CRMID: Tom, loginID: ID_D"], ["Tom ID_A ID_B 111 ID_D", "Summer ID_C 222"]),
    "dangling log-in": (
        [*LOGINS[:3], "loginID: ID_C, ECID: 111"], ["Tom ID_A ID_B 111 ID_C"]),
    "complex, shared device 1": (
        [*COMPLEX, "loginID: ID_C, ECID: 111"],
        [f"{TOM} ID_A ID_B", f"{SUMMER} ID_C ID_D 222 111"]),
    "complex, shared device 2": (
        [*COMPLEX, "CRMID: Summer, loginID: ID_C, ECID: 111", "loginID: ID_A, ECID: 111"],
        [f"{TOM} ID_A ID_B 111", f"{SUMMER} ID_C ID_D 222"]),
    "complex, bad log-in": (
        [*COMPLEX, "CRMID: Tom, loginID: ID_C"],
        [f"{TOM} ID_A ID_B 111 ID_C 222", f"{SUMMER} ID_D"]),
    "complex, e-mail of two": (
        [*COMPLEX, "CRMID: Summer, Email: aabbcc"],
        ["Tom 123-4567 ID_A ID_B 111", f"{SUMMER} ID_C ID_D 222 aabbcc"]),
    "complex, phone of two": (
        [*COMPLEX, "CRMID: Tom, Phone: 111-1111", "CRMID: Summer, Phone: 111-1111"],
        [f"{TOM} ID_A ID_B 111", f"{SUMMER} ID_C ID_D 222 111-1111"]),
}  # fmt: skip
COMMERCE = {
    "two registered users": (
        ["CRMID: Tom, Email: tom@", "CRMID: Summer, Email: summer@", "CRMID: Tom, ECID: 111",
         "CRMID: Summer, ECID: 111"], ["Tom tom@", "Summer summer@ 111"]),
    "a registered user and a guest": (
        ["CRMID: Tom, Email: tom@", "CRMID: Tom, ECID: 111", "Email: summer@, ECID: 111"],
        ["Tom tom@", "summer@ 111"]),
    "a registered user without e-mail and a guest": (
        ["CRMID: Tom, ECID: 111", "Email: summer@, ECID: 111"], ["Tom summer@ 111"]),
    "two guests": (
        ["Email: tom@, ECID: 111", "Email: summer@, ECID: 111"], ["tom@", "summer@ 111"]),
    "a guest who registers": (
        ["Email: tom@, ECID: 111", "Email: tom@, CRMID: Tom", "CRMID: Tom, ECID: 111"],
        ["tom@ Tom 111"]),
}  # fmt: skip


@pytest.mark.parametrize("case", ADOBE)
def test_adobe(case: str) -> None:
    events, expected = ADOBE[case]
    assert graphs(events, settings()) == {frozenset(text.split()) for text in expected}


@pytest.mark.parametrize("case", COMMERCE)
def test_adobe_commerce_where_e_mail_is_unique_too(case: str) -> None:
    events, expected = COMMERCE[case]
    assert graphs(events, settings(Email=1)) == {frozenset(text.split()) for text in expected}


def test_adobe_where_phone_is_unique_too() -> None:
    found = graphs([*MOBILE, "CRMID: Summer, Phone: 123-4567"], settings(Phone=1))
    assert frozenset({"765-4321"}) in found
    assert frozenset(["Summer", "ddeeff", "333", "444", "B-B-B", "123-4567"]) in found


@pytest.fixture
def worker(conn: storage.Connection) -> Worker:
    return Worker(conn)


def feed(worker: Worker, *rows: tuple[int, str]) -> None:
    pos = count(len(worker.facts) + 1)
    for at_ms, texts in rows:
        worker.feed([fact(next(pos), at_ms, *texts.split())])


def test_segment_demotes_the_lower_identifier_instead_of_joining(worker: Worker) -> None:
    """Segment, "Identity resolution settings", limits: profile (user_id abc123, email x) and event
    (user_id abc456, email x): the e-mail is dropped and a new profile abc456 is made."""
    feed(worker, (1000, "user_id:abc123 email:jane@x.co"), (2000, "user_id:abc456 email:jane@x.co"))
    jane, other = worker.person("user_id:abc123"), worker.person("user_id:abc456")
    assert jane != other
    assert worker.person("email:jane@x.co") == jane
    worker.check()


def test_an_address_that_is_seen_on_a_later_day_with_another_user_moves(worker: Worker) -> None:
    """Where we differ from Segment, and agree with Adobe: the newer evidence has the address."""
    feed(worker, (0, "user_id:abc123 email:jane@x.co"), (DAY, "user_id:abc456 email:jane@x.co"))
    assert worker.person("email:jane@x.co") == worker.person("user_id:abc456")


POSTHOG = [
    "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email",
    "undefined", "true", "false", "[object Object]", "NaN", "None", "none", "null", "0",
]  # fmt: skip


@pytest.mark.parametrize("value", POSTHOG)
def test_posthog_blocks(value: str) -> None:
    """PostHog, "Identifying users", ids that never identify anybody: in any case, quoted, blank."""
    for text in (value, value.upper(), f'"{value}"', f"'{value}'", f"  {value} "):
        assert identifiers.normalise("user_id", text) is None
    for text in ("", " ", '""', "''"):
        assert identifiers.normalise("user_id", text) is None
    assert identifiers.normalise("user_id", f"{value}-7") is not None


def test_unomi_switches_the_user_and_merges_nobody(worker: Worker) -> None:
    """Apache Unomi, mergeProfilesOnPropertyAction: when the profile of the session holds another
    value of the merge property, the session moves to the other profile."""
    feed(
        worker,
        (1000, "user_id:a anonymous_id:session"),
        (2000, "anonymous_id:session"),
        (3000, "user_id:b anonymous_id:session"),
        (4000, "anonymous_id:session"),
    )
    assert worker.person("user_id:a") != worker.person("user_id:b")
    assert worker.person("anonymous_id:session") == worker.person("user_id:b")
    spots = worker.spots()
    assert spots[worker.places[2]][1] != spots[worker.places[4]][1]
    worker.check()


def test_snowplow_shared_tablet(worker: Worker) -> None:
    """Snowplow Identities: a unique id blocks the merge of two users of one tablet, and a device
    that is nobody's has an identity of its own."""
    feed(
        worker,
        (1000, "user_id:a anonymous_id:tablet"),
        (2000, "user_id:b anonymous_id:tablet"),
    )
    assert worker.person("user_id:a") != worker.person("user_id:b")
    most = limits.device_users_max + 1
    feed(worker, *((3000 + n, f"user_id:guest-{n} anonymous_id:tablet") for n in range(most)))
    tablet = worker.person("anonymous_id:tablet")
    assert worker.people() >= {frozenset({(Identifier("anonymous_id", "tablet"), 0)})}
    assert tablet not in {worker.person(f"user_id:guest-{n}") for n in range(most)}
    worker.check()
