"""From rows to facts, for whatever has rows: files and tables alike. Previews, too.

A row becomes an item by its mapping and goes by the rules of admission of its source; what would be
refused is a fault of the row, told with its line, column and remedy, and its neighbours go on.
"""

from collections.abc import Sequence

import msgspec

from onefold import governance, identity, sources
from onefold.kernel import clock, errors, facts
from onefold.kernel.viewer import SYSTEM
from onefold.record import import_crm
from onefold.sources import imports
from onefold.sources.imports.read import Record
from onefold.storage import Connection

CATEGORY = "product"  # of a source that is still to be made
_FIELDS = {
    "userId": "user_id", "groupId": "account_id", "anonymousId": "anonymous_id", "event": "event",
    "traits.email": "email",
}  # fmt: skip


class Preview(msgspec.Struct):
    """What a start would do, by the first rows: `whole` when those are all rows.

    `unchanged`: rows of a table that are in already.
    """

    rows: int = 0
    created: int = 0
    matched: int = 0
    refused: int = 0
    filtered: int = 0
    unchanged: int = 0
    whole: bool = True
    faults: list[imports.RowFault] = []
    examples: list[dict[str, object]] = []


class Built(msgspec.Struct):
    """A chunk's items as encoded, the facts among them, a fault for each row that is neither."""

    items: list[bytes]
    facts: list[facts.Fact]
    faults: list[imports.RowFault]
    rows: list[Record]  # of the items, in their order


def must_log(source: sources.Source) -> sources.Source:
    """The source, unless nothing of it enters the log. Raises `Conflict`."""
    if source.test:
        raise errors.Conflict(
            f"`{source.name}` is a test source: its items are checked and never become facts. "
            "Choose another source."
        )
    return source


def items(
    conn: Connection,
    builder: imports.items.Builder,
    chunk: Sequence[Record],
    source: sources.Source | None,
    now_ms: int,
) -> Built:
    """The chunk's items by the source's rules of admission, and a fault for each row that is none.

    An item that a rule filters is kept, so that the ledger has it.
    """
    built: list[bytes] = []
    rows: list[Record] = []
    out = Built([], [], [], [])
    for record in chunk:
        made = builder.item(record)
        if isinstance(made, imports.RowFault):
            out.faults.append(made)
        else:
            built.append(made)
            rows.append(record)
    if not built:
        return out
    source_id, category = (source.id, source.category) if source is not None else (0, CATEGORY)
    envelope = imports.items.envelope(built)
    found = governance.foresee(conn, source_id, category, envelope, len(built), now_ms)
    for raw, record, one in zip(built, rows, found, strict=True):
        if isinstance(one, facts.Refusal):
            column = builder.column(_FIELDS.get(one.field, one.field))
            value = record.values.get(column, "")
            out.faults.append(builder.fault(record, column, value, one.problem, one.remedy))
            continue
        out.items.append(raw)
        out.rows.append(record)
        if isinstance(one, facts.Fact):
            out.facts.append(one)
    out.faults.sort(key=lambda fault: fault.line)
    return out


def look_at(
    conn: Connection,
    builder: imports.items.Builder,
    chunk: Sequence[Record],
    source: sources.Source | None,
    known: set[object],
) -> Preview:
    """What these rows would come to; `known` takes whom they name, for the next ones.

    CRM records are written to find out: call it in a transaction that is rolled back.
    """
    out = Preview()
    if builder.target in imports.FACT_TARGETS:
        built = items(conn, builder, chunk, source, clock.now_ms())
        out.faults, out.refused = built.faults, len(built.faults)
        out.filtered = len(built.items) - len(built.facts)
        homes = [fact.home for fact in built.facts]
        there = identity.store.known(conn, homes)
        for fact in built.facts:
            matched = fact.home in there or fact.home in known
            known.add(fact.home)
            out.matched += matched
            out.created += not matched
        out.examples = [imports.items.sent_of(raw) for raw in built.items[:5]]
        return out
    writer = import_crm.Writer(SYSTEM, builder, builder.target)  # it is all taken back
    done = writer.write(conn, chunk, clock.now_ms())
    out.created, out.matched = done.created, done.matched + done.unchanged
    out.faults, out.refused = done.faults, len(done.faults)
    out.examples = done.examples
    return out
