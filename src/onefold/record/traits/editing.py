"""Traits edited by hand: a fact like any other, whose word comes first by default.

An edit is a track call `Traits Edited` of our own, at home at the person's best identifier. A null
takes the edit back: what others say counts again. Undoing an edit says again what was said by hand
before it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypedDict

import msgspec

from onefold import governance, identity, log, profiles
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.identifiers import FORMER
from onefold.kernel.viewer import Viewer
from onefold.profiles import merge
from onefold.profiles.precedence import EDITED, HAND
from onefold.record import accounts, people, timelines
from onefold.storage import Connection

Open = Callable[[], AbstractContextManager[Connection]]
_POLL_S = 0.02
_LAST = ("anonymous_id", "contact")  # a device changes hands; a contact may be merged away
_WORKER = "worker"


class Edit(TypedDict):
    """An edit that is in the log. `id` undoes it; `was`: what was said by hand before."""

    id: str
    traits: dict[str, Any]
    was: dict[str, Any]
    at: str


def edit(
    conn: Connection,
    viewer: Viewer,
    ref: str,
    values: Mapping[str, Any],
    now_ms: int,
    reason: str = "",
    *,
    undoes: str = "",
) -> Edit:
    """Set traits of a person or account by hand; a null takes an edit by hand back.

    Raises `NotFound`, and `Invalid` with every fault.
    """
    viewer.must_write()
    home, states = _subject(conn, viewer, ref)
    by_hand = {n: merge.words(states, n).get(HAND) for n in values}
    was = {n: None if word is None else word.value for n, word in by_hand.items()}
    faults = _faults(conn, values, was, person="groupId" not in home)
    if faults:
        raise errors.Invalid(*faults)
    context = {"actor": viewer.actor, "traits": dict(values), **home.pop("context", {})}
    properties = {"by": viewer.name, "was": was, "reason": reason.strip()}
    if undoes:
        properties["undoes"] = undoes
    # Later than the word before it, also within a millisecond.
    at_ms = max([now_ms, *(word.at_ms + 1 for word in by_hand.values() if word is not None)])
    item = {
        "type": "track",
        "event": EDITED,
        "messageId": clock.token("trait-", 12),
        "timestamp": clock.iso(at_ms),
        "context": context,
        "properties": {n: v for n, v in properties.items() if v not in ("", None)},
        **home,
    }
    (pos,) = log.append_facts(conn, "crm", [item], at_ms)
    return {"id": str(pos), "traits": dict(values), "was": was, "at": clock.iso(at_ms) or ""}


def _subject(
    conn: Connection, viewer: Viewer, ref: str
) -> tuple[dict[str, Any], Sequence[profiles.State]]:
    """Where an edit is at home, as fields of its item, and the states there are."""
    if timelines.is_account(ref):
        row = accounts.find(conn, viewer, ref)
        states = profiles.account_states(conn, viewer, row["id"])
        return {"context": {"groupId": row["key"]}}, states
    person_id = people.find(conn, viewer, ref)
    values = identity.values_of(conn, viewer, [person_id]).get(person_id, [])
    ranked = sorted((v for v in values if v[0] != FORMER), key=_strength)
    if not ranked:
        raise errors.NotFound("This person has no identifier that an edit could be kept by.")
    namespace, value = ranked[0]
    states = profiles.states_of(conn, viewer, [person_id]).get(person_id, [])
    if namespace == "user_id":
        return {"userId": value}, states
    if namespace == "anonymous_id":
        return {"anonymousId": value}, states
    outside = {"type": namespace, "id": value, "collection": "users", "encoding": "none"}
    return {"context": {"externalIds": [outside]}}, states


def _strength(identifier: tuple[str, str]) -> tuple[bool, bool, bool]:
    """The best home of an edit first: a user id, then others of people, a device last."""
    namespace = identifier[0]
    return namespace in _LAST, namespace == _LAST[0], namespace != "user_id"


def _faults(
    conn: Connection, values: Mapping[str, Any], was: Mapping[str, Any], *, person: bool
) -> list[errors.Fault]:
    out: list[errors.Fault] = []
    if not 0 < len(values) <= limits.trait_edits_max:
        remedy = f"Send 1 to {limits.trait_edits_max} of them by name."
        out.append(errors.Fault("traits", f"has {len(values)} entries.", remedy))
    intake = governance.load(conn).intake(1 << 62)
    carried = dict(intake.traits) if person else {}
    for name, value in values.items():
        where = f"traits.{name[:60]}"
        if not name.strip() or len(name) > limits.name_chars_max or "\0" in name:
            remedy = f"Use 1 to {limits.name_chars_max} characters."
            out.append(errors.Fault(where, "is no trait's name.", remedy))
        elif name in carried:
            remedy = "Edit the contact, or say who is who on the identity page."
            out.append(errors.Fault(where, f"is the identifier {carried[name]}.", remedy))
        elif value is None and was[name] is None:
            remedy = "Leave it out: what others say counts already."
            out.append(errors.Fault(where, "was not set by hand.", remedy))
        elif len(msgspec.json.encode(value)) > limits.trait_edit_bytes_max:
            remedy = f"At most {limits.trait_edit_bytes_max:,} bytes of JSON."
            out.append(errors.Fault(where, "is too large.", remedy))
    return out


def undo(conn: Connection, viewer: Viewer, ref: str, edit_id: str, now_ms: int) -> Edit:
    """Say again what was said by hand before an edit.

    Raises `NotFound`, and `Conflict` when one of its traits was edited again since.
    """
    viewer.must_write()
    pos = int(edit_id) if edit_id.isascii() and edit_id.isdigit() and len(edit_id) < 19 else 0
    fact = _edit_at(conn, pos)
    _, states = _subject(conn, viewer, ref)
    if fact is None or not _is_of(conn, viewer, ref, fact):
        raise errors.NotFound(f"There is no edit `{edit_id[:40]}` of these traits.")
    for name in fact.traits:
        word = merge.words(states, name).get(HAND)
        if word is None or (word.at_ms, word.value) != (fact.at_ms, fact.traits[name]):
            raise errors.Conflict(
                f"`{name}` was edited again since. Undo that edit, or set the trait anew.",
                {"trait": name, "value": None if word is None else word.value},
            )
    was = fact.properties.get("was")
    before = was if isinstance(was, dict) else {}
    values = {name: before.get(name) for name in fact.traits}
    return edit(conn, viewer, ref, values, now_ms, undoes=edit_id)


def _edit_at(conn: Connection, pos: int) -> facts.Fact | None:
    stored = log.fetch(conn, [pos]) if pos else {}
    if pos not in stored:
        return None
    row, envelope, raw = stored[pos]
    fact = governance.admit_at(row, envelope, pos, raw, governance.load(conn))
    ours = isinstance(fact, facts.Fact) and fact.category == "crm" and fact.name == EDITED
    return fact if ours and isinstance(fact, facts.Fact) else None


def _is_of(conn: Connection, viewer: Viewer, ref: str, fact: facts.Fact) -> bool:
    """Is a fact at home at whom a reference means?"""
    if timelines.is_account(ref):
        return bool(fact.account == accounts.find(conn, viewer, ref)["key"])
    if fact.home.namespace == "account_id":
        return False
    owner = identity.person_of(conn, viewer, *fact.home)
    return owner is not None and owner == people.find(conn, viewer, ref)


def settled(opened: Open, made: Edit) -> bool:
    """Wait until the worker has folded an edit; False after a while.

    Call it outside the transaction that wrote it.
    """
    seq, _ = facts.split_position(int(made["id"]))
    until = time.monotonic() + limits.decision_wait_ms / 1000
    while True:
        with opened() as conn:
            if log.checkpoint(conn, _WORKER) >= seq:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
