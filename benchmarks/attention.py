"""Time and memory of local and global attention layers, as multiples of a 3x3 convolution's.

Whole layers, projections included: every implementation of the package that runs here, and other
ways to compute the same (benchmarks/attention_rivals.py). All are taken in turn in one process, and
compared with the reference first. From the repository's root::

    python benchmarks/attention.py [--quick] [--json FILE] [--device cpu|cuda] [--threads N]

What the columns mean is said in docs/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
from typing import Any

from options import (
    add_allocator,
    add_device,
    parser_of,
    settle_allocator,
    silence_profiler,
    write_json,
)
from steady_allocator import WHY, is_steady
from tables import print_table

COLUMNS = {
    "variant": "",
    "forward_ms": "fwd ms",
    "forward_spread_ms": "+-",
    "forward_ratio": "x conv",
    "training_ms": "fwd+bwd ms",
    "training_spread_ms": "+-",
    "training_ratio": "x conv",
    "peak_mib": "peak MiB",
    "peak_ratio": "x conv",
    "resident_mib": "resident MiB",
    "note": "",
}
OPERATOR_COLUMNS = {
    "case": "operator alone",
    "implementation": "",
    "forward_us": "fwd us",
    "forward_spread_us": "+-",
    "forward_floor_us": "floor us",
    "forward_bandwidth_fraction": "of bandwidth",
    "backward_us": "bwd us",
    "backward_spread_us": "+-",
    "backward_floor_us": "floor us",
    "backward_bandwidth_fraction": "of bandwidth",
}


def main() -> None:
    """Measure, print a table for each map, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="fewer repeats and rivals, under 40 s")
    add_device(parser)
    add_allocator(parser)
    options = parser.parse_args()
    settle_allocator(options)
    silence_profiler()
    write_json(measure(options), options)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures; each table is printed when it is there."""
    import torch  # noqa: PLC0415 - after the allocator is settled, here and below
    from attention_bandwidth import copy_bytes_per_s, operator_rows  # noqa: PLC0415
    from attention_figures import add_resident, case_rows  # noqa: PLC0415
    from attention_layers import Setting, global_cases, local_cases  # noqa: PLC0415
    from interleaved import Effort  # noqa: PLC0415
    from machine import chosen_device, machine_with  # noqa: PLC0415

    device = chosen_device(options)
    on_gpu = device.type == "cuda"
    torch.manual_seed(0)
    setting = Setting(
        device=device,
        dtype=torch.bfloat16 if on_gpu else torch.float32,
        batch=128 if on_gpu else 8,
        quick=options.quick,
    )
    effort = Effort(seconds=1.5, rounds=30) if options.quick else Effort(seconds=20, rounds=100)
    figures: dict[str, Any] = {
        "machine": machine_with(device),
        "batch": setting.batch,
        "dtype": str(setting.dtype).removeprefix("torch."),
        "memory_format": "channels_last" if on_gpu else "contiguous",
        "keeps_freed_memory": is_steady(),
        "layers": [],
        "operators": [],
    }
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    print(", ".join(f"{key} {figures[key]}" for key in ("batch", "dtype", "memory_format")))
    print("times are medians, and +- is the interquartile range; forward is without a graph")
    if is_steady():
        print(WHY)

    cases = []
    for make in (local_cases, global_cases):
        for case in make(setting):
            rows = case_rows(case, effort)
            figures["layers"] += rows
            cases.append((case, rows))
            if on_gpu:
                _print_layer(rows)
    if on_gpu:
        bytes_per_s = copy_bytes_per_s(effort, device)
        figures["copy_gb_per_s"] = bytes_per_s / 1e9
        for case, _ in cases:
            figures["operators"] += operator_rows(case, effort, bytes_per_s)
        print_table(
            f"a copy: {bytes_per_s / 1e9:,.0f} GB/s", figures["operators"], OPERATOR_COLUMNS
        )
        return figures
    for case, rows in cases:  # now that all timing is done
        add_resident(case, rows)
        _print_layer(rows)
    return figures


def _print_layer(rows: list[dict[str, Any]]) -> None:
    repeats = max(row["training_repeats"] or 0 for row in rows)
    print_table(f"{rows[0]['case']} (n = {repeats})", rows, COLUMNS)


if __name__ == "__main__":
    main()
