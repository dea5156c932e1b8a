"""Asynchronous successive halving of one objective as Ray's AsyncHyperBandScheduler has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.schedulers.halving import SuccessiveHalving
from nas.schedulers.rung_rule import Decision


class PercentileHalving(SuccessiveHalving):
    """Stops a trial that is below a percentile of those that were at the rung before it."""

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:  # type: ignore[override]
        """See :class:`nas.schedulers.rung_rule.RungRule`."""
        if epoch not in self.rungs.epochs:
            return "continue"
        known = zip(self.rungs.trials(epoch), self.rungs.losses(epoch), strict=True)
        seen = [-float(others[0]) for other, others in known if other != number]
        stops = False
        if seen:
            share = (1 - 1 / float(self.rungs.reduction_factor)) * 100
            stops = bool(-losses[0] < np.nanpercentile(seen, share))
        self.rungs.note(number, epoch, losses)
        return "stop" if stops else "continue"
