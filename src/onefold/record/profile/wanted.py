"""Which parts of a record are asked for. Pure.

    fields   what to answer, and nothing else: `name`, `traits`, `traits.plan`
    include  parts to answer beside the record's head: `traits`, `audiences`, `recent_events` …

Neither: the whole record, but for `recent_events`, which is answered only when asked for.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from onefold.kernel import errors, limits

RECENT = "recent_events"
SLOW = frozenset(("tickets", "tasks"))  # a query a record: not in a batch
_TRAITS = "traits."


class Shape(msgspec.Struct, frozen=True):
    """What a record is made of: `head` costs next to nothing, each of `parts` a query or so."""

    head: frozenset[str]
    parts: frozenset[str]

    @property
    def whole(self) -> frozenset[str]:
        """What is answered when nothing is chosen."""
        return self.head | self.parts - {RECENT}


PERSON = Shape(
    head=frozenset((
        "id", "merged_into", "merged_ids", "name", "email", "title", "known", "first_seen",
        "last_seen", "contacts",
    )),
    parts=frozenset((
        "identifiers", "traits", "touches", "accounts", "audiences", "events", "tickets", "tasks",
        RECENT,
    )),
)  # fmt: skip
ACCOUNT = Shape(
    head=frozenset((
        "id", "merged_into", "key", "name", "domain", "industry", "plan", "owner", "health",
        "risk", "risk_reason", "people_total", "first_seen", "last_seen", "version", "edited",
        "created_at", "updated_at",
    )),
    parts=frozenset((
        "identifiers", "traits", "people", "audiences", "events", "made", "domains", "parents",
        "children", "roll_up", "merged", "usage", "tickets", "tasks", "signals", RECENT,
    )),
)  # fmt: skip


class Wanted(msgspec.Struct, frozen=True):
    """The parts asked for. `traits`: only these of them; None: all."""

    names: frozenset[str]
    traits: frozenset[str] | None = None

    def any(self, *names: str) -> bool:
        """Is one of these asked for?"""
        return not self.names.isdisjoint(names)

    def cut(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What was asked for of a record, and its id."""
        out = {n: v for n, v in record.items() if n == "id" or n in self.names}
        if self.traits is not None and "traits" in out:
            out["traits"] = {n: v for n, v in out["traits"].items() if n in self.traits}
        return out


def parse(
    shape: Shape,
    fields: str | Sequence[str] | None = None,
    include: str | Sequence[str] | None = None,
    *,
    but: Iterable[str] = (),
) -> Wanted:
    """What `fields` and `include` choose; texts are split at commas.

    `but`: parts that this route does not answer. Raises `Invalid` with every name that is unknown.
    """
    faults: list[errors.Fault] = []
    names: set[str] = set()
    traits: set[str] | None = None
    chosen, included = _split(fields), _split(include)
    not_here = frozenset(but)
    known = (shape.head | shape.parts) - not_here
    for name in chosen:
        if name.startswith(_TRAITS) and len(name) > len(_TRAITS):
            traits = (traits or set()) | {name.removeprefix(_TRAITS)}
            names.add("traits")
        elif name in known:
            names.add(name)
        else:
            faults.append(_unknown("fields", name, known | {"traits.plan"}, not_here))
    for name in included:
        if name in shape.parts - not_here:
            names.add(name)
        else:
            faults.append(_unknown("include", name, shape.parts - not_here, not_here))
    if len(chosen) + len(included) > limits.profile_fields_max:
        problem = f"names {len(chosen) + len(included)} things."
        remedy = f"Name at most {limits.profile_fields_max}, or leave it out for all."
        faults.append(errors.Fault("fields", problem, remedy))
    if faults:
        raise errors.Invalid(*faults)
    if traits is not None and ("traits" in chosen or "traits" in included):
        traits = None
    if not chosen:
        names |= shape.head if included else shape.whole - not_here
    return Wanted(frozenset(names), None if traits is None else frozenset(traits))


def _split(given: str | Sequence[str] | None) -> list[str]:
    if given is None:
        return []
    parts = given.split(",") if isinstance(given, str) else given
    return [part.strip() for part in parts if part.strip()]


def _unknown(field: str, name: str, known: Iterable[str], not_here: frozenset[str]) -> errors.Fault:
    if name in not_here:
        return errors.Fault(
            field, f"`{name}` is not answered here.", "Ask for it one record at a time."
        )
    near = difflib.get_close_matches(name, sorted(known), n=1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    choices = ", ".join(sorted(known))
    return errors.Fault(field, f"`{name[:60]}` is not known.", f"{meant}Use one of {choices}.")
