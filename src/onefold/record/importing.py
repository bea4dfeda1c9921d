"""Imports of files: draft, mapping, preview, start, revert; and the run itself.

A run appends a chunk of rows and commits with it how far it is, so that whatever kills it, the next
start goes on after the last chunk that counts. A revert takes CRM rows back here, and facts in the
worker (worker/undo.py), which alone changes states.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from onefold import crm, identity, log, sources
from onefold.kernel import clock, errors, facts, ids, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import import_crm, import_files, import_rows
from onefold.sources import imports, pulls
from onefold.sources.imports.read import Record
from onefold.storage import Connection, jobs

RUN, REVERT = "imports.run", "imports.revert"
SOURCE_NAME = "File imports"
_OPEN = ("draft", "waiting", "running")
_OVER = ("done", "failed", "cancelled")


Preview = import_rows.Preview


# ── drafts ─────────────────────────────────────────────────────────────────────────────────────


def draft(
    conn: Connection,
    viewer: Viewer,
    *,
    path: Path,
    name: str,
    target: str,
    now_ms: int,
    source_id: int | None = None,
    sheet: str = "",
) -> imports.Import:
    """A new import of a file that was kept, with a proposal for its columns.

    `target` may be empty: then it is guessed. Raises `Invalid` for a file that can't be read.
    """
    viewer.must_admin()
    sample = imports.detect.look(path, name, sheet)
    chosen = imports.items.target_of(target) if target else imports.suggest.target(sample)
    if source_id is not None:
        import_rows.must_log(sources.get(conn, viewer, source_id))
    return imports.store.create(
        conn, viewer, name=name, target=chosen, source_id=source_id, path=str(path.absolute()),
        form=sample.format, mapping=imports.suggest.mapping(chosen, sample),
        now=clock.to_datetime(now_ms),
    )  # fmt: skip


def sample(one: imports.Import) -> imports.Sample:
    """The file's columns and first rows."""
    path = Path(one.path)
    if not one.path or not path.exists():
        raise errors.NotFound(f"The file of `{one.api_id}` is not here any more. Upload it again.")
    return imports.detect.look(path, one.name, one.format.sheet)


def set_up(
    conn: Connection,
    viewer: Viewer,
    import_id: int,
    *,
    target: str | None = None,
    mapping: imports.Mapping | None = None,
    source_id: int | None = None,
) -> imports.Import:
    """Change a draft. Another target without a mapping gets a new proposal."""
    viewer.must_admin()
    one = imports.store.get(conn, viewer, import_id, hold=True)
    if one.status != "draft":
        raise errors.Conflict(f"`{one.api_id}` is {one.status}: only a draft can be changed.")
    found = sample(one)
    chosen = imports.items.target_of(target) if target else one.target
    if mapping is None and chosen != one.target:
        mapping = imports.suggest.mapping(chosen, found)
    if mapping is not None:
        faults = imports.items.check(chosen, found.columns, mapping)
        if faults and chosen == one.target:
            raise errors.Invalid(*faults)
    if source_id is not None:
        import_rows.must_log(sources.get(conn, viewer, source_id))
    imports.store.change(
        conn, import_id, target=chosen, mapping=mapping or one.mapping,
        source_id=source_id if source_id is not None else one.source_id,
    )  # fmt: skip
    return imports.store.get(conn, viewer, import_id)


def preview(
    conn: Connection, viewer: Viewer, one: imports.Import, *, rows_max: int | None = None
) -> Preview:
    """What the first rows would come to. Changes nothing."""
    viewer.must_read()
    found = sample(one)
    faults = imports.items.check(one.target, found.columns, one.mapping)
    if faults:
        raise errors.Invalid(*faults)
    out = Preview()
    known: set[object] = set()
    rows = imports.read.records(Path(one.path), one.format)
    most = _preview_rows(one.target) if rows_max is None else rows_max
    with conn.transaction(force_rollback=True):  # CRM records are written to see what comes of it
        for chunk in _chunks(itertools.islice(rows, most), limits.import_chunk_rows):
            part = import_rows.look_at(
                conn, _builder(one, clock.now_ms()), chunk, _source(conn, one), known
            )
            out.rows += len(chunk)
            out.created += part.created
            out.matched += part.matched
            out.refused += part.refused
            out.filtered += part.filtered
            out.faults += part.faults[: limits.import_faults_max - len(out.faults)]
            out.examples += part.examples[: 5 - len(out.examples)]
    out.whole = next(rows, None) is None
    return out


def _preview_rows(target: imports.Target) -> int:
    facts_only = target in imports.FACT_TARGETS
    return limits.import_preview_rows if facts_only else limits.import_preview_crm_rows


# ── start, stop, revert ────────────────────────────────────────────────────────────────────────


def start(conn: Connection, viewer: Viewer, import_id: int) -> imports.Import:
    """Let a draft run, or one that failed or was cancelled go on where it stopped."""
    viewer.must_admin()
    one = imports.store.get(conn, viewer, import_id, hold=True)
    if one.status not in ("draft", "failed", "cancelled"):
        raise errors.Conflict(f"`{one.api_id}` is {one.status} already.")
    faults = imports.items.check(one.target, sample(one).columns, one.mapping)
    if faults:
        raise errors.Invalid(*faults)
    source_id = one.source_id
    if one.target in imports.FACT_TARGETS:
        source = _source(conn, one) or sources.create(
            conn, SYSTEM, SOURCE_NAME, import_rows.CATEGORY
        )
        source_id = import_rows.must_log(source).id
    imports.store.change(conn, import_id, status="waiting", error="", source_id=source_id)
    jobs.defer(conn, RUN, {"import_id": import_id}, lock=f"import:{import_id}")
    return imports.store.get(conn, viewer, import_id)


def cancel(conn: Connection, viewer: Viewer, import_id: int) -> imports.Import:
    """Stop after the chunk that is under way; what is in stays until it is reverted."""
    viewer.must_admin()
    one = imports.store.get(conn, viewer, import_id, hold=True)
    if one.status not in _OPEN:
        raise errors.Conflict(f"`{one.api_id}` is {one.status}: there is nothing to stop.")
    imports.store.change(conn, import_id, status="cancelled")
    _history(conn, one, loading=False)
    return imports.store.get(conn, viewer, import_id)


def discard(conn: Connection, viewer: Viewer, import_id: int, data: Path) -> None:
    """Forget an import that brought nothing in, with its file."""
    viewer.must_admin()
    one = imports.store.get(conn, viewer, import_id, hold=True)
    if one.status not in ("draft", "failed", "cancelled") or one.rows_done:
        raise errors.Conflict(
            f"`{one.api_id}` is {one.status}, {one.rows_done:,} rows in: revert it instead."
        )
    imports.store.delete(conn, import_id)
    import_files.delete(data, one)


def revert(conn: Connection, viewer: Viewer, import_id: int) -> imports.Import:
    """Ask for everything that the import brought in to be taken back."""
    viewer.must_admin()
    one = imports.store.get(conn, viewer, import_id, hold=True)
    if one.status not in _OVER:
        raise errors.Conflict(f"`{one.api_id}` is {one.status}: only one that is over can be.")
    if one.format.kind == "table":
        pulls.store.let_go(conn, import_id)
    imports.store.change(conn, import_id, status="reverting")
    jobs.defer(conn, REVERT, {"import_id": import_id}, lock=f"import:{import_id}")
    return imports.store.get(conn, viewer, import_id)


def _source(conn: Connection, one: imports.Import) -> sources.Source | None:
    """Whose facts the rows are; None when the imports' own source is still to be made."""
    if one.source_id is not None:
        return sources.get(conn, SYSTEM, one.source_id)
    for source in sources.list_all(conn, SYSTEM):
        if source.name == SOURCE_NAME:
            return source
    return None


def _history(conn: Connection, one: imports.Import, *, loading: bool) -> None:
    """While history is loaded, signals wait."""
    if one.source_id is not None:
        sources.set_backfill(conn, SYSTEM, one.source_id, loading)


# ── the run ────────────────────────────────────────────────────────────────────────────────────


def run(running: jobs.Running, import_id: int) -> None:
    """The task `imports.run`: from where the import stands to its end."""
    with running.connect() as conn:
        one = imports.store.get(conn, SYSTEM, import_id, hold=True)
        if one.status not in ("waiting", "running"):
            conn.rollback()
            return
        started = one.started_at or clock.to_datetime(clock.now_ms())
        imports.store.change(conn, import_id, status="running", started_at=started)
        _history(conn, one, loading=True)
        conn.commit()
        one = msgspec.structs.replace(one, status="running", started_at=started)
        try:
            _rows(running, conn, one)
        except errors.OnefoldError as error:
            conn.rollback()
            imports.store.change(conn, import_id, status="failed", error=str(error)[:1_000])
            _history(conn, one, loading=False)
            conn.commit()


def _rows(running: jobs.Running, conn: Connection, one: imports.Import) -> None:
    started_ms = clock.from_datetime(one.started_at) if one.started_at else clock.now_ms()
    builder = _builder(one, started_ms)
    if one.target in imports.FACT_TARGETS:
        step, size = _facts_step(conn, one, builder), limits.import_chunk_rows
    else:
        step, size = _crm_step(one, builder), limits.import_crm_chunk_rows
    records = imports.read.records(Path(one.path), one.format)
    for chunk in _chunks(itertools.islice(records, one.rows_done, None), size):
        running.check()
        held = imports.store.get(conn, SYSTEM, one.id, hold=True)
        if held.status != "running" or held.rows_done != chunk[0].number - 1:
            conn.rollback()
            return  # cancelled, or another process is at it
        step(conn, held, chunk)
        conn.commit()
    held = imports.store.get(conn, SYSTEM, one.id, hold=True)
    if held.status == "running":
        now = clock.to_datetime(clock.now_ms())
        imports.store.change(conn, one.id, status="done", done_at=now, rows_total=held.rows_done)
        _history(conn, one, loading=False)
    conn.commit()


Step = Callable[[Connection, imports.Import, Sequence[Record]], None]


def _facts_step(conn: Connection, one: imports.Import, builder: imports.items.Builder) -> Step:
    source = _source(conn, one)
    category = source.category if source is not None else import_rows.CATEGORY
    conn.commit()

    def step(conn: Connection, held: imports.Import, chunk: Sequence[Record]) -> None:
        now_ms = clock.now_ms()
        built = import_rows.items(conn, builder, chunk, source, now_ms)
        there = identity.store.known(conn, [fact.home for fact in built.facts])
        matched = sum(fact.home in there for fact in built.facts)
        _note(
            conn, held, chunk, created=len(built.facts) - matched, matched=matched,
            faults=built.faults,
        )  # fmt: skip
        if built.items:
            body = log.pack(imports.items.envelope(built.items))
            row = log.Row(held.source_id or 0, category, now_ms, len(built.items), body)
            (seq,) = log.append(conn, [row])
            imports.store.add_chunk(conn, held.id, chunk[0].number, len(chunk), seq)

    return step


def _crm_step(one: imports.Import, builder: imports.items.Builder) -> Step:
    kind, _, number = one.created_by.partition(":")
    viewer = SYSTEM
    if kind in ("user", "key"):
        viewer = Viewer("user" if kind == "user" else "key", int(number), one.name, "admin")
    writer = import_crm.Writer(viewer, builder, one.target)

    def step(conn: Connection, held: imports.Import, chunk: Sequence[Record]) -> None:
        now_ms = clock.now_ms()
        done = writer.write(conn, chunk, now_ms)
        _note(
            conn, held, chunk, created=done.created, matched=done.matched,
            unchanged=done.unchanged, faults=done.faults,
        )  # fmt: skip
        imports.store.add_changes(conn, held.id, done.changes)
        if done.items:
            positions = crm.append(conn, done.items, now_ms)
            seq, _ = facts.split_position(positions[0])
            imports.store.add_chunk(conn, held.id, chunk[0].number, len(chunk), seq)

    return step


def _note(
    conn: Connection,
    held: imports.Import,
    chunk: Sequence[Record],
    *,
    created: int,
    matched: int,
    faults: list[imports.RowFault],
    unchanged: int = 0,
) -> None:
    """How far it is, with what the chunk came to."""
    told = [*held.faults, *faults[: limits.import_faults_max - len(held.faults)]]
    imports.store.change(
        conn, held.id, rows_done=chunk[-1].number, created=held.created + created,
        matched=held.matched + matched, unchanged=held.unchanged + unchanged,
        refused=held.refused + len(faults), faults=told,
    )  # fmt: skip


def take_back(running: jobs.Running, import_id: int) -> None:
    """The task `imports.revert`: CRM rows, newest first. The worker then takes the facts out."""
    with running.connect() as conn:
        while True:
            running.check()
            one = imports.store.get(conn, SYSTEM, import_id, hold=True)
            done = import_crm.undo_some(conn, SYSTEM, import_id)
            over = one.status != "reverting" or done == 0
            if over and one.path and one.status in ("reverting", "reverted"):
                import_files.forget(conn, running.settings.data, one)
            conn.commit()
            if over:
                return


def _builder(one: imports.Import, at_ms: int) -> imports.items.Builder:
    return imports.items.Builder(one.target, one.mapping, one.api_id, at_ms)


def _chunks(rows: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while chunk := list(itertools.islice(rows, size)):
        yield chunk


def number_of(ref: str) -> int:
    """The row id in `imp_4`."""
    return ids.parse_id("imp", ref)


def report(conn: Connection, viewer: Viewer, one: imports.Import) -> list[str]:
    """What a revert took back and kept, as sentences."""
    viewer.must_read()
    out = []
    words = {"deleted": "deleted", "restored": "put back as before", "kept": "kept"}
    for row in imports.store.outcomes(conn, one.id):
        if row["outcome"]:
            why = f", because {row['reason']}" if row["reason"] else ""
            noun = row["noun"] + ("s" if row["n"] != 1 else "")
            out.append(f"{row['n']:,} {noun} {words[row['outcome']]}{why}")
    if one.reverted.get("facts"):
        out.append(f"{one.reverted['facts']:,} facts taken back")
    return out
