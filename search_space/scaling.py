"""Scaling of an architecture's widths, or of one stage's, whatever its primitives."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from search_space.architecture import Architecture, Stage
from search_space.detector import Detector
from search_space.families import FamilySettings, primitive_in_channels
from search_space.primitives import ChannelAttention, Primitive
from search_space.primitives.augmented_convolution import AugmentedConvolution
from search_space.primitives.inverted_bottleneck import InvertedBottleneck


def at_width(architecture: Architecture, factor: float) -> Architecture:
    """Return ``architecture`` with the widths of its stem, stages and detector times ``factor``.

    A width is rounded to the nearest whole number, at least 1, so that different widths stay
    different (the zoo's multiples of 8 would make narrow networks equal, and wider). Key and value
    depths and squeezed widths keep their share of the channels; the depths stay multiples of the
    heads, at least one channel a head. Numbers of heads, kernels, numbers of blocks, the network's
    head and settings of a user's own primitive do not change. A factor of 1 gives ``architecture``
    itself.

    Raises:
        ValueError: a part does not fit the new widths, such as heads that do not divide one; the
            message names the stem, the stage and block, or the detector.
    """
    if factor == 1:
        return architecture
    stem_width = scaled_count(architecture.stem.width, factor)
    try:
        stem = architecture.stem.replace(width=stem_width)
    except ValueError as error:
        raise ValueError(f"stem of width {stem_width}: {_reason(error)}") from error
    stages: list[Stage] = []
    before, now = architecture.stem.width, stem_width  # channels so far
    for number, stage in enumerate(architecture.stages, start=1):
        width = scaled_count(stage.width, factor)
        try:
            stages.append(stage_at(architecture, stage, width, (before, now), squeeze=factor))
        except ValueError as error:
            raise ValueError(f"stage {number} of width {width}, {error}") from error
        before, now = (each * architecture.expansion for each in (stage.width, width))
    detector = architecture.detector and _detector_at(architecture.detector, factor)
    return architecture.replace(stem=stem, stages=tuple(stages), detector=detector)


def _detector_at(detector: Detector, factor: float) -> Detector:
    width = scaled_count(detector.width, factor)
    try:
        return detector_at(detector, width, detector.pyramid, detector.heads)
    except ValueError as error:
        raise ValueError(f"detector of width {width}: {_reason(error)}") from error


def detector_at(detector: Detector, width: int, pyramid: Primitive, heads: Primitive) -> Detector:
    """Return ``detector`` at another width, with these operators.

    Raises:
        ValueError: an operator does not fit.
    """
    resolved = (each.resolve(width, width) for each in (pyramid, heads))
    return detector.replace(width=width, **dict(zip(("pyramid", "heads"), resolved, strict=True)))


def stage_at(
    settings: FamilySettings,
    stage: Stage,
    width: int,
    in_channels: tuple[int, int],
    *,
    squeeze: float = 1,
) -> Stage:
    """Return ``stage`` at another width, behind another number of channels.

    Args:
        settings: the network's family, block and expansion.
        stage: the stage.
        width: its new width.
        in_channels: the channels of its input: those before, and those now.
        squeeze: factor on the squeezed widths of channel attention.

    Raises:
        ValueError: a block does not fit; the message names it.
    """
    before, now = in_channels
    blocks: list[Primitive] = []
    gates: list[ChannelAttention | None] = []
    for index, primitive in enumerate(stage.blocks):
        gate = stage.recalibration[index] if stage.recalibration else None
        seen = [
            primitive_in_channels(settings.block, *channels)
            for channels in ((stage.width, before), (width, now))
        ]
        try:
            blocks.append(_primitive(primitive, (stage.width, width), (seen[0], seen[1])))
            gates.append(_gate(gate, width * settings.expansion, now, squeeze))
        except ValueError as error:
            raise ValueError(f"block {index}: {_reason(error)}") from error
        before, now = (each * settings.expansion for each in (stage.width, width))
    return Stage(
        width=width,
        stride=stage.stride,
        blocks=tuple(blocks),
        recalibration=tuple(gates) if any(gates) else (),
    )


def _primitive(
    primitive: Primitive, channels: tuple[int, int], in_channels: tuple[int, int]
) -> Primitive:
    """Return a primitive at other channels; each pair is (old, new)."""
    if isinstance(primitive, AugmentedConvolution):
        primitive = _augmented(primitive, *channels)
    elif isinstance(primitive, InvertedBottleneck) and primitive.augmentation is not None:
        hidden = (primitive.expansion * each for each in in_channels)
        primitive = primitive.replace(augmentation=_augmented(primitive.augmentation, *hidden))
    return primitive.resolve(channels[1], in_channels[1])


def _augmented(primitive: AugmentedConvolution, before: int, now: int) -> AugmentedConvolution:
    heads = primitive.heads
    if heads > now:
        raise ValueError(
            f"heads must not exceed the output channels, got heads={heads}, channels={now}"
        )
    key_depth, value_depth = (
        heads * scaled_count(depth // heads, now / before)
        for depth in (primitive.key_depth, primitive.value_depth)
    )
    most = now // heads * heads
    return primitive.replace(key_depth=key_depth, value_depth=min(value_depth, most))


def _gate(
    gate: ChannelAttention | None, channels: int, in_channels: int, factor: float
) -> ChannelAttention | None:
    if gate is None:
        return None
    squeeze = getattr(gate, "squeeze", None)  # the hidden width, where there is one
    if squeeze is not None:
        gate = gate.replace(squeeze=scaled_count(squeeze, factor))
    return gate.resolve(channels, in_channels)


def scaled_count(count: int, factor: float) -> int:
    """Return ``count`` times ``factor``, rounded to the nearest whole number, at least 1."""
    # The factor's decimal digits make 0.35 * 10 exactly 3.5, not 3.4999...
    return max(1, floor(count * Fraction(str(factor)) + Fraction(1, 2)))


def _reason(error: ValueError) -> str:
    """Return the first problem, without pydantic's frame around it."""
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]).removeprefix("Value error, ") if errors else str(error)
