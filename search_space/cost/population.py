"""Costs of a whole population at once, from the integer matrix of ``SearchSpace.encode``.

A network's cost is a sum over its stem, the components of its stages and its ending. Each summand
depends on a few columns of the matrix alone. So each different row of those columns is computed
once, in closed form, and a population's costs are gathered from these tables. They are exact, for
primitives of the user's own too.

Legend: N architectures, P parameters of the space.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np

from search_space.architecture import Task
from search_space.counts import FLOAT_BYTES, NO_BYTES, NO_COUNTS, strided
from search_space.detector import Detector
from search_space.networks.detection.plan import (
    PyramidPlan,
    check_image,
    plan_heads,
    plan_pyramid,
)
from search_space.networks.detection.space_parts import merged_stages
from search_space.networks.ending import plan_ending
from search_space.networks.endings import EndingPart, ending_part_bytes, ending_part_counts
from search_space.networks.network import BLOCK_FORMS
from search_space.networks.parts import StemPlan
from search_space.networks.plan import BlockPlan, plan_block
from search_space.primitives import Stem
from search_space.space import SearchSpace
from search_space.space.component_choices import ComponentChoices
from search_space.space.parameters import INACTIVE

Row = tuple[float, ...]
Point = Sequence[int]

LARGEST_CODE = 2**62
"""The largest int64 code for the content of several columns."""


class PopulationColumns(NamedTuple):
    """Costs of N architectures, int64 ``[N]`` each, per image."""

    params: np.ndarray
    macs: np.ndarray
    activations: np.ndarray
    peak_memory_bytes: np.ndarray | None  # None where it was not requested


class PopulationRows(ABC):
    """Rows of numbers for the parts of each of N architectures; subclasses say which numbers.

    Computed rows are kept, so that later populations are faster.
    """

    def __init__(self, space: SearchSpace, task: Task) -> None:
        self.space = space
        self.task = task
        self._known: dict[str, dict[tuple[int, ...], Row]] = {}
        self._map_numbers: dict[tuple[int, int], int] = {}

    @abstractmethod
    def stem_row(self, stem: StemPlan) -> Row:
        """Return the row of a stem."""

    @abstractmethod
    def blocks_row(self, blocks: Sequence[BlockPlan]) -> Row:
        """Return the row of the blocks of a component together."""

    @abstractmethod
    def ending_row(self, ending: EndingPart) -> Row:
        """Return the row of a classifier's ending, or of a detector's pyramid or heads."""

    def rows(self, vectors: np.ndarray) -> list[list[np.ndarray]]:
        """Return the rows ``[N, ...]`` of stem, components of each stage, and ending: a list each.

        Args:
            vectors: integers ``[N, P]``, N at least 1, as ``space.checked`` gives them.

        Raises:
            ValueError: an architecture cannot take the task's images.
        """
        layout = self.space.layout
        # Later stages depend on the stem by its map alone; the first stage also by its width.
        maps = self._gather("map", vectors, layout.stem.parameters, self._map_row)[:, 0]
        groups = [[self._gather("stem", vectors, layout.stem.parameters, self._stem_row)]]
        incoming = layout.stem.parameters
        for number, choices in enumerate(layout.stages):
            own = (
                *choices.components.channel_attention.parameters,
                *_given(choices.depth_parameter),
            )
            own += (*_given(choices.width_parameter), *incoming)
            groups.append(
                [
                    self._gather(
                        f"{number} {component.name}",
                        vectors,
                        (*component.parameters, *own),
                        partial(self._component_row, number, component),
                        maps,
                    )
                    for component in choices.components.every_primitive
                ]
            )
            incoming = _given(choices.width_parameter)
        if layout.detector is None:
            groups.append([self._gather("ending", vectors, incoming, self._ending_row, maps)])
            return groups
        merged = {
            parameter for stage in merged_stages(self.space) for parameter in self._widths_at(stage)
        }
        width = _given(layout.detector.width_parameter)
        pyramid = (*sorted(merged), *width, *layout.detector.pyramid.parameters)
        heads = (*width, *_given(layout.detector.layers_parameter))
        heads += layout.detector.heads.parameters
        groups.append([self._gather("pyramid", vectors, pyramid, self._pyramid_row, maps)])
        groups.append([self._gather("heads", vectors, heads, self._heads_row, maps)])
        return groups

    def _gather(
        self,
        name: str,
        vectors: np.ndarray,
        parameters: tuple[int, ...],
        work_out: Callable[[Point], Row],
        maps: np.ndarray | None = None,
    ) -> np.ndarray:
        """Call ``work_out`` once for each different content of ``parameters``: rows [N, ...].

        Its argument is one whole row of ``vectors`` that has that content.
        """
        codes = np.zeros(len(vectors), dtype=np.int64) if maps is None else maps
        largest = int(codes.max())
        for index in parameters:
            values = len(self.space.parameters[index].choices) + 1
            if (largest + 1) * values > LARGEST_CODE:  # number the codes in use from 0
                codes = np.unique(codes, return_inverse=True)[1]
                largest = int(codes.max())
            codes = codes * values + (vectors[:, index] - INACTIVE)
            largest = largest * values + values - 1
        _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
        known = self._known.setdefault(name, {})
        rows = []
        for row in firsts.tolist():
            content = vectors[row, parameters].tolist()
            key = tuple(content) if maps is None else (*content, int(maps[row]))
            if key not in known:
                known[key] = work_out(vectors[row].tolist())
            rows.append(known[key])
        return np.array(rows)[inverse]

    def _stem(self, point: Point) -> Stem:
        stem = self.space.layout.stem.value(point)
        assert isinstance(stem, Stem)
        return stem

    def _map(self, point: Point, stages: int) -> tuple[int, int]:
        """Return the map (H, W) after the stem and ``stages`` stages."""
        hw = self._stem(point).output_hw(self.task.input_shape[1:])
        for choices in self.space.layout.stages[:stages]:
            hw = strided(hw, choices.config.stride)
        return hw

    def _channels(self, point: Point, stages: int) -> int:
        """Return the channels of that map."""
        if stages == 0:
            return self._stem(point).width
        choices = self.space.layout.stages[stages - 1]
        return choices.width(point) * choices.expansion

    def _map_row(self, point: Point) -> Row:
        return (self._map_numbers.setdefault(self._map(point, 0), len(self._map_numbers)),)

    def _stem_row(self, point: Point) -> Row:
        channels, *hw = self.task.input_shape
        return self.stem_row(StemPlan(self._stem(point), channels, (hw[0], hw[1])))

    def _component_row(self, number: int, component: ComponentChoices, point: Point) -> Row:
        """Return the row of the blocks of stage ``number`` that have a component's primitive."""
        choices = self.space.layout.stages[number]
        channels, hw = self._channels(point, number), self._map(point, number)
        stage = choices.stage(point, channels)
        return self.blocks_row(
            [
                plan_block(self.space.config, stage, index, channels, hw)
                for index in range(len(stage.blocks))
                if choices.components.primitive(index) is component
            ]
        )

    def _ending_row(self, point: Point) -> Row:
        stages = len(self.space.layout.stages)
        config = self.space.config
        seen = (self._channels(point, stages), self._map(point, stages))
        return self.ending_row(plan_ending(config.family, *seen, config.head, self.task.classes))

    def _widths_at(self, stage: int) -> tuple[int, ...]:
        return _given(self.space.layout.stages[stage].width_parameter)

    def _pyramid(self, point: Point) -> tuple[Detector, PyramidPlan]:
        choices = self.space.layout.detector
        assert choices is not None
        detector = choices.detector(point)
        check_image(detector, self.task.input_shape[1:])
        after = [stage + 1 for stage in merged_stages(self.space)]
        inputs = [(self._channels(point, each), *self._map(point, each)) for each in after]
        return detector, plan_pyramid(detector, self.space.config.family, inputs)

    def _pyramid_row(self, point: Point) -> Row:
        return self.ending_row(self._pyramid(point)[1])

    def _heads_row(self, point: Point) -> Row:
        detector, pyramid = self._pyramid(point)
        return self.ending_row(plan_heads(detector, pyramid.maps, self.task.classes))


class PopulationCosts(PopulationRows):
    """Costs of the architectures of a space on a task, many at a time.

    Args:
        space: the architectures' space.
        task: the architectures' task.
        with_memory: False leaves out peak memory, for which a primitive of the user's own has to
            run a training step.
    """

    def __init__(self, space: SearchSpace, task: Task, *, with_memory: bool = True) -> None:
        super().__init__(space, task)
        self.with_memory = with_memory

    def __call__(self, vectors: np.ndarray) -> PopulationColumns:
        """Count the costs of ``vectors``, integers ``[N, P]``, rows as ``space.encode`` gives them.

        Raises:
            ValueError: not P columns, an active choice out of its range, or an architecture that
                cannot take the task's images.
        """
        vectors = self.space.checked(vectors)
        if not len(vectors):
            nothing = np.zeros(0, dtype=np.int64)
            peak = nothing if self.with_memory else None
            return PopulationColumns(nothing, nothing, nothing, peak)
        groups = self.rows(vectors)
        counts = sum(row[:, :3] for group in groups for row in group)
        assert isinstance(counts, np.ndarray)
        params, macs, activations = counts.T
        peak = self._peak(groups) if self.with_memory else None
        return PopulationColumns(params, macs, activations, peak)

    def _peak(self, groups: list[list[np.ndarray]]) -> np.ndarray:
        kept = np.full(len(groups[0][0]), FLOAT_BYTES * prod(self.task.input_shape))
        peak = kept
        for group in groups:
            kept = kept + sum(row[:, 3] for row in group)
            transient = np.max([row[:, 4] for row in group], axis=0)
            peak = np.maximum(peak, kept + transient)
        return peak

    def stem_row(self, stem: StemPlan) -> Row:
        """Return (params, macs, activations) and, with memory, (saved, transient) of a stem."""
        seen = (stem.in_channels, stem.input_hw)
        kept = stem.stem.training_bytes(*seen) if self.with_memory else ()
        return (*stem.stem.counts(*seen), *kept)

    def blocks_row(self, blocks: Sequence[BlockPlan]) -> Row:
        """See :meth:`stem_row`."""
        counts, kept = NO_COUNTS, NO_BYTES
        for block in blocks:
            form = BLOCK_FORMS[block.family]
            counts += form.counts(block)
            if self.with_memory:
                kept = kept.then(form.training_bytes(block))
        return (*counts, *kept) if self.with_memory else (*counts,)

    def ending_row(self, ending: EndingPart) -> Row:
        """See :meth:`stem_row`."""
        kept = ending_part_bytes(ending) if self.with_memory else ()
        return (*ending_part_counts(ending), *kept)


def _given(parameter: int | None) -> tuple[int, ...]:
    return () if parameter is None else (parameter,)
