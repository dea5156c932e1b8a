"""The execution of a recipe on a device: what changes time, and results only by rounding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from trainers.precision import Precision, device_precision
from trainers.recipe import Recipe


@dataclass(frozen=True)
class Execution:
    """The ways in which a training runs on its device.

    Attributes:
        precision: of the forward and backward passes; float16 scales the loss.
        channels_last: memory layout of images and maps.
        compiles: whether ``torch.compile`` makes the forward and backward passes.
    """

    precision: Precision
    channels_last: bool
    compiles: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def choose_execution(recipe: Recipe, device: torch.device) -> Execution:
    """Return what a recipe's settings come to on a device of this machine.

    ``auto`` is: bfloat16 on a CUDA device that has it in hardware, float16 on any other CUDA
    device, float32 elsewhere; channels-last maps on CUDA with reduced precision, whose tensor cores
    want them. On a CPU they take .86 to .97 of the time, but PyTorch 2.13 writes past its memory in
    the backward pass of 1x1 convolutions of stride 2, and the process aborts. Optimisers are always
    fused where PyTorch has that.

    Raises:
        ValueError: the device lacks an explicit setting.
    """
    precision = device_precision(recipe.precision, device)
    channels_last = recipe.channels_last
    if channels_last == "auto":
        channels_last = device.type == "cuda" and precision != "float32"
    return Execution(precision, channels_last, recipe.compile)
