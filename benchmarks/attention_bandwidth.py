"""The operators alone against the memory's bandwidth: how far kernels are from their floor.

The floor reads queries, keys and values once and writes the output (backward: reads these four and
the output's gradient, writes three gradients), at the rate of a large copy in the same run.
"""

from __future__ import annotations

from typing import Any

import torch
from attention_layers import Case, operands
from interleaved import Effort, Step, time_interleaved, without_launching

from search_space.attention import registration
from search_space.attention.backends import IMPLEMENTATIONS
from search_space.attention.operands import Operands

COPIED_BYTES = 2**31


def copy_bytes_per_s(effort: Effort, device: torch.device, copied: int = COPIED_BYTES) -> float:
    """Bytes read and written a second by a copy of ``copied`` bytes."""
    source = torch.empty(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    timing = time_interleaved({"copy": lambda: target.copy_(source)}, effort, device)["copy"]
    return 2 * copied / (timing.median_ms / 1e3)


def operator_rows(case: Case, effort: Effort, bytes_per_s: float) -> list[dict[str, Any]]:
    """Times of every implementation's operator, and the share of the bandwidth that they reach."""
    with torch.no_grad():
        given = operands(case.layer.attention_inputs(case.x))  # type: ignore[operator]
    names = [name for name in case.variants if name in IMPLEMENTATIONS]
    steps: dict[tuple[str, str], Step] = {}
    for name in names:
        steps |= {(name, mode): step for mode, step in _steps(given, name).items()}
    if case.x.device.type == "cuda":
        pool = torch.cuda.graph_pool_handle()
        steps = {name: without_launching(step, pool) for name, step in steps.items()}
    timings = time_interleaved(steps, effort, case.x.device)
    queries = given.q.numel() + (0 if given.k is None else given.k.numel())
    one_way = (queries + 2 * given.v.numel()) * given.q.element_size()
    rows = []
    for name in names:
        row: dict[str, Any] = {"case": case.title, "implementation": name}
        for mode, floor in (("forward", one_way), ("backward", 2 * one_way)):
            timing = timings[name, mode]
            row |= {
                f"{mode}_us": 1e3 * timing.median_ms,
                f"{mode}_spread_us": 1e3 * timing.spread_ms,
                f"{mode}_floor_us": 1e6 * floor / bytes_per_s,
                f"{mode}_bandwidth_fraction": floor / bytes_per_s / (timing.median_ms / 1e3),
                f"{mode}_repeats": timing.repeats,
            }
        rows.append(row)
    return rows


def _steps(given: Operands, name: str) -> dict[str, Step]:
    tensors = tuple(None if x is None else x.detach() for x in given.tensors)
    settings = (given.extent, given.border, given.scale, name)

    def forward() -> Any:
        if given.extent:
            return registration.local_operator(*tensors, *settings)
        return registration.global_operator(*tensors, given.scale, name)

    out, lse = forward()
    grad_out = torch.randn_like(out)
    return {
        "forward": forward,
        "backward": lambda: registration.backward_operator(grad_out, *tensors, out, lse, *settings),
    }
