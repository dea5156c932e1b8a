"""What the attention operators are tested on: projections and position tables, float64."""

from __future__ import annotations

from torch import Tensor

from tests.search_space.comparison import normal

HEADS, DEPTH, VALUE_DEPTH = 2, 4, 3
Tables = tuple[Tensor, Tensor] | None


def projected(hw: tuple[int, int], batch: int = 2, grad: bool = True) -> list[Tensor]:
    """q, k, v."""
    return [
        normal(batch, HEADS, depth, *hw, seed=seed).requires_grad_(grad)
        for seed, depth in enumerate((DEPTH, DEPTH, VALUE_DEPTH))
    ]


def tables_of(
    kind: str, rows: tuple[int, int], *, shared: bool = False, grad: bool = True
) -> Tables:
    """``sum``: full width each; ``concatenation``: widths 1 and 3; ``none``."""
    if kind == "none":
        return None
    widths = (DEPTH, DEPTH) if kind == "sum" else (1, DEPTH - 1)
    first, second = (
        normal(1 if shared else HEADS, length, width, seed=7 + length).requires_grad_(grad)
        for length, width in zip(rows, widths, strict=True)
    )
    return first, second
