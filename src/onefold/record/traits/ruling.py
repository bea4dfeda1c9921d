"""Rules of precedence as people write them: read, checked whole, and how far they are followed."""

import difflib
from collections.abc import Mapping
from typing import Any, TypedDict

import msgspec

from onefold import sources
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.profiles.precedence import store
from onefold.profiles.precedence.rules import Rule, Rules, dump
from onefold.storage import Connection

_OURS = ("hand", "crm", "system")
_BY = ("rank", "last")


class Shown(TypedDict):
    """The rules that hold, or will from the worker's next step on (`waiting`).

    `done` of `of` stored states are decided by them; `changed` of those came out otherwise.
    """

    version: int
    default: dict[str, Any]
    traits: dict[str, dict[str, Any]]
    waiting: bool
    done: int
    of: int
    changed: int
    created_by: str
    created_at: str


def rules(conn: Connection, viewer: Viewer) -> Shown:
    """The rules as they are."""
    found = store.newest(conn, viewer)
    assert found is not None  # noqa: S101 - the migration wrote the first
    return _shown(found)


def _shown(version: store.Version) -> Shown:
    ended = version.ended_ms is not None
    return {
        "version": version.id,
        "default": dump(version.rules.default),
        "traits": {path: dump(rule) for path, rule in sorted(version.rules.traits.items())},
        "waiting": version.taken_ms is None,
        "done": version.upto if ended else version.done,
        "of": version.upto,
        "changed": version.changed,
        "created_by": version.created_by,
        "created_at": clock.iso(version.created_ms) or "",
    }


def change(
    conn: Connection,
    viewer: Viewer,
    values: Mapping[str, Any],
    now_ms: int,
    base: int | None = None,
) -> Shown:
    """A new version: `default` and `traits`, each whole where it is given; a null rule of a trait
    leaves it to the default. Raises `Invalid` with every fault, and `Conflict`.
    """
    viewer.must_admin()
    before = store.newest(conn, viewer)
    old = before.rules if before is not None else Rules()
    known = {*_OURS, *sources.CATEGORIES}
    known |= {f"source:{s.key}" for s in sources.list_all(conn, viewer)}
    faults: list[errors.Fault] = []
    default = old.default
    if values.get("default") is not None:
        default = _rule("default", values["default"], known, faults) or default
    traits = dict(old.traits)
    given = values.get("traits")
    for path, one in (given or {}).items():
        where = f"traits.{path[:80]}"
        of, dot, name = path.partition(".")
        if of not in ("person", "account") or not dot or not name or "\0" in path:
            remedy = "Write `person.plan` or `account.plan`."
            faults.append(errors.Fault(where, "names no trait.", remedy))
        elif one is None:
            traits.pop(path, None)
        elif rule := _rule(where, one, known, faults):
            traits[path] = rule
    if len(traits) > limits.trait_rules_max:
        remedy = f"At most {limits.trait_rules_max}; leave more of them to the default."
        faults.append(errors.Fault("traits", f"has {len(traits)} rules.", remedy))
    if faults:
        raise errors.Invalid(*faults)
    return _shown(store.add(conn, viewer, Rules(default, traits), base, now_ms))


def _rule(where: str, given: Any, known: set[str], faults: list[errors.Fault]) -> Rule | None:
    """A rule, or None and what is wrong with it."""
    before = len(faults)
    if not isinstance(given, dict):
        faults.append(errors.Fault(where, "is no rule.", 'Write {"by": "last"} or an `order`.'))
        return None
    faults += [
        errors.Fault(f"{where}.{name[:40]}", "is not a field here.", "Use `by` and `order`.")
        for name in given.keys() - {"by", "order"}
    ]
    by = given.get("by", "rank")
    if by not in _BY:
        faults.append(errors.Fault(f"{where}.by", "is no way to decide.", "Use rank or last."))
    order = given.get("order")
    if order is None or by == "last":
        if order is not None:
            remedy = "Leave it out, or use `by: rank`."
            faults.append(errors.Fault(f"{where}.order", "means nothing by `last`.", remedy))
        return None if len(faults) > before else Rule(by=by)
    groups = _groups(where, order, known, faults)
    return None if len(faults) > before else Rule(by=by, order=groups)


def _groups(
    where: str, order: Any, known: set[str], faults: list[errors.Fault]
) -> tuple[tuple[str, ...], ...]:
    try:
        groups = msgspec.convert(order, list[str | list[str]])
    except msgspec.ValidationError:
        remedy = 'Write groups, the first one first: [["hand"], ["crm"], ["product", "billing"]].'
        faults.append(errors.Fault(f"{where}.order", "is no list of groups.", remedy))
        return ()
    out = tuple((g,) if isinstance(g, str) else tuple(g) for g in groups)
    entries = [entry for group in out for entry in group]
    for entry in entries:
        if entry not in known:
            near = difflib.get_close_matches(entry, sorted(known), n=1)
            meant = f"Did you mean `{near[0]}`? " if near else ""
            remedy = f"{meant}Use hand, crm, system, a category of sources, or `source:` and a key."
            fault = errors.Fault(f"{where}.order", f"`{entry[:60]}` is nobody known.", remedy)
            faults.append(fault)
    twice = sorted({e for e in entries if entries.count(e) > 1})
    faults += [
        errors.Fault(f"{where}.order", f"`{entry}` stands in it twice.", "Name it once.")
        for entry in twice
    ]
    return out
