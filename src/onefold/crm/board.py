"""The board: a pipeline's deals by stage, with sums and sums weighted by probability."""

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold.crm import currencies, pipeline, store
from onefold.crm.deal import deals
from onefold.crm.lists import Asked
from onefold.crm.model import Deal
from onefold.kernel import ids, limits, money
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection


class Column(msgspec.Struct, frozen=True):
    """A stage: its deals by close date, the first of them, with counts and sums of all."""

    stage: pipeline.Stage
    deals: list[Deal]
    count: int
    amount: float
    weighted: float


class Board(msgspec.Struct, frozen=True):
    """A pipeline as columns; sums in the base `currency`. `weighted` is of open deals."""

    pipeline: pipeline.Pipeline
    currency: str
    columns: list[Column]
    amount: float
    weighted: float


def board(
    conn: Connection,
    viewer: Viewer,
    pipeline_id: str | None,
    filters: Mapping[str, Any],
    q: str = "",
    cards: int = limits.board_cards,
) -> Board:
    """A pipeline's board, of the deals that these filters leave. Raises `Invalid`, `NotFound`."""
    viewer.must_read()
    chosen = pipeline_id or pipeline.list_all(conn, viewer)[0].id
    found = pipeline.get(conn, viewer, chosen)
    base = currencies.base(conn)
    asked = {**filters, "pipeline_id": found.id}
    sums = store.sums(conn, "deal", deals.query(conn, viewer, Asked(asked, q, "close", None, 1)))
    columns, amount, weighted = [], 0, 0
    for stage in found.stages:
        n, total, share = sums.get(ids.parse_id("stg", stage.id), (0, 0, 0))
        order = "close" if stage.category == "open" else "-stage_at"
        page = deals.find(
            conn, viewer, {**filters, "stage_id": stage.id}, q=q, sort=order, limit=cards
        )
        columns.append(
            Column(stage, page.rows, n, money.major(total, base), money.major(share, base))
        )
        if stage.category == "open":
            amount, weighted = amount + total, weighted + share
    return Board(found, base, columns, money.major(amount, base), money.major(weighted, base))
