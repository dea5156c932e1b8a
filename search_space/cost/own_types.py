"""Costs of primitives, stems and recalibrations that state none: each is built and traced once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from math import prod

import torch
from torch import nn

from search_space.cost.memory import saved_bytes
from search_space.cost.tracing import count_module
from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes
from search_space.own_modules import where_raised
from search_space.primitives import Primitive, Recalibration, Stem

HW = tuple[int, int]
CHW = tuple[int, int, int]
Part = Primitive | Stem | Recalibration


@cache
def traced_counts(
    primitive: Primitive, in_channels: int, out_channels: int, stride: int, input_hw: HW
) -> Counts:
    """What ``primitive`` costs, by fvcore."""
    height, width = (-(-side // stride) for side in input_hw)
    return _counts(
        primitive,
        lambda: primitive.build(in_channels, out_channels, stride, input_hw),
        (in_channels, *input_hw),
        (out_channels, height, width),
    )


@cache
def traced_bytes(
    primitive: Primitive, in_channels: int, out_channels: int, stride: int, input_hw: HW
) -> TrainingBytes:
    """What ``primitive`` keeps, by autograd's hooks."""
    return _bytes(
        primitive,
        lambda: primitive.build(in_channels, out_channels, stride, input_hw),
        (in_channels, *input_hw),
    )


@cache
def traced_stem_counts(stem: Stem, in_channels: int, input_hw: HW) -> Counts:
    """What ``stem`` costs, by fvcore."""
    output = (stem.width, *stem.output_hw(input_hw))
    return _counts(stem, lambda: stem.build(in_channels), (in_channels, *input_hw), output)


@cache
def traced_stem_bytes(stem: Stem, in_channels: int, input_hw: HW) -> TrainingBytes:
    """What ``stem`` keeps, by autograd's hooks."""
    return _bytes(stem, lambda: stem.build(in_channels), (in_channels, *input_hw))


@cache
def traced_recalibration_counts(recalibration: Recalibration, channels: int, hw: HW) -> Counts:
    """What ``recalibration`` costs, by fvcore."""
    shape = (channels, *hw)
    return _counts(recalibration, lambda: recalibration.build(channels), shape, shape)


@cache
def traced_recalibration_bytes(
    recalibration: Recalibration, channels: int, hw: HW
) -> TrainingBytes:
    """What ``recalibration`` keeps, by autograd's hooks."""
    return _bytes(recalibration, lambda: recalibration.build(channels), (channels, *hw))


def _counts(
    part: Part, build: Callable[[], nn.Module], input_shape: CHW, output_shape: CHW
) -> Counts:
    """What the module that ``build`` makes costs, once it is seen to give ``output_shape``."""
    with _told_by(part, input_shape):
        module = build().eval()
        with torch.no_grad():
            shape = tuple(module(torch.zeros(1, *input_shape)).shape[1:])
        if shape != output_shape:
            raise ValueError(f"its output must be of {list(output_shape)}, got {list(shape)}")
        return count_module(module, input_shape)


def _bytes(part: Part, build: Callable[[], nn.Module], input_shape: CHW) -> TrainingBytes:
    with _told_by(part, input_shape):
        saved = saved_bytes(build(), input_shape)
    return TrainingBytes(saved, 2 * FLOAT_BYTES * prod(input_shape))


@contextmanager
def _told_by(part: Part, input_shape: CHW) -> Iterator[None]:
    """Leave torch's random state as it is, and tell what a user's module raises.

    Raises:
        ValueError: with the type, its input, and where its module raised something.
    """
    place = f"{part.type} on an input of {list(input_shape)} (channels, height, width)"
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    except Exception as error:
        file = getattr(sys.modules.get(type(part).__module__), "__file__", None)
        raise ValueError(f"{place}: {where_raised(error, file)}") from error
