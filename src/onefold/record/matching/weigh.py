"""A chunk of records against all that share a key with them: weighed, tried on f, put down.

Memory is bounded by the chunk: its records, at most `match_candidates_max` others of each.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from onefold import identity
from onefold.identity import decisions, graph, likeness, review
from onefold.kernel import errors, limits
from onefold.kernel.viewer import SYSTEM
from onefold.record.matching import store
from onefold.storage import Connection

_BARRED_MIN = 0.9  # chance from which it is worth telling that a rule keeps two apart
_UNCERTAIN_MIN = 0.05  # a sure pair still waits for a word, behind those that need one more
Pair = tuple[int, int]


class Tally(msgspec.Struct):
    """What came of a chunk."""

    pairs: int = 0
    proposed: int = 0
    joined: int = 0
    barred: int = 0


class Weigher:
    """What a run weighs with: the model, the decisions in force, and what was chosen."""

    def __init__(self, conn: Connection, learnt: likeness.Learnt, now_ms: int) -> None:
        self.learnt = learnt
        self.now_ms = now_ms
        self._decided_ms = -1
        self._busy: set[int] = set()  # joined in this run: weighed anew before anything else
        self._joined = 0
        self.refresh(conn)

    def refresh(self, conn: Connection) -> None:
        """Take up what people decided and chose meanwhile."""
        self.setting = likeness.store.setting(conn)
        self.rules = identity.namespaces.current(conn)
        newest = store.newest_decision(conn)
        if newest != self._decided_ms:
            self.book = decisions.Book(decisions.in_force(conn))
            self.apart = review.store.apart(conn)
            self._decided_ms = newest

    def chunk(
        self, conn: Connection, chunk: Sequence[likeness.Record], *, upto: int | None = None
    ) -> Tally:
        """Weigh a chunk, put down what is likely, take off what no longer is.

        `upto`: leave pairs with people beyond this id to their own chunk.
        """
        records = {r.person_id: r for r in chunk}
        pairs = {
            pair for pair in candidates(conn, list(records)) if upto is None or pair[1] <= upto
        }
        more = {person for pair in pairs for person in pair} - records.keys()
        records |= likeness.store.records(conn, SYSTEM, more)
        rows = {person: row for row, person in enumerate(records)}
        comparable = likeness.keys.records_of([r.fields for r in records.values()])
        wanted = {(rows[a], rows[b]) for a, b in pairs if a in rows and b in rows}
        people = list(records)
        weighed = likeness.score.weigh(self.learnt.model, comparable, wanted)
        good = [p for p in weighed if likeness.score.chance(p.bits) >= self.setting.review_from]
        falls = likeness.score.waterfalls(self.learnt.model, comparable, [(p.a, p.b) for p in good])
        tally = Tally(pairs=len(weighed))
        seen: set[Pair] = set()
        found = sorted(zip(good, falls, strict=True), key=lambda both: -both[0].bits)
        for pair, steps in found:
            one, other = records[people[pair.a]], records[people[pair.b]]
            if one.person_id > other.person_id:
                one, other = other, one
                turned = [msgspec.structs.replace(s, left=s.right, right=s.left) for s in steps]
            else:
                turned = steps
            if self._put(conn, one, other, pair.bits, turned, tally):
                seen.add((one.person_id, other.person_id))
        self._take_off(conn, {r.person_id for r in chunk}, seen, upto)
        return tally

    def _put(
        self, conn: Connection, a: likeness.Record, b: likeness.Record, bits: float,
        steps: list[likeness.Step], tally: Tally,
    ) -> bool:  # fmt: skip
        """Put a likely pair down; False when it is no question (any more)."""
        if (a.person_id, b.person_id) in self.apart:
            return False
        chance = likeness.score.chance(bits)
        verdict = _sole(a, b, self.rules) or self._tried(conn, a, b)
        if verdict is None or verdict == "decision" or (verdict and chance < _BARRED_MIN):
            return False
        impact = 1.0 + a.impact + b.impact
        doubt = max(likeness.score.uncertainty(chance), _UNCERTAIN_MIN)
        why = {n: a.why.get(n, 0) + b.why.get(n, 0) for n in a.why.keys() | b.why.keys()}
        one = review.Proposal(
            a_person=a.person_id, b_person=b.person_id, a=a.anchor, b=b.anchor,
            status="barred" if verdict else "open", bits=round(bits, 3), chance=chance,
            impact=round(impact, 3), rank=round(impact * doubt, 6),
            pattern=likeness.score.pattern(steps), steps=steps, why=why,
            model_id=self.learnt.made.id, reason=verdict,
        )  # fmt: skip
        if one.status == "open" and self._may_join(one):
            one = self._join(conn, one)
        put = review.store.put(conn, one, self.setting.assignee_id, self.now_ms)
        if put is None:
            return False
        tally.proposed += one.status == "open" and put[1]
        tally.joined += one.status == "joined"
        tally.barred += one.status == "barred" and put[1]
        return True

    def _tried(self, conn: Connection, a: likeness.Record, b: likeness.Record) -> str | None:
        """What f says to it: "" that it would join them, else why not; None: nothing to join."""
        said = decisions.Said(
            0, "match", decisions.End(a.anchor), decisions.End(b.anchor), "", "system:0", "Onefold",
            self.now_ms,
        )  # fmt: skip
        self.book.add(said)
        try:
            trial = graph.tried(conn, SYSTEM, self.book, [said], [])
        finally:
            self.book.drop(said)
        if 0 in trial.cannot:
            return trial.cannot[0]
        return "" if any(entry.action == "merge" for entry in trial.entries) else None

    def _may_join(self, one: review.Proposal) -> bool:
        sure = self.setting.certain_from
        return (
            sure is not None
            and one.chance >= sure
            and self._busy.isdisjoint((one.a_person, one.b_person))
            and self._joined < limits.match_joined_run_max
        )

    def _join(self, conn: Connection, one: review.Proposal) -> review.Proposal:
        """Join the two by a decision of kind `match`, unless the pair was answered before."""
        if review.store.answered(conn, one):
            return one
        reason = f"{one.bits:.1f} bits for one person: {one.pattern}"
        try:
            said = decisions.say(
                conn, SYSTEM, "match", decisions.End(one.a), decisions.End(one.b),
                reason[: limits.decision_reason_chars_max], self.now_ms,
            )  # fmt: skip
        except errors.Invalid:  # there are as many decisions as there may be
            return one
        self.book.add(said)
        self._busy |= {one.a_person, one.b_person}
        self._joined += 1
        return msgspec.structs.replace(one, status="joined", decision_id=said.id)

    def _take_off(
        self, conn: Connection, chunk: Collection[int], seen: Collection[Pair], upto: int | None
    ) -> None:
        """Pairs of the chunk that are not likely any more."""
        reasons = {
            number: "changed"
            for number, a, b, *_ in review.store.of_people(conn, chunk)
            if (a, b) not in seen and (upto is None or b <= upto)
        }
        review.store.settle(conn, reasons, self.now_ms)


def _sole(a: likeness.Record, b: likeness.Record, rules: identity.Rules) -> str:
    """What f says to two of whom each has an identifier that a person has one alone of."""
    namespace = a.anchor.namespace
    sole = rules.of(namespace).limit == 1
    return f"limit:{namespace}" if sole and b.anchor.namespace == namespace else ""


def candidates(conn: Connection, person_ids: Collection[int]) -> set[Pair]:
    """Pairs worth weighing, the smaller id first: those that share keys, rarer ones before."""
    keys = likeness.store.keys_of(conn, person_ids)
    sharers = likeness.store.sharers(conn, {key for found in keys.values() for key in found})
    out: set[Pair] = set()
    for person in person_ids:
        for other in nearest(keys.get(person, ()), sharers, person):
            out.add((min(person, other), max(person, other)))
    return out


def nearest(keys: Sequence[int], sharers: Mapping[int, Sequence[int]], person: int) -> list[int]:
    """Who shares the most, and the rarest, keys with a record; at most `match_candidates_max`."""
    weight: Counter[int] = Counter()
    for key in keys:
        found = sharers.get(key, ())
        for other in found:
            if other != person:
                weight[other] += 1 / len(found)  # type: ignore[assignment] # a Counter of floats
    best = sorted(weight.items(), key=lambda item: (-item[1], item[0]))
    return [other for other, _ in best[: limits.match_candidates_max]]
