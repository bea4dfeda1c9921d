"""Invented worlds: who really did what, and how it arrives.

People browse, log in, give their address, share a family's tablet, use kiosks and a company's
shared inbox, reset cookies, sell devices, mistype addresses, inherit a freed address, and send test
values; events arrive late, twice and in any order. The generator knows who acted, the product sees
only identifiers.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from onefold import identity
from onefold.identity import decisions, namespaces
from onefold.kernel import identifiers
from onefold.kernel.facts import Fact, Identifier
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection
from tests.identity import parts

DAY = 86_400_000
MINUTE = 60_000
DAYS = 60


class Score(NamedTuple):
    """Pairs said to be one person's, and truly so. `largest`: true people in one; `n`: things."""

    precision: float
    recall: float
    f1: float
    largest: int
    n: int


class World:
    """A seeded world. `facts` in order of time, `actors` parallel to them."""

    def __init__(self, seed: int, people: int) -> None:
        self.rng = random.Random(seed)
        self.events: list[tuple[int, list[str], int]] = []
        self.people = people
        self.email = [f"p{n}@mail{n % 7}.example" for n in range(people)]
        self.owner = {Identifier("email", text): n for n, text in enumerate(self.email)}
        self.devices: list[list[str]] = []
        self._cookie = 0
        for _ in range(people):
            self.devices.append([self._new() for _ in range(1 + (self.rng.random() < 0.35))])
        self._live()
        self._households()
        self._kiosks()
        self._inboxes()
        self._oddities()
        self.events.sort(key=lambda e: e[0])
        kept = [(at, _clean(texts), actor) for at, texts, actor in self.events]
        kept = [e for e in kept if e[1]]
        self.facts = [parts.fact(n + 1, at, *texts) for n, (at, texts, _) in enumerate(kept)]
        self.actors = {f.pos: actor for f, (*_, actor) in zip(self.facts, kept, strict=True)}

    def _new(self) -> str:
        self._cookie += 1
        return f"anonymous_id:c{self._cookie}"

    def _at(self) -> int:
        return self.rng.randrange(DAY, DAYS * DAY)

    def _say(self, at_ms: int, actor: int, *texts: str) -> None:
        self.events.append((at_ms, list(texts), actor))

    def _session(self, actor: int, device: str, at_ms: int) -> None:
        """A few pages, then a log-in, then a few more: what a session mostly is."""
        rng = self.rng
        for n in range(rng.randrange(3)):
            self._say(at_ms + n * MINUTE, actor, device)
        at_ms += 5 * MINUTE
        dice = rng.random()
        if dice < 0.70:
            self._say(at_ms, actor, f"user_id:u{actor}", device)
        elif dice < 0.9:
            email = f"email:{self.email[actor]}"
            self._say(at_ms, actor, f"user_id:u{actor}", email, device)
        elif dice < 0.95:
            self._say(at_ms, actor, f"email:{self.email[actor]}", device)
        for n in range(rng.randrange(3)):
            self._say(at_ms + (1 + n) * MINUTE, actor, device)

    def _live(self) -> None:
        for actor in range(self.people):
            for device in self.devices[actor]:
                for _ in range(self.rng.randint(1, 3)):
                    self._session(actor, device, self._at())
            self._say(self._at(), actor, f"user_id:u{actor}", f"email:{self.email[actor]}")

    def _households(self) -> None:
        for first in range(0, self.people - 3, 13):
            members = range(first, first + self.rng.randint(2, 3))
            tablet, at_ms = self._new(), self._at()
            for _ in range(self.rng.randint(3, 6)):
                at_ms += self.rng.randrange(30 * MINUTE, 2 * DAY)
                self._session(self.rng.choice(members), tablet, at_ms)

    def _kiosks(self) -> None:
        for _ in range(max(self.people // 1000, self.rng.random() < 0.2)):
            kiosk, at_ms = self._new(), self._at()
            self.owner[Identifier(*kiosk.split(":"))] = -len(self.owner)
            for _ in range(self.rng.randint(55, 150)):
                at_ms += self.rng.randrange(10 * MINUTE, 60 * MINUTE)
                actor = self.rng.randrange(self.people)
                self._say(at_ms, actor, f"user_id:u{actor}", kiosk)

    def _inboxes(self) -> None:
        for n in range(max(self.people // 500, self.rng.random() < 0.3)):
            self.owner[Identifier("email", f"office{n}@firm.example")] = -len(self.owner)
            for actor in self.rng.sample(range(self.people), min(self.people, 12)):
                at_ms = self._at()
                self._say(at_ms, actor, f"user_id:u{actor}", f"email:office{n}@firm.example")

    def _oddities(self) -> None:
        rng = self.rng
        for actor in range(self.people):
            dice, other = rng.random(), rng.randrange(self.people)
            if dice < 0.01:  # somebody else's address, by a slip
                self._say(self._at(), actor, f"user_id:u{actor}", f"email:{self.email[other]}")
            elif dice < 0.06:  # cookies deleted
                self._session(actor, self._new(), self._at())
            elif dice < 0.07:  # sold: the new owner logs in after
                self._session(other, self.devices[actor][0], (DAYS + rng.randint(1, 9)) * DAY)
            elif dice < 0.075:  # an address that was given up and is somebody else's now
                at_ms = (DAYS + rng.randint(1, 9)) * DAY
                self._say(at_ms, other, f"user_id:u{other}", f"email:{self.email[actor]}")
                self.owner[Identifier("email", self.email[actor])] = other
            elif dice < 0.085:
                value = rng.choice(["null", "undefined", "0", "[object Object]"])
                self._say(self._at(), actor, f"user_id:{value}", self.devices[actor][0])
            elif dice < 0.095:  # a typo nobody else has
                typo = f"email:{self.email[actor][:-1]}"
                self._say(self._at(), actor, f"user_id:u{actor}", typo)

    def delivered(self, rng: random.Random) -> list[Fact]:
        """The facts as they may arrive: in another order, some of them twice."""
        out = [*self.facts, *rng.sample(self.facts, len(self.facts) // 10)]
        rng.shuffle(out)
        return out


def _clean(texts: Sequence[str]) -> list[str]:
    """What admission keeps: normal forms, and nothing that identifies nobody."""
    split = [text.split(":", 1) for text in texts]
    clean = [(ns, identifiers.normalise(ns, value)) for ns, value in split]
    return [f"{ns}:{value}" for ns, value in clean if value is not None]


def score(world: World, truth: parts.Truth) -> Score:
    """How near the people found are to the true ones, over pairs of facts."""
    group = {key: n for n, keys in enumerate(truth.people()) for key in keys}
    return _score((group[truth.place_of(fact)], world.actors[fact.pos]) for fact in world.facts)


def score_identifiers(world: World, truth: parts.Truth) -> Score:
    """The same over pairs of identifiers, each chapter of a device for itself.

    Whose an identifier is the world knows; a chapter of a device is whose log-ins are in it, and
    else the one's who acts on most of its facts.
    """
    group = {key: n for n, keys in enumerate(truth.people()) for key in keys}
    whose: dict[parts.Key, Counter[int]] = defaultdict(Counter)
    for fact in world.facts:
        known = any(i.namespace != "anonymous_id" for i in fact.identifiers)
        for identifier in fact.identifiers:
            weight = 1_000 if known else 1
            whose[truth.key_at(identifier, fact.at_ms)][world.actors[fact.pos]] += weight
    return _score(
        (group[key], world.owner.get(key[0], who.most_common(1)[0][0]))
        for key, who in whose.items()
    )


def _score(said_and_true: Iterable[tuple[int, int]]) -> Score:
    cells = Counter(said_and_true)
    found: Counter[int] = Counter()
    real: Counter[int] = Counter()
    whose: dict[int, set[int]] = defaultdict(set)
    for (cluster, actor), n in cells.items():
        found[cluster] += n
        real[actor] += n
        whose[cluster].add(actor)
    both, said, true = (sum(_pairs(n) for n in c.values()) for c in (cells, found, real))
    precision, recall = both / said, both / true
    f1 = 2 * precision * recall / (precision + recall)
    return Score(precision, recall, f1, max(map(len, whose.values())), cells.total())


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def words(world: World, rng: random.Random, most: int = 4) -> list[decisions.Said]:
    """Some decisions on identifiers of the world, as people may make them, wrong ones included."""
    keys = sorted({i for f in world.facts for i in f.identifiers})
    out = []
    for n in range(rng.randint(1, most)):
        ends = [_end(key, rng) for key in rng.sample(keys, 2)]
        kind = rng.choice(("same", "not_same", "pin", "match"))
        out.append(decisions.Said(n + 1, kind, ends[0], ends[1], "", "user:1", "Ann", n))
    return out


def _end(key: Identifier, rng: random.Random) -> decisions.End:
    at_ms = rng.randrange(1, DAYS * DAY) if key.namespace == "anonymous_id" else 0
    return decisions.End(key, at_ms)


def wrong(seed: int, people: int = 8) -> list[str]:
    """What is wrong in a small world; empty when its invariants hold.

    Order and repeats do not matter; a decision that was undone leaves no trace; each fragment is in
    one person; limits and "not the same" hold through any chain of links.
    """
    world = World(seed, people)
    rng = random.Random(~seed)
    plain = parts.Truth(world.facts)
    said = words(world, rng)
    decided = parts.Truth(world.facts, said)
    out = []
    if parts.Truth(world.delivered(rng), rng.sample(said, len(said))).people() != decided.people():
        out.append("another order of arrival or of decisions gives other people")
    if parts.Truth(world.delivered(rng)).people() != plain.people():
        out.append("after undoing every decision people are not as before")
    for truth, words_of in ((plain, []), (decided, said)):
        out += _broken(truth, words_of)
    return out


def _broken(truth: parts.Truth, said: Iterable[decisions.Said]) -> list[str]:
    out = []
    group = {key: n for n, keys in enumerate(truth.people()) for key in keys}
    if len(group) != len(truth.refs):
        out.append("a fragment is in no person, or in two")
    spot = {id(s): [truth.key_at(e.identifier, e.at_ms) for e in (s.a, s.b)] for s in said}
    joins = Counter(group[spot[id(s)][0]] for s in said if s.same)
    users = Counter(group[key] for key in group if key[0].namespace == "user_id")
    out += [f"{n} user ids in one person" for g, n in users.items() if n > 1 + joins[g]]
    for s in said:
        a, b = spot[id(s)]
        if not s.same and a != b and group[a] == group[b]:
            out.append(f"{s.a} and {s.b} are together against a decision")
    return out


def resolved_wrong(conn: Connection, seed: int, people: int = 6) -> list[str]:
    """What the real resolver gets wrong in a small world: batches, crashes, decisions, undos."""
    world = World(seed, people)
    rng = random.Random(seed + 1)
    found = world.delivered(rng)
    said = words(world, rng)
    with conn.transaction(force_rollback=True):
        worker = parts.Worker(conn, identifiers_max=rng.choice((4, 1000)))
        seen: set[int] = set()
        changed = False
        try:
            while found or said:
                size = rng.randint(1, 40)
                batch, found = found[:size], found[size:]
                fresh = [f for f in {f.pos: f for f in batch}.values() if f.pos not in seen]
                seen |= {f.pos for f in fresh}
                if rng.random() < 0.2:
                    worker.restart()
                if fresh:
                    if rng.random() < 0.2:
                        worker.crash(fresh)
                    worker.feed(fresh)
                _say_or_undo(worker, said, rng)
                if rng.random() < 0.15:
                    worker.change(_rules(rng))
                    changed = True
            if changed:
                worker.replay(rng.choice((1, 7, 500)))
            worker.check()
        except AssertionError as error:
            return [f"the resolver and f differ: {error}"[:300]]
    return []


def _rules(rng: random.Random) -> identity.Rules:
    """Other rules, as an admin may make them."""
    window = rng.choice((None, None, 7))
    values = rng.sample([f"p{n}@mail{n}.example" for n in range(6)], rng.randint(0, 3))
    rows = [
        namespaces.Row("user_id", priority=10, limit=rng.choice((1, 1, 2))),
        namespaces.Row("contact", priority=20),
        namespaces.Row(
            "email", priority=rng.choice((5, 30)), limit=rng.choice((1, 2, 5)), window_days=window,
            hub=rng.choice((None, 2)), blocked=tuple(values),
        ),
        namespaces.Row("anonymous_id", "device", 90, None),
        namespaces.Row("account_id", "account", 100, None),
    ]  # fmt: skip
    return namespaces.compiled(rows)


def _say_or_undo(worker: parts.Worker, said: list[decisions.Said], rng: random.Random) -> None:
    standing = [s for s in decisions.listed(worker.conn, SYSTEM) if s.in_force]
    if said and rng.random() < 0.5:
        word = said.pop()
        decisions.say(worker.conn, SYSTEM, word.kind, word.a, word.b, "", word.at_ms)
        worker.take_up()
    elif standing and rng.random() < 0.2:
        worker.undo(rng.choice(standing).id)
