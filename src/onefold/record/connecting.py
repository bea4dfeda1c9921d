"""Connectors and the CRM: the task that runs one, rows that become records, and previews.

A row is remembered with the record that it became (`connector_row.record`), so that the row's next
change is a change of that record, whatever it is found by.
"""

from collections.abc import Sequence

import msgspec

from onefold import crm, sources
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import import_crm, import_rows
from onefold.record.import_rows import Preview
from onefold.sources import connectors, imports
from onefold.sources.connectors import reading
from onefold.sources.imports.read import Record
from onefold.storage import Connection, jobs


class Records(reading.Sink):
    """Writes rows as CRM records, with the rights of who added the connector."""

    def __init__(self, one: connectors.Connector) -> None:
        kind, _, number = one.created_by.partition(":")
        self.viewer = SYSTEM
        if kind in ("user", "key"):
            self.viewer = Viewer(
                "user" if kind == "user" else "key", int(number), one.name, "admin"
            )
        self.items: list[crm.Item] = []

    def take(
        self,
        conn: Connection,
        plan: connectors.Plan,
        builder: imports.items.Builder,
        found: Sequence[tuple[Record, int | None]],
        now_ms: int,
    ) -> reading.Taken:
        """Each row by itself: a wrong one is a fault, and its neighbours go on."""
        known = {record.number: at for record, at in found if at is not None}
        writer = import_crm.Writer(self.viewer, builder, plan.target, known)
        done = writer.write(conn, [record for record, _ in found], now_ms)
        self.items += done.items
        return reading.Taken(
            done.records,
            done.same,
            {f.line: connectors.rows.told(f).removeprefix("a row: ") for f in done.faults},
        )

    def close(self, conn: Connection, now_ms: int) -> None:
        """Append what the records tell."""
        if self.items:
            crm.append(conn, self.items, now_ms)
            self.items = []


def run(running: jobs.Running, run_id: int) -> None:
    """The task `connectors.run`."""
    connectors.run.run(running, run_id, {
        "install": connectors.prepare.installing,
        "check": connectors.prepare.checking,
        "sample": connectors.prepare.sampling,
        "delete": connectors.prepare.deleting,
        "read": lambda work: reading.reading(work, Records),
    })  # fmt: skip


def preview(
    conn: Connection,
    viewer: Viewer,
    connector_id: int,
    stream: str,
    plan: connectors.Plan | None,
    now_ms: int,
) -> Preview:
    """What a stream's first rows would come to by a plan. Changes nothing. Raises `Invalid`."""
    viewer.must_admin()
    one = connectors.store.get(conn, viewer, connector_id)
    found = one.stream(stream)
    if plan is None and found is not None:
        plan = one.streams.get(stream) or connectors.setup.proposal(conn, one, found)
    connectors.suggest.check(one.catalog, {stream: plan} if plan else {stream: _NOTHING})
    assert plan is not None  # noqa: S101 - the check knows no other stream
    rows = connectors.store.sampled(conn, viewer, connector_id, stream)
    builder = connectors.rows.Builder(plan, one.api_id, now_ms)
    chunk = [builder.record(row, number) for number, row in enumerate(rows, 1)]
    source = sources.get(conn, SYSTEM, one.source_id)
    with conn.transaction(force_rollback=True):
        out = import_rows.look_at(conn, builder, chunk, source, set())
    return msgspec.structs.replace(
        out, rows=len(rows), whole=False, examples=out.examples[:5]
    )  # fmt: skip


_NOTHING = connectors.Plan("events")
