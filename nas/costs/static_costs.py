"""Static costs: the costs of (architecture, task) before anything is built, by limits' names."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nas.metrics import PEAK_MEMORY, PREDICTED_LATENCY, STATIC_COSTS
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs, peak_memory_bytes
from search_space.cost.latency_table import Prediction
from search_space.cost.population import PopulationCosts
from search_space.counts import FLOAT_BYTES
from search_space.space import SearchSpace

BYTES_PER_MB = 10**6

BYTES_PER_PARAMETER = 3 * FLOAT_BYTES
"""Bytes of a weight, its gradient and its momentum, which all images of a step share."""


class StaticCosts:
    """Parameters, MACs, activations and, if asked for, peak memory of a space's architectures.

    ``peak_memory_mb`` estimates the peak of a float32 training step with ``batch_size`` images, in
    megabytes (10^6 bytes): the memory of each image (:func:`search_space.cost.peak_memory_bytes`),
    and weights, gradients and momentum. Reduced precision takes less. A user's own primitive
    without a rule for its memory has to run such a step here. The other costs are per image, in
    evaluation mode. With a latency table there is ``predicted_latency_ms`` too: the table's
    prediction minus its margin, the least latency of an architecture.

    Args:
        space: the search space.
        task: of the architectures.
        batch_size: images of the training step; None leaves peak memory out.
        prediction: of latency, by a table.

    Attributes:
        names: of the costs, in the order of the columns.
    """

    def __init__(
        self,
        space: SearchSpace,
        task: Task,
        batch_size: int | None,
        prediction: Prediction | None = None,
    ) -> None:
        self.space = space
        self.task = task
        self.batch_size = batch_size
        self.prediction = prediction
        left_out = PEAK_MEMORY if batch_size is None else None
        static = tuple(name for name in STATIC_COSTS if name != left_out)
        self.names = static if prediction is None else (*static, PREDICTED_LATENCY)
        self._population = PopulationCosts(space, task, with_memory=batch_size is not None)
        self._latencies = prediction.of_space(space) if prediction else None

    def of(self, architecture: Architecture) -> dict[str, float]:
        """Return the costs of one architecture by name.

        Raises:
            ValueError: it cannot take the task's images, has a primitive without cost rule, or a
                part that the latency table lacks.
        """
        costs = network_costs(architecture, self.task)
        by_name = costs.metrics()
        if self.batch_size is not None:
            by_name[PEAK_MEMORY] = peak_memory_mb(
                architecture, self.task, self.batch_size, costs.params
            )
        if self.prediction is not None:
            predicted_ms = self.prediction.latency_ms(architecture)
            by_name[PREDICTED_LATENCY] = float(self.prediction.least_ms(predicted_ms))
        return by_name

    def columns(self, vectors: np.ndarray | Iterable[Iterable[int]]) -> np.ndarray:
        """Return the costs of N architectures, float64 ``[N, len(names)]``, equal to :meth:`of`'s.

        Args:
            vectors: integers ``[N, P]``, each row as ``space.encode`` gives it.

        Raises:
            ValueError: as :meth:`of`, or a row is no architecture of the space.
        """
        vectors = np.asarray(vectors)
        costs = self._population(vectors)
        columns = [costs.params, costs.macs, costs.activations]
        if self.batch_size is not None and costs.peak_memory_bytes is not None:
            columns.append(_megabytes(self.batch_size * costs.peak_memory_bytes, costs.params))
        if self.prediction is not None and self._latencies is not None:
            columns.append(self.prediction.least_ms(self._latencies(vectors)))
        return np.stack(columns, axis=1, dtype=float)


def peak_memory_mb(architecture: Architecture, task: Task, batch_size: int, params: float) -> float:
    """Estimate peak memory in megabytes (10^6 bytes), as :class:`StaticCosts` describes.

    Args:
        architecture: of any space.
        task: of the architecture.
        batch_size: images of the training step.
        params: the architecture's, which callers know.

    Raises:
        ValueError: as :meth:`StaticCosts.of`.
    """
    image_bytes = peak_memory_bytes(architecture, task)
    return float(_megabytes(batch_size * image_bytes, params))


def _megabytes(images_bytes: int | np.ndarray, params: float | np.ndarray) -> np.ndarray:
    return np.asarray((images_bytes + BYTES_PER_PARAMETER * params) / BYTES_PER_MB)
