"""Sequences and recency over cells. Pure.

Whether some B follows some A within the gap is exact from the first and last of both in each
bucket, as long as a bucket is no longer than the gap: within a bucket the first A and the last B
decide, between two the last A and the first B. Whether some A has no B is asked of the last A of
each bucket.
"""

from collections.abc import Callable
from typing import Any

from onefold.audiences import frames
from onefold.audiences.cells import Cells
from onefold.audiences.frames import Frame
from onefold.audiences.model import Chain, Since
from onefold.audiences.values import Test

Result = tuple[bool, int | None]


def compile_chain(node: Chain) -> Callable[[Any, int], Result]:
    """The sequence as a function of (subject, now_ms) → (holds, next_ms)."""
    key, frame, gap_ms = node.leaf.key, node.leaf.frame, node.gap_ms
    spans = _missed if node.without else _met

    def run(subject: Any, now_ms: int) -> Result:
        first, last = frames.inside(frame, now_ms)
        found = subject.buckets(key)
        within = {b: found[b] for b in sorted(found) if first <= b <= last}
        holds, next_ms = False, None
        for since, until in spans(within, frame, gap_ms):
            if since > now_ms:
                next_ms = since if not holds and next_ms is None else next_ms
                break
            if until > now_ms:
                holds, next_ms = True, max(next_ms or 0, until)
        if holds:
            next_ms = _joined(spans(within, frame, gap_ms), next_ms or 0)
        if any(b > last for b in found):
            enters = frames.enters_ms(frame, min(b for b in found if b > last))
            next_ms = enters if next_ms is None else min(next_ms, enters)
        return holds, next_ms

    return run


def _joined(spans: list[tuple[int, int]], until: int) -> int:
    """How far spans that begin before the end of what holds carry it on."""
    for since, end in spans:
        if since <= until < end:
            until = end
    return until


def _met(found: Cells, frame: Frame, gap_ms: int) -> list[tuple[int, int]]:
    """When the answer is yes: from now on, until the newest A that B followed has left."""
    ends = []
    for bucket, _ in pairs(found, gap_ms):
        leaves = frames.leaves_ms(frame, bucket, 0)
        ends.append((-(1 << 62), leaves if leaves is not None else 1 << 62))
    return ends[-1:]


def pairs(found: Cells, gap_ms: int) -> list[tuple[int, tuple[int, int]]]:
    """Buckets with an A that a B follows within the gap, each with such an (a, b), by time."""
    out = []
    after: int | None = None
    for bucket in sorted(found, reverse=True):
        a_first, a_last, b_first, b_last = found[bucket]
        if a_first is not None:
            if b_last is not None and b_last > a_first:
                out.append((bucket, (a_first, b_last)))
            elif after is not None and after - a_last <= gap_ms:
                out.append((bucket, (a_last, after)))
        after = after if b_first is None else b_first
    return out[::-1]


def _missed(found: Cells, frame: Frame, gap_ms: int) -> list[tuple[int, int]]:
    """[since, until): for each last A of a bucket without a B, from its deadline to its leaving."""
    out = []
    for bucket, a in missed(found, gap_ms):
        leaves = frames.leaves_ms(frame, bucket, 0)
        out.append((a + gap_ms + 1, leaves if leaves is not None else 1 << 62))
    return out


def missed(found: Cells, gap_ms: int) -> list[tuple[int, int]]:
    """Buckets whose last A has no B within the gap after it, with that A, by time."""
    out = []
    after: int | None = None
    for bucket in sorted(found, reverse=True):
        _, a, b_first, b_last = found[bucket]
        alone = a is not None and (b_last is None or b_last <= a)
        if alone and (after is None or after - a > gap_ms):
            out.append((bucket, a))
        after = after if b_first is None else b_first
    return out[::-1]


def compile_since(node: Since) -> Callable[[Any, int], Result]:
    """How long ago, as a function of (subject, now_ms) → (holds, next_ms)."""
    key = node.leaf.key
    turns = [(t, _turn(t)) for t in node.tests]

    def run(subject: Any, now_ms: int) -> Result:
        at = moment_of(subject.buckets(key), first=node.first)
        if at is None:
            return False, None
        holds, next_ms = True, None
        for test, after in turns:
            passed = now_ms >= at + after
            holds = holds and passed is (test.op in ("greater_than", "at_least"))
            if not passed:
                next_ms = at + after if next_ms is None else min(next_ms, at + after)
        return holds, next_ms

    return run


def _turn(test: Test) -> int:
    """After how long the comparison turns."""
    return int(test.value) + (test.op in ("greater_than", "at_most"))


def moment_of(found: Cells, *, first: bool) -> int | None:
    """When the first or the last event was."""
    if first:
        return min((cell[0] for cell in found.values()), default=None)
    return max((cell[1] for cell in found.values()), default=None)
