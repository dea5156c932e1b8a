"""Scores of many architectures, and the processor time of each score."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nas.zero_cost import BASELINES
from nas.zero_cost.source import NetworkScores
from search_space.architecture import Architecture


class Measured(NamedTuple):
    """The scores of N architectures."""

    scores: dict[str, list[float]]  # by name, [N]
    score_ms: dict[str, float]  # processor time of one, median, building the network included


def measure_scores(
    source: NetworkScores,
    architectures: Sequence[Architecture],
    names: Sequence[str],
    *,
    on_done: Callable[[int], None],
) -> Measured:
    """Compute and time each score of each architecture.

    Args:
        source: computes scores; it has computed none of these yet.
        architectures: N of them.
        names: of the scores.
        on_done: called with the number of architectures that are done.

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
