"""A printed cost beside the counted one, and whether they agree."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

CostName = Literal["memory", "params", "flops_paper"]
Verdict = Literal["matches", "truncated", "differs"]


class Unit(NamedTuple):
    """The unit of a printed cost."""

    cost: CostName
    symbol: str
    size: int  # bytes, parameters, or FLOPs (2 x MACs)
    decimals: int  # that a count is shown with

    def shown(self, count: int) -> str:
        """Write ``count`` in this unit, such as ``7.300`` (G)."""
        return f"{Decimal(count) / self.size:.{self.decimals}f}"


UNITS: dict[str, Unit] = {
    "memory_kb": Unit("memory", "KB", 1024, 2),
    "memory_mb": Unit("memory", "MB", 1024**2, 2),
    "params_k": Unit("params", "k", 10**3, 1),
    "params_m": Unit("params", "M", 10**6, 3),
    "mflops": Unit("flops_paper", "M", 10**6, 1),
    "gflops": Unit("flops_paper", "G", 10**9, 3),
}
"""The units by column of the papers' tables.

KB and MB are binary: AACN prints 8 * 196^2 bfloat16 as 600.
"""


class PrintedCost(NamedTuple):
    """A cost as a paper prints it."""

    unit: Unit
    value: Decimal  # in the unit, with the digits that the paper gives

    @property
    def last_digit(self) -> Decimal:
        """One unit of the last printed digit: 0.1 of 7.0, 0.01 of 4.06, 10 of 1.9e2."""
        return Decimal(1).scaleb(int(self.value.as_tuple().exponent))

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit.symbol}"


class Figure(NamedTuple):
    """A cost as printed and as counted."""

    printed: PrintedCost
    counted: int  # exact: bytes, parameters or FLOPs

    @property
    def unit(self) -> Unit:
        """The unit of the printed cost."""
        return self.printed.unit

    def difference(self, count: int) -> Decimal:
        """Return ``count`` minus the printed cost, in the unit."""
        return Decimal(count) / self.unit.size - self.printed.value

    def is_close(self, count: int) -> bool:
        """Say whether ``count`` is within one unit of the last printed digit."""
        return abs(self.difference(count)) <= self.printed.last_digit

    @property
    def verdict(self) -> Verdict:
        """Whether they agree: FLOPs if close, else if the count rounds or is cut to the digits."""
        if self.unit.cost == "flops_paper":
            return "matches" if self.is_close(self.counted) else "differs"
        exact, printed = Decimal(self.counted) / self.unit.size, self.printed.value
        if exact.quantize(printed, ROUND_HALF_UP) == printed:
            return "matches"
        return "truncated" if exact.quantize(printed, ROUND_DOWN) == printed else "differs"

    def shown_difference(self, count: int) -> str:
        """Write ``count`` minus the printed cost, such as ``+0.200``."""
        return f"{self.difference(count):+z.{self.unit.decimals}f}"
