"""Rules of precedence that changed: decide stored traits again by them.

From the batch after the change on, what arrives is weighed by the new rules. Stored states follow
in bounded steps between batches, by the fragment's id. A state holds each origin's latest word, so
nothing is read again, and once every state was gone through the end is that of the new rules,
whatever arrived meanwhile.
"""

from onefold import crm
from onefold.kernel import limits
from onefold.profiles import dirty, fold
from onefold.profiles import store as states_store
from onefold.profiles.precedence import store
from onefold.profiles.precedence.rules import Kind
from onefold.storage import Connection
from onefold.worker.catalog import Catalog
from onefold.worker.folder import Folder
from onefold.worker.ingest import Ingest


def step(conn: Connection, catalog: Catalog, ingest: Ingest, now_ms: int) -> bool:
    """Decide some more states; False when nothing is left to do. The caller commits."""
    version = store.replaying(conn)
    if version is None:
        return False
    rows_max = limits.trait_replay_fragments_max
    rows = store.stretch(conn, version, rows_max)
    states = ingest.cache.load_states(conn, [fragment for fragment, _, _ in rows])
    own = {key: fragment for fragment, person, key in rows if person == 0}
    if new := sorted(own.keys() - ingest.accounts.keys()):
        ingest.accounts.update(crm.ensure_accounts(conn, new))
    marks = dirty.Marks()
    folder = Folder(catalog, states, ingest.names, ingest.accounts, marks, {}, own)
    changed = {}
    for fragment, person, key in rows:
        of: Kind = "person" if person else "account"
        names = fold.decide_again(states[fragment], catalog.precedence, of)
        if names:
            changed[fragment] = states[fragment]
            folder.decided(person, key, names)
    states_store.save_states(conn, changed)
    crm.apply_account_traits(conn, folder.account_traits(ingest.accounts))
    states_store.put_marks(conn, marks)
    ended = len(rows) < rows_max
    done = version.upto if ended else rows[-1][0]
    store.replayed(conn, version, done, len(changed), now_ms if ended else None)
    return not ended
