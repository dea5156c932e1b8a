"""A printed cost beside the counted one, and whether they agree."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

CostName = Literal["memory", "params", "flops"]
Verdict = Literal["matches", "truncated", "differs"]


class Unit(NamedTuple):
    """The unit of a printed cost."""

    cost: CostName
    symbol: str
    size: int  # bytes, parameters, or FLOPs (2 x MACs)
    decimals: int  # that a count is shown with


UNITS: dict[str, Unit] = {
    "memory_kb": Unit("memory", "KB", 1024, 2),
    "memory_mb": Unit("memory", "MB", 1024**2, 2),
    "params_k": Unit("params", "k", 10**3, 1),
    "params_m": Unit("params", "M", 10**6, 3),
    "mflops": Unit("flops", "M", 10**6, 1),
    "gflops": Unit("flops", "G", 10**9, 3),
}
"""By column of the papers' tables. KB and MB are binary: AACN prints 8 * 196^2 bfloat16 as 600."""


class Figure(NamedTuple):
    """A cost as printed and as counted."""

    unit: Unit
    printed: Decimal  # in the unit, with the digits that the paper gives
    counted: int  # exact: bytes, parameters or FLOPs

    @property
    def difference(self) -> Decimal:
        """Counted minus printed, in the unit."""
        return self.difference_of(self.counted)

    def difference_of(self, count: int) -> Decimal:
        """Some other count minus what is printed, in the unit."""
        return Decimal(count) / self.unit.size - self.printed

    def is_close(self, count: int) -> bool:
        """Whether ``count`` is within one unit of the last printed digit."""
        return abs(self.difference_of(count)) <= self.last_digit

    @property
    def last_digit(self) -> Decimal:
        """One unit of the last printed digit: 0.1 of 7.1, 0.01 of 0.70, 10 of 1.9e2."""
        return Decimal(1).scaleb(int(self.printed.as_tuple().exponent))

    @property
    def verdict(self) -> Verdict:
        """FLOPs match if close; all else if it rounds, or else truncates, to the printed digits."""
        if self.unit.cost == "flops":
            return "matches" if self.is_close(self.counted) else "differs"
        exact = Decimal(self.counted) / self.unit.size
        if exact.quantize(self.printed, ROUND_HALF_UP) == self.printed:
            return "matches"
        is_cut = exact.quantize(self.printed, ROUND_DOWN) == self.printed
        return "truncated" if is_cut else "differs"

    def shown(self, count: int) -> str:
        """``count`` in the unit, such as ``7.300`` (G)."""
        return f"{Decimal(count) / self.unit.size:.{self.unit.decimals}f}"

    def shown_difference(self, count: int) -> str:
        """``count`` minus what is printed, such as ``+0.200``."""
        return f"{self.difference_of(count):+z.{self.unit.decimals}f}"
