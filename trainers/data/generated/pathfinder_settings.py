"""The parameters of Pathfinder, and the rules between them."""

from __future__ import annotations

from math import cos, radians
from typing import Self

from pydantic import Field, model_validator

from trainers.settings import Settings

MOST_COVERED = 0.5
"""Share of the image that paths and the room around them may take; denser ones find no place."""


class PathfinderSettings(Settings):
    """The images of Pathfinder: two long paths, two dots, and shorter paths that distract.

    Lengths are in pixels, between the visible ends of strokes.
    """

    pixels: int = Field(default=32, ge=16, le=512)
    """Side of the square image. Unit: pixels."""
    dashes: int = Field(default=6, ge=2, le=64)
    """Dashes of each of the two long paths. Unit: dashes."""
    dash_length: float = Field(default=2.5, ge=1, le=32)
    """Length of a dash. Unit: pixels."""
    gap: float = Field(default=1.5, ge=1, le=32)
    """Length of the gap between two dashes of a path. Unit: pixels."""
    bend: float = Field(default=45, ge=15, le=90)
    """Largest turn from a dash to the next; turns are uniform up to it, to both sides. Unit:
    degrees."""
    clearance: float = Field(default=4, ge=2, le=64)
    """Least distance between the centre lines of two paths, and of the dashes of one path that are
    no neighbours. Unit: pixels."""
    distractors: int = Field(default=2, ge=0, le=64)
    """Paths without dots beside the two long ones. Unit: paths."""
    distractor_dashes: int = Field(default=3, ge=1, le=64)
    """Dashes of each distractor. Unit: dashes."""
    line_width: float = Field(default=1, ge=0.5, le=8)
    """Width of a dash. Unit: pixels."""
    dot_radius: float = Field(default=1.5, ge=1, le=16)
    """Radius of the two dots. Unit: pixels."""
    noise: float = Field(default=0, ge=0, le=128)
    """Standard deviation of Gaussian noise that each pixel is given. Unit: grey levels of 255."""

    @property
    def margin(self) -> float:
        """Least distance from a path's centre line to the image's border, in pixels."""
        return self.dot_radius + 1

    @property
    def covered(self) -> float:
        """The share of the image that paths and half the clearance on their sides take."""
        dashes = 2 * self.dashes + self.distractors * self.distractor_dashes
        room = max(self.pixels - 2 * self.margin, 1.0)
        return dashes * (self.dash_length + self.gap) * self.clearance / room**2

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if self.dash_length < self.line_width:
            raise ValueError(
                "dash_length must be at least line_width, got "
                f"dash_length={self.dash_length:g}, line_width={self.line_width:g}"
            )
        if 2 * self.dot_radius <= self.line_width:
            raise ValueError(
                "dot_radius must be over half of line_width, else dots are not seen, got "
                f"dot_radius={self.dot_radius:g}, line_width={self.line_width:g}"
            )
        if self.clearance <= self.gap + self.line_width:
            raise ValueError(
                "clearance must be over gap + line_width, else dashes of two paths look like those "
                f"of one, got clearance={self.clearance:g}, gap={self.gap:g}, "
                f"line_width={self.line_width:g}"
            )
        if self.clearance < self.dot_radius + self.line_width / 2 + self.gap:
            raise ValueError(
                "clearance must be at least dot_radius + line_width / 2 + gap, else dots are "
                f"within a gap of other paths, got clearance={self.clearance:g}, "
                f"dot_radius={self.dot_radius:g}, line_width={self.line_width:g}, gap={self.gap:g}"
            )
        if self.clearance > (most := self._next_but_one()):
            raise ValueError(
                "clearance must be at most dash_length + 2 gap cos(bend / 2), the least distance "
                f"between a dash and the next but one, here {most:.3g}, got "
                f"clearance={self.clearance:g}"
            )
        if self.covered > MOST_COVERED:
            raise ValueError(
                "(2 dashes + distractors x distractor_dashes) x (dash_length + gap) x clearance "
                f"must be at most {MOST_COVERED:.0%} of the square of pixels - 2 dot_radius - 2, "
                f"else the paths do not fit, got {self.covered:.0%} with pixels={self.pixels}, "
                f"dashes={self.dashes}, distractors={self.distractors}"
            )
        return self

    def _next_but_one(self) -> float:
        return self.dash_length + 2 * self.gap * cos(radians(self.bend) / 2)
