"""The machine that figures are from."""

from __future__ import annotations

import argparse
import os
import platform
from typing import Any

import torch

from search_space.cost.latency import device_name


def machine() -> dict[str, Any]:
    """Return the machine's kind, and the versions that the figures depend on."""
    return {
        "cpu_model": device_name("cpu"),
        "cpu_architecture": platform.machine(),
        "cores": os.cpu_count(),
        "threads_used": torch.get_num_threads(),
        "operating_system": platform.system(),
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
    }


def machine_with(device: torch.device) -> dict[str, Any]:
    """Return the same, and the GPU where the figures are a GPU's."""
    if device.type != "cuda":
        return machine()
    return machine() | {"gpu_model": device_name("cuda"), "cuda_version": torch.version.cuda}


def chosen_device(options: argparse.Namespace) -> torch.device:
    """Return the device of ``--device``, and set the number of ``--threads``.

    Raises:
        SystemExit: PyTorch has no such device here.
    """
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            f"--device cuda needs a GPU, and PyTorch {torch.__version__} sees none here: "
            "nothing was measured"
        )
    if options.threads:
        torch.set_num_threads(options.threads)
    return torch.device(options.device)
