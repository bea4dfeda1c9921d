"""Taking an import back: its facts leave the states exactly, as if they had never come.

A chunk of the import (one log row) a step, each a transaction: the fragments that its facts are at
home in are folded again without any fact of the import, links and log-ins that only those facts
told of go, who is who is asked again, and what is left of nothing goes. Conclusions then follow
from marks as always. When all chunks are out and concluded, a second pass drops accounts that only
the import named. The log keeps its rows; `dedupe.skip` tells later readers to leave them out.

CRM rows of the import have been taken back before (record/importing.py): a row that was kept, since
somebody changed it or refers to it, keeps its facts as well.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from onefold import crm, governance, identity, log, profiles
from onefold.identity import chapters
from onefold.identity.undo import Gone, Pair
from onefold.kernel import clock, facts, limits
from onefold.kernel.viewer import SYSTEM
from onefold.profiles import dirty
from onefold.sources import imports
from onefold.storage import Connection
from onefold.worker.catalog import Catalog
from onefold.worker.folder import Folder
from onefold.worker.ingest import Ingest

Told = dict[Pair, tuple[int, int, dict[str, int]]]
_DEVICE = "device"
_COLUMNS = ("name", "domain", "industry", "plan")
_SHOWN = dirty.VIEW | dirty.GROUPS | dirty.ALL


def step(conn: Connection, catalog: Catalog, ingest: Ingest, now_ms: int) -> bool:
    """Take one chunk back; False when nothing is to be, or it has to wait. The caller commits."""
    import_id = imports.store.reverting(conn)
    if import_id is None:
        return False
    one = imports.store.get(conn, SYSTEM, import_id)
    if imports.store.open_changes(conn, import_id, 1):
        return False  # CRM rows first: which facts go depends on them
    chunk = imports.store.next_chunk(conn, import_id)
    if chunk is None:
        _finish(conn, one, now_ms)
        return True
    first_row, seq, stage = chunk
    if seq > ingest.seq:
        return False
    rows = [row for row in log.read(conn, seq - 1, 1) if row.seq == seq]
    if stage == 0:
        taken = _Undo(conn, catalog, ingest, import_id, now_ms).chunk(rows)
        told = {**one.reverted, "facts": one.reverted.get("facts", 0) + taken}
        imports.store.change(conn, import_id, reverted=told)
    elif profiles.store.read_marks(conn, 1)[0]:
        return False  # accounts go when it is concluded that nobody is in them
    else:
        found = [f for row in rows for f in _facts(ingest, row)]
        keys = {f.account for f in found if f.account}
        crm.undo.forget_accounts(conn, SYSTEM, sorted(keys), one.started_at or one.created_at)
        ingest.accounts.clear()
        _give_back(conn, ingest, found, import_id, now_ms)
    imports.store.set_undone(conn, import_id, first_row, stage + 1)
    return True


def _give_back(
    conn: Connection, ingest: Ingest, found: Sequence[facts.Fact], import_id: int, now_ms: int
) -> None:
    """Person ids that a step took from groups which were there before the import.

    By now these people are concluded, so that their accounts can be asked when they were last seen.
    """
    keys = {key for f in found for key in (f.home, *f.identifiers)}
    ids = identity.store.ids_of(conn, keys)
    people = {row[7] for row in identity.store.nodes(conn, list(ids.values())) if row[7]}
    crm.see_accounts_anew(conn, profiles.store.primaries(conn, people))
    since = facts.position(min(imports.store.seqs(conn, import_id)), 0)
    pos = facts.position(ingest.seq + 1, 0) - 1
    renamed = ingest.resolver.give_back(conn, list(ids.values()), since, pos, now_ms)
    if renamed:
        marks = dirty.Marks()
        ingest.mark(renamed, marks)
        profiles.store.put_marks(conn, marks)


def _finish(conn: Connection, one: imports.Import, now_ms: int) -> None:
    imports.store.get(conn, SYSTEM, one.id, hold=True)
    imports.store.change(conn, one.id, status="reverted", done_at=clock.to_datetime(now_ms))


def _facts(ingest: Ingest, row: log.Row) -> list[facts.Fact]:
    found = governance.admit(row, ingest.rules)
    return [one for one in found if isinstance(one, facts.Fact)]


class _Undo:
    """One chunk on its way out."""

    def __init__(
        self, conn: Connection, catalog: Catalog, ingest: Ingest, import_id: int, now_ms: int
    ) -> None:
        self.conn = conn
        self.catalog = catalog
        self.ingest = ingest
        self.resolver = ingest.resolver
        self.now_ms = now_ms
        self.seqs = imports.store.seqs(conn, import_id)
        self.kept = imports.store.kept(conn, import_id)
        self.marks = dirty.Marks()
        self.told: Told = {}
        self.folded: set[int] = set()  # identifiers whose facts have been gone through

    def chunk(self, rows: Sequence[log.Row]) -> int:
        """Take the facts of a log row out of everything; how many."""
        found = [f for row in rows for f in _facts(self.ingest, row)]
        if not found:
            return 0
        seq = rows[0].seq
        skipped = log.dedupe.skipped(self.conn, seq, seq)
        found = [f for f in found if f.pos not in skipped and not self._stays(f)]
        self.ingest.know_accounts(self.conn, found)
        known = self._nodes({key for f in found for key in (f.home, *f.identifiers)})
        self.resolver.recall(self.conn, found)
        pairs = {pair for f in found for pair in self.resolver.linked_by(f)}
        homes = {f.home for f in found}
        people = [n for k in homes if not self._is_device(k) for n in known.get(k, ())]
        devices = {n[0] for k, ns in known.items() if self._is_device(k) for n in ns}
        self._fold(people)
        own = (f for f in found if f.kind == "group" or f.home.namespace == "account_id")
        self._accounts({f.account for f in own if f.account})
        gone = Gone(
            touched={n[0] for k, ns in known.items() if k.namespace != "account_id" for n in ns},
            pairs=self._evidence(pairs),
            empty=self._empty(list(known.values())),
            logins=self._logins(devices),
            devices=devices,
        )
        before = {n[2] for ns in known.values() for n in ns if n[2]}
        pos = facts.position(self.ingest.seq + 1, 0) - 1
        regrouped = self.resolver.undo(self.conn, gone, pos, self.now_ms)
        dropped = [n[1] for ns in known.values() for n in ns if n[0] in gone.dropped]
        profiles.store.drop_history(self.conn, dropped)
        self.ingest.cache.clear()
        for device in devices - gone.dropped:
            self.ingest.refold(self.conn, device, self.catalog, self.marks, self._left)
        for person in {*before, *regrouped, *gone.people}:
            self.marks.add(dirty.PERSON, person, _SHOWN | dirty.CRM)
        keys = sorted({f.account for f in found if f.account})
        for account in crm.accounts_by_key(self.conn, keys).values():
            self.marks.add(dirty.ACCOUNT, account, _SHOWN | dirty.CRM | dirty.CLAIMS)
        profiles.store.put_marks(self.conn, self.marks)
        log.dedupe.skip(self.conn, seq, [f.pos for f in found])
        self.ingest.cache.clear()
        self.ingest.usage_changed.set()
        return len(found)

    # ── which facts ────────────────────────────────────────────────────────────────────────────

    def _stays(self, fact: facts.Fact) -> bool:
        """Whether it is about a CRM row that was kept: `crm-contact-12-v1` names it."""
        if not self.kept or not fact.message_id.startswith("crm-"):
            return False
        _, noun, number, *_ = fact.message_id.split("-")
        return (noun, int(number)) in self.kept

    def _left(self, conn: Connection, positions: list[int]) -> list[int]:
        """Without the import's."""
        of_import = [p for p in positions if facts.split_position(p)[0] in self.seqs]
        if not of_import:
            return positions
        stay: set[int] = set()
        if self.kept:
            stay = {
                f.pos for f in self.ingest.admitted(log.fetch(conn, of_import)) if self._stays(f)
            }
        gone = set(of_import) - stay
        return [p for p in positions if p not in gone]

    def _facts_of(self, fragments: Collection[int]) -> list[facts.Fact]:
        positions = profiles.store.positions_of(self.conn, list(fragments))
        return self.ingest.admitted(log.fetch(self.conn, self._left(self.conn, positions)))

    def _nodes(
        self, keys: Iterable[facts.Identifier]
    ) -> dict[facts.Identifier, list[tuple[int, int, int]]]:
        """(identifier, fragment, person) of each key."""
        out: dict[facts.Identifier, list[tuple[int, int, int]]] = defaultdict(list)
        for row in identity.store.find(self.conn, list(keys)):
            out[facts.Identifier(row[0], row[1])].append((row[2], row[4], row[7]))
        return out

    def _empty(self, known: Sequence[Sequence[tuple[int, int, int]]]) -> list[int]:
        """Identifiers at which no fact is at home any more; an account lives by its traits, too."""
        states = profiles.store.load_states(self.conn, [n[1] for ns in known for n in ns])
        positions = profiles.store.positions_by(self.conn, states)
        left = set(self._left(self.conn, [p for found in positions.values() for p in found]))
        out: list[int] = []
        for nodes in known:
            homeless = all(left.isdisjoint(positions[n[1]]) for n in nodes)
            if homeless and all(
                n[2] or not (states[n[1]].traits or states[n[1]].others) for n in nodes
            ):
                out += [n[0] for n in nodes]
        return out

    # ── states ─────────────────────────────────────────────────────────────────────────────────

    def _fold(self, nodes: Sequence[tuple[int, int, int]]) -> None:
        """Fold fragments again without the import."""
        fragments = [n[1] for n in nodes]
        positions = profiles.store.positions_of(self.conn, fragments)
        left = self._left(self.conn, positions)
        if len(left) == len(positions):
            return  # an earlier chunk did it
        self.folded = {n[0] for n in nodes}
        found = self.ingest.admitted(log.fetch(self.conn, left))
        self.ingest.know_accounts(self.conn, found)
        profiles.store.drop_history(self.conn, fragments)
        states = {i: profiles.State() for i in fragments}
        usage: dict[profiles.store.UsageKey, int] = defaultdict(int)
        folder = Folder(
            self.catalog, states, self.ingest.names, self.ingest.accounts, self.marks, usage, {},
            again=True,
        )  # fmt: skip
        by_home = self._nodes({f.home for f in found})
        self.resolver.recall(self.conn, found)
        for fact in found:
            _, fragment, person = by_home[fact.home][0]
            folder.take(fact, fragment, person, self.resolver.seen_on(self.conn, fact))
            self._tell(fact)
        profiles.store.save_states(self.conn, states)
        profiles.store.add_usage(self.conn, usage)
        accounts = [f.value for f, ns in by_home.items() if f.namespace == "account_id" and ns]
        self._accounts(accounts)

    def _accounts(self, keys: Iterable[str]) -> None:
        """Traits of accounts anew: of their own facts, and of group calls of their people."""
        for key in sorted(set(keys)):
            nodes = self._nodes([facts.Identifier("account_id", key)])
            if not nodes:
                continue
            _, own, _ = next(iter(nodes.values()))[0]
            state = profiles.store.load_states(self.conn, [own])[own]
            state.traits, state.others = {}, {}
            folder = Folder(
                self.catalog, {own: state}, self.ingest.names, self.ingest.accounts, self.marks,
                defaultdict(int), {key: own}, again=True,
            )  # fmt: skip
            found = self._facts_of([own])
            self.ingest.know_accounts(self.conn, found)
            for fact in found:
                folder.trait(fact, state)
            for fact in self._facts_of(profiles.store.members_fragments(self.conn, key)):
                if fact.kind == "group" and fact.account == key:
                    folder.trait(fact, state)
            profiles.store.save_states(self.conn, {own: state})
            columns = {n: state.traits[n].value if n in state.traits else "" for n in _COLUMNS}
            account_id = self.ingest.accounts.get(key) or crm.ensure_accounts(self.conn, [key])[key]
            crm.apply_account_traits(self.conn, [(account_id, columns)])

    # ── identity ───────────────────────────────────────────────────────────────────────────────

    def _tell(self, fact: facts.Fact) -> None:
        """Note which links a recalled fact tells of that stays."""
        if len(fact.identifiers) < 2:
            return
        day = clock.day_of(fact.at_ms)
        for pair in self.resolver.linked_by(fact):
            first, last, told = self.told.get(pair, (fact.pos, day, {}))
            teller = f"{fact.source_id}:{fact.category}"
            told[teller] = max(day, told.get(teller, day))
            self.told[pair] = min(first, fact.pos), max(last, day), told

    def _evidence(
        self, pairs: Collection[Pair]
    ) -> dict[Pair, tuple[int, int, dict[str, int]] | None]:
        """What still tells of each pair: facts just folded, else facts at home elsewhere."""
        open_ = {i for pair in pairs if pair not in self.told for i in pair}
        if open_:
            near: dict[int, set[int]] = {i: {i} for i in open_}
            for a, b, *_ in identity.store.neighbours(self.conn, open_):
                near.setdefault(a, {a}).add(b)
                near.setdefault(b, {b}).add(a)
            asked = {i for a, b in pairs for i in near.get(a, set()) & near.get(b, set())}
            asked = (asked | open_) - self.folded
            fragments = [row[4] for row in identity.store.nodes(self.conn, asked)]
            states = profiles.store.load_states(self.conn, fragments)
            telling = self._facts_of([i for i, s in states.items() if open_ & s.seen.keys()])
            self.resolver.recall(self.conn, telling)
            for fact in telling:
                self._tell(fact)
        return {pair: self.told.get(pair) for pair in pairs}

    def _logins(self, devices: Collection[int]) -> dict[int, list[chapters.Login]]:
        """Every log-in that is left on each device."""
        out: dict[int, list[chapters.Login]] = {device: [] for device in devices}
        who = identity.who_of(self.conn, *devices) if devices else {}
        fragments = [i for found in who.values() for i in found]
        step = limits.undo_fragments_step_max
        for n in range(0, len(fragments), step):
            told = self._facts_of(fragments[n : n + step])
            self.resolver.recall(self.conn, told)
            for fact in told:
                login, on = self.resolver.login_of(fact) or (None, ())
                for device in on:
                    if login is not None and device in out:
                        out[device].append(login)
        return out

    def _is_device(self, key: facts.Identifier) -> bool:
        return self.resolver.rules.of(key.namespace).kind == _DEVICE
