"""Scores of many architectures, and what one of them costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nas.zero_cost import BASELINES
from nas.zero_cost.source import NetworkScores
from search_space.architecture import Architecture


class Measured(NamedTuple):
    """Of N architectures."""

    scores: dict[str, list[float]]  # by name, [N]
    score_ms: dict[str, float]  # processor time of one, median, building the network included


def measure_scores(
    source: NetworkScores,
    architectures: Sequence[Architecture],
    names: Sequence[str],
    *,
    on_done: Callable[[int], None],
) -> Measured:
    """Each score of each architecture.

    Args:
        source: that has computed none of them yet.
        architectures: N of them.
        names: of the scores.
        on_done: told how many architectures are done.

    Raises:
        ValueError: see :func:`nas.zero_cost.zero_cost_scores`.
        DataError: the data cannot be read.
    """
    scores: dict[str, list[float]] = {name: [] for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names if name not in BASELINES}
    for number, architecture in enumerate(architectures, start=1):
        for name in names:
            began = time.process_time()
            scores[name].append(source.of(architecture, [name])[name])
            if name in seconds:
                seconds[name].append(time.process_time() - began)
        on_done(number)
    medians = {name: 1e3 * float(np.median(spent)) for name, spent in seconds.items()}
    return Measured(scores, medians)
