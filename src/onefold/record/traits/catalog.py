"""The catalogue of traits: what each should be, and what the stored ones are.

A job of each hour goes through everybody's states once and counts; pages read its rows. Examples
are values that several hold, so that no single person's value is kept outside their own record.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypedDict, get_args

import msgspec
from psycopg.types.json import Jsonb

from onefold import profiles
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.profiles import merge
from onefold.profiles.precedence import store as precedence_store
from onefold.profiles.precedence.rules import Kind, dump
from onefold.record.traits import store
from onefold.storage import Connection, jobs

TASK = "traits.count"
Type = Literal["any", "string", "number", "boolean", "date", "list", "object"]
TYPES: tuple[str, ...] = get_args(Type)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
_COLUMNS = (
    "of", "name", "type", "description", "held", "coverage", "conflicts", "values", "sources",
    "last_seen",
)  # fmt: skip
_FITS = {"string": ("string", "date")}  # a text that reads as a date is a text too


class Trait(TypedDict):
    """A trait of people or accounts.

    `coverage`: share of people (accounts) that have it; `values`: type → how many hold one of it;
    `conflicts`: values that are not of the type that it should have, or, when that is `any`, not of
    the most frequent one; `sources`: who said the value that counts → of how many.
    """

    of: str
    name: str
    type: str
    description: str
    version: int
    held: int
    coverage: float
    values: dict[str, int]
    conflicts: int
    sources: dict[str, int]
    examples: list[Any]
    last_seen: str | None
    rule: dict[str, Any]
    own_rule: bool


class Catalog(TypedDict):
    """All traits, by name. `counted_at` null: not counted yet; `people`, `accounts`: in all."""

    items: list[Trait]
    people: int
    accounts: int
    counted_at: str | None


def catalog(conn: Connection, viewer: Viewer, of: str | None = None) -> Catalog:
    """The traits of people, accounts or both."""
    viewer.must_read()
    if of not in (None, "person", "account"):
        fault = errors.Fault("of", f"`{of[:40]}` has no traits.", "Use person or account.")
        raise errors.Invalid(fault)
    counts = store.counts(conn)
    times = [at_ms for _, at_ms in counts.values()]
    return {
        "items": [t for t in _traits(conn, viewer, counts) if of in (None, t["of"])],
        "people": counts.get("person", (0, 0))[0],
        "accounts": counts.get("account", (0, 0))[0],
        "counted_at": clock.iso(min(times)) if times else None,
    }


def _traits(
    conn: Connection, viewer: Viewer, counts: dict[str, tuple[int, int]]
) -> Iterator[Trait]:
    precedence = precedence_store.current(conn)
    newest = precedence_store.newest(conn, viewer)
    ruled = newest.rules.traits if newest is not None else {}
    for row in store.rows(conn):
        kind: Kind = row.of
        held = row.held or 0
        total = counts.get(kind, (0, 0))[0]
        values = row.types or {}
        yield {
            "of": kind,
            "name": row.name,
            "type": row.type,
            "description": row.description,
            "version": row.version,
            "held": held,
            "coverage": round(held / total, 4) if total else 0.0,
            "values": values,
            "conflicts": conflicts(row.type, values),
            "sources": row.sources or {},
            "examples": row.examples or [],
            "last_seen": clock.iso(row.last_ms) if row.last_ms is not None else None,
            "rule": dump(precedence.rule(kind, row.name)),
            "own_rule": f"{kind}.{row.name}" in ruled,
        }


def conflicts(should: str, values: dict[str, int]) -> int:
    """How many values are not of the type that the trait should have."""
    total = sum(values.values())
    if should == "any":
        texts = sum(values.get(t, 0) for t in _FITS["string"])
        return total - max([*values.values(), texts], default=0)
    return total - sum(values.get(t, 0) for t in _FITS.get(should, (should,)))


def describe(
    conn: Connection,
    viewer: Viewer,
    of: str,
    name: str,
    values: dict[str, Any],
    base: int | None = None,
) -> Trait:
    """Say what a trait should be: `type`, `description`. One nobody has yet may be described too.

    Raises `Invalid` with every fault, `Forbidden`, and `Conflict` when `base` is not its version.
    """
    viewer.must_write()
    faults = []
    if of not in ("person", "account"):
        faults.append(errors.Fault("of", f"`{of[:40]}` has no traits.", "Use person or account."))
    if not name.strip() or "\0" in name or len(name) > limits.trait_name_chars_max:
        remedy = f"Name it in at most {limits.trait_name_chars_max} characters."
        faults.append(errors.Fault("name", "is no name of a trait.", remedy))
    if (kind := values.get("type")) is not None and kind not in TYPES:
        remedy = f"Use {', '.join(TYPES)}."
        faults.append(errors.Fault("type", f"`{str(kind)[:40]}` is not a type.", remedy))
    text = values.get("description")
    if text is not None and (len(text) > limits.trait_description_chars_max or "\0" in text):
        remedy = f"Use at most {limits.trait_description_chars_max} characters, none of them NUL."
        faults.append(errors.Fault("description", "can't be kept.", remedy))
    if faults:
        raise errors.Invalid(*faults)
    if store.described(conn, of) >= limits.traits_described_max:
        remedy = f"At most {limits.traits_described_max} can be."
        raise errors.Invalid(errors.Fault("name", "is one described trait too many.", remedy))
    kept = store.describe(conn, viewer, (of, name), kind, text, base)
    rows = _traits(conn, viewer, store.counts(conn))
    after: Trait | None = next((t for t in rows if (t["of"], t["name"]) == (of, name)), None)
    if not kept or after is None:
        current = dict(after) if after is not None else {}
        raise errors.Conflict("Another described this trait first: look, and edit again.", current)
    return after


def as_csv(found: Catalog) -> str:
    """The catalogue as a table; what a spreadsheet would take for a formula gets a `'` first."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for trait in found["items"]:
        writer.writerow([_cell(trait[name]) for name in _COLUMNS])  # type: ignore[literal-required]
    return "\ufeff" + out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value


# ── counting ───────────────────────────────────────────────────────────────────────────────────


class Tally:
    """What is counted of one trait."""

    __slots__ = ("examples", "held", "last_ms", "sources", "types")

    def __init__(self) -> None:
        self.held = 0
        self.last_ms = 0
        self.types: Counter[str] = Counter()
        self.sources: Counter[int] = Counter()
        self.examples: Counter[bytes] = Counter()

    def add(self, trait: profiles.Trait) -> None:
        """Count one holder's value."""
        self.held += 1
        self.last_ms = max(self.last_ms, trait.at_ms)
        self.types[type_of(trait.value)] += 1
        self.sources[trait.source_id] += 1
        value = msgspec.json.encode(trait.value)
        room = len(self.examples) < limits.trait_values_counted_max
        if len(value) <= limits.trait_example_bytes_max and (room or value in self.examples):
            self.examples[value] += 1

    def frequent(self) -> list[Any]:
        """The most frequent values, of those that enough hold."""
        found = self.examples.most_common(limits.trait_examples_max)
        return [msgspec.json.decode(v) for v, n in found if n >= limits.trait_example_holders_min]


def type_of(value: Any) -> str:
    """A value's type, as the catalogue names it."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "date" if _DATE.fullmatch(value) else "string"
        case list():
            return "list"
        case _:
            return "object"


def count_task(running: jobs.Running) -> None:
    """The periodic task: count everything anew."""
    with running.connect() as conn:
        count(conn, clock.now_ms(), running.check)


def count(conn: Connection, now_ms: int, look: Any = lambda: None) -> None:
    """Count the traits of everybody, people first, and commit; `look` may raise to stop."""
    for of in get_args(Kind):
        total, found = _tallied(store.states(conn, of), look)
        named = precedence_store.current(conn).named
        store.keep(
            conn, of, total, now_ms,
            [
                (name, t.held, Jsonb(dict(t.types)), Jsonb(_named(t.sources, named)),
                 Jsonb(t.frequent()), t.last_ms)
                for name, t in found.items()
            ],
        )  # fmt: skip
        conn.commit()


def _named(counted: Counter[int], named: Any) -> dict[str, int]:
    out: Counter[str] = Counter()
    for origin, n in counted.items():
        out[named(origin)] += n
    return dict(out.most_common())


def _tallied(rows: Iterable[tuple[int, bytes]], look: Any) -> tuple[int, dict[str, Tally]]:
    found: dict[str, Tally] = {}
    total = 0
    for states in _each(rows):
        total += 1
        for name, trait in merge.traits(states).items():
            if trait.value is None:
                continue
            tally = found.get(name)
            if tally is None:
                if len(found) >= limits.traits_counted_max:
                    continue
                tally = found[name] = Tally()
            tally.add(trait)
        if not total % 1_000:
            look()
    return total, found


def _each(rows: Iterable[tuple[int, bytes]]) -> Iterator[list[profiles.State]]:
    """The states of one person or account after the other; rows come sorted."""
    current: int | None = None
    states: list[profiles.State] = []
    for entity, data in rows:
        if entity != current and states:
            yield states
            states = []
        current = entity
        states.append(profiles.model.decode(data))
    if states:
        yield states
