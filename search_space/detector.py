"""RetinaNet behind a backbone, as a value: a feature pyramid, two heads and anchors.

Sources: Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv 1708.02002; the pyramid,
Lin et al. 2017, "Feature Pyramid Networks for Object Detection", arXiv 1612.03144; local attention
in both, Ramachandran et al. 2019, arXiv 1906.05909, appendix A.3.
:mod:`search_space.networks.detection` builds and counts them.

A map of level l, P_l, has a stride of 2^l pixels. Levels up to 5 merge the backbone's features;
each level above comes from the one below by a strided operator.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, field_validator, model_validator

from search_space.bounds import LARGEST
from search_space.primitives import Convolution, LocalAttention, Primitive, Stem
from search_space.primitives.registry import AnyPrimitive
from search_space.values import Value

ASPECT_RATIOS = (0.5, 1.0, 2.0)
"""Height over width of the anchors at one scale (RetinaNet section 4)."""

BACKBONE_LEVEL = 5
"""The last level that merges features of the backbone."""

LARGEST_LEVEL = 12
MOST_LAYERS = 100
MOST_ANCHORS = 300
PROBE_PIXELS = 2**14  # the side of the image that shows by what a stem divides


class Detector(Value):
    """Pyramid, heads and anchors of a detector: equal values build equal parts, and only those."""

    width: int = Field(default=256, ge=1, le=LARGEST)
    """Channels of the pyramid and of the heads' hidden layers. Unit: channels."""
    pyramid: AnyPrimitive = Field(default_factory=Convolution)
    """Operator of the pyramid's maps: after each merging, and with stride 2 for further levels."""
    heads: AnyPrimitive = Field(default_factory=Convolution)
    """Operator of both heads, which all levels share."""
    layers: int = Field(default=4, ge=1, le=MOST_LAYERS)
    """Hidden layers of each head. Unit: layers."""
    normalized: bool = False
    """Whether batch normalisation follows the operators, in the heads one for each level."""
    anchors_per_position: int = Field(default=9, ge=1, le=MOST_ANCHORS)
    """Anchors at each position of a map: three aspect ratios at each scale. Unit: anchors."""
    anchor_scale: float = Field(default=4.0, gt=0, le=LARGEST)
    """Side of the smallest square anchor over its level's stride."""
    first_level: int = Field(default=3, ge=1, le=BACKBONE_LEVEL)
    """Lowest level, of stride 2^level pixels."""
    last_level: int = Field(default=7, ge=1, le=LARGEST_LEVEL)
    """Highest level."""

    @field_validator("anchors_per_position")
    @classmethod
    def _every_ratio(cls, anchors: int) -> int:
        if anchors % len(ASPECT_RATIOS):
            raise ValueError(
                "anchors_per_position must be a multiple of 3, the aspect ratios, got "
                f"anchors_per_position={anchors}"
            )
        return anchors

    @model_validator(mode="after")
    def _consistent(self) -> Detector:
        if self.last_level < self.first_level:
            raise ValueError(
                "last_level must be at least first_level, got "
                f"first_level={self.first_level}, last_level={self.last_level}"
            )
        for name, primitive in (("pyramid", self.pyramid), ("heads", self.heads)):
            check_operator(name, primitive)
            try:
                resolved = primitive.resolve(self.width, self.width)
            except ValueError as error:
                raise ValueError(f"{name} of width {self.width}: {error}") from error
            if resolved != primitive:
                raise ValueError(
                    f"{name}: at width {self.width}, {primitive.label} must be written in its "
                    f"resolved form, {resolved.label}"
                )
        return self

    @property
    def levels(self) -> range:
        """Every level, in order."""
        return range(self.first_level, self.last_level + 1)

    @property
    def merging_levels(self) -> range:
        """The levels that merge features of the backbone."""
        return range(self.first_level, min(self.last_level, BACKBONE_LEVEL) + 1)

    @property
    def scales(self) -> int:
        """Scales of the anchors at a position; each has every aspect ratio."""
        return self.anchors_per_position // len(ASPECT_RATIOS)

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of the pyramid and of the heads, such as ``P3-P7 conv3 w256``."""
        norm = "+norm" if self.normalized else ""
        scale = "" if self.anchor_scale == 4 else f" from {self.anchor_scale:g} strides"
        return (
            f"P{self.first_level}-P{self.last_level} {self.pyramid.label}{norm} w{self.width}",
            f"heads {self.heads.label}{norm} x{self.layers}, "
            f"{self.anchors_per_position} anchors{scale}",
        )

    def merged_stages(self, stem: Stem, strides: Sequence[int]) -> tuple[int, ...]:
        """Return the stage, from 0, whose output each merging level takes: its level's last.

        Args:
            stem: the backbone's.
            strides: of its stages.

        Raises:
            ValueError: a level has no stage, or stages stand behind the last level's.
        """
        reached = stage_strides(stem, strides)
        wanted = [2**level for level in self.merging_levels]
        last = {stride: index for index, stride in enumerate(reached)}
        named = f"a pyramid from P{self.first_level} to P{self.last_level}"
        if any(stride not in last for stride in wanted):
            raise ValueError(
                f"{named} needs stages of strides {_listed(wanted)}, got {_listed(reached)}"
            )
        if last[wanted[-1]] != len(reached) - 1:
            raise ValueError(
                f"{named} ends with the stages of stride {wanted[-1]}, got {_listed(reached)}"
            )
        return tuple(last[stride] for stride in wanted)


def check_operator(name: str, primitive: Primitive) -> None:
    """Raise ``ValueError``, naming the place, unless a pyramid and heads can have ``primitive``.

    Both run on maps of several sizes, which global attention with its tables cannot.
    """
    if not isinstance(primitive, Convolution | LocalAttention):
        raise ValueError(f"{name} must be conv or local_attention, got {primitive.type}")


def stage_strides(stem: Stem, strides: Sequence[int]) -> tuple[int, ...]:
    """Return the stride of each stage's output against the image, in pixels.

    Raises:
        ValueError: the stem divides no image by a power of two.
    """
    try:
        reduced, _ = stem.output_hw((PROBE_PIXELS, PROBE_PIXELS))
    except ValueError as error:
        raise ValueError(f"{stem.label} does not divide images by a power of two") from error
    reached, each = round(PROBE_PIXELS / reduced), []
    for stride in strides:
        reached *= stride
        each.append(reached)
    return tuple(each)


def _listed(strides: Sequence[int]) -> str:
    return ", ".join(map(str, strides))
