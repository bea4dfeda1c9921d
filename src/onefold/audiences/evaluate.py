"""The live execution: a tree becomes closures once, which answer tens of thousands a second.

Each closure answers (holds, next_ms). `next_ms` is a time before which the answer cannot change by
the passing of time alone, None when it never does. For `all` that is false it is the latest of its
false parts' times (all of them must turn), for one that is true the earliest of all; `any` is the
mirror image. Cheap conditions are asked first and one that settles the answer for good ends it.
"""

from collections.abc import Callable
from typing import Any

from onefold.audiences import checks, values, windows
from onefold.audiences.explain import explain
from onefold.audiences.model import (
    AccountTrait,
    All,
    Answer,
    Count,
    Definition,
    Node,
    Not,
    Subject,
    Tickets,
    Trait,
    children,
)
from onefold.audiences.model import Any as AnyOf

Result = tuple[bool, int | None]
Live = Callable[[Any, int], Result]  # (Subject, now_ms)

_YES: Result = (True, None)
_NO: Result = (False, None)


def compile_live(definition: Definition) -> Live:
    """The definition as a function of (subject, now_ms) → (holds, next_ms)."""
    return _compile(definition.where)


def evaluate(definition: Definition, subject: Subject, now_ms: int) -> Answer:
    """Compile, ask and explain at once; the worker compiles once instead."""
    holds, next_ms = compile_live(definition)(subject, now_ms)
    return Answer(holds=holds, next_ms=next_ms, why=explain(definition, subject, now_ms))


def _compile(node: Node) -> Live:
    match node:
        case All():
            return _quantifier(node.of, settles=False)
        case AnyOf():
            return _quantifier(node.of, settles=True)
        case Not():
            return _not(_compile(node.node))
        case Trait():
            return _trait(node)
        case AccountTrait():
            return _account_trait(node)
        case Count():
            return _count(node)
        case Tickets():
            return _tickets(node)


def _quantifier(nodes: tuple[Node, ...], *, settles: bool) -> Live:
    """`all` (one False settles it) or `any` (one True does)."""
    parts = tuple(_compile(n) for n in sorted(nodes, key=_cost))
    if len(parts) == 1:
        return parts[0]
    usual = _NO if settles else _YES

    def run(subject: Any, now_ms: int) -> Result:
        soonest: int | None = None
        latest: int | None = None
        for part in parts:
            holds, next_ms = part(subject, now_ms)
            if holds is settles:
                if next_ms is None:
                    return holds, None
                if latest is None or next_ms > latest:
                    latest = next_ms
            elif next_ms is not None and (soonest is None or next_ms < soonest):
                soonest = next_ms
        if latest is not None:
            return settles, latest
        return usual if soonest is None else (not settles, soonest)

    return run


def _cost(node: Node) -> int:
    """What asking costs, roughly; only the order matters."""
    match node:
        case Trait():
            return 1
        case AccountTrait():
            return 2
        case Tickets():
            return 3
        case Count():
            return 4 if node.leaf.window_ms is None else 5
        case _:
            return 6 + max(map(_cost, children(node)))


def _not(part: Live) -> Live:
    def run(subject: Any, now_ms: int) -> Result:
        holds, next_ms = part(subject, now_ms)
        return not holds, next_ms

    return run


def _trait(node: Trait) -> Live:
    name, check = node.name, values.compile_tests(node.tests)
    return lambda subject, _: _YES if check(subject.trait(name)) else _NO


def _account_trait(node: AccountTrait) -> Live:
    check = checks.account_check(node)
    name = node.name
    return lambda subject, _: _YES if check(subject.account_traits(name)) else _NO


def _tickets(node: Tickets) -> Live:
    matches, exists = checks.ticket_check(node), node.exists

    def run(subject: Any, _: int) -> Result:
        return _YES if any(map(matches, subject.tickets())) is exists else _NO

    return run


def _count(node: Count) -> Live:
    key, window_ms = node.leaf.key, node.leaf.window_ms
    low, high = windows.limits_of(node.tests)
    never = _YES if low == 0 else _NO  # the answer for a count of nothing, ahead of any event

    if window_ms is None:

        def ever(subject: Any, _: int) -> Result:
            n = subject.buckets(key).get(0, 0)
            return _YES if low <= n and (high is None or n <= high) else _NO

        return ever

    size, keep = windows.bucket_ms(window_ms), windows.span(window_ms)

    def run(subject: Any, now_ms: int) -> Result:
        buckets = subject.buckets(key)
        if not buckets:
            return never
        top = now_ms // size
        oldest = top - keep
        n = 0
        ahead = False
        for bucket, k in buckets.items():
            if bucket > top:
                ahead = True
            elif bucket > oldest:
                n += k
        holds = low <= n and (high is None or n <= high)
        # Without buckets ahead a count only falls: below `low` it stays, and so does one that
        # holds where no lower end is asked for.
        if not ahead and (n < low or (holds and low == 0)):
            return holds, None
        return holds, windows.next_flip(buckets, window_ms, now_ms, low, high)

    return run
