"""A new definition over old facts: fill its leaves up to where live folding took over.

A leaf that appears is folded live from the log row after `live_pos` on; the facts up to there are
added in bounded steps, each its own transaction with its own checkpoint, between micro-batches, so
that ingest does not stall. Adding is commutative, so the order of the two does not matter. Once all
of an audience's leaves are filled, everyone is marked and the audience goes live.
"""

from collections.abc import Sequence

from onefold import audiences, governance, log, profiles
from onefold.kernel import facts, limits
from onefold.profiles import dirty, fold
from onefold.storage import Connection
from onefold.worker.catalog import Catalog
from onefold.worker.ingest import Ingest


def take_up(conn: Connection, catalog: Catalog, seq: int) -> None:
    """Note for new leaves the log row after which they are folded live. The caller commits."""
    new = [leaf.id for leaf in catalog.leaves.values() if leaf.live_pos is None]
    if new:
        audiences.leaves_live(conn, new, facts.position(seq + 1, 0) - 1)


def step(conn: Connection, catalog: Catalog, ingest: Ingest, rows_max: int = 200) -> bool:
    """Fill one stretch of the log into unfilled leaves. True while there is more to do."""
    open_leaves = [
        leaf for leaf in catalog.leaves.values() if not leaf.filled and leaf.live_pos is not None
    ]
    if not open_leaves:
        return False
    start = min(leaf.filled_pos for leaf in open_leaves)
    group = [leaf for leaf in open_leaves if leaf.filled_pos == start]
    target = max(leaf.live_pos or 0 for leaf in group)
    after, _ = facts.split_position(start)
    last, _ = facts.split_position(target)
    rows = [row for row in log.read(conn, after, rows_max) if row.seq <= last]
    if rows:
        _fill(conn, catalog, ingest, rows, {leaf.key: leaf.live_pos or 0 for leaf in group})
        reached = facts.position(rows[-1].seq, limits.log_row_items_max - 1)
    else:
        reached = target
    audiences.leaves_filled(conn, [leaf.id for leaf in group], reached)
    for leaf in group:
        leaf.filled_pos = reached
        leaf.filled = not rows or reached >= (leaf.live_pos or 0)
    return True


def _fill(
    conn: Connection,
    catalog: Catalog,
    ingest: Ingest,
    rows: Sequence[log.Row],
    keys: dict[str, int],
) -> None:
    skipped = log.dedupe.skipped(conn, rows[0].seq, rows[-1].seq)
    found = [
        fact
        for row in rows
        for fact in governance.admit(row, ingest.rules)
        if isinstance(fact, facts.Fact) and fact.pos not in skipped
    ]
    wanted = [f for f in found if any(leaf.key in keys for leaf in catalog.folds(f.name))]
    if not wanted:
        return
    resolved = ingest.resolver.resolve(conn, wanted)
    states = ingest.cache.load_states(conn, set(resolved.fragments))
    changed: dict[int, profiles.State] = {}
    for fact, fragment in zip(wanted, resolved.fragments, strict=True):
        leaves = [
            leaf
            for leaf in catalog.folds(fact.name)
            if leaf.key in keys and fact.pos <= keys[leaf.key]
        ]
        if leaves and fold.fold_leaves(states[fragment], fact, leaves):
            changed[fragment] = states[fragment]
    profiles.store.save_states(conn, changed)
    ingest.cache.rollups.clear()


def _mark_rows(conn: Connection, audience_id: int, kind: audiences.Kind) -> None:
    """Of an audience by SQL or a list only those it names, and its members, have to be asked."""
    number = dirty.PERSON if kind == "person" else dirty.ACCOUNT
    found = audiences.concerned(conn, kind, audience_id)
    for start in range(0, len(found), limits.conclude_chunk_max):
        part = found[start : start + limits.conclude_chunk_max]
        marks = dirty.Marks(dirty.Mark(number, i, 0, {audience_id}) for i in part)
        profiles.store.put_marks(conn, marks)


def go_live(conn: Connection, catalog: Catalog) -> list[int]:
    """Audiences whose leaves are all filled: mark everyone, set them live. The caller commits."""
    filled = {leaf.key for leaf in catalog.leaves.values() if leaf.filled}
    ready = [
        i
        for i in catalog.building
        if i not in catalog.unanswered
        and all(leaf.key in filled for leaf in audiences.leaves(catalog.live[i].definition))
    ]
    if not ready:
        return []
    people = set(ready) & catalog.index.by_kind["person"] - catalog.listed
    accounts = set(ready) & catalog.index.by_kind["account"] - catalog.listed
    for i in catalog.listed.intersection(ready):
        _mark_rows(conn, i, catalog.live[i].of)
    if people:
        last = 0
        while page := profiles.store.people_after(conn, last, limits.conclude_chunk_max):
            marks = dirty.Marks(dirty.Mark(dirty.PERSON, i, 0, people) for i in page)
            profiles.store.put_marks(conn, marks)
            last = page[-1]
    if accounts:
        found = profiles.store.accounts_all(conn)
        marks = dirty.Marks(dirty.Mark(dirty.ACCOUNT, i, 0, accounts) for i in found)
        profiles.store.put_marks(conn, marks)
    for i in ready:
        audiences.set_live(conn, i, catalog.building[i])
    return ready
