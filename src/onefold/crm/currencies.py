"""What currencies are worth: the base that sums are in, and a rate for each other.

An amount is converted when it is set, and keeps that: a rate that changes later rewrites nothing.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold.crm import fields
from onefold.kernel import clock, errors, limits, money
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

ALL = "SELECT code, rate, is_base, updated_at FROM currency ORDER BY NOT is_base, code"
BASE = "SELECT code FROM currency WHERE is_base"
RATE = "SELECT rate FROM currency WHERE code = %s"
CLEAR = "DELETE FROM currency"
INSERT = "INSERT INTO currency (code, rate, is_base, updated_at) VALUES (%s, %s, %s, %s)"
USED = """
SELECT EXISTS (SELECT FROM deal WHERE amount IS NOT NULL)
  OR EXISTS (SELECT FROM subscription WHERE mrr IS NOT NULL)
"""


class Currency(msgspec.Struct, frozen=True):
    """A currency; `rate`: what one unit is worth in the base currency."""

    code: str
    rate: float
    base: bool
    updated_at: str


def list_all(conn: Connection, viewer: Viewer) -> list[Currency]:
    """Those there are, the base first."""
    viewer.must_read()
    return [
        Currency(code, rate, base, clock.iso(clock.from_datetime(at)) or "")
        for code, rate, base, at in conn.execute(ALL)
    ]


def base(conn: Connection) -> str:
    """The base currency's code."""
    row = conn.execute(BASE).fetchone()
    return str(row[0]) if row else "USD"


def code(name: str, value: Any) -> str:
    """A code as kept. Raises `Invalid`."""
    text = str(value).strip().upper()
    if not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise errors.Invalid(
            errors.Fault(name, f"`{text[:20]}` is not a currency.", "Send a code like `EUR`.")
        )
    return text


def to_base(conn: Connection, amount: int, currency: str) -> int:
    """Minor units of the base currency. Raises `Invalid` for a currency without a rate."""
    main = base(conn)
    if currency == main:
        return amount
    row = conn.execute(RATE, (currency,)).fetchone()
    if row is None:
        raise errors.Invalid(
            errors.Fault(
                "currency", f"has no rate for `{currency}`.",
                f"Add it at `/api/currencies`: what one {currency} is worth in {main}.",
            )
        )  # fmt: skip
    return money.convert(amount, currency, row[0], main)


def put(
    conn: Connection, viewer: Viewer, wanted: str, rates: Mapping[str, Any], now_ms: int
) -> list[Currency]:
    """Set the base currency and the rates of the others.

    Raises `Invalid` with every fault, `Conflict` when amounts are kept in the base already.
    """
    viewer.must_admin()
    faults: list[errors.Fault] = []
    found: dict[str, float] = {}
    main = code("base", wanted)
    if len(rates) > limits.currencies_max:
        faults.append(errors.Fault("rates", "are too many.", f"{limits.currencies_max} at most."))
    for name, value in list(rates.items())[: limits.currencies_max]:
        try:
            rate = _rate(f"rates.{name}", value)
            found[code(f"rates.{name}", name)] = rate
        except errors.Invalid as invalid:
            faults.extend(invalid.faults)
    if faults:
        raise errors.Invalid(*faults)
    used = conn.execute(USED).fetchall()[0][0]
    if main != base(conn) and used:
        raise errors.Conflict(
            "Amounts are kept in the base currency already: it can't be another any more."
        )
    conn.execute(CLEAR)
    now = clock.to_datetime(now_ms)
    conn.execute(INSERT, (main, 1.0, True, now))
    for name, worth in found.items():
        if name != main:
            conn.execute(INSERT, (name, worth, False, now))
    return list_all(conn, viewer)


def _rate(name: str, value: Any) -> float:
    rate = fields.decimal(name, value)
    if rate is None or rate <= 0:
        raise errors.Invalid(errors.Fault(name, "is not above zero.", "Send what it is worth."))
    return float(rate)
