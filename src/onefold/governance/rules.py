"""The rules of admission: per source, which transformation and plan hold from which log row on.

A row is always admitted by the version that was in force when the worker first did (`from_seq`), so
that timelines, refolds and replays see the facts that were folded. For a source without rules this
is one look-up in a dict a row.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from onefold import log
from onefold.governance import item as items
from onefold.governance import plans, transforms
from onefold.governance.intake import LEGACY, Intake
from onefold.governance.suppression import Suppressed
from onefold.kernel import errors
from onefold.kernel.facts import Identifier


class Ruling(msgspec.Struct, frozen=True):
    """What the rules make of one item. `item`: the changed one; None when it is as sent.

    `filtered` names the rule that keeps it out; `refused` is the reason of a quarantine.
    """

    item: items.Item | None = None
    filtered: str = ""
    refused: errors.Fault | None = None
    violations: Sequence[plans.Found] = ()
    action: str = ""
    plan_id: int = 0


_UNTOUCHED = Ruling()


class Applied:
    """One version of a source's rules, compiled. Pure, and shared by threads."""

    def __init__(self, transform: transforms.Compiled | None, plan: plans.Compiled | None) -> None:
        self.transform = transform
        self.plan = plan

    def run(self, item: items.Item, raw: bytes, envelope: log.Envelope) -> Ruling:
        """Transform, then judge. Raises `errors.Invalid` when what comes out is no item."""
        changed: items.Item | None = None
        tree: dict[str, Any] | None = None
        if self.transform is not None and self.transform.touches(item.type or "", item.event or ""):
            tree = whole(raw, envelope, copied=self.transform.writes_context)
            step = self.transform.apply(tree)
            if step is not None:
                return Ruling(filtered=f"transformation: step {step}")
            changed = items.of_tree(tree)
        if self.plan is None:
            return _UNTOUCHED if changed is None else Ruling(changed)
        judged = changed if changed is not None else item
        if judged.type is None:
            judged.type = item.type
        found = self.plan.judge(judged, lambda: tree or whole(raw, envelope))
        if found is None:
            return _UNTOUCHED if changed is None else Ruling(changed)
        if envelope.accepted is True and found.action != "flag":
            found = plans.Verdict(found.found, "flag")
        return self._ruling(judged, found)

    def _ruling(self, item: items.Item, verdict: plans.Verdict) -> Ruling:
        plan = self.plan
        assert plan is not None  # noqa: S101 - it gave the verdict
        filtered, refused = "", None
        if verdict.action == "quarantine":
            refused = _reason(plan.key, verdict.found)
        elif verdict.action == "drop" and verdict.found[0].kind == "unplanned":
            filtered = f"plan {plan.key}: unplanned event"
        return Ruling(item, filtered, refused, verdict.found, verdict.action, plan.id)


def whole(raw: bytes, envelope: log.Envelope, copied: bool = True) -> dict[str, Any]:
    """All of an item as plain values, with what the envelope says for those that do not."""
    tree = items.tree(raw)
    if tree.get("type") is None and isinstance(envelope.type, str):
        tree["type"] = envelope.type
    if tree.get("context") is None and isinstance(envelope.context, dict):
        tree["context"] = copy.deepcopy(envelope.context) if copied else envelope.context
    return tree


def _reason(key: str, found: Sequence[plans.Found]) -> errors.Fault:
    first = found[0]
    more = f" And {len(found) - 1} more." if len(found) > 1 else ""
    return errors.Fault(
        first.path or "event",
        f"{first.problem}{more}",
        f"Mend what sends it, or change the plan `{key}`; then replay it.",
    )


class Version(msgspec.Struct, frozen=True):
    """Rules of a source from a log row on: which transformation and which version of which plan."""

    source_id: int
    from_seq: int
    transformation: int | None
    plan_id: int | None
    plan_version: int | None


Compile = Callable[[Version], Applied | None]


class Rules:
    """Every version of every source's rules. `revision` moves when one is added."""

    def __init__(
        self,
        versions: Iterable[Version] = (),
        compile_: Compile | None = None,
        revision: int = 0,
        intakes: Sequence[tuple[int, Intake]] = (),
        suppressed: Suppressed | None = None,
    ) -> None:
        """`intakes`: (first log row, what identifiers items carry from there on), newest first."""
        self.revision = revision
        self.intakes = intakes
        self.suppressed = suppressed
        self._compile = compile_
        # Newest first: rows are admitted mostly by the newest.
        self._sources: dict[int, list[Version]] = {}
        for version in versions:
            self._sources.setdefault(version.source_id, []).insert(0, version)
        self._applied: dict[Version, Applied | None] = {}

    def of(self, source_id: int, seq: int) -> Applied | None:
        """The rules for a row; None when there are none."""
        versions = self._sources.get(source_id)
        if versions is None:
            return None
        for version in versions:
            if seq >= version.from_seq:
                return self._compiled(version)
        return None

    def intake(self, seq: int) -> Intake:
        """How the identifiers of a row are read."""
        for from_seq, intake in self.intakes:
            if seq >= from_seq:
                return intake
        return LEGACY

    def read(self, namespace: str, value: str) -> Identifier | None:
        """An identifier in the form that items get now; None when it identifies nobody."""
        intake = self.intakes[0][1] if self.intakes else LEGACY
        return intake.identifier(namespace, value)

    def _compiled(self, version: Version) -> Applied | None:
        try:
            return self._applied[version]
        except KeyError:
            pass
        found = self._compile(version) if self._compile else None
        self._applied[version] = found
        return found


NO_RULES = Rules()


def trial(
    source_id: int,
    transformation: transforms.Transformation | None,
    plan: plans.Plan | None,
    secret: bytes,
    key: str = "",
    intakes: Sequence[tuple[int, Intake]] = (),
) -> Rules:
    """Rules of a source that are not in force: previews and dry runs."""
    transform = transforms.compile(transformation, secret) if transformation else None
    judge = plans.Compiled(plan, key=key) if plan else None
    applied = Applied(transform, judge)
    return Rules([Version(source_id, 0, None, None, None)], lambda _: applied, 0, intakes)


def compiler(
    transformations: Mapping[tuple[int, int], transforms.Compiled],
    published: Mapping[tuple[int, int], plans.Compiled],
) -> Compile:
    """How a version becomes rules, from what is compiled already."""

    def compile_(version: Version) -> Applied | None:
        transform = plan = None
        if version.transformation is not None:
            transform = transformations[version.source_id, version.transformation]
        if version.plan_id is not None and version.plan_version is not None:
            plan = published[version.plan_id, version.plan_version]
        return Applied(transform, plan) if transform or plan else None

    return compile_
