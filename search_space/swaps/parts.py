"""An architecture with another stem, or with other blocks in one stage, and all that follows."""

from __future__ import annotations

from collections.abc import Sequence

from search_space.architecture import Architecture, Stage
from search_space.families import primitive_in_channels
from search_space.primitives import Description, Stem
from search_space.scaling import stage_at


def stage_inputs(architecture: Architecture, index: int) -> int:
    """Return the channels of the input of stage ``index``, from 0."""
    if index == 0:
        return architecture.stem.width
    return architecture.stages[index - 1].width * architecture.expansion


def block_inputs(architecture: Architecture, index: int, width: int) -> list[int]:
    """Return the input channels of each block of stage ``index`` at ``width``."""
    later = len(architecture.stages[index].blocks) - 1
    return [stage_inputs(architecture, index), *[width * architecture.expansion] * later]


def with_stem(architecture: Architecture, stem: Stem) -> Architecture:
    """Return ``architecture`` with another stem; the first stage sees its channels.

    Raises:
        ValueError: the first stage does not fit behind it.
    """
    stages = _following(architecture, 0, stem.width)
    return architecture.replace(stem=stem, stages=stages)


def with_blocks(
    architecture: Architecture, index: int, described: Sequence[Description], width: int
) -> Architecture:
    """Return ``architecture`` with other primitives in stage ``index``, at ``width``.

    Its channel attention stays. The next stage sees the new width; depths of its attention that
    follow from its input's channels (in an MnasNet) keep their share of them.

    Raises:
        ValueError: a primitive does not fit.
    """
    stage = architecture.stages[index]
    inputs = block_inputs(architecture, index, width)
    blocks = tuple(
        description.resolve(width, primitive_in_channels(architecture.block, width, channels))
        for description, channels in zip(described, inputs, strict=True)
    )
    gates = tuple(
        gate and gate.resolve(width * architecture.expansion, channels)
        for gate, channels in zip(stage.recalibration, inputs, strict=False)  # all or no blocks
    )
    changed = Stage(
        width=width,
        stride=stage.stride,
        blocks=blocks,
        recalibration=gates if any(gates) else (),
    )
    following = _following(architecture, index + 1, width * architecture.expansion)
    return architecture.replace(stages=(*architecture.stages[:index], changed, *following))


def _following(architecture: Architecture, index: int, channels: int) -> tuple[Stage, ...]:
    """Return the stages from ``index`` on, the first of them behind ``channels``."""
    following = architecture.stages[index:]
    if not following:
        return ()
    first, before = following[0], stage_inputs(architecture, index)
    return (stage_at(architecture, first, first.width, (before, channels)), *following[1:])
