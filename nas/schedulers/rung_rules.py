"""The rules by the names that ``scheduler.type`` has for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nas.schedulers.halving import SuccessiveHalving
from nas.schedulers.promotion import Promotion, RungByRung
from nas.schedulers.rung_rule import RungRule

RUNG_RULES: dict[str, Callable[[Sequence[int], float], RungRule]] = {
    "stopping": SuccessiveHalving,
    "promotion": Promotion,
    "rung_by_rung": RungByRung,
}

PAUSING = ("promotion", "rung_by_rung")
"""Those whose trials pause at rungs, and need a checkpoint to train on."""


def rung_rule(
    kind: str, rungs: Sequence[int], reduction_factor: float, *, deterministic: bool = False
) -> RungRule:
    """A rule that has seen no trial yet.

    Args:
        kind: one of ``RUNG_RULES``.
        rungs: the epochs at which trials are compared, ascending.
        reduction_factor: of how many trials at a rung one trains on; above 1.
        deterministic: rung by rung, what is decided must not depend on which trial is the faster.

    Raises:
        ValueError: rungs that do not ascend from 1 or more, or a factor of 1 or less.
    """
    if kind == "rung_by_rung":
        return RungByRung(rungs, reduction_factor, waits_for_all=deterministic)
    return RUNG_RULES[kind](rungs, reduction_factor)
