"""The first estimate of a search's time, from a few timed steps or from what was trained before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nas.config.search_config import SearchConfig
from nas.costs.static_costs import StaticCosts
from nas.evaluation.evaluate import traceback_of
from nas.search.forecast import Forecast
from nas.storage.evaluation import Evaluation
from nas.workflows.space_costs import space_costs
from nas.workflows.timing.device_hours import Effort, device_hours, expected_repeats

LITTLE = Effort(ranks=("median",), steps=5, seconds=5.0)
"""A search begins after a few steps of one architecture; ``--dry-run`` takes longer, for three."""

LOOKED_AT = 500
"""Architectures of which that one has the median MACs, at most."""


def little_timing(config: SearchConfig, costs: StaticCosts) -> float | str:
    """Return the seconds of a proxy training here, from a few steps; or why there are none.

    Args:
        config: the search's.
        costs: its space's.
    """
    looked_at = space_costs(config, costs, at_most=LOOKED_AT)
    if not len(looked_at.vectors):
        return f"none of {looked_at.looked_at} architectures fits the limits"
    try:
        hours = device_hours(config, costs, looked_at, lambda said: None, LITTLE)
    except Exception as error:  # noqa: BLE001 (a network's own error is its trials' result)
        return f"the timed network raised {traceback_of(error).strip().splitlines()[-1]}"
    (timed,) = hours.timed
    return timed.trial_seconds


def first_forecast(
    config: SearchConfig,
    space_size: int,
    rows: Sequence[Evaluation],
    timing: Callable[[], float | str],
    workers: int,
) -> Forecast | str:
    """Return the expected time of a search, or why it is not known.

    Args:
        config: the search's.
        space_size: architectures of its space.
        rows: of earlier drivers of the search; where some are complete, they are the measure.
        timing: times a training otherwise, as :func:`little_timing`.
        workers: trainings at the same time.
    """
    ended = [row.spent_seconds for row in rows if row.state == "complete" and row.spent_seconds]
    seconds = sum(ended) / len(ended) if ended else timing()
    if isinstance(seconds, str):
        return seconds
    trials = min(config.search.n_trials, space_size)
    whole_trials = config.most_epochs(trials) / config.proxy.epochs
    return Forecast(whole_trials, expected_repeats(config, trials), seconds, workers)
