"""Refused items corrected and sent again.

A corrected item is appended to the log as a new item of its source: received now, but at the time
at which it would have happened had it been right at once (admission under the original receipt
decides, so the sender's clock is corrected by when it was sent, not by when it was replayed). It
keeps its messageId, or gets one made of its position, so that replaying twice is a duplicate; and
its `context.onefold.replayed` says which item it was, when that was received and who replayed it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from onefold import governance, log
from onefold.governance import item as items
from onefold.kernel import clock, facts, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.trail import repair, store
from onefold.sources.trail.model import Preview, Replayed, Selection, Tried
from onefold.storage import Connection

_SLICE = 100  # refused items whose log rows are in memory at once
_ROW_ITEMS = 500
_ACCEPT_ROUNDS = 12
_TIMES = ("timestamp", "originalTimestamp", "sentAt")


def preview(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    selection: Selection,
    fixes: Sequence[repair.Fix],
) -> Preview:
    """Try corrections on the selected items, oldest first, up to `limits.preview_items_max`."""
    viewer.must_admin()
    repair.check(fixes)
    matched = store.count(conn, source_id, selection)
    positions = store.select(conn, source_id, selection, limits.preview_items_max)
    passes = filtered = 0
    left: Counter[tuple[str, str, str]] = Counter()
    good: list[Tried] = []
    bad: list[Tried] = []
    for one, _ in _tried(conn, positions, fixes):
        if one.passes:
            passes += 1
            good.append(one)
        elif isinstance(one.result, facts.Refusal):
            left[one.result.code, one.result.field, one.result.problem] += 1
            bad.append(one)
        else:
            filtered += 1
        del good[limits.preview_samples_max :], bad[limits.preview_samples_max :]
    return Preview(
        matched=matched,
        tried=len(positions),
        passes=passes,
        filtered=filtered,
        left=[(*why, n) for why, n in left.most_common(limits.preview_samples_max)],
        samples=[*bad[:2], *good][: limits.preview_samples_max],
    )


def replay(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    selection: Selection,
    fixes: Sequence[repair.Fix],
    now_ms: int,
) -> Replayed:
    """Append the selected items that pass, corrected; the others stay as they are.

    The append is the transaction's last step. Once it has committed, `note_positions` takes `rows`.
    """
    viewer.must_admin()
    repair.check(fixes)
    positions = store.select(conn, source_id, selection, limits.replay_items_max + 1, lock=True)
    remaining = 0
    if len(positions) > limits.replay_items_max:
        remaining = store.count(conn, source_id, selection) - limits.replay_items_max
        positions = positions[: limits.replay_items_max]
    packer = _Packer(source_id, now_ms, _accepts(fixes))
    refused = filtered = 0
    for one, row in _tried(conn, positions, fixes):
        if isinstance(one.result, facts.Fact) and one.after is not None:
            item = _stamped(one.before, one.after, one.result, viewer.actor, now_ms)
            packer.add(one.before.pos, row.category, item)
        elif isinstance(one.result, facts.Filtered):
            filtered += 1
        else:
            refused += 1
    replayed = packer.positions
    if not replayed:
        return Replayed(None, 0, refused, filtered, remaining, [])
    action = store.act(conn, viewer, source_id, "replayed", selection, fixes, len(replayed), now_ms)
    store.resolve(conn, "replayed", action, replayed)
    places = packer.places(log.append(conn, packer.rows()))
    rows = list(zip(replayed, places, strict=True))
    return Replayed(action, len(rows), refused, filtered, remaining, rows)


def _tried(
    conn: Connection, positions: Sequence[int], fixes: Sequence[repair.Fix]
) -> Iterator[tuple[Tried, log.Row]]:
    """Each item under the corrections and the rules of now, in order."""
    head = log.head(conn) + 1
    rules = governance.load(conn)
    for start in range(0, len(positions), _SLICE):
        part = positions[start : start + _SLICE]
        known = store.settled(conn, part)
        stored = log.fetch(conn, part)
        for pos in part:
            before, _ = known[pos]
            row, envelope, raw = stored[pos]
            yield _try(before, row, envelope, raw, fixes, head, rules), row


def _try(
    before: facts.Refusal,
    row: log.Row,
    envelope: log.Envelope,
    raw: bytes,
    fixes: Sequence[repair.Fix],
    head: int,
    rules: governance.Rules,
) -> Tried:
    tree = _tree(raw, envelope)
    if tree is None:
        return Tried(before, None, before)
    after = repair.apply(tree, fixes)
    now = msgspec.structs.replace(row, seq=head)
    accepted = _accepts(fixes)
    result = _admitted(now, after, rules, accepted)
    if accepted:
        for _ in range(_ACCEPT_ROUNDS):
            if not isinstance(result, facts.Refusal):
                break
            cut = repair.shorten(after, result.code, result.field)
            if cut is None:
                break
            after, result = cut, _admitted(now, cut, rules, accepted)
    return Tried(before, after, result)


def _tree(raw: bytes, envelope: log.Envelope) -> dict[str, Any] | None:
    """The item whole: what the batch said for it is put where it has none of its own."""
    try:
        tree = json.loads(items.unwrap(raw).decode("utf-8", errors="replace"))
        tree = items.storable(tree)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict):
        return None
    for name in ("type", "context", "sentAt", "integrations"):
        value = getattr(envelope, name)
        if value is not None and tree.get(name) is None:
            tree[name] = value
    return tree


def _accepts(fixes: Sequence[repair.Fix]) -> bool:
    """Are these items let in whatever the tracking plan says?"""
    return any(fix.do == "accept" for fix in fixes)


def _admitted(
    row: log.Row, tree: dict[str, Any], rules: governance.Rules, accepted: bool
) -> facts.Admitted:
    body = msgspec.json.encode(tree)
    envelope = log.Envelope([msgspec.Raw(body)], times=log.TIMES, accepted=accepted)
    return governance.admit_at(row, envelope, facts.position(row.seq, 0), body, rules)


def _stamped(
    before: facts.Refusal, after: dict[str, Any], fact: facts.Fact, actor: str, now_ms: int
) -> dict[str, Any]:
    """The item as it goes into the log: at its own time, with its history."""
    out = {k: v for k, v in after.items() if k not in _TIMES}
    out["timestamp"] = clock.iso(fact.at_ms)
    if not fact.message_id:
        out["messageId"] = f"replay-{before.pos}"
    context = out.get("context")
    out["context"] = {
        **(context if isinstance(context, dict) else {}),
        "onefold": {
            "replayed": {
                "id": str(before.pos),
                "received_at": clock.iso(before.received_ms),
                "replayed_at": clock.iso(now_ms),
                "by": actor,
            }
        },
    }
    return out


class _Packer:
    """Corrected items into log rows of bounded size, in order."""

    def __init__(self, source_id: int, now_ms: int, accepted: bool) -> None:
        self._head = b'{"accepted":true,"batch":[' if accepted else b'{"batch":['
        self.source_id = source_id
        self.now_ms = now_ms
        self.positions: list[int] = []
        self._rows: list[log.Row] = []
        self._part: list[bytes] = []
        self._category = ""
        self._size = 0

    def add(self, pos: int, category: str, item: dict[str, Any]) -> None:
        body = msgspec.json.encode(item)
        full = len(self._part) >= _ROW_ITEMS or self._size + len(body) > limits.replay_row_bytes_max
        if self._part and (full or category != self._category):
            self._close()
        self._category = category
        self._part.append(body)
        self._size += len(body)
        self.positions.append(pos)

    def rows(self) -> list[log.Row]:
        if self._part:
            self._close()
        return self._rows

    def places(self, seqs: Sequence[int]) -> list[int]:
        """Where each item is, once the rows have their numbers."""
        return [
            facts.position(seq, n)
            for seq, row in zip(seqs, self._rows, strict=True)
            for n in range(row.items)
        ]

    def _close(self) -> None:
        body = log.pack(self._head + b",".join(self._part) + b"]}")
        self._rows.append(
            log.Row(self.source_id, self._category, self.now_ms, len(self._part), body)
        )
        self._part, self._size = [], 0
