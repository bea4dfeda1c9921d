"""Invented worlds: who really did what, and how it arrives.

People browse, log in, give their address and phone, share a family's tablet, use kiosks and a
company's shared inbox, reset cookies, sell devices, mistype addresses, inherit a freed address,
have wrong clocks and send test values; events arrive late, twice and in any order. The generator
knows who acted, the product sees only identifiers.
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


class Habits(NamedTuple):
    """What people of a world do. Shares are of people, unless said otherwise."""

    known: float = 1.0  # have a user id; the others give an address at most
    logs_in: float = 0.9  # of sessions, with a user id (or an address, by who has none)
    mails: float = 0.2  # of sessions, with the address beside
    devices: float = 0.35  # have one more device, and of these again
    families: float = 1 / 13  # families of two or three with a tablet, per person
    members: int = 3  # of a family, at most
    kiosks: float = 0.001  # per person
    inboxes: float = 0.002  # addresses that a dozen people use, per person
    phones: float = 0.0  # give a phone number; families have one number
    slips: float = 0.01  # give somebody else's address
    resets: float = 0.05  # delete their cookies
    sold: float = 0.01  # sell a device
    recycled: float = 0.005  # take over an address that was given up
    tests: float = 0.01  # log in as null, undefined, 0
    typos: float = 0.01  # mistype their address
    skewed: float = 0.01  # have a device whose clock is wrong


USUAL = Habits()
LIVELY = Habits(
    known=0.9, devices=0.3, families=0.1, kiosks=0.006, inboxes=0.05, phones=0.2, slips=0.1,
    resets=0.15, sold=0.1, recycled=0.08, tests=0.1, typos=0.08, skewed=0.1,
)  # fmt: skip


class World:
    """A seeded world. `facts` in order of time, `actors` parallel to them."""

    def __init__(self, seed: int, people: int, habits: Habits = USUAL) -> None:
        self.rng = random.Random(seed)
        self.habits = habits
        self.events: list[tuple[int, list[str], int]] = []
        self.people = people
        self.email = [f"p{n}@mail{n % 7}.example" for n in range(people)]
        self.owner = {Identifier("email", text): n for n, text in enumerate(self.email)}
        self.user = [f"user_id:u{n}" if self._is(habits.known) else "" for n in range(people)]
        self.devices: list[list[str]] = []
        self.skew: dict[str, int] = {}
        self._cookie = 0
        for _ in range(people):
            self.devices.append([self._new()])
            while len(self.devices[-1]) < 8 and self._is(habits.devices):
                self.devices[-1].append(self._new())
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

    def _is(self, share: float) -> bool:
        return self.rng.random() < share

    def _count(self, per_person: float) -> int:
        wanted = self.people * per_person
        return int(wanted) + self._is(wanted - int(wanted))

    def _new(self) -> str:
        self._cookie += 1
        name = f"anonymous_id:c{self._cookie}"
        if self._is(self.habits.skewed):
            self.skew[name] = self.rng.choice((-1, 1)) * self.rng.randrange(MINUTE, 3 * DAY)
        return name

    def _at(self) -> int:
        return self.rng.randrange(4 * DAY, DAYS * DAY)

    def _say(self, at_ms: int, actor: int, *texts: str) -> None:
        at_ms += next((self.skew[text] for text in texts if text in self.skew), 0)
        self.events.append((at_ms, [text for text in texts if text], actor))

    def _session(self, actor: int, device: str, at_ms: int) -> None:
        """A few pages, then a log-in, then a few more: what a session mostly is."""
        rng = self.rng
        for n in range(rng.randrange(3)):
            self._say(at_ms + n * MINUTE, actor, device)
        at_ms += 5 * MINUTE
        user, email = self.user[actor], f"email:{self.email[actor]}"
        if self._is(self.habits.logs_in):
            beside = email if not user or self._is(self.habits.mails) else ""
            self._say(at_ms, actor, user, beside, device)
        elif self._is(0.5):
            self._say(at_ms, actor, email, device)
        for n in range(rng.randrange(3)):
            self._say(at_ms + (1 + n) * MINUTE, actor, device)

    def _live(self) -> None:
        for actor in range(self.people):
            for device in self.devices[actor]:
                for _ in range(self.rng.randint(1, 3)):
                    self._session(actor, device, self._at())
            phone = f"phone:+{actor}" if self._is(self.habits.phones) else ""
            self._say(self._at(), actor, self.user[actor], f"email:{self.email[actor]}", phone)

    def _households(self) -> None:
        size = self.habits.members
        for _ in range(self._count(self.habits.families)):
            first = self.rng.randrange(max(self.people - size, 1))
            members = range(first, min(first + self.rng.randint(2, size), self.people))
            tablet, at_ms = self._new(), self._at()
            for _ in range(self.rng.randint(3, 6)):
                at_ms += self.rng.randrange(30 * MINUTE, 2 * DAY)
                self._session(self.rng.choice(members), tablet, at_ms)
            if self._is(self.habits.phones):
                phone = f"phone:+home{first}"
                self.owner[Identifier("phone", phone[6:])] = -len(self.owner)
                for actor in members:
                    email = f"email:{self.email[actor]}" if not self.user[actor] else ""
                    self._say(self._at(), actor, self.user[actor], email, phone)

    def _kiosks(self) -> None:
        for _ in range(self._count(self.habits.kiosks)):
            kiosk, at_ms = self._new(), self._at()
            self.owner[Identifier(*kiosk.split(":"))] = -len(self.owner)
            for n in range(self.rng.randint(55, 150)):
                at_ms += self.rng.randrange(10 * MINUTE, 60 * MINUTE)
                actor = self.rng.randrange(self.people)
                user = self.user[actor] or f"email:{self.email[actor]}"
                if self.people < 50 and n % 6:  # the town has more people than we follow
                    actor, user = -n - 1, f"user_id:v{n}"
                self._say(at_ms, actor, user, kiosk)

    def _inboxes(self) -> None:
        for n in range(self._count(self.habits.inboxes)):
            self.owner[Identifier("email", f"office{n}@firm.example")] = -len(self.owner)
            for actor in self.rng.sample(range(self.people), min(self.people, 12)):
                inbox = f"email:office{n}@firm.example"
                self._say(self._at(), actor, self.user[actor], inbox, self.devices[actor][0])

    def _oddities(self) -> None:
        rng, habits = self.rng, self.habits
        for actor in range(self.people):
            user, email, other = self.user[actor], self.email[actor], rng.randrange(self.people)
            if self._is(habits.slips):
                wrong = f"email:{self.email[other]}"
                self._say(self._at(), actor, user, wrong, "" if user else self.devices[actor][0])
            if self._is(habits.resets):
                self._session(actor, self._new(), self._at())
            if self._is(habits.sold):  # the new owner logs in after
                self._session(other, self.devices[actor][0], (DAYS + rng.randint(4, 9)) * DAY)
            if self._is(habits.recycled) and self.user[other]:
                at_ms = (DAYS + rng.randint(4, 9)) * DAY
                self._say(at_ms, other, self.user[other], f"email:{email}")
                self.owner[Identifier("email", email)] = other
            if self._is(habits.tests):
                value = rng.choice(["null", "undefined", "0", "[object Object]"])
                self._say(self._at(), actor, f"user_id:{value}", self.devices[actor][0])
            if self._is(habits.typos):
                self._say(self._at(), actor, user, f"email:{email[:-1]}", self.devices[actor][0])

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
    world = World(seed, people, LIVELY)
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
    held = Counter((group[key], key[0].namespace) for key in group)
    for (g, namespace), n in held.items():
        limit = identity.RULES.of(namespace).limit
        if limit is not None and n > limit * (1 + joins[g]):
            out.append(f"{n} values of {namespace} in one person")
    for s in said:
        a, b = spot[id(s)]
        if not s.same and a != b and group[a] == group[b]:
            out.append(f"{s.a} and {s.b} are together against a decision")
    return out


def resolved_wrong(conn: Connection, seed: int, people: int = 6) -> list[str]:
    """What the real resolver gets wrong in a small world: batches, crashes, decisions, undos."""
    world = World(seed, people, LIVELY)
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
