"""Costs of primitives, stems and recalibrations that state none: each is built and traced once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from search_space.cost.memory import saved_bytes
from search_space.cost.tracing import count_module
from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes
from search_space.primitives import Primitive, Recalibration, Stem

HW = tuple[int, int]


@cache
def traced_counts(
    primitive: Primitive, in_channels: int, out_channels: int, stride: int, input_hw: HW
) -> Counts:
    """What ``primitive`` costs, by fvcore."""
    return _counts(
        lambda: primitive.build(in_channels, out_channels, stride, input_hw), in_channels, input_hw
    )


@cache
def traced_bytes(
    primitive: Primitive, in_channels: int, out_channels: int, stride: int, input_hw: HW
) -> TrainingBytes:
    """What ``primitive`` keeps, by autograd's hooks."""
    return _bytes(
        lambda: primitive.build(in_channels, out_channels, stride, input_hw), in_channels, input_hw
    )


@cache
def traced_stem_counts(stem: Stem, in_channels: int, input_hw: HW) -> Counts:
    """What ``stem`` costs, by fvcore."""
    return _counts(lambda: stem.build(in_channels), in_channels, input_hw)


@cache
def traced_stem_bytes(stem: Stem, in_channels: int, input_hw: HW) -> TrainingBytes:
    """What ``stem`` keeps, by autograd's hooks."""
    return _bytes(lambda: stem.build(in_channels), in_channels, input_hw)


@cache
def traced_recalibration_counts(recalibration: Recalibration, channels: int, hw: HW) -> Counts:
    """What ``recalibration`` costs, by fvcore."""
    return _counts(lambda: recalibration.build(channels), channels, hw)


@cache
def traced_recalibration_bytes(
    recalibration: Recalibration, channels: int, hw: HW
) -> TrainingBytes:
    """What ``recalibration`` keeps, by autograd's hooks."""
    return _bytes(lambda: recalibration.build(channels), channels, hw)


def _counts(build: Callable[[], nn.Module], channels: int, hw: HW) -> Counts:
    with torch.random.fork_rng(devices=[]):
        return count_module(build(), (channels, *hw))


def _bytes(build: Callable[[], nn.Module], channels: int, hw: HW) -> TrainingBytes:
    with torch.random.fork_rng(devices=[]):
        saved = saved_bytes(build(), (channels, *hw))
    return TrainingBytes(saved, 2 * FLOAT_BYTES * channels * hw[0] * hw[1])
