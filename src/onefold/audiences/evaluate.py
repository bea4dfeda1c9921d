"""The live execution: a tree becomes closures once, which answer tens of thousands a second.

Each closure answers (holds, next_ms). `next_ms` is a time before which the answer cannot change by
the passing of time alone, None when it never does. For `all` that is false it is the latest of its
false parts' times (all of them must turn), for one that is true the earliest of all; `any` is the
mirror image. Cheap conditions are asked first and one that settles the answer for good ends it.
"""

from collections.abc import Callable
from typing import Any

from onefold.audiences import checks, measures, sequences, values, windows
from onefold.audiences.model import (
    AccountTrait,
    All,
    Chain,
    Count,
    Deal,
    Definition,
    Measure,
    Member,
    Node,
    Not,
    Owner,
    Related,
    Rows,
    Since,
    Tickets,
    Touch,
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
    return compile_node(definition.where)


def compile_node(node: Node) -> Live:
    """One condition as a function of (subject, now_ms) → (holds, next_ms)."""
    return _COMPILERS[type(node)](node)


def _quantifier(nodes: tuple[Node, ...], *, settles: bool) -> Live:
    """`all` (one False settles it) or `any` (one True does)."""
    parts = tuple(compile_node(n) for n in sorted(nodes, key=_cost))
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


_COSTS: dict[type, int] = {
    Trait: 1, AccountTrait: 2, Touch: 2, Tickets: 3, Since: 4, Owner: 6, Deal: 6, Measure: 6,
    Chain: 6, Related: 50,
}  # fmt: skip


def _cost(node: Node) -> int:
    """What asking costs, roughly; only the order matters."""
    if isinstance(node, Count):
        return 4 if node.leaf.window_ms is None else 5
    own = _COSTS.get(type(node))
    return 6 + max(map(_cost, children(node)), default=0) if own is None else own


def _not(part: Live) -> Live:
    def run(subject: Any, now_ms: int) -> Result:
        holds, next_ms = part(subject, now_ms)
        return not holds, next_ms

    return run


def _trait(node: Trait) -> Live:
    name = node.name
    if values.is_timed(node.tests):
        ask = values.compile_timed(node.tests)
        return lambda subject, now_ms: ask(subject.trait(name), now_ms)
    check = values.compile_tests(node.tests)
    return lambda subject, _: _YES if check(subject.trait(name)) else _NO


def _account_trait(node: AccountTrait) -> Live:
    name = node.name
    if values.is_timed(node.tests):
        return _quantified_trait(name, values.compile_timed(node.tests))
    check = checks.account_check(node)
    return lambda subject, _: _YES if check(subject.account_traits(name)) else _NO


def _quantified_trait(name: str, ask: values.Timed) -> Live:
    def run(subject: Any, now_ms: int) -> Result:
        answers = [ask(v, now_ms) for v in subject.account_traits(name) if v is not None]
        turns = [turn for _, turn in answers if turn is not None]
        return any(holds for holds, _ in answers), min(turns, default=None)

    return run


def _tickets(node: Tickets) -> Live:
    matches, exists = checks.ticket_check(node), node.exists
    if node.tests:
        low, high = windows.limits_of(node.tests)

        def several(subject: Any, _: int) -> Result:
            n = sum(map(matches, subject.tickets()))
            return _YES if low <= n and (high is None or n <= high) else _NO

        return several

    def run(subject: Any, _: int) -> Result:
        return _YES if any(map(matches, subject.tickets())) is exists else _NO

    return run


def _count(node: Count) -> Live:
    key, window_ms = node.leaf.key, node.leaf.window_ms
    low, high = windows.limits_of(node.tests)
    if node.leaf.framed is not None or (window_ms is None and node.leaf.by_day):
        return _framed_count(node, low, high)
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


def _framed_count(node: Count, low: int, high: int | None) -> Live:
    """A count in a window other than a sliding one, or ever in an account's days."""
    key, frame = node.leaf.key, node.leaf.frame
    return lambda subject, now_ms: measures.framed_count(
        subject.buckets(key), frame, now_ms, low, high
    )


def _owner(node: Owner) -> Live:
    check = checks.owner_check(node)
    return lambda subject, _: _YES if check(subject.owners()) else _NO


def _touch(node: Touch) -> Live:
    check, which = checks.touch_check(node), 0 if node.first else -1

    def run(subject: Any, _: int) -> Result:
        found = subject.touches()
        return _YES if found and check(found[which]) else _NO

    return run


def _deal(node: Deal) -> Live:
    check = checks.deal_check(node)
    return lambda subject, _: _YES if any(map(check, subject.deals())) else _NO


def _member(node: Member) -> Live:
    if node.where is not None:
        return compile_node(node.where)
    key = node.key
    return lambda subject, _: _YES if subject.is_member(key) else _NO


def _rows(node: Rows) -> Live:
    key = node.key
    return lambda subject, _: _YES if subject.is_listed(key) else _NO


def _related(node: Related) -> Live:
    ask, judge = compile_node(node.where), checks.related_check(node)

    def run(subject: Any, now_ms: int) -> Result:
        n, total, next_ms = subject.related(node, ask, now_ms)
        return judge(n, total), next_ms

    return run


_COMPILERS: dict[type, Callable[[Any], Live]] = {
    All: lambda node: _quantifier(node.of, settles=False),
    AnyOf: lambda node: _quantifier(node.of, settles=True),
    Not: lambda node: _not(compile_node(node.node)),
    Trait: _trait,
    AccountTrait: _account_trait,
    Count: _count,
    Measure: measures.compile_measure,
    Since: sequences.compile_since,
    Chain: sequences.compile_chain,
    Tickets: _tickets,
    Owner: _owner,
    Touch: _touch,
    Deal: _deal,
    Member: _member,
    Rows: _rows,
    Related: _related,
}
