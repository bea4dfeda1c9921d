"""What a deal is about, line by line: product, quantity, price, discount."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
from psycopg.rows import dict_row

from onefold.crm import currencies, fields, store
from onefold.crm.deal import deals
from onefold.crm.model import Deal, Item, Row
from onefold.crm.product import BILLINGS
from onefold.kernel import errors, ids, limits, money
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_FIELDS = (
    fields.Field("product_id", "ref", prefix="prd"),
    fields.Field("name"),
    fields.Field("quantity", "money"),  # a decimal, as money is read
    fields.Field("price", "money"),
    fields.Field("discount", "money"),
    fields.Field("billing", "enum", options=BILLINGS),
)
LINES = "SELECT * FROM deal_line WHERE deal_id = %s ORDER BY position"
CLEAR = "DELETE FROM deal_line WHERE deal_id = %s"
INSERT = """
INSERT INTO deal_line
  (deal_id, product_id, name, quantity, price, discount, billing, total, position)
VALUES (%(deal_id)s, %(product_id)s, %(name)s, %(quantity)s, %(price)s, %(discount)s, %(billing)s,
  %(total)s, %(position)s)
"""


class Line(msgspec.Struct, frozen=True):
    """A line of a deal, in the deal's currency. `discount` in percent, `total` after it."""

    product_id: str | None
    name: str
    quantity: float
    price: float
    discount: float
    billing: str
    total: float


def of(conn: Connection, viewer: Viewer, deal_id: str) -> list[Line]:
    """A deal's lines in their order. Raises `NotFound`."""
    deal = deals.get(conn, viewer, deal_id)
    return [_present(row, deal.currency) for row in _rows(conn, ids.parse_id("deal", deal.id))]


def put(
    conn: Connection,
    viewer: Viewer,
    deal_id: str,
    lines: Sequence[Any],
    now_ms: int,
    *,
    expected_version: int | None = None,
    into: list[Item] | None = None,
) -> Deal:
    """Set a deal's lines; its amount becomes their sum. Without lines the amount stays.

    Raises `Invalid` with the faults of every line, `NotFound`, `Conflict`.
    """
    viewer.must_write()
    if len(lines) > limits.deal_lines_max:
        remedy = f"Use at most {limits.deal_lines_max}."
        raise errors.Invalid(errors.Fault("lines", f"has {len(lines)}.", remedy))
    before = deals.held(conn, deal_id, expected_version)
    faults: list[errors.Fault] = []
    made = [_line(conn, one, n, before, faults) for n, one in enumerate(lines)]
    if faults:
        raise errors.Invalid(*faults)
    conn.execute(CLEAR, (before["id"],))
    for line in made:
        conn.execute(INSERT, line)
    columns: dict[str, Any] = {}
    if made:
        amount = sum(line["total"] for line in made)
        base = currencies.to_base(conn, amount, before["currency"])
        columns = {"amount": amount, "amount_base": base}
    return deals.save(conn, viewer, before, columns, now_ms, into)


def _line(
    conn: Connection, one: Any, n: int, deal: Row, faults: list[errors.Fault]
) -> dict[str, Any]:
    """A line's columns; what is wrong with it goes to `faults`."""
    if not isinstance(one, Mapping):
        faults.append(errors.Fault(f"lines[{n}]", "must be an object.", "Send a `product_id`."))
        return {}
    given, wrong = fields.clean(_FIELDS, ("total",), one, creating=False)
    product = store.read(conn, "product", given["product_id"]) if given.get("product_id") else None
    if given.get("product_id") and product is None:
        problem = f"there is no product `{one['product_id']}`."
        wrong.append(errors.Fault("product_id", problem, "Check the id."))
    name = given.get("name") or (product["name"] if product else "")
    if not name and not wrong:
        wrong.append(errors.Fault("name", "is missing.", "Name the line, or give a product."))
    quantity = given.get("quantity")
    quantity = Decimal(1) if quantity is None else quantity
    discount = given.get("discount") or Decimal(0)
    if quantity <= 0:
        wrong.append(errors.Fault("quantity", f"is {quantity}.", "Send more than 0."))
    if not 0 <= discount <= 100:
        wrong.append(errors.Fault("discount", f"is {discount}.", "Send 0 to 100, in percent."))
    price = given.get("price")
    if price is not None:
        minor = money.minor(price, deal["currency"])
    elif product is None or product["price"] is None or product["currency"] != deal["currency"]:
        minor = 0
        wrong.append(errors.Fault("price", "is missing.", f"Send it in {deal['currency']}."))
    else:
        minor = product["price"]
    faults += [errors.Fault(f"lines[{n}].{f.field}", f.problem, f.remedy) for f in wrong]
    total = minor * quantity * (100 - discount) / 100
    return {
        "deal_id": deal["id"], "product_id": given.get("product_id"), "name": name,
        "quantity": quantity, "price": minor, "discount": discount, "position": n,
        "billing": given.get("billing") or (product["billing"] if product else "once"),
        "total": int(total.quantize(Decimal(1), rounding=ROUND_HALF_UP)),
    }  # fmt: skip


def _present(row: Row, currency: str) -> Line:
    return Line(
        product_id=ids.api_id_or_none("prd", row["product_id"]),
        name=row["name"],
        quantity=float(row["quantity"]),
        price=money.major(row["price"], currency),
        discount=float(row["discount"]),
        billing=row["billing"],
        total=money.major(row["total"], currency),
    )


def _rows(conn: Connection, deal_id: int) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LINES, (deal_id,)).fetchall()
