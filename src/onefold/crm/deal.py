"""Deals: chances to sell, on their way through the stages of a pipeline.

Entering a stage takes over its category, probability and forecast, and leaves a row in the deal's
history: who, when, whence, whither, and how long it had been there.
"""

from datetime import UTC, datetime, time
from typing import Any

import msgspec
from psycopg.rows import dict_row

from onefold.crm import fields, pipeline
from onefold.crm.contact import contacts
from onefold.crm.model import Deal, Item, Row
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

STATUSES = pipeline.CATEGORIES
KINDS = ("", "new_business", "existing_business")
KIND = Kind(
    noun="deal",
    prefix="deal",
    fields=(
        fields.Field("name", chars_max=limits.record_subject_chars_max, required=True),
        fields.Field("pipeline_id", "ref", prefix="pip"),
        fields.Field("stage_id", "ref", prefix="stg"),
        fields.Field("status", "enum", options=STATUSES),
        fields.Field("amount", "money", base="amount_base"),
        fields.Field("currency", chars_max=3),
        fields.Field("close_date", "date"),
        fields.Field("probability", "number", most=100),
        fields.Field("forecast", "enum", options=pipeline.FORECASTS),
        fields.Field("kind", "enum", options=KINDS),
        fields.Field("source"),
        fields.Field("reason"),
        fields.Field("reason_note", "text", limits.record_text_chars_max),
        fields.Field("description", "text", limits.record_text_chars_max),
        fields.Field("next_step"),
        fields.Field("next_step_at", "date", label="Next step on"),
        fields.Field("account_id", "ref", prefix="acc"),
        fields.Field("contact_id", "ref", prefix="con"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field("external_id", chars_max=limits.string_identifier_chars_max),
        fields.Field("created_at", "time", once=True),
        fields.Field("closed_at", "time", once=True),
    ),
    filters=(),
    told=(
        "name", "pipeline_name", "stage_name", "status", "probability", "forecast", "amount",
        "currency", "close_date", "kind", "source", "reason", "next_step", "next_step_at",
        "pipeline_id", "stage_id", "account_id", "contact_id", "owner_id",
    ),
    sort="-updated",
    plural="deals",
    unique=("external_id",),
    columns=(
        "stage_id", "amount", "close_date", "account_id", "next_step_at", "owner_id", "updated_at",
    ),
    traced=True,
    archives=True,
)  # fmt: skip
ADD_MOVE = """
INSERT INTO deal_move (deal_id, from_id, to_id, at, by, stayed_s, amount_base)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
MOVES = """
SELECT m.*, f.name AS from_name, s.name AS to_name, s.category, u.name AS user_name
FROM deal_move m LEFT JOIN stage f ON f.id = m.from_id JOIN stage s ON s.id = m.to_id
LEFT JOIN app_user u ON m.by = 'user:' || u.id
WHERE m.deal_id = %s ORDER BY m.id DESC LIMIT %s
"""


class Move(msgspec.Struct, frozen=True):
    """A step in a deal's history. `days`: how long it had been in the stage it left."""

    at: str
    by: str
    by_name: str
    from_stage_id: str | None
    from_stage_name: str
    to_stage_id: str
    to_stage_name: str
    category: str
    days: float | None


class Deals(Records[Deal]):
    """Commands on deals."""

    def moves(self, conn: Connection, viewer: Viewer, record_id: str | int) -> list[Move]:
        """A deal's history, newest first. Raises `NotFound`."""
        viewer.must_read()
        row = self._row(conn, ids.parse_id("deal", record_id))
        with conn.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(MOVES, (row["id"], limits.page_rows_max)).fetchall()
        return [
            Move(
                at=clock.iso(clock.from_datetime(r["at"])) or "",
                by=r["by"],
                by_name=r["user_name"] or "",
                from_stage_id=ids.api_id_or_none("stg", r["from_id"]),
                from_stage_name=r["from_name"] or "",
                to_stage_id=ids.api_id("stg", r["to_id"]),
                to_stage_name=r["to_name"],
                category=r["category"],
                days=None if r["stayed_s"] is None else round(r["stayed_s"] / 86_400, 2),
            )
            for r in found
        ]

    def held(self, conn: Connection, record_id: str, expected_version: int | None) -> Row:
        """A deal's row, held until the transaction ends."""
        row = self._held(conn, record_id, expected_version)
        faults = self._not_archived(row)
        if faults:
            raise errors.Invalid(*faults)
        return row

    def save(
        self,
        conn: Connection,
        viewer: Viewer,
        before: Row,
        columns: dict[str, Any],
        now_ms: int,
        into: list[Item] | None,
    ) -> Deal:
        """A new version of a held deal whose lines were set, whether or not its amount differs."""
        now = clock.to_datetime(now_ms)
        self._save(conn, before, {**columns, "updated_at": now})
        row = self._row(conn, before["id"])
        items: list[Item] = []
        changes = {"amount": (before["amount"], row["amount"])} if columns else {}
        self._tell(items, viewer, before, row, changes, now_ms, event="Deal Lines Set")
        self._finish(conn, items, into, now_ms)
        return self._present(row)

    def _settle(
        self, work: Work, before: Row | None, columns: dict[str, Any]
    ) -> list[errors.Fault]:
        """The stage from pipeline, stage or status, whichever is given; and what it brings."""
        named = ("pipeline_id", "stage_id", "status")
        if before is not None and not any(n in columns for n in named):
            return []
        was = before or {"pipeline_id": None, "stage_id": None, "status": None}
        stage = None
        if columns.get("stage_id"):
            stage = pipeline.stage(work.conn, columns["stage_id"])
        else:
            of = columns.get("pipeline_id") or was["pipeline_id"]
            status = columns.get("status") or "open"
            if before is not None and of == was["pipeline_id"] and status == was["status"]:
                stage = pipeline.stage(work.conn, was["stage_id"])
            else:
                found = pipeline.stages(work.conn, of)
                stage = next((s for s in found if s["category"] == status), None)
        if stage is None:
            columns.pop("stage_id", None)
            return [errors.Fault("stage_id", "is of no pipeline.", "Name one of `/api/pipelines`.")]
        faults = []
        if columns.get("pipeline_id") not in (None, stage["pipeline_id"]):
            remedy = "Leave one of them out."
            faults.append(errors.Fault("stage_id", "is of another pipeline.", remedy))
        if columns.get("status") not in (None, stage["category"]):
            problem = f"is not that of the stage, which is {stage['category']}."
            faults.append(errors.Fault("status", problem, "Leave it out."))
        columns |= {"stage_id": stage["id"], "pipeline_id": stage["pipeline_id"]}
        columns["status"] = stage["category"]
        if stage["id"] != was["stage_id"]:
            for name in ("probability", "forecast"):
                if columns.get(name) is None:
                    columns[name] = stage[name]
        for name in ("probability", "forecast"):
            if name in columns and columns[name] is None:
                columns[name] = stage[name]
        return faults

    def _derived(self, change: Change) -> dict[str, Any]:
        before, after, changed = change.before, change.after, change.changed
        columns: dict[str, Any] = {"name_sort": fold_name(after["name"])}
        if before is None and after.get("created_at"):
            columns["stage_at"] = after["created_at"]
        elif "stage_id" in changed:
            columns["stage_at"] = change.now
        if "status" in changed:
            closed = after["status"] != "open"
            day = change.now.date()
            known = after.get("close_date")
            at = changed.get("closed_at") or change.now
            if before is None and not changed.get("closed_at") and known and known < day:
                at = datetime.combine(known, time(), UTC)  # closed before we heard of it
            columns["closed_at"] = at if closed else None
            if closed and "close_date" not in changed and (known is None or known > day):
                columns["close_date"] = day
            if not closed and before is not None:
                columns |= {"reason": "", "reason_note": ""}
        return columns

    def _after(self, work: Work, before: Row | None, row: Row) -> None:
        super()._after(work, before, row)
        if before is None or before["stage_id"] != row["stage_id"]:
            stayed = None
            if before is not None:
                stayed = max(0, int((row["stage_at"] - before["stage_at"]).total_seconds()))
            come_from = before["stage_id"] if before is not None else None
            by, at = work.viewer.actor, row["stage_at"]
            work.conn.execute(
                ADD_MOVE,
                (row["id"], come_from, row["stage_id"], at, by, stayed, row["amount_base"]),
            )
        if before is None or before["status"] != row["status"]:
            to = {"open": "opportunity", "won": "customer"}.get(row["status"])
            if to:
                contacts.advance(work, row["contact_id"], to)

    def _event(self, before: Row | None, row: Row) -> str:
        if before is None:
            return "Deal Created"
        if before["status"] != row["status"]:
            words = {"won": "Deal Won", "lost": "Deal Lost", "open": "Deal Reopened"}
            return words[row["status"]]
        return "Deal Moved" if before["stage_id"] != row["stage_id"] else "Deal Updated"


deals = Deals(KIND, Deal)
