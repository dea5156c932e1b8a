"""Time and memory of whole networks, as multiples of ResNet-50's.

ResNet-50, SASA ResNet-50, AA-ResNet-50 and the median candidate of a search space, their training
and inference steps taken in turn in one process. From the repository's root::

    python benchmarks/models.py [--quick] [--json FILE] [--device cpu|cuda] [--threads N]

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
    "network": "",
    "gmacs": "GMACs",
    "training_ms": "training ms",
    "training_spread_ms": "+-",
    "training_ratio": "x ResNet-50",
    "inference_ms": "inference ms",
    "inference_spread_ms": "+-",
    "inference_ratio": "x ResNet-50",
    "peak_mib": "peak MiB",
    "peak_ratio": "x ResNet-50",
    "attention_by": "attention by",
}


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="images of 64 x 64, under 40 s")
    add_device(parser)
    add_allocator(parser)
    parser.add_argument("--batch", type=int, metavar="N", help="else 128 on a GPU, 2 on a CPU")
    options = parser.parse_args()
    settle_allocator(options)
    silence_profiler()
    write_json(measure(options), options)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, which are printed too."""
    import torch  # noqa: PLC0415 - after the allocator is settled, here and below
    from interleaved import Effort  # noqa: PLC0415
    from machine import chosen_device, machine_with  # noqa: PLC0415
    from model_figures import Setting, named_architectures, network_rows  # noqa: PLC0415

    device = chosen_device(options)
    torch.manual_seed(0)
    on_gpu = device.type == "cuda"
    setting = Setting(
        device=device,
        batch=options.batch or (128 if on_gpu else 2),
        side=64 if options.quick else 224,
    )
    effort = Effort(seconds=8, rounds=10) if options.quick else Effort(seconds=150, rounds=30)
    figures: dict[str, Any] = {
        "machine": machine_with(device),
        "batch": setting.batch,
        "image": f"3x{setting.side}x{setting.side}",
        "precision": "bfloat16 autocast" if on_gpu else "float32",
        "memory_format": "channels_last" if on_gpu else "contiguous",
        "keeps_freed_memory": is_steady(),
    }
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    print("times are medians of steps taken in turn, and +- is the interquartile range")
    if is_steady():
        print(WHY)
    figures["networks"] = rows = network_rows(named_architectures(), setting, effort)
    what = ", ".join(str(figures[key]) for key in ("image", "precision", "memory_format"))
    print_table(f"batch {setting.batch}, {what} (n = {rows[0]['repeats']})", rows, COLUMNS)
    return figures


if __name__ == "__main__":
    main()
