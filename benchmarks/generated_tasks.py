"""Images a second of the generated tasks, drawn on one core, without the cache.

Processor time of one process, whose libraries have one thread. From the repository's root::

    OMP_NUM_THREADS=1 python benchmarks/generated_tasks.py [--quick] [--json FILE]
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from machine import machine
from options import parser_of, write_json
from tables import print_table

from trainers.data.generated.generated_task import (
    BLOCK_IMAGES,
    GeneratedTask,
    pathfinder_task,
    pointer_value_retrieval_task,
    shapes_task,
)
from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.data.generated.pointer_value_retrieval_settings import PointerValueRetrievalSettings
from trainers.data.generated.shapes_settings import ShapesSettings

TASKS: dict[str, GeneratedTask] = {
    "pathfinder": pathfinder_task(PathfinderSettings()),
    "pathfinder, 64 pixels, 14 dashes": pathfinder_task(PathfinderSettings(pixels=64, dashes=14)),
    "pointer_value_retrieval": pointer_value_retrieval_task(PointerValueRetrievalSettings()),
    "shapes": shapes_task(ShapesSettings()),
}
REPORTED = 10_000
COLUMNS = {"task": "task", "seconds": f"s for {REPORTED:,} images", "standard_error": "+-"}


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    options = parser_of(__doc__ or "", quick="one block of images of each, twice").parse_args()
    images, rounds = (BLOCK_IMAGES, 2) if options.quick else (REPORTED, 5)
    figures: dict[str, Any] = {"machine": machine(), "images_drawn": images}
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    figures["tasks"] = rows = []
    for name, task in TASKS.items():
        task.drawn(0, "test", 1)  # (imports, and the first use of memory)
        seconds = [_seconds(task, seed, images) * REPORTED / images for seed in range(rounds)]
        rows.append(
            {
                "task": name,
                "seconds": statistics.mean(seconds),
                "standard_error": statistics.stdev(seconds) / rounds**0.5,
                "n": rounds,
            }
        )
    print_table(f"Processor time, n = {rounds} seeds", rows, COLUMNS)
    write_json(figures, options)


def _seconds(task: GeneratedTask, seed: int, images: int) -> float:
    began = time.process_time()
    task.drawn(seed, "train", images)
    return time.process_time() - began


if __name__ == "__main__":
    main()
