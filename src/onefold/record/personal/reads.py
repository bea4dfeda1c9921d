"""A token for a person, and all that it can read."""

from typing import Any, TypedDict

from onefold import identity, profiles
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import people, refs
from onefold.record.personal import store, tokens
from onefold.storage import Connection


class Token(TypedDict):
    """A token and when it ends."""

    token: str
    expires_at: str


class Me(TypedDict):
    """What a browser reads of its own person: allow-listed traits, and audiences it is in."""

    traits: dict[str, Any]
    audiences: list[str]


def mint(conn: Connection, viewer: Viewer, ref: str, for_s: int, now_ms: int) -> Token:
    """A token about the person that a reference means, known already or not.

    By id it is about the person; by identifier about whoever has that. Raises `NotFound`,
    `Invalid`, and `Conflict` while personalisation is off.
    """
    viewer.must_write()
    if not 1 <= for_s <= limits.personal_token_s_max:
        remedy = f"Use 1 to {limits.personal_token_s_max} seconds."
        raise errors.Invalid(errors.Fault("for_s", f"is {for_s}.", remedy))
    meant = refs.known_person(conn, viewer, ref)
    sub = str(meant) if not isinstance(meant, int) else ""
    if not sub:
        sub = ids.api_id("per", people.find(conn, viewer, ref))
    held = store.secrets(conn)
    if not held:
        raise errors.Conflict(
            "Personalisation is off: there is no secret to sign with. An admin makes one by "
            "POST /api/personalisation/secrets, or under Settings."
        )
    newest = held[0]
    key_id = ids.api_id("pse", newest["id"])
    signed = tokens.sign(sub, key_id, store.opened(newest["secret"]), now_ms, for_s)
    return {"token": signed, "expires_at": clock.iso(now_ms // 1000 * 1000 + for_s * 1000) or ""}


def allowed(conn: Connection, origin: str | None) -> bool:
    """May a page of this origin ask?"""
    origins = store.settings(conn)["origins"]
    return not origins or origin is None or origin in origins


def me(conn: Connection, token: str, now_ms: int) -> Me:
    """What the token's person may be told. Somebody who is not known yet has nothing.

    Raises `NotSignedIn`.
    """
    secrets = {ids.api_id("pse", s["id"]): store.opened(s["secret"]) for s in store.secrets(conn)}
    sub = tokens.read(token, secrets, now_ms)
    rules = store.settings(conn)
    person_id = _person(conn, sub)
    if person_id is None:
        return {"traits": {}, "audiences": []}
    states = profiles.states_of(conn, SYSTEM, [person_id]).get(person_id, [])
    found = {name: profiles.merge.trait(states, name) for name in sorted(rules["traits"])}
    return {
        "traits": {name: trait.value for name, trait in found.items() if trait is not None},
        "audiences": store.member_of(conn, person_id, rules["audiences"]),
    }


def _person(conn: Connection, sub: str) -> int | None:
    try:
        meant = refs.known_person(conn, SYSTEM, sub)
    except errors.NotFound:
        return None
    if isinstance(meant, int):
        return identity.follow(conn, SYSTEM, meant)
    return identity.person_of(conn, SYSTEM, meant.namespace, meant.value)
