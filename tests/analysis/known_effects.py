"""Evaluations of a small space whose accuracies follow from known effects of choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from nas.costs.static_costs import StaticCosts
from nas.storage.evaluation import Evaluation, Kind
from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from tests.nas.conftest import SMALL_SPACE
from tests.nas.storage.test_candidates import row

TASK = Task(input_shape=(1, 8, 8), classes=10)
NOISE, OWN = 0.01, 0.004
"""Deviations between seeds, and of architectures by themselves."""


class KnownEffects:
    """The 384 architectures of a space with accuracies of known effects.

    Args:
        effects: added to the accuracy, by parameter and choice.
        seed: of what each architecture has by itself.
    """

    def __init__(self, effects: Mapping[tuple[str, object], float], seed: int = 0) -> None:
        self.space = SearchSpace.from_mapping(SMALL_SPACE, "small")
        self.costs = StaticCosts(self.space, TASK, batch_size=None)
        self.architectures: Sequence[Architecture] = list(self.space.architectures())
        self.vectors = np.array([self.space.encode(each) for each in self.architectures])
        self.columns = self.costs.columns(self.vectors)
        rng = np.random.default_rng(seed)
        self.truth = 0.7 + 0.03 * np.log(self.columns[:, 1] / 1e4)
        for (name, choice), effect in effects.items():
            self.truth += effect * self.has(name, choice)
        self.truth += rng.normal(0, OWN, len(self.truth))

    @cached_property
    def names(self) -> list[str]:
        """The space's parameters."""
        return [parameter.name for parameter in self.space.parameters]

    def has(self, name: str, choice: object) -> np.ndarray:
        """Return a mask of the architectures with a choice."""
        index = self.names.index(name)
        return self.vectors[:, index] == self.space.parameters[index].choices.index(choice)

    def rows(self, count: int, seed: int, repeated: int = 6) -> list[Evaluation]:
        """Evaluate ``count`` random architectures, the first ``repeated`` of them three times."""
        rng = np.random.default_rng(seed)
        rows = []
        for number, index in enumerate(rng.permutation(len(self.truth))[:count]):
            for repeat in range(3 if number < repeated else 1):
                params, macs, activations = self.columns[index]
                metrics = {
                    "val_accuracy": float(self.truth[index] + rng.normal(0, NOISE)),
                    "params": params,
                    "macs": macs,
                    "activations": activations,
                }
                kind: Kind = "repeats" if repeat else "search"
                rows.append(
                    row(self.architectures[index], metrics, kind=kind, number=number, seed=repeat)
                )
        return rows
