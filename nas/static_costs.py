"""What (architecture, task) costs before anything is built, by the names that limits have."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nas.constraints import PREDICTED_LATENCY, STATIC_COSTS
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs, peak_memory_bytes
from search_space.cost.latency_table import Prediction
from search_space.cost.population import PopulationCosts
from search_space.counts import FLOAT_BYTES
from search_space.space import SearchSpace

BYTES_PER_MB = 10**6

BYTES_PER_PARAMETER = 3 * FLOAT_BYTES
"""A weight, its gradient and its momentum: what a step's images share."""


class StaticCosts:
    """Parameters, MACs, activations and peak memory of a space's architectures on a task.

    ``peak_memory_mb`` estimates the peak of a float32 training step with ``batch_size`` images, in
    megabytes (10^6 bytes): what each image keeps and needs
    (:func:`search_space.cost.peak_memory_bytes`), and weights, gradients and momentum. Reduced
    precision takes less. The others are per image, in evaluation mode. With a latency table there
    is ``predicted_latency_ms`` too: what the table predicts less its margin, so what an
    architecture takes at least.

    Args:
        space: the search space.
        task: what the architectures are for.
        batch_size: images of the training step whose memory counts.
        prediction: of latency, by a table.

    Attributes:
        names: of the costs, in the order of the columns.
    """

    def __init__(
        self,
        space: SearchSpace,
        task: Task,
        batch_size: int,
        prediction: Prediction | None = None,
    ) -> None:
        self.space = space
        self.task = task
        self.batch_size = batch_size
        self.prediction = prediction
        self.names = STATIC_COSTS if prediction is None else (*STATIC_COSTS, PREDICTED_LATENCY)
        self._population = PopulationCosts(space, task)
        self._latencies = prediction.of_space(space) if prediction else None

    def of(self, architecture: Architecture, *, with_memory: bool = True) -> dict[str, float]:
        """The costs of one architecture by name.

        Args:
            architecture: of the space.
            with_memory: False leaves out peak memory, for which a primitive of the user's own has
                to run a training step here.

        Raises:
            ValueError: it cannot take the task's images, holds a primitive without cost rule, or a
                part that the latency table does not have.
        """
        costs = network_costs(architecture, self.task)
        found = costs.metrics()
        if with_memory:
            image_bytes = peak_memory_bytes(architecture, self.task)
            memory = _megabytes(self.batch_size * image_bytes, costs.params)
            found["peak_memory_mb"] = float(memory)
        if self.prediction is not None:
            predicted_ms = self.prediction.latency_ms(architecture)
            found[PREDICTED_LATENCY] = float(self.prediction.least_ms(predicted_ms))
        return found

    def columns(self, vectors: np.ndarray | Iterable[Iterable[int]]) -> np.ndarray:
        """The costs of many: float64 ``[N, len(names)]``, those of :meth:`of` in every row.

        Args:
            vectors: integers ``[N, P]``, each row as ``space.encode`` gives it.

        Raises:
            ValueError: as :meth:`of`, or rows that are no architecture of the space.
        """
        vectors = np.asarray(vectors)
        found = self._population(vectors)
        memory = _megabytes(self.batch_size * found.peak_memory_bytes, found.params)
        columns = [found.params, found.macs, found.activations, memory]
        if self.prediction is not None and self._latencies is not None:
            columns.append(self.prediction.least_ms(self._latencies(vectors)))
        return np.stack(columns, axis=1, dtype=float)


def _megabytes(images_bytes: int | np.ndarray, params: int | np.ndarray) -> float | np.ndarray:
    return (images_bytes + BYTES_PER_PARAMETER * params) / BYTES_PER_MB
