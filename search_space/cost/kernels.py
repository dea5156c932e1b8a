"""Which implementations of attention a network runs by, layer by layer."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from search_space.attention import record_calls
from search_space.attention.backends import Call


class KernelUse(NamedTuple):
    """One call of attention in a network's forward pass; its backward pass runs by the same."""

    layer: str  # the module's name in the network
    call: Call


def attention_kernels(
    model: nn.Module, input_shape: tuple[int, int, int], *, device: str, dtype: torch.dtype
) -> list[KernelUse]:
    """The calls of attention in one forward pass of one image, in order.

    Args:
        model: left in evaluation mode, on the device and in the type.
        input_shape: (C, H, W) of the image.
        device: a torch device, such as ``cpu`` or ``cuda``.
        dtype: of the network.
    """
    found: list[KernelUse] = []
    running: list[str] = []  # the modules whose forward is under way, outermost first
    model = model.eval().to(device, dtype)
    with record_calls() as calls:

        def claim() -> None:
            """What was called since last time was called by the innermost module."""
            found.extend(KernelUse(running[-1], call) for call in calls[len(found) :])

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
    return found
