"""How often items broke a plan: counted by the worker in its batch's transaction, read by pages.

Counts are kept a day and (source, event, path, kind), with the positions of the newest few items as
samples. Paths are told apart up to a limit a source and day, so that invented names cannot fill the
table.
"""

from collections.abc import Iterable, Sequence

import msgspec

from onefold.governance.plans.model import Violation
from onefold.kernel import clock, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

ADD = """
INSERT INTO violation AS v
  (source_id, day, event, path, kind, plan_id, action, n, problem, samples, last_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (source_id, day, event, path, kind) DO UPDATE SET
  n = v.n + excluded.n, plan_id = excluded.plan_id, action = excluded.action,
  problem = excluded.problem, last_ms = greatest(v.last_ms, excluded.last_ms),
  samples = (excluded.samples || v.samples)[1:%s]
"""
KNOWN = "SELECT event, path, kind FROM violation WHERE source_id = %s AND day = %s"
FORGET = "DELETE FROM violation WHERE day < %s"
LIST = """
SELECT source_id, event, path, kind, sum(n)::bigint, max(last_ms),
  (array_agg(problem ORDER BY day DESC))[1], (array_agg(action ORDER BY day DESC))[1],
  (array_agg(samples[1] ORDER BY day DESC))[1:%(samples)s], max(day)
FROM violation
WHERE plan_id = %(plan)s AND day >= %(since)s AND (%(source)s = 0 OR source_id = %(source)s)
GROUP BY source_id, event, path, kind
ORDER BY 5 DESC, event, path, kind, source_id LIMIT %(rows)s
"""
SAMPLES = """
SELECT samples FROM violation
WHERE source_id = %s AND event = %s AND path = %s AND kind = %s AND day >= %s
ORDER BY day DESC LIMIT %s
"""
DAYS = """
SELECT day, sum(n)::bigint FROM violation
WHERE plan_id = %s AND day >= %s GROUP BY day ORDER BY day
"""

_Key = tuple[str, str, str]


class Counted(msgspec.Struct, frozen=True):
    """One way in which a source breaks a plan, with the newest positions as samples."""

    source_id: int
    event: str
    path: str
    kind: str
    n: int
    last_ms: int
    problem: str
    action: str
    samples: list[int]
    day: int


class Recorder:
    """Adds violations up and writes them. One writer: the worker."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], set[_Key]] = {}

    def forget(self) -> None:
        """After a failed transaction."""
        self._known.clear()

    def save(self, conn: Connection, found: Iterable[Violation]) -> None:
        """Count them. The caller commits."""
        sums: dict[tuple[int, int, _Key], list[Violation]] = {}
        for one in found:
            place = (one.source_id, clock.day_of(one.received_ms))
            key = self._key(conn, place, (one.event, one.path, one.kind))
            sums.setdefault((*place, key), []).append(one)
        rows = [
            (
                *key[:2], *key[2], last.plan_id, last.action, len(group),
                last.problem[: limits.violation_text_chars_max].replace("\0", "\ufffd"),
                _newest(group), last.received_ms, limits.violation_samples_max,
            )
            for key, group in sums.items()
            for last in group[-1:]
        ]  # fmt: skip
        if rows:
            conn.cursor().executemany(ADD, rows)

    def _key(self, conn: Connection, place: tuple[int, int], key: _Key) -> _Key:
        known = self._known.get(place)
        if known is None:
            if len(self._known) > limits.sources_max:
                self._known.clear()
            known = self._known[place] = {(e, p, k) for e, p, k in conn.execute(KNOWN, place)}
        if key in known:
            return key
        if len(known) >= limits.violation_paths_day_max:
            return ("(other)", "", key[2])
        known.add(key)
        return key

    def prune(self, conn: Connection, now_ms: int) -> None:
        """Let go of old days."""
        conn.execute(FORGET, (clock.day_of(now_ms) - limits.violation_days_max,))


def _newest(group: Sequence[Violation]) -> list[int]:
    positions = dict.fromkeys(one.pos for one in reversed(group))
    return list(positions)[: limits.violation_samples_max]


def listed(
    conn: Connection,
    viewer: Viewer,
    plan_id: int,
    since_day: int,
    *,
    source_id: int = 0,
    rows_max: int = limits.page_rows_max,
) -> list[Counted]:
    """What broke a plan since a day, the most frequent first. `source_id` 0: of all sources."""
    viewer.must_read()
    values = {
        "plan": plan_id, "since": since_day, "source": source_id, "rows": rows_max,
        "samples": limits.violation_samples_max,
    }  # fmt: skip
    return [Counted(*row) for row in conn.execute(LIST, values)]


def samples(
    conn: Connection, viewer: Viewer, source_id: int, key: _Key, since_day: int
) -> list[int]:
    """Positions of the newest items that broke a plan in one way."""
    viewer.must_read()
    values = (source_id, *key, since_day, limits.violation_samples_max)
    found = [pos for (row,) in conn.execute(SAMPLES, values) for pos in row]
    return found[: limits.violation_samples_max]


def by_day(conn: Connection, viewer: Viewer, plan_id: int, since_day: int) -> dict[int, int]:
    """Day → violations of a plan."""
    viewer.must_read()
    return dict(conn.execute(DAYS, (plan_id, since_day)).fetchall())
