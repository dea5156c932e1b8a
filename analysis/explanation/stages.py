"""Where convolution and where attention wins: the effect of attention, by kind and stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.composition import LABELS, WITHOUT_ATTENTION, kinds_by_stage
from analysis.explanation.contrasts import weights
from search_space.architecture import Architecture


class StageContrast(NamedTuple):
    """The comparison of a kind of attention with none, in one stage."""

    stage: int  # from 1
    kind: str  # of ``analysis.composition``
    weights: np.ndarray  # [M]
    n: int  # evaluated architectures with it there
    n_without: int  # evaluated architectures without attention there


def stage_contrasts(
    reference: Sequence[Architecture],
    evaluated: Sequence[Architecture],
    log_cost: np.ndarray,
) -> list[StageContrast]:
    """Return a contrast at equal cost for each kind of attention in each stage that has a choice.

    A stage has a kind if one of its blocks does; it is compared with stages of convolutions alone.

    Args:
        reference: M architectures.
        evaluated: those that were trained.
        log_cost: ``[M]``, the logarithm of the cost that is equal.
    """
    kinds, trained = [_kinds(each) for each in reference], [_kinds(each) for each in evaluated]
    stages = max(map(len, kinds), default=0)
    contrasts = []
    for stage in range(stages):
        here = [each[stage] if stage < len(each) else frozenset() for each in kinds]
        there = [each[stage] for each in trained if stage < len(each)]
        without = np.array([_is_plain(each) for each in here])
        known = frozenset().union(*here) - set(WITHOUT_ATTENTION)
        for kind in sorted(known, key=lambda each: ([*LABELS, each].index(each), each)):
            has = np.array([kind in each for each in here])
            contrast = weights(has, has | without, log_cost)
            if contrast is not None:
                n = sum(kind in each for each in there)
                plain = sum(map(_is_plain, there))
                contrasts.append(StageContrast(stage + 1, kind, contrast, n, plain))
    return contrasts


def _kinds(architecture: Architecture) -> list[frozenset[str]]:
    return [frozenset(kinds) for kinds in kinds_by_stage(architecture)]


def _is_plain(kinds: frozenset[str]) -> bool:
    return bool(kinds) and kinds <= set(WITHOUT_ATTENTION)
