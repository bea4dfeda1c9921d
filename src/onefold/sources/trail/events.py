"""The event debugger: past items of a source, newest first, each with what became of it.

The log has no index by source, so `search` walks it backwards in windows. It reads the heads of
rows (no bodies) to find the source's, jumps over hours in which the source had nothing (the ledger
knows), finds the first row of a time by halving, and stops when one page's work is done, with a
cursor to go on from. So no search reads more than `limits.events_rows_max` rows, whatever the log
holds.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from onefold import governance, identity, log
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.trail import differences, store
from onefold.sources.trail.model import Event, Found, Search, Settled
from onefold.storage import Connection

_READER = "worker"
_WINDOW_ROWS = 500
_SLICE_ITEMS = 2_000
_SLACK_MS = clock.MINUTE_MS  # rows are in commit order; their times may be out of it by this much
_FOREVER_MS = 2**53
_POS_END = 2**63 - 1
_WHO = (
    "userId", "anonymousId", "previousId", "groupId", "messageId", "traits.email",
    "properties.email", "context.traits.email", "context.groupId",
)  # fmt: skip
_SPACES = ("user_id:", "anonymous_id:", "email:", "account_id:")

Known = dict[int, tuple[facts.Refusal, Settled | None]]


def search(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    wanted: Search,
    before: int | None = None,
    rows_max: int = limits.page_rows_default,
) -> Found:
    """A page of a source's items below `before`, newest first."""
    viewer.must_read()
    walk = _Walk(conn, source_id, wanted, _POS_END if before is None else before, rows_max)
    found = walk.refused() if wanted.outcome == "refused" else walk.back()
    people = _people(conn, viewer, found.events)
    return Found(
        [_with(e, person_id=people.get(_home(e))) for e in found.events],
        found.next,
        found.looked_at,
        found.reached_ms,
    )


def event(conn: Connection, viewer: Viewer, source_id: int, pos: int) -> Event:
    """One item, and for a duplicate which one came first. Raises `NotFound`."""
    viewer.must_read()
    seq, index = facts.split_position(pos)
    found = store.rows(conn, [seq])
    if not found or found[0].source_id != source_id or index >= found[0].items:
        raise errors.NotFound(f"There is no event `{pos}` of this source.")
    one = _explained(conn, found, {pos})[0]
    home = _home(one)
    person = identity.person_of(conn, viewer, *home) if home else None
    first = None
    if one.outcome == "duplicate" and one.fact:
        first = _first(conn, one, one.fact.message_id)
    return _with(one, person_id=person, first_pos=first)


class _Walk:
    """One page's search."""

    def __init__(
        self, conn: Connection, source_id: int, wanted: Search, before: int, rows_max: int
    ) -> None:
        self.conn = conn
        self.source_id = source_id
        self.wanted = wanted
        self.before = before
        self.rows_max = min(rows_max, limits.page_rows_max)
        self.since_ms = wanted.since_ms or 0
        self.until_ms = _FOREVER_MS if wanted.until_ms is None else wanted.until_ms
        self.events: list[Event] = []
        self.looked = self.items = 0
        self.reached_ms: int | None = None

    def back(self) -> Found:
        """Through the log, window by window."""
        seq = min(facts.split_position(max(self.before - 1, 0))[0], log.head(self.conn))
        first = store.first_seq(self.conn)
        floor = first - 1
        if self.since_ms:
            floor = max(floor, self._seek(self.since_ms - _SLACK_MS, first, seq) - 1)
        if self.until_ms < _FOREVER_MS:
            seq = min(seq, self._seek(self.until_ms + _SLACK_MS, first, seq + 1))
        while self.looked < limits.events_rows_max and self.items < limits.events_items_max:
            window = store.heads(self.conn, seq, floor, _WINDOW_ROWS)
            if not window:
                return self._end(None)
            self.looked += len(window)
            mine = [(s, n) for s, source, at, n in window if source == self.source_id
                    and self.since_ms <= at < self.until_ms]  # fmt: skip
            for seqs in _slices(mine):
                self._take(seqs)
                if len(self.events) >= self.rows_max:
                    return self._end(self.events[-1].pos)
            self.reached_ms = window[-1][2]
            seq = window[-1][0] - 1
            if not mine:
                over = self._jump(window[-1][2], floor, seq)
                if over is None:
                    return self._end(None)
                seq = over
        return self._end(facts.position(seq + 1, 0))

    def refused(self) -> Found:
        """By the list of refused items, which has an index."""
        positions = store.refused_before(
            self.conn, self.source_id, self.before, self.since_ms, self.until_ms,
            limits.page_rows_max,
        )  # fmt: skip
        self.looked = len(positions)
        for start in range(0, len(positions), self.rows_max):
            part = set(positions[start : start + self.rows_max])
            seqs = sorted({facts.split_position(pos)[0] for pos in part}, reverse=True)
            self._take(seqs, part)
            if len(self.events) >= self.rows_max:
                return self._end(self.events[-1].pos)
        more = len(positions) == limits.page_rows_max
        return self._end(positions[-1] if more else None)

    def _take(self, seqs: Sequence[int], only: set[int] | None = None) -> None:
        """Explain the rows' items and keep those that are wanted, up to the page's size."""
        found = store.rows(self.conn, seqs)
        self.items += sum(row.items for row in found)
        for one in _explained(self.conn, found, only):
            if one.pos < self.before and _matches(one, self.wanted):
                self.events.append(one)
                if len(self.events) >= self.rows_max:
                    return

    def _seek(self, at_ms: int, low: int, high: int) -> int:
        """The first row received at or after a time, by halving; `high` when there is none."""
        while low < high:
            middle = (low + high) // 2
            received = store.received_at(self.conn, middle)
            if received is not None and received < at_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def _jump(self, at_ms: int, floor: int, seq: int) -> int | None:
        """Over a stretch without this source's items; None when there are none before."""
        hour = store.busy_hour(self.conn, self.source_id, at_ms + _SLACK_MS)
        if hour is None:
            return None
        end_ms = hour + clock.HOUR_MS + _SLACK_MS
        return seq if end_ms >= at_ms else min(seq, self._seek(end_ms, floor + 1, seq + 1))

    def _end(self, following: int | None) -> Found:
        return Found(self.events, following, self.looked, self.reached_ms)


def _slices(mine: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Row numbers in portions of a bounded number of items."""
    part: list[int] = []
    size = 0
    for seq, n in mine:
        if part and size + n > _SLICE_ITEMS:
            yield part
            part, size = [], 0
        part.append(seq)
        size += n
    if part:
        yield part


def _explained(
    conn: Connection, rows: Sequence[log.Row], only: set[int] | None = None
) -> list[Event]:
    """The rows' items, newest first, with what became of each. `rows` come newest first."""
    if not rows:
        return []
    done = log.checkpoint(conn, _READER)
    skipped = log.dedupe.skipped(conn, rows[-1].seq, rows[0].seq)
    rules = governance.load(conn)
    out: list[Event] = []
    for row in rows:
        envelope = log.unpack(row.body)
        admitted = list(zip(governance.admit(row, rules), envelope.batch, strict=True))
        odd = [a.pos for a, _ in admitted if not isinstance(a, facts.Fact) or a.pos in skipped]
        known = store.settled(conn, odd) if odd else {}
        for one, raw in reversed(admitted):
            if only is None or one.pos in only:
                outcome = _outcome(one, known, skipped, waits=row.seq > done)
                out.append(_event(row, envelope, one, bytes(raw), outcome, known))
    return out


def _outcome(one: facts.Admitted, known: Known, skipped: set[int], *, waits: bool) -> str:
    if waits:
        return "waiting"
    if one.pos in known or isinstance(one, facts.Refusal):
        return "refused"
    if isinstance(one, facts.Filtered):
        return "filtered"
    return "duplicate" if one.pos in skipped else "processed"


def _event(
    row: log.Row, envelope: log.Envelope, one: facts.Admitted, raw: bytes, outcome: str,
    known: Known,
) -> Event:  # fmt: skip
    tree = differences.glimpse(raw)
    refusal, end = known.get(one.pos, (one if isinstance(one, facts.Refusal) else None, None))
    fact = one if isinstance(one, facts.Fact) and refusal is None else None
    kind = fact.kind if fact else str(tree.get("type") or envelope.type or "")
    return Event(
        pos=one.pos,
        source_id=row.source_id,
        received_ms=row.received_ms,
        outcome=outcome,
        raw=refusal.raw if refusal else raw,
        kind=kind,
        name=fact.name if fact else _name(kind, tree),
        who=tuple(_who(tree)),
        fact=fact,
        refusal=refusal,
        rule=one.rule if isinstance(one, facts.Filtered) else "",
        corrections=differences.corrections(fact, raw, envelope) if fact else (),
        settled=end,
        shared=differences.shared(raw, envelope),
    )


def _name(kind: str, tree: dict[str, Any]) -> str:
    given = tree.get("event")
    if isinstance(given, str) and given:
        return given
    return governance.KINDS.get(kind) or kind


def _who(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path in _WHO:
        value: Any = tree
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            yield path, str(value)


def _matches(one: Event, wanted: Search) -> bool:
    if wanted.outcome and one.outcome != wanted.outcome:
        return False
    if wanted.event and wanted.event.casefold() not in one.name.casefold():
        return False
    if wanted.who:
        who = wanted.who.strip()
        for space in _SPACES:
            who = who.removeprefix(space)
        fold = "@" in who
        named = [value for _, value in one.who]
        if one.fact:
            named += [i.value for i in one.fact.identifiers]
        if who not in named and not (fold and who.casefold() in map(str.casefold, named)):
            return False
    return True


def _home(one: Event) -> facts.Identifier | None:
    if one.fact is None or one.outcome == "waiting" or one.fact.home.namespace == "account_id":
        return None
    return one.fact.home


def _people(
    conn: Connection, viewer: Viewer, events: Sequence[Event]
) -> dict[facts.Identifier | None, int | None]:
    homes = {home for one in events if (home := _home(one))}
    return {home: identity.person_of(conn, viewer, *home) for home in homes}


def _with(one: Event, **changes: Any) -> Event:
    return Event(**{**{f: getattr(one, f) for f in Event.__struct_fields__}, **changes})


def _first(conn: Connection, one: Event, message_id: str) -> int | None:
    """The item of the same messageId that came before a duplicate, where it can still be found."""
    seq, _ = facts.split_position(one.pos)
    key = log.dedupe.key(one.source_id, message_id)
    since = one.received_ms - limits.dedupe_horizon_days * clock.DAY_MS - clock.HOUR_MS
    batch = store.batch_with(conn, key, seq, since)
    if batch is None:
        return None
    seqs = store.seqs_of(conn, one.source_id, *batch, limits.events_rows_max)
    rules = governance.load(conn)
    for row in reversed(store.rows(conn, seqs)):
        for admitted in governance.admit(row, rules):
            if isinstance(admitted, facts.Fact) and admitted.message_id == message_id:
                return admitted.pos if admitted.pos < one.pos else None
    return None
