"""The rows of the attention benchmark: each variant of a case, timed and weighed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from attention_check import check
from attention_layers import UNIT, Case
from interleaved import Effort, Timing, time_interleaved, without_launching
from step_memory import allocated_peak_mib, resident_growth_mib, return_freed_memory

Row = dict[str, Any]
MODES = {"forward": False, "training": True}


def case_rows(case: Case, effort: Effort) -> list[Row]:
    """A row for each variant: times and peak memory, and their ratios to the convolution's.

    Ratios and figures that there are none of are None. ``resident_mib`` is, until
    :func:`add_resident` measures it.

    Raises:
        Wrong: a variant computes something else than the layer.
    """
    refused = check(case)
    runnable = [name for name in case.variants if name not in refused]
    steps = {
        (name, mode): case.step(name, training=training)
        for name in runnable
        for mode, training in MODES.items()
        if case.variants[name].differentiable or not training
    }
    timings, launched = _timings(steps, effort, case.x.device)
    peaks = {
        name: allocated_peak_mib(steps[name, "training"], case.x.device)
        for name in runnable
        if (name, "training") in steps
    }
    rows = []
    for name, variant in case.variants.items():
        notes = [refused.get(name, ""), variant.note]
        if any((name, mode) in launched for mode in MODES):
            notes.append("launching by Python is counted")
        row: Row = {"case": case.title, "variant": name}
        for mode in MODES:
            row |= _timed(mode, timings.get((name, mode)), timings[UNIT, mode])
        peak = peaks.get(name)
        row |= {"peak_mib": peak, "peak_ratio": None if peak is None else peak / peaks[UNIT]}
        rows.append(row | {"resident_mib": None, "note": "; ".join(filter(None, notes))})
    return rows + [
        dict.fromkeys(rows[0]) | {"case": case.title, "variant": name, "note": f"not run: {why}"}
        for name, why in case.left_out.items()
    ]


def add_resident(case: Case, rows: list[Row]) -> None:
    """Measure ``resident_mib`` on a CPU; call it when all timing is done."""
    return_freed_memory()
    for row in rows:
        if row["peak_mib"] is not None:
            row["resident_mib"] = resident_growth_mib(case.step(row["variant"], training=True))


def _timings(
    steps: dict[tuple[str, str], Callable[[], Any]], effort: Effort, device: torch.device
) -> tuple[dict[tuple[str, str], Timing], set[tuple[str, str]]]:
    """Time all steps; return those too that Python had to launch, on a GPU."""
    if device.type != "cuda":
        return time_interleaved(steps, effort, device), set()
    ready, launched = {}, set()
    pool = torch.cuda.graph_pool_handle()
    for name, step in steps.items():
        try:
            ready[name] = without_launching(step, pool)
        except RuntimeError:
            torch.cuda.synchronize()
            ready[name] = step
            launched.add(name)
    return time_interleaved(ready, effort, device), launched


def _timed(mode: str, timing: Timing | None, unit: Timing) -> Row:
    return {
        f"{mode}_ms": timing and timing.median_ms,
        f"{mode}_spread_ms": timing and timing.spread_ms,
        f"{mode}_ratio": timing and timing.median_ms / unit.median_ms,
        f"{mode}_repeats": timing and timing.repeats,
    }
