"""The subjects of one chunk of conclusions: who is asked about, with what the tables hold of them.

What a chunk needs is read for all its people at once; what only some definitions ask for (owners,
an account of a person, the people of an account) when they ask.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from onefold import audiences, crm, identity, profiles
from onefold.profiles import dirty, merge
from onefold.storage import Connection
from onefold.worker.cache import Cache, Entity
from onefold.worker.catalog import Catalog
from onefold.worker.rollups import Verdict
from onefold.worker.subjects import AccountSubject, Member, PersonSubject

Tickets = Mapping[int, Sequence[audiences.TicketState]]


class Asking:
    """Makes subjects. `later` takes the accounts whose people have to be told a verdict."""

    def __init__(
        self, conn: Connection, catalog: Catalog, cache: Cache, now_ms: int, later: dirty.Marks
    ) -> None:
        self.conn = conn
        self.catalog = catalog
        self.cache = cache
        self.now_ms = now_ms
        self.later = later

    # ── people ─────────────────────────────────────────────────────────────────────────────────

    def people(
        self, wanted: Mapping[int, set[int]], people: Mapping[int, Entity]
    ) -> dict[int, PersonSubject]:
        """Subjects by person, ready for the definitions wanted of each."""
        states = self.cache.told_states(self.conn, {f for i in wanted for f in people[i].fragments})
        tickets = self._tickets(wanted, people)
        accounts = self._account_states(people)
        listed = self._listed("person", wanted)
        return {
            i: PersonSubject(
                people[i],
                [states[f] for f in people[i].fragments if f in states],
                self,
                [accounts[key] for key in people[i].inside if key in accounts],
                tickets.get(i, ()),
                listed.get(i, ()),
            )
            for i in wanted
        }

    def _listed(
        self, kind: audiences.Kind, wanted: Mapping[int, Collection[int]]
    ) -> Mapping[int, Collection[int]]:
        """Which audiences by rows, of those that will be asked, have a row for whom."""
        rows = self.catalog.listed
        if not rows:
            return {}
        asked = [i for i, definitions in wanted.items() if not rows.isdisjoint(definitions)]
        return audiences.listed(self.conn, kind, asked, rows) if asked else {}

    def _tickets(self, wanted: Mapping[int, set[int]], people: Mapping[int, Entity]) -> Tickets:
        """Unresolved tickets of those for whom a definition will ask."""
        crm_ids = self.catalog.index.touched_by_crm["person"]
        owner = {
            contact: i
            for i, definitions in wanted.items()
            if definitions & crm_ids
            for contact in people[i].contacts
        }
        out: dict[int, list[audiences.TicketState]] = {}
        if owner:
            by_contact, _ = crm.ticket_states(self.conn, list(owner), [])
            for contact, found in by_contact.items():
                out.setdefault(owner[contact], []).extend(map(_ticket, found))
        return out

    def _account_states(self, people: Mapping[int, Entity]) -> dict[str, profiles.State]:
        """The account fragments' states, by account key, if any definition reads them."""
        if not self.catalog.through_traits:
            return {}
        book = self.cache.book
        wanted = sorted({key for p in people.values() for key in p.inside})
        keys = [k for key in wanted for k in book.keys(key)]
        fragments = identity.account_fragments_of(self.conn, keys) if keys else {}
        states = self.cache.told_states(self.conn, fragments.values())
        out: dict[str, profiles.State] = {}
        for key in wanted:
            own = [fragments[k] for k in book.keys(key) if k in fragments]
            found = [states[f] for f in own if f in states]
            if found:
                one = len(found) == 1
                out[key] = found[0] if one else profiles.State(traits=merge.traits(found))
        return out

    def owners(self, contacts: Sequence[int], accounts: Sequence[int]) -> list[str]:
        """E-mails of who looks after these."""
        return crm.owner_emails(self.conn, contacts, accounts)

    def deals(self, contacts: Sequence[int], accounts: Sequence[int]) -> list[dict[str, Any]]:
        """Deals of these."""
        return [deal for _, _, deal in crm.deal_states(self.conn, contacts, accounts)]

    def account_holds(self, key: str, node: Any, ask: Any) -> bool:
        """Does a condition hold for an account? As its people were told, if they were."""
        account_id = crm.accounts_by_key(self.conn, [key]).get(key)
        if account_id is None:
            return False
        told = self.cache.verdicts.told.get((account_id, id(node)))
        if told is not None and (told[1] is None or told[1] > self.now_ms):
            return told[0]
        self.later.add(dirty.ACCOUNT, account_id, 0, self.catalog.through_accounts)
        holds, _ = ask(self.accounts([account_id], [])[account_id], self.now_ms)
        self.cache.rollups.drop([key])  # who belongs to it may be about to be written
        return bool(holds)

    # ── accounts ───────────────────────────────────────────────────────────────────────────────

    def accounts(
        self,
        account_ids: Sequence[int],
        asked: Iterable[int],
        definitions: Mapping[int, Collection[int]] | None = None,
    ) -> dict[int, AccountSubject]:
        """Subjects by account; of those `asked` the tickets are read at once.

        `definitions`: which of each will be asked.
        """
        listed = self._listed("account", definitions or {})
        known = self._known(account_ids)
        wanted = list(asked)
        tickets = crm.ticket_states(self.conn, [], wanted)[1] if wanted else {}
        out = {}
        for i in account_ids:
            own = self.cache.told_states(self.conn, known[i].fragments)
            found = [_ticket(t) for t in tickets.get(i, ())] if i in wanted else None
            out[i] = AccountSubject(i, known[i], list(own.values()), self, found, listed.get(i, ()))
        return out

    def _known(self, account_ids: Sequence[int]) -> dict[int, Entity]:
        missing = [i for i in account_ids if not self.cache.entities.get((dirty.ACCOUNT, i))]
        found = crm.account_keys(self.conn, missing) if missing else {}
        keys = {i: self.cache.book.keys(key) for i, key in found.items()}
        flat = [key for own in keys.values() for key in own]
        fragments = identity.account_fragments_of(self.conn, flat) if flat else {}
        return self.cache.load_accounts(self.conn, account_ids, keys, fragments)

    def account_tickets(self, account_id: int) -> list[audiences.TicketState]:
        """An account's unresolved tickets."""
        return [
            _ticket(t)
            for t in crm.ticket_states(self.conn, [], [account_id])[1].get(account_id, ())
        ]

    def member_states(self, account_id: int) -> list[Member]:
        """The states of an account's people, former ones too, with whose their facts are."""
        people = profiles.store.members(self.conn, [account_id])[account_id]
        entities = self.cache.load_people(self.conn, people)
        states = self.cache.told_states(
            self.conn, {f for e in entities.values() for f in e.fragments}
        )
        return [
            ([states[f] for f in e.fragments if f in states], e.spans) for e in entities.values()
        ]

    def members(self, account_id: int) -> list[int]:
        """Who belongs to an account now."""
        return profiles.store.members(self.conn, [account_id], inside=True)[account_id]

    def people_of(self, account_id: int, key: str, node: Any, ask: Any) -> list[Verdict]:
        """For each of an account's people whether a condition holds."""
        people = self.members(account_id)
        known = self.cache.verdicts.people(key, id(node))
        missing = [i for i in people if (v := known.get(i)) is None or _over(v, self.now_ms)]
        if missing:
            entities = self.cache.load_people(self.conn, missing)
            wanted = {i: set(self.catalog.through_people) for i in missing}
            for i, subject in self.people(wanted, entities).items():
                known[i] = ask(subject, self.now_ms)
        return [known[i] for i in people]


def _over(verdict: Verdict, now_ms: int) -> bool:
    return verdict[1] is not None and verdict[1] <= now_ms


def _ticket(found: crm.TicketState) -> audiences.TicketState:
    return audiences.TicketState(
        status=found.status,
        tags=tuple(found.tags),
        priority=found.priority,
        category=found.category,
    )
