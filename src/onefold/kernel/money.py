"""Money: whole minor units of an ISO 4217 currency inside, a plain number of units outside."""

from decimal import ROUND_HALF_UP, Decimal

# Currencies whose minor unit is not a hundredth (ISO 4217, table A.1).
_NONE = frozenset((
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF", "XPF",
))  # fmt: skip
_THREE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def digits(currency: str) -> int:
    """How many digits a currency has behind the point."""
    return 0 if currency in _NONE else 3 if currency in _THREE else 2


def minor(value: Decimal, currency: str) -> int:
    """Minor units of an amount; halves go up: `minor(Decimal("12.5"), "EUR")` is 1250."""
    scaled = value.scaleb(digits(currency))
    return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def major(value: int, currency: str) -> int | float:
    """An amount as a number: `major(1250, "EUR")` is 12.5, `major(1200, "EUR")` is 12."""
    scale: int = 10 ** digits(currency)
    whole, rest = divmod(value, scale)
    return whole if rest == 0 else value / scale


def exact(value: int, currency: str) -> Decimal:
    """An amount without loss."""
    return Decimal(value).scaleb(-digits(currency))


def convert(value: int, currency: str, rate: float, base: str) -> int:
    """Minor units in the base currency, at what one unit of `currency` is worth there."""
    return minor(exact(value, currency) * Decimal(repr(rate)), base)
