"""What other rules would do: f by both over the links that are stored, group by group.

A job goes through the identifiers by id, in chunks that are each one read of the database as of one
moment, and asks f by the proposed rules what hangs together with them. Where that differs from how
things are, the people concerned are one bundle: everybody who would give to or get from one of
them. A bundle is counted in the chunk that holds its least identifier, so each once. Progress is
committed with the counts, so that a job that was killed goes on from there; memory holds a chunk.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any

import msgspec

from onefold.identity import component, decisions
from onefold.identity import store as identities
from onefold.identity.graph import store as spots
from onefold.identity.graph.model import Spot
from onefold.identity.namespaces import store
from onefold.identity.namespaces.model import Preview
from onefold.identity.namespaces.parse import compiled
from onefold.identity.rules import Rules
from onefold.kernel import clock, limits
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection, jobs

RUN = "identity.preview"
_KINDS = ("merged", "split", "moved")
AS_OF = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
LINKS = """
SELECT l.a, l.b, l.suppressed FROM link l
JOIN unnest(%s::bigint[], %s::bigint[]) AS k (a, b) ON l.a = k.a AND l.b = k.b
"""
PEOPLE = "SELECT count(DISTINCT person_id) FROM fragment WHERE person_id <> 0"


class Bundle(msgspec.Struct, frozen=True):
    """People who would change together: their parts before and after.

    what  merged: several would be one. split: one would be several. moved: anything else
    """

    what: str
    before: dict[int, list[Spot]]
    after: list[list[Spot]]

    @property
    def people(self) -> int:
        """How many people it counts as."""
        return len(self.before) - 1 if self.what == "merged" else len(self.before)

    def least(self, rules: Rules) -> int:
        """The least id of an identifier in it that a chunk can begin with."""
        found = [spot for parts in self.before.values() for spot in parts]
        plain = [s for s in found if rules.of(s.identifier.namespace).kind == "person"]
        plain = plain or [s for s in found if s.owner is None] or found
        return min(spot.identifier_id for spot in plain)


def run(running: jobs.Running, preview: int) -> None:
    """The task: go through everything, a chunk a transaction."""
    with running.connect() as conn:
        found = store.preview(conn, SYSTEM, preview)
        if found.status not in ("waiting", "running"):
            return
        upto = found.upto or store.last_identifier(conn)
        store.set_preview(conn, preview, status="running", upto=upto)
        conn.commit()
        rules = compiled(found.rules)
        book = decisions.Book(decisions.in_force(conn))
        conn.commit()
        while step(conn, preview, rules, book):
            running.check()


def step(conn: Connection, number: int, rules: Rules, book: decisions.Book) -> bool:
    """Look at one chunk; True while there is more. Commits."""
    before = store.preview(conn, SYSTEM, number)
    conn.commit()
    if before.status != "running":
        return False
    conn.execute(AS_OF)
    most = limits.namespace_preview_ids_max
    seeds, done = store.stretch(conn, rules, before.done, before.upto, most)
    bundles, reasons = looked(conn, seeds, rules, book) if seeds else ([], {})
    mine = [b for b in bundles if before.done < b.least(rules) <= done]
    ended = done >= before.upto
    people = _people(conn) if ended else before.people
    conn.rollback()
    held = store.preview(conn, SYSTEM, number, hold=True)
    if held.status == "running":
        values = _added(before, mine, reasons)
        if ended:
            values |= {"status": "done", "done_ms": clock.now_ms()}
        store.set_preview(conn, number, done=done, people=people, **values)
    conn.commit()
    return not ended and held.status == "running"


def looked(
    conn: Connection, seeds: Collection[int], rules: Rules, book: decisions.Book
) -> tuple[list[Bundle], dict[tuple[int, int], tuple[str | None, str | None]]]:
    """The bundles around these identifiers, and what would become of the reasons of their links."""
    last = identities.next_ids(conn)[2]
    new_ids = count(last + 1)
    outcome = component.regroup(
        conn, seeds, {}, (), lambda: next(new_ids), book, rules, recount=True
    )
    moved = {ref for ref, _ in outcome.changes.people}
    changed = [g for g in outcome.groups if any(ref in moved for ref, _ in g.members)]
    touched = {ref for g in changed for ref, _ in g.members}
    known = spots.fragments(conn, SYSTEM, [ref for g in outcome.groups for ref, _ in g.members])
    people = {known[ref].person for ref in touched if ref in known}
    groups = [
        [known[ref] for ref, _ in g.members if ref in known]
        for g in outcome.groups
        if any(
            ref in touched or known[ref].person in people for ref, _ in g.members if ref in known
        )
    ]
    reasons = {(a, b): why for a, b, why in outcome.changes.suppressed}
    was = _reasons(conn, reasons)
    return bundled(groups), {pair: (was.get(pair), why) for pair, why in reasons.items()}


def bundled(groups: Iterable[list[Spot]]) -> list[Bundle]:
    """Groups as they would be, by who gives to or gets from whom; those that stay are left out."""
    groups = [group for group in groups if group]
    of: dict[int, int] = {}
    parent = list(range(len(groups)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = n = parent[parent[n]]
        return n

    for n, group in enumerate(groups):
        for spot in group:
            if spot.person in of:
                parent[root(n)] = root(of[spot.person])
            of[spot.person] = n
    found: dict[int, list[list[Spot]]] = defaultdict(list)
    for n, group in enumerate(groups):
        found[root(n)].append(group)
    out = []
    for after in found.values():
        before: dict[int, list[Spot]] = defaultdict(list)
        for spot in (spot for group in after for spot in group):
            before[spot.person].append(spot)
        if len(after) == 1 and len(before) == 1:
            continue
        what = "merged" if len(after) == 1 else "split" if len(before) == 1 else "moved"
        out.append(Bundle(what, dict(before), after))
    return out


def _added(
    before: Preview,
    bundles: Iterable[Bundle],
    reasons: Mapping[tuple[int, int], tuple[str | None, str | None]],
) -> dict[str, Any]:
    """The counts and examples with these bundles' added."""
    counts = {kind: getattr(before, kind) for kind in _KINDS}
    examples = list(before.examples)
    identifiers = before.identifiers
    for bundle in bundles:
        counts[bundle.what] += bundle.people
        identifiers += _moving(bundle)
        shown = sum(1 for e in examples if e["what"] == bundle.what)
        if shown < limits.namespace_examples_max:
            examples.append(_example(bundle, reasons))
    return {**counts, "identifiers": identifiers, "examples": examples}


def _moving(bundle: Bundle) -> int:
    """How many identifiers would not stay with most of their person."""
    staying = sum(
        max(sum(1 for spot in group if spot.person == person) for group in bundle.after)
        for person in bundle.before
    )
    if bundle.what == "merged":
        staying = max(len(parts) for parts in bundle.before.values())
    return sum(len(parts) for parts in bundle.before.values()) - staying


def _example(
    bundle: Bundle, reasons: Mapping[tuple[int, int], tuple[str | None, str | None]]
) -> dict[str, Any]:
    inside = {spot.identifier_id: spot for parts in bundle.before.values() for spot in parts}
    why = [
        {"a": list(inside[a].identifier), "b": list(inside[b].identifier), "was": was, "is": now}
        for (a, b), (was, now) in reasons.items()
        if a in inside and b in inside and was != now
    ]
    turned = [one for one in why if (one["is"] is None) is (bundle.what == "merged")]
    return {
        "what": bundle.what,
        "before": [
            {"person": person, "identifiers": _values(parts)}
            for person, parts in sorted(bundle.before.items())[: limits.namespace_examples_max]
        ],
        "after": [_values(group) for group in bundle.after[: limits.namespace_examples_max]],
        "why": (turned or why)[:3],
    }


def _values(parts: Iterable[Spot]) -> list[list[Any]]:
    """(namespace, value, chapter) of each, some of many."""
    found = sorted({(*spot.identifier, spot.chapter_ms) for spot in parts})
    return [list(one) for one in found[: limits.namespace_examples_max]]


def _reasons(
    conn: Connection, pairs: Collection[tuple[int, int]]
) -> dict[tuple[int, int], str | None]:
    wanted = list(pairs)
    rows = conn.execute(LINKS, ([a for a, _ in wanted], [b for _, b in wanted])) if wanted else ()
    return {(a, b): why for a, b, why in rows}


def _people(conn: Connection) -> int:
    row = conn.execute(PEOPLE).fetchone()
    return int(row[0]) if row else 0
