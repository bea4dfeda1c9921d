"""Why a definition holds or does not: the conditions that decide it, with what is so.

Only what decides is told: of an `all` that fails the parts that fail, of an `any` that holds the
parts that hold. Asked for when a membership changes and on pages.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from onefold.audiences import cells, checks, evaluate, frames, measures, sequences, windows, words
from onefold.audiences.model import (
    AccountTrait,
    All,
    Answer,
    Chain,
    Count,
    Deal,
    Definition,
    Measure,
    Member,
    Node,
    Not,
    Owner,
    Reason,
    Related,
    Rows,
    Since,
    Step,
    Subject,
    Tickets,
    Touch,
    Trait,
)
from onefold.audiences.model import Any as AnyOf
from onefold.kernel import clock, limits

T = TypeVar("T")
Judged = tuple[bool, list[Reason]]


def explain(definition: Definition, subject: Subject, now_ms: int) -> list[Reason]:
    """The deciding conditions, at most `why_reasons_max`.

    Each is `{"text": what is so, "condition": what was asked, "holds": bool}`, JSON-ready, with
    `value` where there is one, `since` where the state tells since when, and `until`: when time
    alone may change it next.
    """
    _, found = _judge(definition.where, subject, now_ms)
    return found[: limits.why_reasons_max]


def answer(definition: Definition, subject: Subject, now_ms: int) -> Answer:
    """Compile, ask and explain at once; the worker compiles once instead."""
    holds, next_ms = evaluate.compile_live(definition)(subject, now_ms)
    return Answer(holds=holds, next_ms=next_ms, why=explain(definition, subject, now_ms))


def _judge(node: Node, subject: Subject, now_ms: int) -> Judged:
    if isinstance(node, All | AnyOf):
        judged = [_judge(n, subject, now_ms) for n in node.of]
        holds = (all if isinstance(node, All) else any)(h for h, _ in judged)
        return holds, [r for h, found in judged if h == holds for r in found]
    if isinstance(node, Not):
        holds, found = _judge(node.node, subject, now_ms)
        return not holds, found
    if isinstance(node, Member) and node.where is not None:
        holds, found = _judge(node.where, subject, now_ms)
        verb = "in" if holds else "not in"
        return holds, [{**r, "text": f"{verb} {node.key}: {r['text']}"} for r in found]
    holds, next_ms = once(node, evaluate.compile_node, node)(subject, now_ms)
    reason: Reason = {
        **_TELLS[type(node)](node, subject, now_ms),
        "condition": once(node, words.describe, node),
        "holds": holds,
    }
    if next_ms is not None:
        reason["until"] = clock.iso(next_ms)
    return holds, [reason]


def tell(node: Node, subject: Subject, now_ms: int) -> Reason:
    """What is so about a condition that asks something itself: `text`, `value`, `since`."""
    return _TELLS[type(node)](node, subject, now_ms)


def _trait(node: Trait, subject: Subject, _: int) -> Reason:
    value = subject.trait(node.name)
    said = "is not set" if value is None else f"is {words.short(value)}"
    return {"text": f"{node.name} {said}"}


def _account_trait(node: AccountTrait, subject: Subject, _: int) -> Reason:
    found = [v for v in subject.account_traits(node.name) if v is not None]
    told = ", ".join(map(words.short, found[:3])) + (" and more" if len(found) > 3 else "")
    some = f"account {node.name} is {told}"
    return {"text": some if found else f"no account has {node.name} set"}


def _count(node: Count, subject: Subject, now_ms: int) -> Reason:
    found = subject.buckets(node.leaf.key)
    if node.leaf.window_ms is not None:
        n = windows.count(found, node.leaf.window_ms, now_ms)
    else:
        n = measures.count_of(node.leaf.frame, found, now_ms)
    times = "once" if n == 1 else f"{n} times"
    return {"text": f"{once(node, _events, node)} {times}{once(node, _window, node)}", "value": n}


def _events(node: Count) -> str:
    return words.events(node.leaf)


def _window(node: Count) -> str:
    return words.window(node.leaf.frame)


def _measure(node: Measure, subject: Subject, now_ms: int) -> Reason:
    found = subject.buckets(node.leaf.key)
    value = measures.value_of(node.name, node.leaf.frame, found, now_ms)
    about = "about " if cells.LEVEL in found else ""
    if node.name == "days":
        text = f"{words.events(node.leaf)} on {value} days{words.window(node.leaf.frame)}"
    elif value is None:
        text = f"{words.measured(node)} is not set"
    else:
        text = f"{words.measured(node)} is {about}{words.short(value)}"
    return {"text": text, "value": value}


def _since(node: Since, subject: Subject, now_ms: int) -> Reason:
    at = sequences.moment_of(subject.buckets(node.leaf.key), first=node.first)
    thing = words.events(node.leaf)
    if at is None:
        return {"text": f"{thing} never"}
    end = "first" if node.first else "last"
    told = f"{end} {thing} {_ago(now_ms - at)} ago"
    return {"text": told, "value": clock.iso(at), "since": clock.iso(at)}


def _ago(ms: int) -> str:
    """The largest whole unit: `3d`, `2h`."""
    for unit, size in windows.UNITS.items():
        if unit != "w" and ms >= size:
            return f"{ms // size}{unit}"
    return "0s"


def _chain(node: Chain, subject: Subject, now_ms: int) -> Reason:
    leaf, then = node.leaf, node.leaf.then or Step("")
    first, last = frames.inside(leaf.frame, now_ms)
    within = {b: c for b, c in subject.buckets(leaf.key).items() if first <= b <= last}
    a, b = words.events(leaf), then.event
    if node.without:
        late = [at for _, at in sequences.missed(within, node.gap_ms) if at + node.gap_ms < now_ms]
        if late:
            gap, at = windows.window_text(node.gap_ms), clock.iso(late[-1])
            return {"text": f"{a} at {at}, and no {b} within {gap}", "since": at}
        return {"text": f"every {a} was followed by {b}, or may still be"}
    met = sequences.pairs(within, node.gap_ms)
    if met:
        _, (one, two) = met[-1]
        return {"text": f"{a} at {clock.iso(one)}, then {b} at {clock.iso(two)}",
                "since": clock.iso(two)}  # fmt: skip
    return {"text": f"no {a} was followed by {b} in time"}


def _tickets(node: Tickets, subject: Subject, _: int) -> Reason:
    n = sum(map(checks.ticket_check(node), subject.tickets()))
    text = f"{n or 'no'} {words.ticket_words(node)} ticket{'' if n in (0, 1) else 's'}"
    return {"text": text}


def _owner(_node: Owner, subject: Subject, _: int) -> Reason:
    found = sorted(subject.owners())
    return {"text": f"owner is {', '.join(found[:3])}" if found else "nobody is the owner"}


def _touch(node: Touch, subject: Subject, _: int) -> Reason:
    which = "first" if node.first else "last"
    found = subject.touches()
    if not found:
        return {"text": "no campaign brought them"}
    return {"text": f"{which} campaign is {words.short(found[0 if node.first else -1])}"}


def _deal(node: Deal, subject: Subject, _: int) -> Reason:
    found = subject.deals()
    n = sum(map(checks.deal_check(node), found))
    return {"text": f"{n} of {len(found)} deal{'' if len(found) == 1 else 's'}", "value": n}


def _member(node: Member, subject: Subject, _: int) -> Reason:
    where = "in" if subject.is_member(node.key) else "not in"
    return {"text": f"{where} the audience {node.key}"}


def _rows(node: Rows, subject: Subject, _: int) -> Reason:
    listed = subject.is_listed(node.key)
    if node.how == "sql":
        return {"text": f"{'in' if listed else 'not in'} the newest answer of its query"}
    return {"text": f"{'on' if listed else 'not on'} the list that was uploaded"}


def _related(node: Related, subject: Subject, now_ms: int) -> Reason:
    n, total, _ = subject.related(node, once(node.where, evaluate.compile_node, node.where), now_ms)
    who = "people" if node.of == "person" else "accounts"
    return {"text": f"{n} of {total} {who}: {words.describe(node.where)}", "value": n}


_TELLS: dict[type, Callable[[Any, Subject, int], Reason]] = {
    Trait: _trait,
    AccountTrait: _account_trait,
    Count: _count,
    Measure: _measure,
    Since: _since,
    Chain: _chain,
    Tickets: _tickets,
    Owner: _owner,
    Touch: _touch,
    Deal: _deal,
    Member: _member,
    Rows: _rows,
    Related: _related,
}

_made: dict[tuple[int, Any], tuple[Node, Any]] = {}


def once(node: Node, make: Callable[[Any], T], of: Any) -> T:
    """What is the same at every asking, made once a node; equal nodes may mean 1 and true."""
    key = id(node), make
    found = _made.get(key)
    if found is None or found[0] is not node:
        if len(_made) > limits.definition_nodes_max * limits.audiences_max:
            _made.clear()
        found = _made[key] = (node, make(of))
    made: T = found[1]
    return made
