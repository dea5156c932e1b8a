"""Zero-cost scores for samplers: of the networks that a search trains, on its data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from nas.evaluation.evaluate import cached_splits, task_of
from nas.evaluation.fidelity import FULL, Fidelity
from nas.zero_cost import Batch, batch_of, check_names, zero_cost_scores
from search_space.architecture import Architecture, Task
from trainers import DataConfig, PixelSettings


class NetworkScores:
    """Compute scores on request; networks are built, and data are read, only then.

    Networks, images and task are those of the fidelity, as in a proxy training. Scores are computed
    on the CPU, each score of an architecture once.

    Args:
        data: the data set of the search.
        fidelity: of the search's trainings.
        pixels: their recipe's settings of the network's input; None for the defaults.
        seed: of the initial weights and of the batch.
    """

    def __init__(
        self,
        data: DataConfig,
        fidelity: Fidelity = FULL,
        pixels: PixelSettings | None = None,
        *,
        seed: int,
    ) -> None:
        self.data, self.fidelity, self.seed = data, fidelity, seed
        self.pixels = pixels or PixelSettings()
        self._known: dict[tuple[Architecture, str], float] = {}

    def __call__(self, names: Sequence[str]) -> ChosenScores:
        """Return the scores of these names for a sampler.

        Raises:
            ValueError: there is no such score, or one is named twice.
        """
        check_names(names)
        return ChosenScores(tuple(names), self)

    def of(self, architecture: Architecture, names: Sequence[str]) -> dict[str, float]:
        """Return the scores of one architecture by name.

        Raises:
            ValueError: see :func:`nas.zero_cost.zero_cost_scores`.
            DataError: the data cannot be read.
        """
        new = [name for name in names if (architecture, name) not in self._known]
        if new:
            task, batch = self._seen
            trained = self.fidelity.network(architecture)
            scores = zero_cost_scores(trained, task, batch, new, seed=self.seed)
            self._known |= {(architecture, name): scores[name] for name in new}
        return {name: self._known[architecture, name] for name in names}

    @cached_property
    def _seen(self) -> tuple[Task, Batch]:
        splits = cached_splits(self.data, self.pixels, "cpu", self.fidelity)
        return task_of(self.data, splits), batch_of(splits, self.pixels, seed=self.seed)


class ChosenScores(NamedTuple):
    """Some scores of any architecture: a :class:`nas.samplers.prior_scores.PriorScores`."""

    names: tuple[str, ...]
    source: NetworkScores

    def of(self, architecture: Architecture) -> dict[str, float]:
        """See :meth:`NetworkScores.of`."""
        return self.source.of(architecture, self.names)
