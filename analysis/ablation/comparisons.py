"""The comparisons of an ablation: a network with one part exchanged, less the network itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.paired_difference import differences_by_seed
from analysis.paired_interval import (
    CORRECTION,
    FEWEST_SEEDS,
    LEVEL,
    PairedInterval,
    paired_interval,
)
from nas.evaluation.deviations import standard_error
from search_space.swaps import NEAR


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the results of its full trainings."""

    arch_id: str
    description: str
    params: int
    macs: int
    accuracies: Mapping[int, float]  # fractions, by seed
    seconds: Mapping[int, float]  # of the device, by seed

    @property
    def least_seconds(self) -> float | None:
        """The device's seconds of its shortest training: what else runs on a machine only adds."""
        return min(self.seconds.values(), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        values = list(self.accuracies.values())
        return {
            "arch_id": self.arch_id,
            "description": self.description,
            "params": self.params,
            "macs": self.macs,
            "test_accuracy": float(np.mean(values)) if values else None,
            "standard_error": standard_error(values),
            "n": len(values),
            "device_seconds": self.least_seconds,
        }


@dataclass(frozen=True)
class SwappedNetwork:
    """A network with one part exchanged."""

    place: str  # such as "stage 2"
    change: str  # the kind that the place has now, such as "conv"
    network: TrainedNetwork


@dataclass(frozen=True)
class Comparison:
    """A swapped network less the original one, over the seeds that both were trained with."""

    place: str
    change: str
    network: TrainedNetwork
    original: TrainedNetwork
    differences: tuple[float, ...]  # of test accuracies, fractions, one a seed
    interval: PairedInterval

    @property
    def params_difference(self) -> int:
        """Parameters more than the original has."""
        return self.network.params - self.original.params

    @property
    def params_fraction(self) -> float:
        """The difference of parameters, as a fraction of the original's."""
        return self.params_difference / self.original.params

    @property
    def is_near_in_params(self) -> bool:
        """Whether the parameters are equal up to 1 %."""
        return abs(self.params_fraction) <= NEAR

    @property
    def macs_fraction(self) -> float:
        """The difference of MACs, as a fraction of the original's."""
        return self.network.macs / self.original.macs - 1

    @property
    def seconds_fraction(self) -> float | None:
        """The difference of the shortest training times; None where none was recorded."""
        before, now = self.original.least_seconds, self.network.least_seconds
        return now / before - 1 if before and now is not None else None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "place": self.place,
            "change": self.change,
            **self.network.to_json(),
            "params_difference": self.params_difference,
            "params_fraction": self.params_fraction,
            "macs_fraction": self.macs_fraction,
            "device_seconds_fraction": self.seconds_fraction,
            "compared": self.interval.to_json() | {"differences": list(self.differences)},
        }


@dataclass(frozen=True)
class AblationResult:
    """All that an ablation's picture and tables show."""

    title: str
    accuracy_label: str  # such as "test accuracy (top-1)"
    original: TrainedNetwork
    places: Mapping[str, str]  # what each place is in the original, such as "local attention"
    comparisons: tuple[Comparison, ...]
    not_compared: tuple[SwappedNetwork, ...]  # for want of trainings
    notes: tuple[str, ...]

    def in_place(self, place: str) -> list[Comparison]:
        """Return the comparisons in a place."""
        return [each for each in self.comparisons if each.place == place]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "title": self.title,
            "original": self.original.to_json(),
            "places": dict(self.places),
            "comparisons_made": len(self.comparisons),
            "correction": CORRECTION,
            "level": LEVEL,
            "comparisons": [each.to_json() for each in self.comparisons],
            "not_compared": [
                {"place": each.place, "change": each.change, **each.network.to_json()}
                for each in self.not_compared
            ],
            "notes": list(self.notes),
        }


def compared(
    original: TrainedNetwork, swaps: Sequence[SwappedNetwork]
) -> tuple[tuple[Comparison, ...], tuple[SwappedNetwork, ...]]:
    """Compare each swapped network with the original, and return those that cannot be too.

    A comparison needs two seeds that both networks were trained with; only comparisons that are
    made count in the correction.
    """
    differences = {
        each.network.arch_id: tuple(
            differences_by_seed(each.network.accuracies, original.accuracies)
        )
        for each in swaps
    }
    enough = [each for each in swaps if len(differences[each.network.arch_id]) >= FEWEST_SEEDS]
    comparisons = tuple(
        Comparison(
            each.place,
            each.change,
            each.network,
            original,
            differences[each.network.arch_id],
            paired_interval(differences[each.network.arch_id], len(enough)),
        )
        for each in enough
    )
    return comparisons, tuple(each for each in swaps if each not in enough)
