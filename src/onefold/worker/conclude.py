"""Conclusions: who is in which audience now, and what leaves because of it.

A round takes rows of the durable queue, coalesces their marks, and concludes them in chunks of at
most `conclude_chunk_max` entities, a transaction each: memberships, due times, list rows, outbox
rows. The queue's rows go with the round's last chunk, and what the round marked anew (an account
whose people changed) is put on the queue there. Conclusions are pure, so a round that is cut short
is simply concluded again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from onefold import activation, audiences, crm, identity, profiles
from onefold.kernel import ids, limits
from onefold.kernel.viewer import SYSTEM
from onefold.profiles import dirty, merge
from onefold.storage import Connection, fold_name
from onefold.worker.asking import Asking
from onefold.worker.cache import Cache, Entity
from onefold.worker.catalog import Catalog, Live
from onefold.worker.ladder import Accounts
from onefold.worker.subjects import AccountSubject, PersonSubject

_QUEUE_ROWS = 16
_KINDS = {"person": dirty.PERSON, "account": dirty.ACCOUNT}


class Outcome:
    """What a chunk will write."""

    def __init__(self, now_ms: int, later: dirty.Marks) -> None:
        self.now_ms = now_ms
        self.changes: list[audiences.Change] = []
        self.subjects: dict[tuple[int, int], PersonSubject | AccountSubject] = {}
        self.rows: list[profiles.store.ListRow] = []
        self.gone: list[int] = []
        self.grouped: list[int] = []
        self.accounts: list[profiles.store.AccountRow] = []
        self.spans: list[tuple[int, int, int]] = []  # person, from_ms, account id
        self.spread: set[str] = set()  # domains of which to count the accounts of their people
        self.due: list[tuple[int, int, int]] = []
        self.undue: dict[int, list[int]] = {dirty.PERSON: [], dirty.ACCOUNT: []}
        self.next = later
        self.people_seen: dict[int, int | None] = {}  # person id → last_ms, nothing else changed
        self.touched: set[str] = set()  # keys of accounts whose people may be others now
        self.left: set[int] = set()  # account ids that somebody's primary was
        self.seen: dict[int, int] = {}  # account id → when one of its people was last seen


class Round(msgspec.Struct):
    """Rows of the queue under way: their ids, what is left of their marks, what they mark anew."""

    rows: list[int]
    left: dirty.Marks
    next: dirty.Marks


class Conclude:
    """The concluding half of the worker."""

    def __init__(self, cache: Cache, accounts: Accounts) -> None:
        self.cache = cache
        self.accounts = accounts
        self._round: Round | None = None

    def forget(self, conn: Connection) -> None:
        """After a failed transaction: begin the round again."""
        self.accounts.forget(conn)
        self._round = None

    def step(self, conn: Connection, catalog: Catalog, now_ms: int) -> int:
        """One chunk; the number of entities concluded, 0 when none waited. The caller commits."""
        if self._round is None:
            rows, marks = profiles.store.read_marks(conn, _QUEUE_ROWS)
            if not rows:
                return 0
            self._round = Round(rows, marks, dirty.Marks())
        taken = self._round.left.take(limits.conclude_chunk_max)
        self.conclude(conn, catalog, taken, self._round.next, now_ms)
        if not self._round.left:
            profiles.store.put_marks(conn, self._round.next)
            profiles.store.drop_marks(conn, self._round.rows)
            self._round = None
        return len(taken)

    def conclude(
        self,
        conn: Connection,
        catalog: Catalog,
        taken: Sequence[dirty.Mark],
        later: dirty.Marks,
        now_ms: int,
    ) -> None:
        """Conclude these marks; those they make anew join `later`, for the caller to keep."""
        out = Outcome(now_ms, later)
        self._people(conn, catalog, [m for m in taken if m.kind == dirty.PERSON], out)
        self._accounts(conn, catalog, [m for m in taken if m.kind == dirty.ACCOUNT], out)
        out.spread |= identity.accounts.store.shared_of(conn, out.gone)
        with conn.pipeline():  # PostgreSQL writes while the next statement is made
            profiles.store.save_people(conn, out.rows, out.gone)
            identity.accounts.store.drop_clues(conn, out.gone)
            profiles.store.see_people(conn, out.people_seen)
            if out.grouped:
                profiles.store.save_accounts(conn, out.grouped, out.accounts, out.spans)
            crm.touch_accounts(conn, out.seen)
            profiles.store.set_due(conn, out.due)
            for kind, entity_ids in out.undue.items():
                profiles.store.drop_due(conn, kind, entity_ids)
            if out.changes:
                audiences.apply(conn, out.changes)
        self.cache.verdicts.drop(out.touched)
        self.cache.rollups.drop(out.touched)  # now: a sum made before this would miss people
        crm.see_accounts_anew(conn, sorted(out.left))
        self.accounts.spread(conn, out)
        if out.changes:
            self._enqueue(conn, catalog, out)

    # ── people ─────────────────────────────────────────────────────────────────────────────────

    def _people(
        self, conn: Connection, catalog: Catalog, marks: Sequence[dirty.Mark], out: Outcome
    ) -> None:
        if not marks:
            return
        people = self.cache.load_people(conn, [m.entity_id for m in marks])
        states = self.cache.told_states(conn, {f for p in people.values() for f in p.fragments})
        asking = Asking(conn, catalog, self.cache, out.now_ms, out.next)
        named = self._identifiers(conn, marks)
        grouped = [m for m in marks if m.flags & (dirty.GROUPS | dirty.ALL)]
        if grouped:
            self.accounts.group(conn, grouped, people, states, named, out)
        wanted = {m.entity_id: _wanted(m, catalog, catalog.people) for m in marks}
        subjects = asking.people(wanted, people)
        for mark in marks:
            person = people[mark.entity_id]
            if not person.fragments:
                self._gone(conn, mark.entity_id, person, subjects[mark.entity_id], out)
                continue
            own = [states[f] for f in person.fragments if f in states]
            subject = subjects[mark.entity_id]
            if mark.flags & dirty.SHOWN:
                values = named.get(mark.entity_id, [])
                row = self._row(mark.entity_id, own, person, values, out.now_ms)
                out.rows.append(row)
                self._see(row.last_seen_ms, person, out)
            elif mark.flags & dirty.SEEN:
                last_ms = out.people_seen[mark.entity_id] = _last_ms(own)
                self._see(last_ms, person, out)
            self._evaluate(mark, person, subject, wanted[mark.entity_id], catalog, out)
            self._pass_on(mark, person, catalog, out)

    def _see(self, last_ms: int | None, person: Entity, out: Outcome) -> None:
        """With the person its primary account was seen."""
        account = self._primary(person)
        if account is not None and last_ms is not None:
            out.seen[account] = max(out.seen.get(account, 0), last_ms)

    def _primary(self, person: Entity) -> int | None:
        """The account that lists show, if it is known by id."""
        return self.accounts.ids.get(person.primary) if person.primary else None

    def _identifiers(
        self, conn: Connection, marks: Sequence[dirty.Mark]
    ) -> dict[int, list[tuple[str, str]]]:
        shown = [m.entity_id for m in marks if m.flags & dirty.SHOWN]
        return identity.values_of(conn, SYSTEM, shown) if shown else {}

    def _row(
        self,
        person_id: int,
        states: Sequence[profiles.State],
        person: Entity,
        values: Sequence[tuple[str, str]],
        now_ms: int,
    ) -> profiles.store.ListRow:
        traits = merge.traits(states)
        texts = {n: str(t.value) for n, t in traits.items() if isinstance(t.value, str)}
        emails = [v for n, v in values if n == "email"]
        name = display_name(texts)
        email = texts.get("email") or (emails[0] if emails else "")
        shown = [v for n, v in values if n != "contact"][: limits.person_identifiers_max]
        return profiles.store.ListRow(
            id=person_id,
            known=any(n != "anonymous_id" for n, _ in values),
            name=name,
            name_sort=fold_name(name or email or (shown[0] if shown else "")),
            email=email,
            title=texts.get("title") or texts.get("jobtitle") or "",
            account_id=self._primary(person),
            identifiers=" ".join(shown).lower()[:4000],
            first_seen_ms=min((s.first_ms for s in states if s.was_seen), default=None),
            last_seen_ms=_last_ms(states),
            updated_ms=now_ms,
        )

    def _gone(
        self, conn: Connection, person_id: int, person: Entity, subject: PersonSubject, out: Outcome
    ) -> None:
        """A person that merged into another leaves its audiences and the lists."""
        why = [{"text": "Merged into another person."}]
        for audience_id in list(person.members):
            self._change(audience_id, dirty.PERSON, person_id, False, person, subject, why, out)
        out.gone.append(person_id)
        out.undue[dirty.PERSON].append(person_id)
        self.accounts.leave(conn, person, out)
        self.cache.entities.drop([(dirty.PERSON, person_id)])

    def _pass_on(self, mark: dirty.Mark, person: Entity, catalog: Catalog, out: Outcome) -> None:
        """What a person's change means for the accounts the person is in."""
        touched = mark.definitions & catalog.accounts | mark.definitions & catalog.through_accounts
        if mark.flags & dirty.CRM:
            touched |= catalog.index.touched_by_crm["person"] & catalog.accounts
        if mark.flags & dirty.ALL:
            touched |= catalog.through_people
        if not touched:
            return
        for key in person.joined:
            if touched & catalog.through_people:
                self.cache.verdicts.ask_again(key, mark.entity_id)
            account = self.accounts.ids.get(key)
            if account is None:
                out.next.add(dirty.PERSON, mark.entity_id, dirty.GROUPS, touched)
            else:
                out.next.add(dirty.ACCOUNT, account, 0, touched)

    # ── accounts ───────────────────────────────────────────────────────────────────────────────

    def _accounts(
        self, conn: Connection, catalog: Catalog, marks: Sequence[dirty.Mark], out: Outcome
    ) -> None:
        asking = Asking(conn, catalog, self.cache, out.now_ms, out.next)
        self.accounts.claim(conn, marks, out)
        marks = self._without_gone(conn, asking, marks, out)
        direct = catalog.people & catalog.through_traits
        self._expand(conn, [(m, m.definitions & direct) for m in marks], out)
        wanted = {m.entity_id: _wanted(m, catalog, catalog.accounts) for m in marks}
        told = {m.entity_id: _wanted(m, catalog, catalog.through_accounts) for m in marks}
        looked = [m for m in marks if wanted[m.entity_id] or told[m.entity_id]]
        if not looked:
            return
        there = crm.account_keys(conn, [m.entity_id for m in looked])
        looked = [m for m in looked if m.entity_id in there]  # one that went needs no look
        crm_ids = catalog.index.touched_by_crm["account"]
        asked = [i for i, definitions in wanted.items() if definitions & crm_ids]
        subjects = asking.accounts([m.entity_id for m in looked], asked, wanted)
        news: list[tuple[dirty.Mark, set[int]]] = []
        for mark in looked:
            subject = subjects[mark.entity_id]
            turned, soonest = self._tell(subject, told[mark.entity_id], catalog, out.now_ms)
            news.append((mark, turned))
            entity = subject.entity
            self._evaluate(mark, entity, subject, wanted[mark.entity_id], catalog, out, soonest)
        self._expand(conn, news, out)

    def _without_gone(
        self,
        conn: Connection,
        asking: Asking,
        marks: Sequence[dirty.Mark],
        out: Outcome,
    ) -> list[dirty.Mark]:
        """Marks of accounts that are: of merged ones the other account looks, empty ones go."""
        merged = self.accounts.book.merged_ids
        gone = dict.fromkeys(self.accounts.drop_empty(conn, marks), "Nobody is in it any more.")
        for mark in marks:
            if mark.entity_id in merged:
                gone[mark.entity_id] = "Merged into another account."
                out.next.add(
                    dirty.ACCOUNT, merged[mark.entity_id], mark.flags & ~dirty.CLAIMS,
                    mark.definitions,
                )  # fmt: skip
        if not gone:
            return list(marks)
        out.undue[dirty.ACCOUNT] += gone
        for account_id, members in audiences.current(conn, "account", list(gone)).items():
            entity = Entity((), members, None)
            subject = AccountSubject(account_id, entity, [], asking, [])
            why = [{"text": gone[account_id]}]
            for audience_id in list(members):
                self._change(
                    audience_id, dirty.ACCOUNT, account_id, False, entity, subject, why, out
                )
        self.cache.entities.drop((dirty.ACCOUNT, i) for i in gone)
        return [m for m in marks if m.entity_id not in gone]

    def _tell(
        self, subject: AccountSubject, told: set[int], catalog: Catalog, now_ms: int
    ) -> tuple[set[int], int | None]:
        """People's definitions whose condition on this account turned, and when one next may."""
        turned: set[int] = set()
        soonest: int | None = None
        for audience_id in told:
            for node, ask in catalog.verdicts[audience_id]:
                verdict = ask(subject, now_ms)
                if self.cache.verdicts.tell(subject.id, id(node), verdict):
                    turned.add(audience_id)
                if verdict[1] is not None and (soonest is None or verdict[1] < soonest):
                    soonest = verdict[1]
        return turned, soonest

    def _expand(
        self, conn: Connection, marks: Sequence[tuple[dirty.Mark, set[int]]], out: Outcome
    ) -> None:
        """An account's own change reaches its people's definitions, in later chunks."""
        wanted = {mark.entity_id: definitions for mark, definitions in marks if definitions}
        if not wanted:
            return
        for account, people in profiles.store.members(conn, list(wanted)).items():
            for person in people:
                out.next.add(dirty.PERSON, person, 0, wanted[account])

    # ── both ───────────────────────────────────────────────────────────────────────────────────

    def _evaluate(
        self,
        mark: dirty.Mark,
        entity: Entity,
        subject: PersonSubject | AccountSubject,
        wanted: Iterable[int],
        catalog: Catalog,
        out: Outcome,
        soonest: int | None = None,
    ) -> None:
        """Evaluate definitions, note changes and when the answers can change by themselves.

        `soonest`: when something else may that is due with them.
        """
        for audience_id in wanted:
            live = catalog.live[audience_id]
            holds, next_ms = live.evaluate(subject, out.now_ms)
            if next_ms is not None and (soonest is None or next_ms < soonest):
                soonest = next_ms
            if holds != (audience_id in entity.members):
                why = audiences.explain(live.definition, subject, out.now_ms)
                self._change(
                    audience_id, mark.kind, mark.entity_id, holds, entity, subject, why, out
                )
                if audience_id in catalog.listed:
                    users = catalog.index.touched_by_member.get(live.key)
                    if users:
                        out.next.add(mark.kind, mark.entity_id, 0, users)
        if mark.flags & (dirty.ALL | dirty.WAKE):  # every definition was asked: this is the answer
            if soonest is None:
                out.undue[mark.kind].append(mark.entity_id)
            else:
                out.due.append((mark.kind, mark.entity_id, soonest))
            entity.due_ms = soonest
        elif soonest is not None and (entity.due_ms is None or soonest < entity.due_ms):
            out.due.append((mark.kind, mark.entity_id, soonest))
            entity.due_ms = soonest

    @staticmethod
    def _change(
        audience_id: int,
        kind: int,
        entity_id: int,
        entered: bool,
        entity: Entity,
        subject: PersonSubject | AccountSubject,
        why: list[dict[str, Any]],
        out: Outcome,
    ) -> None:
        if entered:
            entity.members[audience_id] = out.now_ms
        else:
            entity.members.pop(audience_id, None)
        out.subjects[kind, entity_id] = subject
        out.changes.append(
            audiences.Change(
                audience_id=audience_id,
                entity_id=entity_id,
                entered=entered,
                at_ms=out.now_ms,
                why=why,
            )
        )

    def _enqueue(self, conn: Connection, catalog: Catalog, out: Outcome) -> None:
        """Changes of audiences that a destination receives leave through the outbox."""
        subscribed = activation.subscribed(conn)
        rows = [
            _outgoing(conn, catalog.live[c.audience_id], c, out)
            for c in out.changes
            if c.audience_id in catalog.live and catalog.live[c.audience_id].key in subscribed
        ]
        if rows:
            activation.enqueue(conn, rows, out.now_ms)


def _wanted(mark: dirty.Mark, catalog: Catalog, kind: frozenset[int]) -> set[int]:
    if mark.flags & (dirty.ALL | dirty.WAKE):
        return set(kind)
    wanted = mark.definitions & kind
    if catalog.listed and mark.flags & (dirty.GROUPS | dirty.CLAIMS):  # may be found by more
        wanted |= catalog.listed & kind
    if mark.flags & dirty.CRM:
        whose: Literal["person", "account"] = "person" if mark.kind == dirty.PERSON else "account"
        wanted |= catalog.index.touched_by_crm[whose] & kind
    return wanted


def _outgoing(
    conn: Connection, live: Live, change: audiences.Change, out: Outcome
) -> activation.AudienceChange:
    """The change as a destination receives it."""
    subject = out.subjects[_KINDS[live.of], change.entity_id]
    if isinstance(subject, PersonSubject):
        values = identity.values_of(conn, SYSTEM, [change.entity_id]).get(change.entity_id, [])
        states, prefix = subject.states, "per"
    else:
        values = [("account_id", subject.key)]
        states, prefix = subject.own, "acc"
    return activation.AudienceChange(
        audience_key=live.key,
        audience_name=live.name,
        entity_kind=live.of,
        entity_id=ids.api_id(prefix, change.entity_id),
        entered=change.entered,
        at_ms=change.at_ms,
        home=":".join(values[0]) if values else "",
        identifiers=[{"namespace": n, "value": v} for n, v in values],
        traits={n: t.value for n, t in merge.traits(states).items()},
    )


def _last_ms(states: Sequence[profiles.State]) -> int | None:
    return max((s.last_ms for s in states if s.was_seen), default=None)


def display_name(traits: Mapping[str, str]) -> str:
    """A person's name from the spec's traits: `name`, or first and last."""
    if traits.get("name", "").strip():
        return traits["name"].strip()
    first = traits.get("firstName") or traits.get("first_name") or traits.get("firstname") or ""
    last = traits.get("lastName") or traits.get("last_name") or traits.get("lastname") or ""
    return f"{first} {last}".strip()
