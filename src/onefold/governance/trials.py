"""Trying rules before they hold: on what was received lately, or on items at hand. Nothing is kept.

`preview` shows a transformation's effect item by item, `check` what a plan says of items, `infer`
drafts a plan from what a source sent. `foresee` tries items under the rules that do hold.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from onefold import log
from onefold.governance import plans, rules, store, transforms
from onefold.governance.admit import admit, admit_at
from onefold.governance.plans import store as plan_store
from onefold.kernel import errors, facts, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_NEXT = 2**40  # as a row that is still to come, so that the newest rules hold for it


class Tried(msgspec.Struct, frozen=True):
    """What rules would make of one item.

    outcome     unchanged, changed, filtered, refused
    changes     field by field: what, path, before, after
    why         the rule that filters it, or the reason of the refusal
    violations  of the plan: path, kind, problem
    """

    pos: int
    received_ms: int
    event: str
    outcome: str
    before: dict[str, Any]
    after: dict[str, Any]
    changes: list[plans.diff.Change] = []
    why: str = ""
    violations: list[plans.Violation] = []


def foresee(
    conn: Connection, source_id: int, category: str, envelope: bytes, items: int, now_ms: int
) -> list[facts.Admitted]:
    """What each item of a request would become if the source sent it now.

    By admission itself, under the rules that the source has. `source_id` 0: a source that is
    still to be made.
    """
    row = log.Row(source_id, category, now_ms, items, log.pack(envelope), _NEXT)
    return list(admit(row, store.load(conn)))


def preview(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    steps: transforms.Transformation,
    rows_max: int = limits.preview_events_max,
    plan: plans.Plan | None = None,
) -> list[Tried]:
    """The newest items of a source under these steps and this plan, else the one in force."""
    viewer.must_read()
    plan = _plan(conn, viewer, source_id) if plan is None else plan
    intakes = store.load(conn).intakes
    trial = rules.trial(source_id, steps, plan, store.secret(conn), intakes=intakes)
    out: list[Tried] = []
    for row in log.recent(conn, source_id, limits.infer_rows_max):
        envelope = log.unpack(row.body)
        for index in reversed(range(len(envelope.batch))):
            if len(out) >= min(rows_max, limits.preview_events_max):
                return out
            raw = bytes(envelope.batch[index])
            out.append(_tried(row, envelope, facts.position(row.seq, index), raw, trial))
    return out


def check(plan: plans.Plan, key: str, sent: Sequence[dict[str, Any]], now_ms: int) -> list[Tried]:
    """What a plan says of items at hand."""
    trial = rules.trial(0, None, plan, b"", key)
    out = []
    for index, one in enumerate(sent[: limits.preview_events_max]):
        raw = msgspec.json.encode(one)
        envelope = log.Envelope([msgspec.Raw(raw)], times=log.TIMES)
        row = log.Row(0, "product", now_ms, 1, b"")
        out.append(_tried(row, envelope, index, raw, trial))
    return out


def infer(conn: Connection, viewer: Viewer, source_id: int, name: str) -> plans.Plan:
    """A plan that a source's newest facts keep to. Raises `Invalid` when there are none."""
    viewer.must_read()
    plan = plans.infer.plan(name, _facts(conn, source_id))
    if not plan.rules:
        raise errors.Invalid(
            errors.Fault("source", "has sent nothing lately.", "Send some events first.")
        )
    return plan


def samples(
    conn: Connection, viewer: Viewer, positions: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Items by position, as sent; those that the log no longer has are left out."""
    viewer.must_read()
    out = {}
    for pos, (_, envelope, raw) in log.fetch(conn, positions).items():
        try:
            out[pos] = rules.whole(raw, envelope)
        except errors.Invalid:
            continue
    return out


def _plan(conn: Connection, viewer: Viewer, source_id: int) -> plans.Plan | None:
    now = store.current(conn, viewer, source_id)
    if now.plan_id is None or now.plan_version is None:
        return None
    return plan_store.version(conn, viewer, now.plan_id, now.plan_version).plan


def _facts(conn: Connection, source_id: int) -> Iterator[facts.Fact]:
    in_force = store.load(conn)
    n = 0
    for row in log.recent(conn, source_id, limits.infer_rows_max):
        envelope = log.unpack(row.body)
        for index, raw in enumerate(envelope.batch):
            pos = facts.position(row.seq, index)
            one = admit_at(row, envelope, pos, bytes(raw), in_force)
            if isinstance(one, facts.Fact):
                yield _as_sent(one, bytes(raw), envelope, in_force.of(row.source_id, row.seq))
                n += 1
                if n >= limits.infer_events_max:
                    return


def _as_sent(
    fact: facts.Fact, raw: bytes, envelope: log.Envelope, applied: rules.Applied | None
) -> facts.Fact:
    """The fact with the traits and properties that a plan judges.

    That is the item's own, as transformed: not the traits of its context, nor a page's name.
    """
    try:
        tree = rules.whole(raw, envelope)
    except errors.Invalid:
        return fact
    if applied is not None and applied.transform is not None:
        applied.transform.apply(tree)
    own = {n: v if isinstance(v := tree.get(n), dict) else {} for n in ("traits", "properties")}
    return msgspec.structs.replace(fact, **own)


def _tried(row: log.Row, envelope: log.Envelope, pos: int, raw: bytes, trial: rules.Rules) -> Tried:
    seen: list[plans.Violation] = []
    one = admit_at(row, envelope, pos, raw, trial, seen)
    applied = trial.of(row.source_id, row.seq)
    try:
        before = rules.whole(raw, envelope)
    except errors.Invalid:
        before = {}
    after = copy.deepcopy(before)
    if applied is not None and applied.transform is not None and before:
        applied.transform.apply(after)
    why = ""
    if isinstance(one, facts.Fact):
        _as_judged(after, one)
        changes = plans.diff.of_items(before, after)
        outcome = "changed" if changes else "unchanged"
    else:
        changes = plans.diff.of_items(before, after)
        outcome = "filtered" if isinstance(one, facts.Filtered) else "refused"
        why = one.rule if isinstance(one, facts.Filtered) else f"{one.field} {one.problem}"
    event = str(after.get("event") or after.get("type") or "")[: limits.event_name_chars_max]
    return Tried(pos, row.received_ms, event, outcome, before, after, changes, why, seen)


def _as_judged(after: dict[str, Any], fact: facts.Fact) -> None:
    """Properties that the plan took off show as gone."""
    if isinstance(after.get("properties"), dict) and fact.kind in ("track", "page", "screen"):
        kept = fact.properties
        after["properties"] = {k: kept[k] for k in after["properties"] if k in kept}
