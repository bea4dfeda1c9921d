"""Pulls at work: start, stop, delete, schedule, preview; and the task that runs one.

What a run does with its rows is in record/pull_run.py. A run that was killed is taken up again: it
goes on from the position whose rows are in, reads the overlap before it again, and knows what it
has. A run that failed says why, and the next one goes on in the same way.
"""

import contextlib
from collections.abc import Sequence

from onefold import sources
from onefold.kernel import clock, errors, ids, limits, schedule
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import import_rows, pull_run
from onefold.sources import imports, pulls
from onefold.sources.imports.read import Record
from onefold.sources.pulls.names import Named
from onefold.storage import Connection, jobs

RUN, DUE, FORGET = "pulls.run", "pulls.due", "pulls.forget"


# ── start, stop, delete ────────────────────────────────────────────────────────────────────────


def start(conn: Connection, viewer: Viewer, pull_id: int) -> pulls.Run:
    """Run it now. Raises `Conflict` when a run is open, or it can't run."""
    viewer.must_admin()
    one = pulls.store.for_run(conn, pull_id, hold=True)
    _must_run(conn, one)
    made = _queue(conn, viewer, pull_id)
    if made is None:
        raise errors.Conflict(f"A run of `{one.name}` is waiting or under way.")
    return made


def _queue(conn: Connection, viewer: Viewer, pull_id: int) -> pulls.Run | None:
    made = pulls.store.new_run(conn, viewer, pull_id)
    if made is not None:
        jobs.defer(
            conn, RUN, {"run_id": made.id}, lock=f"pull:{pull_id}", queue=jobs.READS
        )  # fmt: skip
    return made


def _must_run(conn: Connection, one: pulls.Pull) -> sources.Source | None:
    """Its source, None for CRM rows. Raises `Conflict` when it can't run."""
    if not one.chosen:
        raise errors.Conflict(f"`{one.name}` does not say yet what to read. Choose a table.")
    if one.target not in imports.FACT_TARGETS or one.source_id is None:
        return None
    source = import_rows.must_log(sources.get(conn, SYSTEM, one.source_id))
    if not source.enabled:
        raise errors.Conflict(f"Its source `{source.name}` is off. Turn it on first.")
    return source


def cancel(conn: Connection, viewer: Viewer, pull_id: int) -> pulls.Run:
    """Stop the open run after the chunk that is under way; the next goes on from there."""
    viewer.must_admin()
    one = pulls.store.get(conn, viewer, pull_id)
    for run in pulls.store.runs(conn, viewer, pull_id, rows_max=1):
        held = pulls.store.run(conn, viewer, run.id, hold=True)
        if held.open:
            now = clock.to_datetime(clock.now_ms())
            pulls.store.change_run(conn, held.id, status="cancelled", done_at=now)
            _history(conn, one, loading=False)
            return pulls.store.run(conn, viewer, held.id)
    raise errors.Conflict("No run of it is open: there is nothing to stop.")


def delete(conn: Connection, viewer: Viewer, pull_id: int) -> None:
    """Let it read no more. What it brought in stays, and so does its source."""
    viewer.must_admin()
    pulls.store.for_run(conn, pull_id, hold=True)
    if any(run.open for run in pulls.store.runs(conn, viewer, pull_id, rows_max=1)):
        cancel(conn, viewer, pull_id)
    pulls.store.delete(conn, viewer, pull_id, clock.to_datetime(clock.now_ms()))
    jobs.defer(conn, FORGET, {"pull_id": pull_id}, lock=f"pull:{pull_id}")


def forget(running: jobs.Running, pull_id: int) -> None:
    """The task `pulls.forget`: drop what a deleted pull remembers, some rows at a time."""
    with running.connect() as conn:
        while True:
            running.check()
            gone = pulls.store.forget(conn, pull_id)
            conn.commit()
            if not gone:
                return


def due(running: jobs.Running) -> None:
    """The periodic task: start what its schedule names."""
    with running.connect() as conn:
        now_ms = clock.now_ms()
        for number, often in pulls.store.due(conn, clock.to_datetime(now_ms)):
            if pulls.store.for_run(conn, number).chosen:
                _queue(conn, SYSTEM, number)
            following = schedule.next_ms(often, now_ms)
            at = None if following is None else clock.to_datetime(following)
            pulls.store.change(conn, SYSTEM, number, next_at=at)


def number_of(ref: str, field: str = "id") -> int:
    """The row id in `pul_4`."""
    return ids.parse_id("pul", ref, field)


# ── preview ────────────────────────────────────────────────────────────────────────────────────


def preview(
    conn: Connection, viewer: Viewer, one: pulls.Pull, allowed: str, rows_max: int | None
) -> import_rows.Preview:
    """What a run would come to, by its first rows or by all. Changes nothing.

    `one` is as the runner sees it. Rows that are in already count as unchanged.
    """
    viewer.must_admin()
    source = _must_run(conn, one)
    conn.rollback()
    out = import_rows.Preview()
    known: set[object] = set()
    taken: dict[bytes, bytes] = {}
    chunks = pull_run.Rows(one)
    builder = pull_run.builder(one, clock.now_ms())
    with pulls.reader.opened(one.place, one.secret, allowed) as found:
        most = None if rows_max is None else rows_max + 1
        names, parts = pulls.setup.read(one, found, ordered=rows_max is None, rows_max=most)
        for part in parts:
            named = [chunks.named(names, row) for row in part]
            if rows_max is not None and out.rows + len(named) > rows_max:
                named, out.whole = named[: rows_max - out.rows], False
            before = pulls.store.known(conn, one.id, {n.name for n in named})
            fresh = pulls.names.news(named, before, 0, chunks.last, once=one.target == "events")
            there, records = _split(fresh, out.rows)
            seen = import_rows.look_at(conn, builder, records, source, known)
            out.matched += there
            conn.rollback()
            _add(out, seen)
            out.rows += len(named)
            out.unchanged += fresh.same
            out.refused += len(fresh.twice)
            told = [pull_run.fault(row) for row in [*fresh.twice, *_shared(named, taken)]]
            out.faults += told[: limits.import_faults_max - len(out.faults)]
            if not out.whole:
                break
    return out


def _split(fresh: pulls.names.News, first: int) -> tuple[int, list[Record]]:
    """How many rows have a CRM record of theirs, and the others."""
    there, records = 0, []
    for n, (row, _) in enumerate(fresh.rows, 1):
        if fresh.put[row.name][4] is not None:
            there += 1
        else:
            records.append(pull_run.record(row, first + n))
    return there, records


def _add(out: import_rows.Preview, part: import_rows.Preview) -> None:
    out.created += part.created
    out.matched += part.matched
    out.refused += part.refused
    out.filtered += part.filtered
    out.faults += part.faults[: limits.import_faults_max - len(out.faults)]
    out.examples += part.examples[: 5 - len(out.examples)]


def _shared(named: Sequence[Named], taken: dict[bytes, bytes]) -> list[Named]:
    """Rows whose key another row had, too, among those looked at without an order."""
    return [
        row for row in named if row.keyed and taken.setdefault(row.name, row.content) != row.content
    ]


# ── the run ────────────────────────────────────────────────────────────────────────────────────


def run(running: jobs.Running, run_id: int) -> None:
    """The task `pulls.run`: from where the pull stands to the table's end."""
    with running.connect() as conn:
        held = pulls.store.run(conn, SYSTEM, run_id, hold=True)
        if not held.open:
            conn.rollback()
            return
        try:
            one = pulls.store.for_run(conn, held.pull_id)
            now = clock.to_datetime(clock.now_ms())
            pulls.store.change_run(
                conn, run_id, status="running", passes=held.passes + 1,
                started_at=held.started_at or now,
                began=one.position if held.passes == 0 else held.began,
            )  # fmt: skip
            source = _must_run(conn, one)
            if not one.known:
                _history(conn, one, loading=True)
            held = pulls.store.run(conn, SYSTEM, run_id)
            conn.commit()
            pull_run.Run(running, conn, one, held, source).go()
            error = ""
        except errors.OnefoldError as fault:
            conn.rollback()
            error = str(fault)
        _end(conn, run_id, held.pull_id, error)
        conn.commit()


def _end(conn: Connection, run_id: int, pull_id: int, error: str) -> None:
    held = pulls.store.run(conn, SYSTEM, run_id, hold=True)
    if held.status != "running":
        return
    now = clock.to_datetime(clock.now_ms())
    status = "failed" if error else "done"
    pulls.store.change_run(conn, run_id, status=status, error=error[:2_000], done_at=now)
    if held.import_id is not None:
        imports.store.change(
            conn, held.import_id, done_at=now, rows_done=held.read, rows_total=held.read,
            created=held.created, matched=held.matched, unchanged=held.unchanged,
            refused=held.refused,
        )  # fmt: skip
    with contextlib.suppress(errors.NotFound):  # it was deleted meanwhile
        _history(conn, pulls.store.for_run(conn, pull_id), loading=False)


def _history(conn: Connection, one: pulls.Pull, *, loading: bool) -> None:
    """While history is loaded, signals wait."""
    if one.source_id is not None:
        sources.set_backfill(conn, SYSTEM, one.source_id, loading)
