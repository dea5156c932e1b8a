"""Scaling of a network's width."""

from __future__ import annotations

DIVISOR = 8
KEPT_SHARE = 0.9


def scaled(channels: int, factor: float) -> int:
    """Return ``channels`` times ``factor``, rounded as in MnasNet (Tan et al. 2019's code).

    The result is the nearest multiple of 8, at least 8, and the next one where rounding took over
    10 %.
    Stand-Alone Self-Attention scales widths too and gives no rule; multiples of 8 suit its 8 heads.
    """
    if factor == 1:
        return channels
    wanted = channels * factor
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded if rounded >= KEPT_SHARE * wanted else rounded + DIVISOR
