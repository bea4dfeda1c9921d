"""What people and assistants read: the merged person, an account's traits, timelines, usage."""

import heapq
from collections.abc import Iterable, Sequence

from onefold import governance, log
from onefold.kernel import facts, limits
from onefold.kernel.viewer import Viewer
from onefold.profiles import merge, model
from onefold.storage import Connection

PERSON_STATES = "SELECT state FROM fragment WHERE person_id = %s"
PEOPLE_STATES = "SELECT person_id, state FROM fragment WHERE person_id = ANY(%s) ORDER BY id"
# An account's own fragment, and those of accounts that turned out to be it.
ACCOUNT_STATE = """
SELECT f.id, f.state FROM account a
JOIN identifier i ON i.namespace = 'account_id' AND md5(i.value) = md5(a.key) AND i.value = a.key
JOIN fragment f ON f.identifier_id = i.id
WHERE %s IN (a.id, a.merged_into)
"""
NAMES_OF = "SELECT id, name FROM event_name WHERE id = ANY(%s)"
STATES_OF = "SELECT id, state FROM fragment WHERE id = ANY(%s)"
CHUNKS_OF = """
SELECT positions FROM fact_chunk WHERE fragment_id = ANY(%s) AND first_ms <= %s
ORDER BY last_ms DESC
"""
NAMES_OF_PEOPLE = "SELECT id, name, email FROM person WHERE id = ANY(%s)"
FRAGMENTS_OF_ACCOUNT = """
SELECT f.id FROM person_account p JOIN fragment f ON f.person_id = p.person_id
WHERE p.account_id = %s
"""
# Usage that names no account is the account's whose span the day ends in (table person_span).
USAGE_BY_DAY = """
WITH own AS (
  SELECT id FROM account WHERE id = %(account)s OR merged_into = %(account)s
), spans AS (
  SELECT person_id, account_id, from_ms,
    row_number() OVER (PARTITION BY person_id ORDER BY from_ms) = 1 AS is_first,
    lead(from_ms) OVER (PARTITION BY person_id ORDER BY from_ms) AS next_ms
  FROM person_span
  WHERE person_id IN (SELECT person_id FROM person_span WHERE account_id = %(account)s)
), rows AS (
  SELECT u.day, u.n, f.person_id FROM usage u JOIN fragment f ON f.id = u.fragment_id
  WHERE u.account_id IN (SELECT id FROM own) AND u.day BETWEEN %(since)s AND %(until)s
  UNION ALL
  SELECT u.day, u.n, f.person_id FROM spans s JOIN fragment f ON f.person_id = s.person_id
  JOIN usage u ON u.fragment_id = f.id AND u.account_id = 0
  WHERE s.account_id = %(account)s AND u.day BETWEEN %(since)s AND %(until)s
    AND (s.is_first OR s.from_ms < (u.day + 1) * 86400000::bigint)
    AND (s.next_ms IS NULL OR s.next_ms >= (u.day + 1) * 86400000::bigint)
)
SELECT day, sum(n)::bigint, count(DISTINCT person_id) FROM rows GROUP BY day ORDER BY day
"""

Cursor = tuple[int, int]  # (at_ms, pos) of the last fact shown
_END = 2**62
_READ_AT_ONCE = 1_000  # facts whose log rows are in memory together


def person(conn: Connection, viewer: Viewer, person_id: int) -> model.PersonView | None:
    """A person as its fragments add up; None when it has none."""
    viewer.must_read()
    rows = conn.execute(PERSON_STATES, (person_id,), binary=True).fetchall()
    if not rows:
        return None
    return _view(conn, [model.decode(data) for (data,) in rows])


def people(
    conn: Connection, viewer: Viewer, person_ids: Sequence[int]
) -> dict[int, model.PersonView]:
    """People as their fragments add up; those without any are left out."""
    found = states_of(conn, viewer, person_ids)
    names = _names(conn, (state for states in found.values() for state in states))
    return {i: merge.view(states, names) for i, states in found.items()}


def states_of(
    conn: Connection, viewer: Viewer, person_ids: Sequence[int]
) -> dict[int, list[model.State]]:
    """The states of each person's fragments; people without any are left out."""
    viewer.must_read()
    out: dict[int, list[model.State]] = {}
    with conn.cursor(binary=True) as cursor:
        for person_id, data in cursor.execute(PEOPLE_STATES, (list(person_ids),)):
            out.setdefault(person_id, []).append(model.decode(data))
    return out


def account(conn: Connection, viewer: Viewer, account_id: int) -> model.PersonView | None:
    """What tools said about an account itself (group traits, its own facts)."""
    viewer.must_read()
    return _view(conn, account_states(conn, viewer, account_id))


def account_states(conn: Connection, viewer: Viewer, account_id: int) -> list[model.State]:
    """The states of an account's own fragments, and of accounts that turned out to be it."""
    viewer.must_read()
    rows = conn.execute(ACCOUNT_STATE, (account_id,), binary=True).fetchall()
    return [model.decode(data) for _, data in rows]


def account_fragments(conn: Connection, viewer: Viewer, account_id: int) -> list[int]:
    """An account's own fragments and those of its people: whose facts may say something of it."""
    viewer.must_read()
    ids = [i for (i,) in conn.execute(FRAGMENTS_OF_ACCOUNT, (account_id,))]
    return ids + [i for i, _ in conn.execute(ACCOUNT_STATE, (account_id,), binary=True)]


def facts_of(
    conn: Connection,
    viewer: Viewer,
    fragment_ids: Sequence[int],
    facts_max: int,
    *,
    until_ms: int = _END,
    contains: bytes = b"",
) -> tuple[list[facts.Fact], bool]:
    """The newest facts of fragments up to a moment, in the order they happened; are those all?

    `contains`: items in whose bytes this does not stand may be left out, which costs less; not
    where the request's context or a transformation may still bring it.
    """
    viewer.must_read()
    bound = (until_ms + 1, -1)
    pairs = _newest(conn, fragment_ids, bound, facts_max + 1)
    complete = len(pairs) <= facts_max
    rules = governance.load(conn)
    out: list[facts.Fact] = []
    order = [pos for _, pos in sorted(pairs)][-facts_max:]
    for start in range(0, len(order), _READ_AT_ONCE):
        part = order[start : start + _READ_AT_ONCE]
        for pos, (row, envelope, raw) in log.fetch(conn, part).items():
            shared = envelope.context is not None or rules.of(row.source_id, row.seq) is not None
            if shared or contains in raw:
                fact = governance.admit_at(row, envelope, pos, raw, rules)
                if isinstance(fact, facts.Fact):
                    out.append(fact)
    return sorted(out, key=lambda f: (f.at_ms, f.pos)), complete


def _view(conn: Connection, states: Sequence[model.State]) -> model.PersonView:
    return merge.view(states, _names(conn, states))


def _names(conn: Connection, states: Iterable[model.State]) -> dict[int, str]:
    ids = sorted({name_id for state in states for name_id in state.names})
    return dict(conn.execute(NAMES_OF, (ids,)).fetchall())


def names_of(conn: Connection, viewer: Viewer, person_ids: Sequence[int]) -> dict[int, str]:
    """What to call people: the name, else the e-mail address; those without either are left out."""
    viewer.must_read()
    rows = conn.execute(NAMES_OF_PEOPLE, (list(person_ids),))
    return {i: name or email for i, name, email in rows if name or email}


def timeline(
    conn: Connection,
    viewer: Viewer,
    fragment_ids: Sequence[int],
    before: Cursor | None = None,
    limit: int = limits.page_rows_default,
) -> tuple[list[model.TimelineFact], Cursor | None]:
    """Facts of fragments, newest first, `limit` a page; the cursor of the next page or None."""
    viewer.must_read()
    limit = min(limit, limits.timeline_rows_max)
    found = _newest(conn, fragment_ids, before or (_END, _END), limit + 1)
    page, more = found[:limit], len(found) > limit
    return _read(conn, page), (page[-1] if more else None)


def _newest(
    conn: Connection, fragment_ids: Sequence[int], bound: Cursor, want: int
) -> list[Cursor]:
    """The `want` newest facts before a bound, the newest first."""
    tails = [
        pair
        for _, data in conn.execute(STATES_OF, (list(fragment_ids),), binary=True)
        for pair in model.pairs(model.decode(data).tail)
        if pair < bound
    ]
    return _with_chunks(conn, fragment_ids, heapq.nlargest(want, tails), bound, want)


def _with_chunks(
    conn: Connection, fragment_ids: Sequence[int], newest: list[Cursor], bound: Cursor, want: int
) -> list[Cursor]:
    """The `want` newest pairs of tails and sealed chunks; stops when older chunks can't add any."""
    heap = sorted(newest)  # ascending: heap[0] is the oldest kept
    with conn.cursor(binary=True) as cursor:
        for (packed,) in cursor.execute(CHUNKS_OF, (list(fragment_ids), bound[0])):
            pairs = list(model.pairs(packed))
            if len(heap) >= want and pairs[-1][0] < heap[0][0]:
                break
            for pair in pairs:
                if pair < bound:
                    if len(heap) < want:
                        heapq.heappush(heap, pair)
                    elif pair > heap[0]:
                        heapq.heapreplace(heap, pair)
    return sorted(heap, reverse=True)


def _read(conn: Connection, page: Iterable[Cursor]) -> list[model.TimelineFact]:
    order = [pos for _, pos in page]
    stored = log.fetch(conn, order)
    rules = governance.load(conn)
    out = []
    for pos in order:
        row, envelope, raw = stored[pos]
        fact = governance.admit_at(row, envelope, pos, raw, rules)
        if isinstance(fact, facts.Fact):
            out.append(timeline_fact(fact))
    return out


def timeline_fact(fact: facts.Fact) -> model.TimelineFact:
    """A fact as a timeline shows it."""
    return model.TimelineFact(
        pos=fact.pos,
        at_ms=fact.at_ms,
        received_ms=fact.received_ms,
        kind=fact.kind,
        name=fact.name,
        source_id=fact.source_id,
        category=fact.category,
        account=fact.account,
        home=str(fact.home),
        traits=fact.traits,
        properties=fact.properties,
    )


def account_timeline(
    conn: Connection,
    viewer: Viewer,
    account_id: int,
    before: Cursor | None = None,
    limit: int = limits.page_rows_default,
) -> tuple[list[model.TimelineFact], Cursor | None]:
    """The account's own facts and those of its people, newest first."""
    viewer.must_read()
    ids = account_fragments(conn, viewer, account_id)
    return timeline(conn, viewer, ids, before, limit)


def usage_by_day(
    conn: Connection, viewer: Viewer, account_id: int, since_day: int, until_day: int
) -> dict[int, tuple[int, int]]:
    """Day → (core events, distinct active people) of an account, days since 1970 UTC."""
    viewer.must_read()
    params = {"account": account_id, "since": since_day, "until": until_day}
    return {day: (n, people) for day, n, people in conn.execute(USAGE_BY_DAY, params)}
