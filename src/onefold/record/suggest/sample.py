"""A sample of what there is: events with properties and values, traits with values, campaigns.

Log rows are taken from the newest and from places spread over the whole log, states from places
spread over all people. One sample a database is kept for a while, so that typing costs nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from onefold import governance, log, profiles
from onefold.kernel import facts, limits
from onefold.record.suggest import store
from onefold.storage import Connection

_TEXT_CHARS_MAX = 100  # a longer one is no value that somebody compares with
_DEPTH_MAX = 3


class Values:
    """The values seen of one property or trait, the frequent ones kept."""

    def __init__(self) -> None:
        self.n = 0
        self.found: Counter[tuple[type, Any]] = Counter()

    def add(self, value: Any) -> None:
        """Count a value; of a list each element."""
        self.n += 1
        for one in value if isinstance(value, list) else (value,):
            if not isinstance(one, str | int | float | bool):
                continue
            if isinstance(one, str) and not 0 < len(one) <= _TEXT_CHARS_MAX:
                continue
            key = type(one), one
            if key in self.found or len(self.found) < limits.suggestions_kept_max:
                self.found[key] += 1


Fields = dict[str, Values]


class Sample:
    """What was seen. `at_ms` and `head`: when, and how long the log was."""

    def __init__(self, at_ms: int, head: int) -> None:
        self.at_ms = at_ms
        self.head = head
        self.n_events: Counter[str] = Counter()
        self.events: dict[str, Fields] = {}
        self.traits: dict[str, Fields] = {"person": {}, "account": {}}
        self.touches: Fields = {}


_kept: dict[str, Sample] = {}
_lock = Lock()


def of(conn: Connection, now_ms: int) -> Sample:
    """The sample of this database, at most `suggestions_kept_ms` old, taken now if need be."""
    key = f"{conn.info.host}:{conn.info.port}/{conn.info.dbname}"
    head = log.head(conn)
    with _lock:
        found = _kept.get(key)
        fresh = found is not None and now_ms - found.at_ms < limits.suggestions_kept_ms
        if found is not None and (fresh or found.head == head):
            return found
    taken = take(conn, now_ms, head)
    with _lock:
        while len(_kept) >= limits.suggestions_databases_max:
            del _kept[next(iter(_kept))]
        _kept[key] = taken
    return taken


def take(conn: Connection, now_ms: int, head: int) -> Sample:
    """A new sample."""
    out = Sample(now_ms, head)
    rules = governance.load(conn)
    left = limits.suggestions_events_max
    for row in _rows(conn, head):
        envelope = log.unpack(row.body)
        step = max(len(envelope.batch) // limits.suggestions_row_events_max, 1)
        for index in range(0, len(envelope.batch), step):
            raw = bytes(envelope.batch[index])
            pos = facts.position(row.seq, index)
            fact = governance.admit_at(row, envelope, pos, raw, rules)
            if isinstance(fact, facts.Fact):
                out.n_events[fact.name] += 1
                _note(fact.properties, out.events.setdefault(fact.name, {}))
                left -= 1
        if left <= 0:
            break
    people = store.people_states(conn, limits.suggestions_states_max)
    _states(people, out.traits["person"], out.touches)
    accounts = store.account_states(conn, limits.suggestions_states_max)
    _states(accounts, out.traits["account"], {})
    return out


def _rows(conn: Connection, head: int) -> Iterable[log.Row]:
    """The newest rows, then a few at each of several places before."""
    newest, places = limits.suggestions_rows_max // 2, 16
    yield from reversed(log.read(conn, max(head - newest, 0), newest))
    before = head - newest
    few = newest // places
    if before <= 0:
        return
    for i in range(places):
        yield from log.read(conn, before * i // places, few)


def _states(states: Iterable[profiles.State], traits: Fields, touches: Fields) -> None:
    for state in states:
        for name, trait in state.traits.items():
            if name in traits or len(traits) < limits.suggestions_names_max:
                traits.setdefault(name, Values()).add(trait.value)
        for touch in state.touches:
            _note(touch.campaign, touches)


def _note(properties: Mapping[str, Any], into: Fields, at: str = "", depth: int = 1) -> None:
    """Count properties by their dotted path."""
    for name, value in properties.items():
        path = f"{at}.{name}" if at else name
        if isinstance(value, Mapping):
            if depth < _DEPTH_MAX:
                _note(value, into, path, depth + 1)
        elif path in into or len(into) < limits.suggestions_names_max:
            into.setdefault(path, Values()).add(value)
