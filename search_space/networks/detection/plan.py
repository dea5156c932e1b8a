"""Channels and map sizes of a detector's pyramid and heads, before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from search_space.counts import strided
from search_space.detector import BACKBONE_LEVEL, Detector
from search_space.families import FAMILIES, FamilyName
from search_space.primitives import Primitive

MapShape = tuple[int, int, int]
"""(channels, height, width) of a map, without the batch."""


class PyramidPlan(NamedTuple):
    """Everything that a pyramid's construction and cost depend on."""

    primitive: Primitive
    width: int
    normalized: bool
    activates: bool  # whether normalisation and ReLU stand before each merging
    inputs: tuple[MapShape, ...]  # the backbone's features, from the largest map on
    further: int  # levels that come from the one below

    @property
    def maps(self) -> tuple[tuple[int, int], ...]:
        """The (H, W) of every level."""
        maps = [(height, width) for _, height, width in self.inputs]
        for _ in range(self.further):
            maps.append(strided(maps[-1], 2))
        return tuple(maps)


class HeadsPlan(NamedTuple):
    """Everything that the heads' construction and cost depend on."""

    primitive: Primitive
    width: int
    layers: int
    normalized: bool
    anchors: int  # at each position
    classes: int
    maps: tuple[tuple[int, int], ...]  # the (H, W) of every level

    @property
    def inputs(self) -> tuple[MapShape, ...]:
        """The pyramid's maps."""
        return tuple((self.width, *hw) for hw in self.maps)

    @property
    def positions(self) -> int:
        """Positions of all levels together."""
        return sum(height * width for height, width in self.maps)

    @property
    def boxes(self) -> int:
        """Boxes that each image gets: one for each anchor."""
        return self.anchors * self.positions


class DetectorPlan(NamedTuple):
    """The ending of a detector, and the stages whose outputs it sees."""

    detector: Detector
    merged_stages: tuple[int, ...]
    pyramid: PyramidPlan
    heads: HeadsPlan


def plan_pyramid(detector: Detector, family: FamilyName, inputs: Sequence[MapShape]) -> PyramidPlan:
    """Lay the pyramid out on the backbone's features, one for each merging level."""
    return PyramidPlan(
        detector.pyramid,
        detector.width,
        detector.normalized,
        FAMILIES[family].pre_activation,
        tuple(inputs),
        max(0, detector.last_level - BACKBONE_LEVEL),
    )


def plan_heads(detector: Detector, maps: tuple[tuple[int, int], ...], classes: int) -> HeadsPlan:
    """Lay the heads out on the pyramid's maps."""
    return HeadsPlan(
        detector.heads,
        detector.width,
        detector.layers,
        detector.normalized,
        detector.anchors_per_position,
        classes,
        maps,
    )


def check_image(detector: Detector, image_hw: tuple[int, int]) -> None:
    """Raise ``ValueError`` if an image has a side below the stride of the last level."""
    stride = 2**detector.last_level
    if min(image_hw) < stride:
        raise ValueError(
            f"P{detector.last_level} has a stride of {stride} pixels: images must have at least "
            f"{stride} a side, got {image_hw[0]}x{image_hw[1]}"
        )
