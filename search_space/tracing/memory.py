"""Measured memory of training: bytes kept for the backward pass, and the peak of a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

PEAK_BATCHES = (8, 16)
"""Images of the two steps whose peaks are compared."""


def saved_bytes(module: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Measure the bytes of one image that a float32 forward pass keeps for the backward pass.

    Each storage that the module makes counts once, its output included. The input, parameters,
    buffers and memory that does not grow with the batch do not count.

    Args:
        module: any module; it is left in training mode.
        input_shape: (C, H, W) of one image.
    """
    return _kept(module, 3, input_shape) - _kept(module, 2, input_shape)


def peak_bytes_per_image(
    model: nn.Module, input_shape: tuple[int, int, int], classes: int
) -> float:
    """Measure the peak memory of a float32 training step on the CPU, in bytes per image.

    The images and every allocation of the step count, also those that an operator frees before it
    ends. Memory that a batch shares (weights, their gradients) does not: two batch sizes are
    compared.

    Args:
        model: ``[B, C, H, W] -> [B, classes]``, or to several tensors, as a detector, whose squares
            are then the loss. It is left in training mode, with gradients and
            other running statistics than before.
        input_shape: (C, H, W) of one image.
        classes: number of labels of a classifier.
    """
    model.train()
    few, many = (_peak_bytes(model, batch, input_shape, classes) for batch in PEAK_BATCHES)
    return (many - few) / (PEAK_BATCHES[1] - PEAK_BATCHES[0])


def peak_bytes(step: Callable[[], Any]) -> int:
    """Measure the most that PyTorch allocates on the CPU during a step, beyond the start.

    PyTorch does not record memory that an operator gets elsewhere (scratch of a kernel in C++).
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    # The only record that PyTorch keeps of single allocations on a CPU.
    records = profiler.profiler.kineto_results.events()
    allocations = [record for record in records if record.name() == "[memory]"]
    allocations.sort(key=lambda record: record.start_ns())
    return int(np.cumsum([record.nbytes() for record in allocations]).max())


def _kept(module: nn.Module, batch: int, input_shape: tuple[int, int, int]) -> int:
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    images = torch.randn(batch, *input_shape, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out: Tensor | tuple[Tensor, ...] = module.train()(images)
    for each in (out,) if isinstance(out, Tensor) else out:
        pack(each)
    for tensor in (images, *module.parameters(), *module.buffers()):
        kept.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(kept.values())


def _peak_bytes(
    model: nn.Module, batch: int, input_shape: tuple[int, int, int], classes: int
) -> int:
    """Measure the most that a training step allocates at once, beyond the start."""

    def step() -> None:
        images = torch.zeros(batch, *input_shape)
        labels = torch.arange(batch) % classes
        out = model(images)
        if isinstance(out, Tensor):
            nn.functional.cross_entropy(out, labels).backward()
        else:
            torch.stack([each.square().mean() for each in out]).sum().backward()

    step()  # allocates the gradients of the weights
    return peak_bytes(step)
