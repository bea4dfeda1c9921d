"""Accounts, concluded: which account each person is in, and what each account can be found by.

Asked for people whose clues changed (mark GROUPS) and accounts whose claims may have (CLAIMS); a
fact of somebody whose account is known asks nothing. What one answer changes for others is marked
anew: people with a clue to a claim that came or went, accounts that were entered or left. So any
order of arrival ends in the same answers (tests/worker/test_accounts.py).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from onefold import crm, profiles
from onefold.identity import accounts
from onefold.identity.accounts import Book, Clue, Rung
from onefold.identity.accounts.directory import Key
from onefold.kernel import limits
from onefold.profiles import dirty, merge
from onefold.storage import Connection
from onefold.worker.cache import Cache, Entity

if TYPE_CHECKING:
    from onefold.worker.conclude import Outcome

_KINDS = {Rung.REGISTRY: "registry", Rung.EMAIL: "domain", Rung.WEBSITE: "domain",
          Rung.NAME: "name"}  # fmt: skip
_SWEEP = 2_000
Named = Mapping[int, Sequence[tuple[str, str]]]  # person id → (namespace, value)


class Accounts:
    """Memberships and claims."""

    def __init__(self, conn: Connection, cache: Cache) -> None:
        self.cache = cache
        self.ids: dict[str, int] = {}
        cache.book = accounts.decisions.load(conn)

    def forget(self, conn: Connection) -> None:
        """After a failed transaction."""
        self.ids.clear()
        self.cache.book = accounts.decisions.load(conn)

    @property
    def book(self) -> Book:
        """What people decided, as last taken up."""
        return self.cache.book

    def know(self, conn: Connection, keys: Iterable[str]) -> None:
        """Have the ids of these accounts in `ids`, as far as there are such accounts."""
        missing = [key for key in keys if key not in self.ids]
        if missing:
            if len(self.ids) > limits.identifiers_cached_max:
                self.ids.clear()
            self.ids.update(crm.accounts_by_key(conn, missing))

    # ── people ─────────────────────────────────────────────────────────────────────────────────

    def group(
        self,
        conn: Connection,
        marks: Sequence[dirty.Mark],
        people: Mapping[int, Entity],
        states: Mapping[int, profiles.State],
        named: Named,
        out: "Outcome",
    ) -> None:
        """Write again which accounts people are in; accounts entered or left look again."""
        alive = [m for m in marks if people[m.entity_id].fragments]
        clues = self._clues(conn, [m.entity_id for m in alive], people, states, named)
        found = self._climb(conn, clues, named, out)
        self.know(conn, {one.key for ladder in found.values() for one in ladder.memberships})
        accounts.store.save_clues(conn, {i: ladder.read for i, ladder in found.items()})
        for mark in alive:
            self._take(conn, mark, people[mark.entity_id], found[mark.entity_id], states, out)
        self._note_spread(found, out)

    def _take(
        self,
        conn: Connection,
        mark: dirty.Mark,
        person: Entity,
        ladder: accounts.Ladder,
        states: Mapping[int, profiles.State],
        out: "Outcome",
    ) -> None:
        """One person's answer: rows to write, and who has to look again because it changed."""
        spans = merge.groups(states[f] for f in person.fragments if f in states)
        out.grouped.append(mark.entity_id)
        members = [one for one in ladder.memberships if one.key in self.ids]
        for one in members:
            seen = [spans[key][1] for key in self.book.keys(one.key) if key in spans]
            out.accounts.append(
                profiles.store.AccountRow(
                    person_id=mark.entity_id,
                    account_id=self.ids[one.key],
                    since_ms=one.since_ms,
                    last_ms=max(seen, default=one.since_ms),
                    is_primary=one.key == ladder.primary,
                    until_ms=one.until_ms,
                    rung=one.rung,
                    confidence=one.confidence,
                    role=one.role,
                )
            )
        now = tuple((at, key) for at, key in ladder.spans if not key or key in self.ids)
        out.spans += [(mark.entity_id, at, self.ids[key] if key else 0) for at, key in now]
        joined = tuple(one.key for one in members)
        inside = tuple(one.key for one in members if one.until_ms is None)
        before = person.joined, person.inside, person.primary, person.spans
        person.joined, person.inside, person.spans = joined, inside, now
        person.primary = ladder.primary or ""
        changed = before != (joined, inside, person.primary, now)
        if before[2] != person.primary and before[2] in self.ids:
            out.left.add(self.ids[before[2]])
        if changed:
            mark.flags |= dirty.ALL
        if changed or mark.flags & dirty.ALL:
            touched = sorted({*joined, *before[0]})
            self.mark(conn, touched, out)

    def leave(self, conn: Connection, person: Entity, out: "Outcome") -> None:
        """A person that is no more leaves its accounts."""
        self.mark(conn, person.joined, out)
        if person.primary in self.ids:
            out.left.add(self.ids[person.primary])

    def mark(self, conn: Connection, keys: Sequence[str], out: "Outcome") -> None:
        """Who belongs to these accounts may have changed: look at all of them again."""
        self.know(conn, keys)
        out.touched.update(keys)
        self.cache.verdicts.drop(keys)
        for key in keys:
            if key in self.ids:
                out.next.add(dirty.ACCOUNT, self.ids[key], dirty.GROUPS | dirty.ALL)

    def _clues(
        self,
        conn: Connection,
        ids: Sequence[int],
        people: Mapping[int, Entity],
        states: Mapping[int, profiles.State],
        named: Named,
    ) -> dict[int, list[Clue]]:
        known = [i for i in ids if any(n in ("email", "contact") for n, _ in named.get(i, ()))]
        emails: dict[int, dict[str, tuple[int, int]]] = {}
        contacts: dict[int, dict[int, int]] = {}
        if known:
            for (
                person,
                namespace,
                value,
                identifier,
                fragment,
            ) in accounts.store.emails_and_contacts(conn, known):
                if namespace == "email":
                    emails.setdefault(person, {})[value] = (identifier, fragment)
                elif value.isdecimal():
                    contacts.setdefault(person, {})[int(value)] = fragment
        rows = accounts.store.accounts_of_contacts(
            conn, [contact for found in contacts.values() for contact in found]
        )
        out = {}
        for i in ids:
            own = contacts.get(i, {})
            about = _about(people[i].fragments, states, emails.get(i, {}), set(own.values()))
            crm_keys = sorted({rows[contact] for contact in own if contact in rows})
            out[i] = accounts.clues.of(about._replace(crm=crm_keys, others=named.get(i, ())))
        return out

    def _climb(
        self, conn: Connection, clues: Mapping[int, list[Clue]], named: Named, out: "Outcome"
    ) -> dict[int, accounts.Ladder]:
        """Everybody's ladder; domains that only it stands on become accounts first."""
        said = {i: self.book.about(named.get(i, ())) for i in clues}
        directory = self._directory(conn, clues)
        found = {i: accounts.climb(clues[i], directory, said[i]) for i in clues}
        if not self.book.make:
            return found
        wanted: dict[int, set[str]] = {}
        for i, ladder in found.items():
            above = any(m.until_ms is None and 0 < m.rung < Rung.EMAIL for m in ladder.memberships)
            cut = {one.account_key for one in said[i] if one.kind == "not_member"}
            new = {
                one.clue.value for one in ladder.read
                if one.clue.rung == Rung.EMAIL and one.outcome == "unknown"
            } - cut  # fmt: skip
            if new and not above:
                wanted[i] = new
        if wanted:
            made = {domain for new in wanted.values() for domain in new}
            accounts.store.make(conn, made)
            self.know(conn, made)
            for domain in made:
                out.next.add(dirty.ACCOUNT, self.ids[domain], dirty.CLAIMS)
            for person in accounts.store.people_at(conn, [("domain", d) for d in made]):
                if person not in wanted:
                    out.next.add(dirty.PERSON, person, dirty.GROUPS)
            some = {i: clues[i] for i in clues if i in wanted or _at(clues[i], made)}
            directory = self._directory(conn, some)
            found |= {i: accounts.climb(clues[i], directory, said[i]) for i in some}
        return found

    def _directory(self, conn: Connection, clues: Mapping[int, list[Clue]]) -> accounts.Directory:
        keys: dict[Key, None] = {}
        for found in clues.values():
            for clue in found:
                if clue.rung in _KINDS:
                    keys[_KINDS[clue.rung], clue.value] = None
        return accounts.decisions.directory(conn, self.book, list(keys))

    # ── domains that many share ────────────────────────────────────────────────────────────────

    def _note_spread(self, found: Mapping[int, accounts.Ladder], out: "Outcome") -> None:
        """Domains without an owner at which somebody is whom an account's own id places."""
        for ladder in found.values():
            explicit = any(m.rung in (Rung.GROUP, Rung.CRM) for m in ladder.memberships)
            for one in ladder.read:
                unowned = one.outcome in ("unknown", "shared") or (
                    one.outcome in ("outranked", "agrees") and one.key == one.clue.value
                )
                if (
                    one.clue.rung == Rung.EMAIL
                    and unowned
                    and (explicit or one.outcome == "shared")
                ):
                    out.spread.add(one.clue.value)

    def spread(self, conn: Connection, out: "Outcome") -> None:
        """Count anew in how many accounts the people of domains are; call it after writing them."""
        asked = [d for d in out.spread if d not in self.book.rules]
        if not asked:
            return
        counts = accounts.store.spread(conn, asked)
        before = accounts.store.shared(conn, asked)
        most = limits.account_domains_spread_max
        now = {d for d in asked if counts.get(d, 0) > most}
        if now != before:
            accounts.store.set_shared(conn, now - before, before - now)
            changed = [("domain", d) for d in now ^ before]
            for person in accounts.store.people_at(conn, changed):
                out.next.add(dirty.PERSON, person, dirty.GROUPS)

    # ── accounts ───────────────────────────────────────────────────────────────────────────────

    def claim(self, conn: Connection, marks: Sequence[dirty.Mark], out: "Outcome") -> None:
        """Write again what accounts can be found by; people with a clue to it look again."""
        asked = [m.entity_id for m in marks if m.flags & dirty.CLAIMS]
        if not asked:
            return
        rows = accounts.store.rows(conn, asked)
        fragments = _fragments(conn, [row.key for row in rows.values()])
        states = self.cache.told_states(conn, fragments.values())
        wanted = {}
        for row in rows.values():
            state = states.get(fragments[row.key]) if row.key in fragments else None
            traits = {n: t.value for n, t in state.traits.items()} if state else {}
            own = "" if row.made and "domain" not in row.edited else row.domain
            told = {"name": row.name, "domain": own, "by_hand": " ".join(row.edited)}
            wanted[row.id] = accounts.claims.of(row.key, told, traits)
        changed = accounts.store.set_claims(conn, wanted)
        for person in accounts.store.people_at(conn, changed):
            out.next.add(dirty.PERSON, person, dirty.GROUPS)

    def drop_empty(self, conn: Connection, marks: Sequence[dirty.Mark]) -> dict[int, str]:
        """Accounts that a domain made and nothing needs go; answers them, with their keys."""
        asked = [m.entity_id for m in marks if m.flags & dirty.GROUPS]
        gone = accounts.store.empty(conn, asked)
        accounts.store.drop(conn, list(gone))
        for account_id, key in gone.items():
            self.ids.pop(key, None)
            self.cache.rollups.drop([key])
            self.cache.verdicts.drop([key])
            self.cache.entities.drop([(dirty.ACCOUNT, account_id)])
        return gone

    # ── what people decide ─────────────────────────────────────────────────────────────────────

    def take_up(self, conn: Connection, now_ms: int) -> bool:
        """Follow decisions and settings that are new; True when there were any or more are due."""
        said = accounts.decisions.pending(conn)
        _, version, taken, lists, kind, after = accounts.decisions.settings(conn)
        stale = lists != accounts.domains.edition()
        if not said and version == taken and not kind and not stale:
            return False
        marks = dirty.Marks()
        before, self.cache.book = self.book, accounts.decisions.load(conn)
        self._follow(conn, said, before, marks)
        if version != taken:
            changed = before.rules.items() ^ self.book.rules.items()
            self._people(conn, [("domain", domain) for domain, _ in changed], marks)
            if before.make != self.book.make or not changed:
                kind, after = 1, 0
            accounts.decisions.set_taken(conn, version)
        if stale:
            kind, after = 2, 0
        self._sweep(conn, kind, after, marks)
        accounts.decisions.taken(conn, [one.id for one in said], now_ms)
        profiles.store.put_marks(conn, marks)
        return True

    def _follow(
        self,
        conn: Connection,
        said: Sequence[accounts.Said],
        before: Book,
        marks: dirty.Marks,
    ) -> None:
        """Mark whom decisions concern, and write which accounts turned out to be others."""
        for one in said:
            if one.kind in ("domain", "not_domain"):
                self._people(conn, [("domain", one.value)], marks)
            elif one.kind != "merge":
                for person in accounts.store.person_of(conn, one.namespace, one.value):
                    marks.add(dirty.PERSON, person, dirty.GROUPS | dirty.ALL)
        if before.aliases == self.book.aliases and not any(one.kind == "merge" for one in said):
            return
        changed = before.aliases.items() ^ self.book.aliases.items()
        keys = {key for pair in changed for key in pair}
        keys |= {key for one in said if one.kind == "merge" for key in (one.account_key, one.value)}
        accounts.decisions.set_merged(conn, self.book.aliases)
        self.cache.book = accounts.decisions.load(conn)
        ids = crm.accounts_by_key(conn, sorted(keys))
        found = profiles.store.members(conn, list(ids.values()))
        for person in {p for people in found.values() for p in people}:
            marks.add(dirty.PERSON, person, dirty.GROUPS | dirty.ALL)
        claims = accounts.store.claims_of(conn, list(ids.values()))
        self._people(conn, claims, marks)
        self.cache.rollups.drop(keys)
        self.cache.verdicts.drop(keys)
        for account_id in ids.values():
            self.cache.entities.drop([(dirty.ACCOUNT, account_id)])
            marks.add(dirty.ACCOUNT, account_id, dirty.GROUPS | dirty.ALL | dirty.CRM)

    @staticmethod
    def _people(conn: Connection, keys: Collection[Key], marks: dirty.Marks) -> None:
        for person in accounts.store.people_at(conn, keys):
            marks.add(dirty.PERSON, person, dirty.GROUPS)

    @staticmethod
    def _sweep(conn: Connection, kind: int, after: int, marks: dirty.Marks) -> None:
        """Look at some more of everybody: accounts' claims first, then people."""
        if kind == dirty.ACCOUNT:
            found = accounts.store.accounts_after(conn, after, _SWEEP)
            for account_id in found:
                marks.add(dirty.ACCOUNT, account_id, dirty.CLAIMS)
            kind, after = (kind, found[-1]) if len(found) == _SWEEP else (dirty.PERSON, 0)
        elif kind == dirty.PERSON:
            found = profiles.store.people_after(conn, after, _SWEEP)
            for person in found:
                marks.add(dirty.PERSON, person, dirty.GROUPS)
            kind, after = (kind, found[-1]) if len(found) == _SWEEP else (0, 0)
        accounts.decisions.set_sweep(conn, accounts.domains.edition(), kind, after)


def _about(
    fragments: Sequence[int],
    states: Mapping[int, profiles.State],
    emails: Mapping[str, tuple[int, int]],
    of_contacts: Collection[int],
) -> accounts.clues.About:
    """What a person's states say; the CRM's word and other identifiers are the caller's."""
    fragments = [f for f in fragments if f in states]
    own = [states[f] for f in fragments]
    first: dict[str, int] = {}
    for address, (identifier, fragment) in emails.items():
        times = [s.seen[identifier][0] for s in own if identifier in s.seen]
        home = states.get(fragment)
        if home is not None and home.was_seen:
            times.append(home.first_ms)
        first[address] = min(times, default=0)
    seen = [s.first_ms for s in own if s.was_seen]
    return accounts.clues.About(
        groups=merge.groups(states[f] for f in fragments if f not in of_contacts),
        contacts=merge.groups(states[f] for f in fragments if f in of_contacts),
        crm=(),
        emails=first,
        others=(),
        traits={name: trait.value for name, trait in merge.traits(own).items()},
        first_ms=min(seen, default=min(first.values(), default=0)),
    )


def _at(clues: Sequence[Clue], made: Collection[str]) -> bool:
    return any(clue.rung in (Rung.EMAIL, Rung.WEBSITE) and clue.value in made for clue in clues)


def _fragments(conn: Connection, keys: Collection[str]) -> dict[str, int]:
    from onefold import identity

    return identity.account_fragments_of(conn, keys) if keys else {}
