"""Scaling of a whole architecture's depth, whatever its primitives."""

from __future__ import annotations

from search_space.architecture import Architecture, Stage
from search_space.families import primitive_in_channels
from search_space.primitives import ChannelAttention
from search_space.scaling import scaled_count


def at_depth(architecture: Architecture, factor: float) -> Architecture:
    """Return ``architecture`` with the number of blocks of each stage times ``factor``.

    A number is rounded to the nearest whole one, at least 1. A shallower stage keeps its first
    blocks; a deeper one repeats its last block. Channel attention that stands after a stage stays
    there. A factor of 1 gives ``architecture`` itself.

    Raises:
        ValueError: there would be too many blocks, or a repeated block does not fit its input.
    """
    if factor == 1:
        return architecture
    stages = []
    channels = architecture.stem.width
    for stage in architecture.stages:
        stages.append(_stage(architecture, stage, factor, channels))
        channels = stage.width * architecture.expansion
    return architecture.replace(stages=tuple(stages))


def _stage(architecture: Architecture, stage: Stage, factor: float, channels: int) -> Stage:
    """Return a stage with more or fewer blocks; ``channels`` enter it."""
    before = len(stage.blocks)
    now = scaled_count(before, factor)
    out_channels = stage.width * architecture.expansion
    blocks, gates = [], []
    for index in range(now):
        source = min(index, before - 1)
        inner = channels if index == 0 else out_channels
        seen = primitive_in_channels(architecture.block, stage.width, inner)
        blocks.append(stage.blocks[source].resolve(stage.width, seen))
        gate = _gate(stage, source, is_last=index == now - 1)
        gates.append(gate.resolve(out_channels, inner) if gate else None)
    return Stage(
        width=stage.width,
        stride=stage.stride,
        blocks=tuple(blocks),
        recalibration=tuple(gates) if any(gates) else (),
    )


def _gate(stage: Stage, source: int, *, is_last: bool) -> ChannelAttention | None:
    """Return the channel attention of a block that is made like block ``source``."""
    if not stage.recalibration:
        return None
    after_stage = stage.recalibration[-1]
    if after_stage is not None and after_stage.placement == "stage":
        return after_stage if is_last else None
    return stage.recalibration[source]
