"""Latency from a table: each part of a space measured once on a device, then summed.

The latency of a whole network differs from the sum of its parts, since each part is measured by
itself with its weights in the cache. So ``a + b * sum`` is fitted to some networks that are
measured whole. The fit minimises the squares of relative errors, since networks of a space may
differ tenfold in latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field

from search_space.architecture import Architecture, Task
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency import measure_latency
from search_space.cost.latency_record import LatencyContext, LatencySettings
from search_space.cost.population import PopulationRows, Row
from search_space.networks import build
from search_space.networks.detection.plan import HeadsPlan, PyramidPlan
from search_space.networks.endings import EndingPart
from search_space.networks.parts import (
    Part,
    StemPlan,
    build_part,
    part_inputs,
    part_name,
    parts_of_network,
)
from search_space.networks.plan import BlockPlan
from search_space.space import SearchSpace
from search_space.values import Value

Milliseconds = TypeVar("Milliseconds", float, np.ndarray)

FEWEST_NETWORKS = 4
"""The fewest networks that show the error of a fit of two coefficients."""


class PartLatency(Value):
    """The latency of one part, measured by itself."""

    part: str  # search_space.networks.parts.part_name
    latency_ms: float = Field(gt=0)  # median of the repeats, for the whole batch
    spread_ms: float = Field(ge=0)  # interquartile range
    backend: str


class NetworkLatency(Value):
    """The latency of a whole network, measured."""

    arch_id: str
    sum_ms: float = Field(gt=0)  # the sum over its parts, measured by themselves
    latency_ms: float = Field(gt=0)
    spread_ms: float = Field(ge=0)


class Correction(Value):
    """A linear map from the sum of a network's parts to its latency."""

    constant_ms: float
    factor: float
    margin: float = Field(ge=0)
    """The largest relative error, ``|predicted / measured - 1|``, of a network predicted by the
    fit to all the others."""

    def __call__(self, sum_ms: float) -> float:
        """Predict the latency, milliseconds."""
        return self.constant_ms + self.factor * sum_ms


class LatencyTable(Value):
    """Measured latencies and their conditions; they hold for no other device or setting."""

    format: Literal[1] = 1
    space: str  # its name
    space_id: str  # of its description
    device: str  # the hardware's own name
    settings: LatencySettings
    input_shape: tuple[int, int, int]
    classes: int
    torch_version: str
    attention: str  # the implementation that the rule takes for windows on this device
    seed: int  # of weights, order and networks
    parts: tuple[PartLatency, ...] = ()
    networks: tuple[NetworkLatency, ...] = ()
    correction: Correction | None = None  # None until all is measured

    @property
    def context(self) -> LatencyContext:
        """The conditions of measurements that its predictions may be compared with."""
        return LatencyContext(
            self.device,
            self.settings.dtype,
            self.settings.batch_size,
            self.settings.threads,
            self.input_shape,
            self.torch_version,
            self.attention,
        )


class Prediction:
    """Latencies of a space's architectures, predicted from a table.

    Args:
        table: a table with its correction.
        task: the architectures' task, with the table's images and classes.

    Raises:
        ValueError: the table has no correction yet.
    """

    def __init__(self, table: LatencyTable, task: Task) -> None:
        if table.correction is None:
            raise ValueError("the latency table is not finished: it has no correction")
        self.table = table
        self.task = task
        self.correction = table.correction
        self._parts = PartSums(table.parts)

    def latency_ms(self, architecture: Architecture) -> float:
        """Predict the latency of ``architecture``, milliseconds.

        Raises:
            ValueError: a part of it is not in the table.
        """
        return self.correction(self._parts.of_network(architecture, self.task))

    def least_ms(self, predicted_ms: Milliseconds) -> Milliseconds:
        """Return the least latency of networks so predicted, by the table's own margin."""
        return predicted_ms / (1 + self.correction.margin)

    def of_space(self, space: SearchSpace) -> PopulationLatencies:
        """Return a predictor of many architectures of ``space`` at a time."""
        return PopulationLatencies(space, self.task, self._parts, self.correction)


class PartSums:
    """Sums of the latencies of measured parts."""

    def __init__(self, parts: Sequence[PartLatency]) -> None:
        self._by_name = {entry.part: entry.latency_ms for entry in parts}
        self._by_part: dict[Part, float] = {}

    def of_part(self, part: Part) -> float:
        """Return the latency of one part, milliseconds.

        Raises:
            ValueError: it is not in the table.
        """
        if part not in self._by_part:
            name = part_name(part)
            if name not in self._by_name:
                raise ValueError(f"the latency table has no such part: {name}")
            self._by_part[part] = self._by_name[name]
        return self._by_part[part]

    def of_network(self, architecture: Architecture, task: Task) -> float:
        """Return the sum over a network's parts, milliseconds; raises as :meth:`of_part`."""
        parts = parts_of_network(architecture, task)
        return sum(number * self.of_part(part) for part, number in parts.items())


class PopulationLatencies(PopulationRows):
    """Predicted latencies of the architectures of a space, many at a time."""

    def __init__(
        self, space: SearchSpace, task: Task, parts: PartSums, correction: Correction
    ) -> None:
        super().__init__(space, task)
        self._parts = parts
        self._correction = correction

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Predict milliseconds, float64 ``[N]``, for ``vectors``, integers ``[N, P]``.

        Raises:
            ValueError: not P columns, an active choice out of its range, an architecture that
                cannot take the task's images, or a part that is not in the table.
        """
        vectors = self.space.checked(vectors)
        if not len(vectors):
            return np.zeros(0)
        sums = np.sum([row[:, 0] for group in self.rows(vectors) for row in group], axis=0)
        return np.asarray(self._correction.constant_ms + self._correction.factor * sums)

    def stem_row(self, stem: StemPlan) -> Row:
        """Return (milliseconds,) of a stem."""
        return (self._parts.of_part(stem),)

    def blocks_row(self, blocks: Sequence[BlockPlan]) -> Row:
        """See :meth:`stem_row`."""
        return (sum((self._parts.of_part(block) for block in blocks), 0.0),)

    def ending_row(self, ending: EndingPart) -> Row:
        """See :meth:`stem_row`."""
        return (self._parts.of_part(ending),)


def measure_part(
    part: Part, settings: LatencySettings, *, seed: int, core: CoreSpeed
) -> PartLatency:
    """Measure a part by itself on this machine.

    Raises:
        ValueError, DeviceBusy: as :func:`search_space.cost.latency.measure_latency`.
    """
    model = build_part(part, seed=seed)
    shapes = part_inputs(part)
    maps = shapes if isinstance(part, PyramidPlan | HeadsPlan) else ()
    latency = measure_latency(model, shapes[0], settings, core, maps=maps)
    return PartLatency(
        part=part_name(part),
        latency_ms=latency.latency_ms,
        spread_ms=latency.spread_ms,
        backend=latency.backend,
    )


def measure_network(
    architecture: Architecture,
    task: Task,
    settings: LatencySettings,
    parts: PartSums,
    *,
    seed: int,
    core: CoreSpeed,
) -> NetworkLatency:
    """Measure a whole network on this machine, and return it with the sum of its parts.

    Raises:
        ValueError, DeviceBusy: as :func:`search_space.cost.latency.measure_latency`, or a part
            that is not in the table.
    """
    sum_ms = parts.of_network(architecture, task)
    model = build(architecture, task, seed=seed)
    latency = measure_latency(model, task.input_shape, settings, core)
    return NetworkLatency(
        arch_id=architecture.arch_id,
        sum_ms=sum_ms,
        latency_ms=latency.latency_ms,
        spread_ms=latency.spread_ms,
    )


def fit_correction(networks: Sequence[NetworkLatency]) -> Correction:
    """Fit the coefficients to ``networks``, and the margin by leaving out each in turn.

    Raises:
        ValueError: fewer than 4 networks.
    """
    if len(networks) < FEWEST_NETWORKS:
        raise ValueError(
            f"a correction needs {FEWEST_NETWORKS} networks or more, got {len(networks)}"
        )
    sums = np.array([network.sum_ms for network in networks])
    measured = np.array([network.latency_ms for network in networks])
    errors = []
    for out in range(len(networks)):
        constant, factor = _fit(np.delete(sums, out), np.delete(measured, out))
        errors.append(abs((constant + factor * sums[out]) / measured[out] - 1))
    constant, factor = _fit(sums, measured)
    return Correction(constant_ms=constant, factor=factor, margin=float(max(errors)))


def _fit(sums: np.ndarray, measured: np.ndarray) -> tuple[float, float]:
    """Minimise squared relative errors: each row is divided by the measured latency."""
    rows = np.stack([1 / measured, sums / measured], axis=1)
    constant, factor = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)[0]
    return float(constant), float(factor)
