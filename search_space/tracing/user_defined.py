"""Costs of a user's own primitives, stems and channel attention that state none.

Each is built by its own ``build`` and traced once for every size.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import Any, Protocol

import torch
from torch import nn

from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes
from search_space.own_modules import where_raised
from search_space.tracing.counts import count_module
from search_space.tracing.memory import saved_bytes

CHW = tuple[int, int, int]


class BuildsModule(Protocol):
    """A frozen value that builds a module, such as a primitive; equal values, equal modules."""

    @property
    def type(self) -> str:
        """The name in a description, such as ``my_package.my_module:MyPrimitive``."""

    def build(self, *args: Any, **kwargs: Any) -> nn.Module:
        """Build a new module."""


@cache
def traced_counts(
    part: BuildsModule, build_args: tuple[Any, ...], input_shape: CHW, output_shape: CHW
) -> Counts:
    """Count parameters, MACs and activations of ``part.build(*build_args)`` by fvcore.

    Args:
        part: a primitive, a stem or channel attention.
        build_args: arguments of its ``build``.
        input_shape: (C, H, W) of one image's map.
        output_shape: (C, H, W) that the module must give.

    Raises:
        ValueError: the module gives another shape, uses an operator without a cost rule, or raises;
            the message names the type, its input and the line.
    """
    with _named_in_errors(part, input_shape):
        module = part.build(*build_args).eval()
        with torch.no_grad():
            shape = tuple(module(torch.zeros(1, *input_shape)).shape[1:])
        if shape != output_shape:
            raise ValueError(f"its output must be of {list(output_shape)}, got {list(shape)}")
        return count_module(module, input_shape)


@cache
def traced_bytes(
    part: BuildsModule, build_args: tuple[Any, ...], input_shape: CHW
) -> TrainingBytes:
    """Measure the training memory of ``part.build(*build_args)`` by autograd's hooks.

    Arguments and errors are those of :func:`traced_counts`.
    """
    with _named_in_errors(part, input_shape):
        saved = saved_bytes(part.build(*build_args), input_shape)
    return TrainingBytes(saved, 2 * FLOAT_BYTES * prod(input_shape))


@contextmanager
def _named_in_errors(part: BuildsModule, input_shape: CHW) -> Iterator[None]:
    """Run a user's module and restore torch's random state after it.

    Raises:
        ValueError: the module raises; the message has the type, its input and the line.
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
