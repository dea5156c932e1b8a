"""The rung rules by their names in ``scheduler.type``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nas.schedulers.promotion import Promotion, RungByRung
from nas.schedulers.protocol import RungRule
from nas.schedulers.stopping import SuccessiveHalving

RUNG_RULES: dict[str, Callable[[Sequence[int], float], RungRule]] = {
    "stopping": SuccessiveHalving,
    "promotion": Promotion,
    "rung_by_rung": RungByRung,
}

PAUSING = ("promotion", "rung_by_rung")
"""The rules whose trials pause at rungs, and need a checkpoint to continue."""


def rung_rule(
    kind: str, rungs: Sequence[int], reduction_factor: float, *, deterministic: bool = False
) -> RungRule:
    """Make a rule without any trial.

    Args:
        kind: one of ``RUNG_RULES``.
        rungs: the epochs at which trials are compared, ascending.
        reduction_factor: one of so many trials continues at a rung; above 1.
        deterministic: whether decisions rung by rung must not depend on which trial is faster.

    Raises:
        ValueError: the rungs do not ascend from 1 or more, or the factor is 1 or less.
    """
    if kind == "rung_by_rung":
        return RungByRung(rungs, reduction_factor, waits_for_all=deterministic)
    return RUNG_RULES[kind](rungs, reduction_factor)
