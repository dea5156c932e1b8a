"""The pyramids and heads of a search space's detectors, each once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from search_space.architecture import Task
from search_space.counts import strided
from search_space.networks.detection.plan import (
    HeadsPlan,
    PyramidPlan,
    check_image,
    plan_heads,
    plan_pyramid,
)
from search_space.space import SearchSpace
from search_space.space.detector_choices import DetectorChoices


def merged_stages(space: SearchSpace) -> tuple[int, ...]:
    """Return the stages, from 0, that the pyramids of a space of detectors merge: all the same."""
    stem = next(iter(space.layout.stems.distinct))
    strides = [choices.config.stride for choices in space.layout.stages]
    return next(_choices(space).detectors()).merged_stages(stem, strides)


def detector_parts(space: SearchSpace, task: Task) -> list[PyramidPlan | HeadsPlan]:
    """List every distinct pyramid, and the heads, of the detectors of ``space``.

    Raises:
        ValueError: the task's images are smaller than the stride of the last level.
    """
    parts: dict[PyramidPlan | HeadsPlan, None] = {}  # an ordered set
    detectors = list(_choices(space).covering())
    check_image(detectors[0], task.input_shape[1:])
    for widths, maps in product(_widths(space), _maps(space, task)):
        inputs = [(width, *hw) for width, hw in zip(widths, maps, strict=True)]
        for detector in detectors:
            pyramid = plan_pyramid(detector, space.config.family, inputs)
            parts[pyramid] = parts[plan_heads(detector, pyramid.maps, task.classes)] = None
    return list(parts)


def _choices(space: SearchSpace) -> DetectorChoices:
    choices = space.layout.detector
    assert choices is not None
    return choices


def _widths(space: SearchSpace) -> Iterator[tuple[int, ...]]:
    """Yield every combination of the output channels of the merged stages."""
    merged = [space.layout.stages[index] for index in merged_stages(space)]
    return product(*([each.expansion * w for w in each.config.width] for each in merged))


def _maps(space: SearchSpace, task: Task) -> list[tuple[tuple[int, int], ...]]:
    """List the maps (H, W) of the merged stages, for each different map behind a stem."""
    every: dict[tuple[tuple[int, int], ...], None] = {}
    for stem in space.layout.stems.distinct:
        hw = stem.output_hw(task.input_shape[1:])
        each = []
        for choices in space.layout.stages:
            hw = strided(hw, choices.config.stride)
            each.append(hw)
        every[tuple(each[index] for index in merged_stages(space))] = None
    return list(every)
