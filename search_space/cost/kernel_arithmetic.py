"""The implementations of attention that a network runs by, layer by layer."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from search_space.attention import record_calls
from search_space.attention.backends import Call


class KernelUse(NamedTuple):
    """One call of attention in a network's forward pass; its backward pass uses the same one."""

    layer: str  # the module's name in the network
    call: Call


def attention_kernels(
    model: nn.Module, input_shape: tuple[int, int, int], *, device: str, dtype: torch.dtype
) -> list[KernelUse]:
    """List the calls of attention in one forward pass of one image, in order.

    Args:
        model: the network; it is left in evaluation mode, on ``device`` and in ``dtype``.
        input_shape: (C, H, W) of the image.
        device: a torch device, such as ``cpu`` or ``cuda``.
        dtype: type of weights and image.
    """
    uses: list[KernelUse] = []
    running: list[str] = []  # modules inside their forward, outermost first
    model = model.eval().to(device, dtype)
    with record_calls() as calls:

        def claim() -> None:
            """Assign the calls since the last time to the innermost module."""
            uses.extend(KernelUse(running[-1], call) for call in calls[len(uses) :])

        def enter(name: str, *_: Any) -> None:
            claim()
            running.append(name)

        def leave(*_: Any) -> None:
            claim()
            running.pop()

        handles = [
            handle
            for name, module in model.named_modules()
            for handle in (
                module.register_forward_pre_hook(partial(enter, name)),
                module.register_forward_hook(leave),
            )
        ]
        try:
            with torch.no_grad():
                model(torch.zeros(1, *input_shape, device=device, dtype=dtype))
        finally:
            for handle in handles:
                handle.remove()
    return uses
