"""The difference of two networks over the seeds that both were trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from nas.evaluation.deviations import standard_error


class PairedDifference(NamedTuple):
    """A mean difference of accuracies, as a fraction."""

    mean: float
    standard_error: float | None  # None for one pair
    n: int  # seeds that both have

    def __str__(self) -> str:
        """Write such as ``+1.60 ± 0.42 % (n=3)``, in percent points."""
        error = "" if self.standard_error is None else f" ± {100 * self.standard_error:.2f}"
        return f"{100 * self.mean:+.2f}{error} % (n={self.n})"


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float]
) -> PairedDifference | None:
    """Return ``first`` less ``second``, both accuracies by seed; None if they share no seed.

    What a seed does to both, such as the order of the images, cancels out in each difference.
    """
    differences = differences_by_seed(first, second)
    if not differences:
        return None
    number = len(differences)
    return PairedDifference(float(np.mean(differences)), standard_error(differences), number)


def differences_by_seed(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """Return ``first`` less ``second`` of each seed that both have, by ascending seed."""
    return [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
