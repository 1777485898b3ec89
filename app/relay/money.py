"""Sums in whole cents, so that parts always add up to their total; for app.relay alone."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

_CENT = Decimal("0.01")


def cents(amount: Decimal) -> int:
    """An amount in whole cents; halves away from zero, as UltraCart prints them."""
    return int((amount / _CENT).to_integral_value(ROUND_HALF_UP))


def amount(whole_cents: int) -> Decimal:
    """Cents as an amount with exactly two decimals."""
    return (Decimal(whole_cents) * _CENT).quantize(_CENT)


def apportion(total: int, weights: Sequence[Decimal]) -> list[int]:
    """`total` cents over parts in proportion to their weights, by largest remainder; the first wins a tie.

    Neither may be negative. A part of weight 0 gets nothing, unless all weigh 0: then the first gets all.
    """
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    if not whole:
        return [total if index == 0 else 0 for index in range(len(exact))]
    shares = [weight * total / whole for weight in exact]
    parts = [int(share) for share in shares]
    order = sorted(range(len(parts)), key=lambda index: parts[index] - shares[index])
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts
