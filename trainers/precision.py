"""The floating-point format of the forward and backward passes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["float32", "bfloat16", "float16"]
PrecisionSetting = Literal["auto", "float32", "bfloat16", "float16"]


def resolve_precision(
    setting: PrecisionSetting, *, device_type: str, cuda_has_bfloat16: bool
) -> Precision:
    """Return the precision that a run uses (a pure function of its arguments).

    ``auto`` is bfloat16 on a CUDA device that has it in hardware, float16 with loss scaling on
    any other CUDA device, and float32 elsewhere.

    Raises:
        ValueError: an explicit setting that the device does not have.
    """
    on_cuda = device_type == "cuda"
    if setting == "auto":
        if not on_cuda:
            return "float32"
        return "bfloat16" if cuda_has_bfloat16 else "float16"
    if setting == "float16" and not on_cuda:
        raise ValueError(f"precision='float16' needs a CUDA device, got device {device_type!r}")
    if setting == "bfloat16" and on_cuda and not cuda_has_bfloat16:
        raise ValueError(
            "precision='bfloat16' needs a CUDA device with bfloat16 units; 'auto' or 'float16' "
            "work on this one"
        )
    return setting


def device_precision(setting: PrecisionSetting, device: torch.device) -> Precision:
    """Return :func:`resolve_precision` for a device of this machine.

    Emulated bfloat16 does not count as having it: it is slower than float32.
    """
    import torch  # noqa: PLC0415 - settings of recipes are read without PyTorch

    cuda_has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(
        including_emulation=False
    )
    return resolve_precision(setting, device_type=device.type, cuda_has_bfloat16=cuda_has_bfloat16)


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a model's forward pass runs at ``precision``."""
    if precision == "float32":
        return nullcontext()
    import torch  # noqa: PLC0415

    return torch.autocast(device.type, dtype=getattr(torch, precision))
