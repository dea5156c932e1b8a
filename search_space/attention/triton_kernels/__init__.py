"""2-D relative attention on a GPU, local and global, by kernels in Triton.

One forward kernel and two backward kernels compute every variant of the operators. Nothing of the
size of the pairs is stored; the backward pass recomputes the logits and has no atomics, so it gives
the same bits each time. Their speed was not yet measured on a GPU: tiles are chosen by counts of
instructions (:mod:`search_space.attention.triton_kernels.plans`).

The first call imports Triton; importing this package does not need it.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from search_space.attention.operands import Gradients, Operands

MOST_CHANNELS = {torch.float32: 64, torch.bfloat16: 128, torch.float16: 128}
"""Channels of a head that a multiprocessor's registers and shared memory can hold."""

LEAST_VERSION = (3, 2)  # of Triton, whose tensors can be gathered from since then
LEAST_CAPABILITY = (8, 0)  # tensor cores for bfloat16
OFFSET_LIMIT = 2**31


def problem(operands: Operands) -> str | None:
    """Return why the kernels cannot compute this call; None if they can."""
    return unavailable() or _device_problem(operands.q.device) or _call_problem(operands)


@cache
def unavailable() -> str | None:
    """Return why no call can be computed on this machine; None if some can."""
    try:
        installed = version("triton")
    except PackageNotFoundError:
        return "needs triton, which is not installed"
    if tuple(int(part) for part in installed.split(".")[:2]) < LEAST_VERSION:
        return f"needs triton {'.'.join(map(str, LEAST_VERSION))} or newer, got {installed}"
    return None


def forward(operands: Operands) -> tuple[Tensor, Tensor]:
    """Compute output and lse."""
    from search_space.attention.triton_kernels import launch  # noqa: PLC0415 - imports Triton

    return launch.forward(operands)


def backward(grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor) -> Gradients:
    """Compute gradients of the five tensors."""
    from search_space.attention.triton_kernels import launch  # noqa: PLC0415 - imports Triton

    return launch.backward(grad_out, operands, out, lse)


def _device_problem(device: torch.device) -> str | None:
    if device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return None
    if device.type != "cuda" or torch.version.hip:
        return f"needs a CUDA device, got device={'ROCm' if torch.version.hip else device}"
    capability = torch.cuda.get_device_capability(device)
    if capability < LEAST_CAPABILITY:
        return f"needs compute capability {LEAST_CAPABILITY} or newer, got {capability}"
    return None


def _call_problem(operands: Operands) -> str | None:
    q, k, v = operands[:3]
    if q.dtype not in MOST_CHANNELS:
        types = ", ".join(str(dtype) for dtype in MOST_CHANNELS)
        return f"needs a dtype among {types}, got {q.dtype}"
    if max(q.shape[2], v.shape[2]) > MOST_CHANNELS[q.dtype]:
        return (
            f"needs at most {MOST_CHANNELS[q.dtype]} channels a head in {q.dtype}, got "
            f"{q.shape[2]} of keys and {v.shape[2]} of values"
        )
    if operands.scale <= 0:
        return f"needs a positive scale, got scale={operands.scale}"
    if any(_span(x) >= OFFSET_LIMIT for x in (q, k, v) if x is not None):
        return f"needs offsets inside a head under {OFFSET_LIMIT}, got a map of {[*q.shape]}"
    return None


def _span(x: Tensor) -> int:
    """Return the offset of the last channel and pixel of one head of one image."""
    return sum(
        (size - 1) * stride for size, stride in zip(x.shape[2:], x.stride()[2:], strict=True)
    )
