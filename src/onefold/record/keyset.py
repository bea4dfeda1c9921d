"""Pages of a list by cursor: the sort value and id of the last row shown, opaque to callers.

A cursor names the order it was made in, so that one from another order is refused rather than
answered with a page that makes no sense.
"""

from typing import Any

import msgspec

from onefold.kernel import cursors, errors, limits


class Order(msgspec.Struct, frozen=True):
    """How a list is sorted: a whitelisted column, descending or not; ties go by id, rising.

    `nullable` columns are sorted descending, rows without a value last.
    """

    name: str
    column: str
    descending: bool = False
    nullable: bool = False


class After(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page starts: after the row with this sort value and id."""

    order: str
    value: str | int | float | None
    id: int


def encode(order: Order, value: Any, row_id: int) -> str:
    """The cursor of the page after this row."""
    return cursors.pack(After(order.name, value, row_id))


def decode(cursor: str | None, order: Order) -> After | None:
    """Where a page starts; None for the first. Raises `Invalid` for a cursor not of this order."""
    if cursor is None:
        return None
    after = cursors.unpack(cursor, After)
    if after is None or after.order != order.name:
        raise errors.Invalid(
            errors.Fault(
                "cursor",
                "is not one of this list in this order.",
                "Take it from `next` of the page before, and keep `sort` and filters as they were.",
            )
        )
    return after


def chosen(orders: dict[str, Order], sort: str | None, default: str) -> Order:
    """The order a caller asked for. Raises `Invalid` naming those there are."""
    order = orders.get(sort or default)
    if order is None:
        known = ", ".join(orders)
        raise errors.Invalid(
            errors.Fault("sort", f"`{str(sort)[:50]}` is not an order.", f"Use one of {known}.")
        )
    return order


def page_rows(limit: int | None) -> int:
    """Rows of a page. Raises `Invalid` beyond the limit."""
    if limit is None:
        return limits.page_rows_default
    if not 1 <= limit <= limits.page_rows_max:
        raise errors.Invalid(
            errors.Fault("limit", f"is {limit}.", f"Use 1 to {limits.page_rows_max}.")
        )
    return limit
