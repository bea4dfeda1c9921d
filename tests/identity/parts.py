"""A worker of 100 lines and a naive model of who is who, to hold the resolver against."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from onefold import identity, storage
from onefold.identity import chapters, decisions
from onefold.identity.namespaces import store
from onefold.kernel.facts import Fact, Identifier
from onefold.kernel.viewer import SYSTEM

Key = tuple[Identifier, int]  # an identifier and its chapter
PEOPLE = ("user_id", "contact", "email", "phone")


def fact(pos: int, at_ms: int, *texts: str) -> Fact:
    """A fact with identifiers written `namespace:value`, in priority order."""
    found = tuple(Identifier(*text.split(":", 1)) for text in texts)
    return Fact(
        pos=pos, source_id=1, category="product", kind="track", name="Tested", at_ms=at_ms,
        received_ms=at_ms, message_id=f"m{pos}", home=found[0],
        identifiers=() if found[0].namespace == "account_id" else found, account=None, traits={},
        properties={},
    )  # fmt: skip


def who_of(fact: Fact) -> Identifier | None:
    return next((i for i in fact.identifiers if i.namespace in PEOPLE), None)


def devices_of(fact: Fact) -> list[Identifier]:
    return [i for i in fact.identifiers if i.namespace == "anonymous_id"]


class Truth:
    """Chapters and people as f has them for a set of facts, from nothing."""

    def __init__(
        self,
        facts: Iterable[Fact],
        said: Iterable[decisions.Said] = (),
        rules: identity.Rules = identity.RULES,
    ) -> None:
        self.facts = list(facts)
        self.keys = sorted({i for f in self.facts for i in f.identifiers})
        self.id_of = {key: n for n, key in enumerate(self.keys, 1)}
        self._seen: dict[Identifier, list[chapters.Login]] = defaultdict(list)
        for f in self.facts:
            if (who := who_of(f)) is not None:
                rank = (identity.RULES.of(who[0]).priority, *who)
                for device in devices_of(f):
                    self._seen[device].append(chapters.Login(f.at_ms, rank, self.id_of[who]))
        self.runs: dict[Identifier, list[chapters.Run]] = {}
        self.chapters: dict[Identifier, list[chapters.Chapter]] = {}
        for key in self.keys:
            runs = chapters.runs_of(self._logins(key)) if key[0] == "anonymous_id" else []
            self.runs[key] = [] if chapters.crowded(runs) else runs
            self.chapters[key] = chapters.chapters(self.runs[key])
        self.kiosks = {
            k for k in self.keys if k[0] == "anonymous_id" and not self.runs[k] and self._logins(k)
        }
        self.refs = {
            (key, c.start_ms): n
            for n, (key, c) in enumerate((k, c) for k in self.keys for c in self.chapters[k])
        }
        nodes = [
            identity.Node(ref, key, start, key in self.kiosks)
            for (key, start), ref in self.refs.items()
        ]
        words = [word for one in said if (word := self._word(one)) is not None]
        self.part = identity.partition(nodes, list(self._links()), rules, words)
        self.key_of = {ref: key for key, ref in self.refs.items()}

    def _logins(self, device: Identifier) -> list[chapters.Login]:
        return self._seen.get(device, [])

    def _word(self, said: decisions.Said) -> identity.Decision | None:
        if not {said.a.identifier, said.b.identifier} <= set(self.keys):
            return None
        a, b = (self.refs[self.key_at(end.identifier, end.at_ms)] for end in (said.a, said.b))
        if a == b:
            return None
        return identity.Decision(a, b, said.same, said.at_ms, match=said.kind == "match")

    def _links(self) -> Iterator[identity.Link]:
        for key in self.keys:
            twin = Identifier("user_id", key.value)
            if key.namespace == "former_id" and twin in self.id_of:
                yield identity.Link(self.refs[key, 0], self.refs[twin, 0], 0)
        for f in self.facts:
            day = f.at_ms // 86_400_000
            people = [i for i in f.identifiers if i.namespace in PEOPLE]
            users = [i for i in people if i.namespace == "user_id"]
            people = [i for i in people if i not in users[1:]]
            pairs = [(a, b) for n, a in enumerate(people) for b in people[n + 1 :]]
            if len(people) > 4:
                pairs = [(people[0], b) for b in people[1:]]
            if users:
                pairs += [(users[0], i) for i in f.identifiers if i.namespace == "former_id"]
                pairs = [(a, b) for a, b in pairs if a.value != b.value]
            for a, b in pairs:
                yield identity.Link(self.refs[a, 0], self.refs[b, 0], day)
            devices = devices_of(f)
            for n, device in enumerate(devices):
                found = self.chapters[device]
                for chapter in found if people else ():
                    if chapter.who == self.id_of[people[0]]:
                        one, other = self.refs[device, chapter.start_ms], self.refs[people[0], 0]
                        yield identity.Link(one, other, day)
                for second in devices[n + 1 :] if not people else ():
                    if len(found) == 1 and len(self.chapters[second]) == 1:
                        yield identity.Link(self.refs[device, 0], self.refs[second, 0], day)

    def people(self) -> set[frozenset[Key]]:
        return {frozenset(self.key_of[r] for r in refs) for refs in self.part.groups}

    def place_of(self, fact: Fact) -> Key:
        return self.key_at(fact.home, fact.at_ms)

    def key_at(self, key: Identifier, at_ms: int) -> Key:
        starts = [c.start_ms for c in self.chapters[key]]
        return key, starts[chapters.at(starts, max(at_ms, 1))]


class Worker:
    """Feeds a resolver batch by batch, folds (notes where each fact is), and can crash."""

    def __init__(self, conn: storage.Connection, identifiers_max: int = 1000) -> None:
        self.conn = conn
        self.identifiers_max = identifiers_max
        self.facts: list[Fact] = []
        self.places: dict[int, int] = {}
        self.one_user = True  # by all rules so far a person has one user id at most
        self.restart()

    def restart(self) -> None:
        rules = self.resolver.rules if hasattr(self, "resolver") else identity.RULES
        self.resolver = identity.Resolver(
            self.conn, points_of=self.points_of, identifiers_max=self.identifiers_max,
            rules=rules,
        )  # fmt: skip

    def points_of(self, conn: storage.Connection, device_id: int) -> list[tuple[int, int]]:
        return [
            (f.at_ms, who)
            for who in identity.who_of(conn, device_id)
            for f in self.facts
            if self.resolver.is_login(conn, f, device_id, who)
        ]

    def crash(self, facts: Sequence[Fact]) -> None:
        """Resolve, and lose it all."""
        with self.conn.transaction(force_rollback=True):
            self.resolver.resolve(self.conn, facts)
        self.resolver.forget()

    def feed(self, facts: Sequence[Fact]) -> identity.Resolved:
        with self.conn.transaction():
            before = self.live()
            resolved = self.resolver.resolve(self.conn, facts)
            self.facts += facts
            for f, fragment in zip(facts, resolved.fragments, strict=True):
                self.places[f.pos] = fragment
            for device in resolved.refold:
                self._refold(device)
            self._save()
        after = self.live()
        self._check_users(before, after)
        assert _changed(before, after) == resolved.regrouped
        now = identity.people_of(self.conn, resolved.fragments)
        assert resolved.people == [now.get(f, 0) for f in resolved.fragments]
        return resolved

    def decide(self, kind: decisions.Kind, a: str, b: str, now_ms: int = 0) -> int:
        """Say something of two ends, written `namespace:value@ms`; the worker takes it up."""
        said = decisions.say(self.conn, SYSTEM, kind, _end(a), _end(b), "because", now_ms)
        self.take_up()
        return said.id

    def undo(self, decision_id: int) -> None:
        decisions.undo(self.conn, SYSTEM, decision_id, "after all", 0)
        self.take_up()

    def change(self, rules: identity.Rules) -> None:
        """Other rules hold from the next batch on; `replay` does what is stored."""
        self.one_user &= rules.of("user_id").limit == 1
        self.resolver.take_rules(rules)

    def replay(self, most: int) -> None:
        """Group everything again by the rules in force, some identifiers at a time."""
        last = store.last_identifier(self.conn)
        done = 0
        while done < last:
            before = self.live()
            seeds, done = store.stretch(self.conn, self.resolver.rules, done, last, most)
            changed = self.resolver.replay(self.conn, seeds, 0, 0) if seeds else set()
            after = self.live()
            self._check_users(before, after)
            assert _changed(before, after) == changed

    def take_up(self) -> None:
        while True:
            before = self.live()
            taken = self.resolver.decide(self.conn, 0, 0)
            if taken is None:
                return
            assert _changed(before, self.live()) == taken.regrouped

    def _check_users(
        self, before: dict[int, frozenset[int]], after: dict[int, frozenset[int]]
    ) -> None:
        """Where nobody decided anything, links and rules alone never change a user's person id."""
        decided = decisions.listed(self.conn, SYSTEM) or any(
            i.namespace == "former_id" for f in self.facts for i in f.identifiers
        )
        if self.one_user and not decided:
            now = self._users(after)
            for key, person in self._users(before).items():
                assert now[key] == person, f"the person id of {key} changed"

    def _users(self, live: dict[int, frozenset[int]]) -> dict[Key, int]:
        spots = self.spots()
        found = {spots[f]: person for person, refs in live.items() for f in refs if f in spots}
        return {key: person for key, person in found.items() if key[0].namespace == "user_id"}

    def _refold(self, device_id: int) -> None:
        key = self.keys()[device_id]
        for f in self.facts:
            if f.home == key:
                self.places[f.pos] = self.resolver.fragment_at(self.conn, device_id, f.at_ms)

    def _save(self) -> None:
        times: dict[int, list[int]] = defaultdict(list)
        for f in self.facts:
            times[self.places[f.pos]].append(f.at_ms)
        self.conn.execute("UPDATE fragment SET events = 0, last_seen_ms = NULL")
        for fragment, found in times.items():
            self.conn.execute(
                "UPDATE fragment SET events = %s, last_seen_ms = %s WHERE id = %s",
                (len(found), max(found), fragment),
            )

    # ── what the tables say ────────────────────────────────────────────────────────────────────

    def keys(self) -> dict[int, Identifier]:
        rows = self.conn.execute("SELECT id, namespace, value FROM identifier")
        return {i: Identifier(namespace, value) for i, namespace, value in rows}

    def live(self) -> dict[int, frozenset[int]]:
        rows = self.conn.execute(
            "SELECT person_id, array_agg(id) FROM fragment WHERE person_id <> 0 GROUP BY 1"
        )
        return {person: frozenset(ids) for person, ids in rows}

    def spots(self) -> dict[int, Key]:
        rows = self.conn.execute("SELECT id, identifier_id, chapter_ms FROM fragment")
        keys = self.keys()
        return {i: (keys[identifier], start) for i, identifier, start in rows}

    def people(self) -> set[frozenset[Key]]:
        spots = self.spots()
        return {frozenset(spots[f] for f in found) for found in self.live().values()}

    def person(self, text: str) -> int:
        namespace, value = text.split(":", 1)
        found = identity.person_of(self.conn, SYSTEM, namespace, value)
        assert found is not None
        return found

    def check(self) -> None:
        """Hold the tables against the naive model of all facts fed so far."""
        truth = Truth(self.facts, decisions.in_force(self.conn), self.resolver.rules)
        assert self.people() == truth.people()
        spots = self.spots()
        for f in self.facts:
            assert spots[self.places[f.pos]] == truth.place_of(f)
        self._check_links(truth)
        self._check_ids()

    def _check_links(self, truth: Truth) -> None:
        """Links hold that connect one person, and only those; reasons are f's."""
        person = {key: n for n, group in enumerate(truth.people()) for key in group}
        keys = self.keys()
        said = decisions.in_force(self.conn)
        pinned = [{s.a.identifier, s.b.identifier} for s in said if s.kind in ("same", "pin")]
        for a, b, why in self.conn.execute("SELECT a, b, suppressed FROM link"):
            ends = [[k for k in person if k[0] == keys[i]] for i in (a, b)]
            joined = any(person[x] == person[y] for x in ends[0] for y in ends[1])
            if why is None:
                assert joined
            elif max(map(len, ends)) == 1:  # else only chapters of the other end are meant
                assert why in ("shared_device", "generic", "blocked") or not joined
            if {keys[a], keys[b]} in pinned:
                continue  # a human's word on the very two outranks block lists
            silent = self._silent(*(keys[i] for i in (a, b)))
            assert silent is None or why == silent, (keys[a], keys[b], why, silent)

    def _silent(self, *ends: Identifier) -> str | None:
        """Why links between these never count, if they do not."""
        if any(map(self.resolver.rules.blocked, ends)):
            return "blocked"
        query = "SELECT generic FROM identifier WHERE (namespace, value) = (%s, %s)"
        rows = [self.conn.execute(query, tuple(key)).fetchone() for key in ends]
        return "generic" if any(row and row[0] for row in rows) else None

    def _check_ids(self) -> None:
        """Every id ever given leads to a person; the journal's last word is what the tables say."""
        live = self.live()
        last: dict[int, frozenset[int]] = {}
        rows = self.conn.execute("SELECT person_id, members FROM person_journal ORDER BY id")
        for person, members in rows:
            last[person] = frozenset(members)
        for person, members in last.items():
            assert live.get(person, frozenset()) == members
            home = identity.follow(self.conn, SYSTEM, person)
            assert home in live
            if home != person:
                assert person in identity.merged_ids(self.conn, SYSTEM, home)


def _changed(before: dict[int, frozenset[int]], after: dict[int, frozenset[int]]) -> set[int]:
    return {p for p in before.keys() | after if before.get(p) != after.get(p)}


def _end(text: str) -> decisions.End:
    namespace, value = text.split(":", 1)
    value, _, at = value.partition("@") if namespace == "anonymous_id" else (value, "", "0")
    return decisions.End(Identifier(namespace, value), int(at or 0))
