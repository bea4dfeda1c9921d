"""A page of any list."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """Rows, how many there are in all (None: not counted), and the cursor of the next page.

    `total` counts up to `limits.list_count_max`.
    """

    items: list[T]
    total: int | None = None
    next: str | None = None
