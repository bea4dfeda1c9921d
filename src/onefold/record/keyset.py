"""Orders of the record's lists, and their pages by cursor (kernel/cursors)."""

from typing import Any

import msgspec

from onefold.kernel import cursors, errors, limits
from onefold.kernel.cursors import After


class Order(msgspec.Struct, frozen=True):
    """How a list is sorted: a whitelisted column, descending or not; ties go by id, rising.

    `nullable` columns are sorted descending, rows without a value last.
    """

    name: str
    column: str
    descending: bool = False
    nullable: bool = False


def encode(order: Order, value: Any, row_id: int) -> str:
    """The cursor of the page after this row."""
    return cursors.pack(After(order.name, value, row_id))


def decode(cursor: str | None, order: Order) -> After | None:
    """Where a page starts; None for the first. Raises `Invalid` for a cursor not of this order."""
    return cursors.after(cursor, order.name)


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
