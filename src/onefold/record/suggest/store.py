"""What suggestions are made of that tables tell: names, tags, owners, and states to sample."""

from collections.abc import Iterator

from onefold import profiles
from onefold.kernel import limits
from onefold.storage import Connection

EVENT_NAMES = "SELECT name FROM event_name ORDER BY name"
TAGS = """
SELECT tag, count(*) FROM ticket, unnest(tags) AS tag GROUP BY tag ORDER BY 2 DESC, 1 LIMIT %s
"""
OWNERS = "SELECT email FROM app_user WHERE enabled ORDER BY email"
ENDS = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM fragment"
PEOPLE_STATES = "SELECT state FROM fragment WHERE id = ANY(%s) AND person_id <> 0"
ACCOUNT_STATES = """
SELECT f.state FROM account a
JOIN identifier i ON i.namespace = 'account_id' AND md5(i.value) = md5(a.key) AND i.value = a.key
JOIN fragment f ON f.identifier_id = i.id
WHERE a.merged_into IS NULL ORDER BY a.last_seen_ms DESC NULLS LAST LIMIT %s
"""


def event_names(conn: Connection) -> list[str]:
    """Every event name that was counted."""
    return [name for (name,) in conn.execute(EVENT_NAMES)]


def tags(conn: Connection) -> list[tuple[str, int]]:
    """Tags of tickets with how many have them."""
    return [(tag, n) for tag, n in conn.execute(TAGS, (limits.suggestions_kept_max,))]


def owners(conn: Connection) -> list[str]:
    """E-mails of users who can own records."""
    return [email for (email,) in conn.execute(OWNERS)]


def people_states(conn: Connection, rows: int) -> Iterator[profiles.State]:
    """States of people's fragments, spread over all of them."""
    first, last = conn.execute(ENDS).fetchall()[0]
    step = max((last - first) // rows, 1)
    ids = list(range(last, first - 1, -step))[: rows + 1]
    for (data,) in conn.execute(PEOPLE_STATES, (ids,), binary=True):
        yield profiles.model.decode(data)


def account_states(conn: Connection, rows: int) -> Iterator[profiles.State]:
    """States of the accounts that were seen last."""
    for (data,) in conn.execute(ACCOUNT_STATES, (rows,), binary=True):
        yield profiles.model.decode(data)
