"""Durable dedupe: has this (source, messageId) been processed within the horizon?

Ids are 16-byte hashes. A micro-batch saves its own as one packed row, in its transaction; in
memory they stand in sorted arrays of bounded size (16 bytes an id), newest in a set. So a look-up
costs about a microsecond whatever the horizon holds, and a restart reads the rows back.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from onefold.kernel import clock, limits
from onefold.storage import Connection

ID_BYTES = 16
_RUN_IDS = 1 << 20
_SET_IDS = 1 << 16

SAVE = "INSERT INTO dedupe (seq, received_ms, ids, skipped) VALUES (%s, %s, %s, %s)"
LOAD = "SELECT received_ms, ids FROM dedupe WHERE received_ms >= %s ORDER BY seq"
PRUNE = "UPDATE dedupe SET ids = ''::bytea WHERE received_ms < %s AND ids <> ''::bytea"
FORGET = "DELETE FROM dedupe WHERE received_ms < %s AND ids = ''::bytea AND skipped = ''::bytea"
SKIP = """
UPDATE dedupe SET skipped = skipped || %s
WHERE seq = (SELECT min(seq) FROM dedupe WHERE seq >= %s)
"""
UNDO = "INSERT INTO fact_undone (pos) SELECT unnest(%b::bigint[]) ON CONFLICT DO NOTHING"
SKIPPED = """
SELECT skipped FROM dedupe WHERE skipped <> ''::bytea AND seq >= %s
AND seq <= coalesce((SELECT min(seq) FROM dedupe WHERE seq >= %s), 9223372036854775807)
"""

Ids = npt.NDArray[np.uint64]


def key(source_id: int, message_id: str) -> bytes:
    """The 16 bytes that stand for a message of a source."""
    return blake2b(
        f"{source_id}\0{message_id}".encode("utf-8", "replace"), digest_size=ID_BYTES
    ).digest()


class _Run:
    """Sorted ids that never change; `newest_ms` says when all of them are past the horizon."""

    def __init__(self, packed: bytes, newest_ms: int) -> None:
        pairs = np.frombuffer(packed, dtype=">u8").astype(np.uint64).reshape(-1, 2)
        order = np.argsort(pairs[:, 0], kind="stable")
        self.high: Ids = np.ascontiguousarray(pairs[order, 0])
        self.low: Ids = np.ascontiguousarray(pairs[order, 1])
        self.newest_ms = newest_ms

    def packed(self) -> bytes:
        pairs: Ids = np.stack([self.high, self.low], axis=1)
        return pairs.astype(">u8").tobytes()

    def hits(self, high: Ids, low: Ids) -> npt.NDArray[np.bool_]:
        at = np.minimum(np.searchsorted(self.high, high), len(self.high) - 1)
        found: npt.NDArray[np.bool_] = (self.high[at] == high) & (self.low[at] == low)
        return found


class Dedupe:
    """The ids of the horizon. One writer: the worker."""

    def __init__(self) -> None:
        self._recent: set[bytes] = set()
        self._recent_ms = 0
        self._runs: list[_Run] = []

    def load(self, conn: Connection, now_ms: int) -> None:
        """Read the horizon back from the table."""
        self._recent, self._runs = set(), []
        since = now_ms - limits.dedupe_horizon_days * clock.DAY_MS
        parts: list[bytes] = []
        size = newest = 0
        with conn.cursor(binary=True) as cursor:
            for received_ms, ids in cursor.stream(LOAD, (since,)):
                parts.append(ids)
                size += len(ids)
                newest = max(newest, received_ms)
                if size >= _RUN_IDS * ID_BYTES:
                    self._runs.append(_Run(b"".join(parts), newest))
                    parts, size = [], 0
        if size:
            self._runs.append(_Run(b"".join(parts), newest))

    def seen(self, keys: Sequence[bytes]) -> list[bool]:
        """Parallel to `keys`: is it a duplicate of a committed one or of an earlier one here?"""
        out = [k in self._recent for k in keys]
        if self._runs and keys:
            pairs = np.frombuffer(b"".join(keys), dtype=">u8").astype(np.uint64).reshape(-1, 2)
            high, low = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
            hit = np.zeros(len(keys), dtype=np.bool_)
            for run in self._runs:
                hit |= run.hits(high, low)
            if hit.any():
                for index in np.flatnonzero(hit).tolist():
                    out[index] = True
        batch: set[bytes] = set()
        for index, k in enumerate(keys):
            if not out[index]:
                if k in batch:
                    out[index] = True
                batch.add(k)
        return out

    def add(self, keys: Sequence[bytes], received_ms: int) -> None:
        """Remember ids whose transaction has committed."""
        self._recent.update(keys)
        self._recent_ms = max(self._recent_ms, received_ms)
        if len(self._recent) >= _SET_IDS:
            self._settle()

    def _settle(self) -> None:
        """Turn the set into a run, and small runs into larger ones, up to `_RUN_IDS` each."""
        self._runs.append(_Run(b"".join(self._recent), self._recent_ms))
        self._recent = set()
        while len(self._runs) > 1:
            last, before = self._runs[-1], self._runs[-2]
            if (
                len(before.high) > 2 * len(last.high)
                or len(before.high) + len(last.high) > _RUN_IDS
            ):
                break
            self._runs[-2:] = [
                _Run(before.packed() + last.packed(), max(before.newest_ms, last.newest_ms))
            ]
        while sum(len(r.high) for r in self._runs) > limits.dedupe_ids_max:
            self._runs.pop(0)

    def prune(self, conn: Connection, now_ms: int) -> None:
        """Let go of what is past the horizon, in memory and in the table."""
        since = now_ms - limits.dedupe_horizon_days * clock.DAY_MS
        self._runs = [r for r in self._runs if r.newest_ms >= since]
        conn.execute(PRUNE, (since,))
        conn.execute(FORGET, (since,))


def save(
    conn: Connection, seq: int, received_ms: int, keys: Sequence[bytes], skipped: Sequence[int]
) -> None:
    """Write a micro-batch's ids and the positions in it that did not become facts."""
    packed = b"".join(pos.to_bytes(8, "big") for pos in skipped)
    conn.execute(SAVE, (seq, received_ms, b"".join(keys), packed), binary=True)


def skip(conn: Connection, seq: int, positions: Sequence[int]) -> None:
    """Facts of a log row that are facts no more: whoever reads the log again leaves them out."""
    packed = b"".join(pos.to_bytes(8, "big") for pos in positions)
    conn.execute(SKIP, (packed, seq), binary=True)
    conn.execute(UNDO, (list(positions),), binary=True)


def skipped(conn: Connection, first_seq: int, last_seq: int) -> set[int]:
    """Positions in a range of log rows (at least) that were duplicates or refused."""
    out: set[int] = set()
    for (packed,) in conn.execute(SKIPPED, (first_seq, last_seq), binary=True):
        out.update(int.from_bytes(packed[i : i + 8], "big") for i in range(0, len(packed), 8))
    return out
