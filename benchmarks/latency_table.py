"""A latency table's predictions against measurements of 50 random architectures.

For each space a table is made as ``nas latency-table`` makes it, then 50 architectures that it has
not seen are measured, twice: how far the second measurement is from the first says how much of the
error is the device's. Leave the device otherwise idle. From the repository's root::

    python benchmarks/latency_table.py [--quick] [--space NAME] [--device cuda] [--tables FOLDER]
        [--json FILE]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import chosen_device, machine_with
from options import add_device, parser_of, write_json
from tables import print_table

from nas.workflows.latency_table import TableProgress, make_table
from search_space.architecture import Architecture, Task
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency_record import LatencySettings
from search_space.cost.latency_table import PartSums, Prediction, measure_network
from search_space.space import SearchSpace

SPACES = Path(__file__).parents[1] / "configs" / "spaces"
IMAGES = {"digits": (1, 8, 8), "resnet_cifar": (3, 32, 32), "mnasnet_imagenet": (3, 224, 224)}
QUICK = ("digits",)
CLASSES = 10
ARCHITECTURES = 50
SEED = 0
TEST_STREAM = 7  # of the seed: other architectures than those that the table is fitted to
LOG_EVERY_SECONDS = 15.0


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="the smallest space alone, about a minute")
    parser.add_argument("--space", choices=list(IMAGES), action="append", help="only this one")
    add_device(parser, threads=1)
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="images a pass")
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="keep, or go on with, these")
    options = parser.parse_args()
    device = chosen_device(options)
    settings = LatencySettings(
        device=options.device, threads=options.threads, batch_size=options.batch
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.tables or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        names = options.space or (QUICK if options.quick else tuple(IMAGES))
        rows = [error_of(name, settings, folder) for name in names]
    print_table(
        f"predicted against measured latency, {ARCHITECTURES} random architectures, batch "
        f"{options.batch}, float32",
        [{key: row[key] for key in row if key != "networks"} for row in rows],
    )
    write_json({"machine": machine_with(device), "latency_table": rows}, options)


def error_of(name: str, settings: LatencySettings, folder: Path) -> dict[str, Any]:
    """Compare a space's table with the measured latency of its networks."""
    space = SearchSpace.from_yaml(SPACES / f"{name}.yaml")
    task = Task(input_shape=IMAGES[name], classes=CLASSES)
    started = time.perf_counter()
    table = make_table(
        space, task, settings, folder / f"{name}.json", seed=SEED, on_progress=_Log(name)
    )
    table_seconds = time.perf_counter() - started
    prediction, sums, core = Prediction(table, task), PartSums(table.parts), CoreSpeed()
    rng = np.random.default_rng([SEED, TEST_STREAM])
    seen = {network.arch_id for network in table.networks}
    architectures: list[Architecture] = []
    while len(architectures) < ARCHITECTURES:
        drawn = space.sample(rng)
        if drawn.arch_id not in seen:
            seen.add(drawn.arch_id)
            architectures.append(drawn)
    first, again = (
        np.array(
            [
                measure_network(each, task, settings, sums, seed=SEED, core=core).latency_ms
                for each in architectures
            ]
        )
        for _ in range(2)
    )
    predicted = np.array([prediction.latency_ms(each) for each in architectures])
    errors = np.abs(predicted / first - 1)
    return {
        "space": name,
        "image": "x".join(map(str, IMAGES[name])),
        "n": ARCHITECTURES,
        "least_ms": float(first.min()),
        "most_ms": float(first.max()),
        "mean_error_percent": 100 * float(errors.mean()),
        "largest_error_percent": 100 * float(errors.max()),
        "rank_correlation": _rank_correlation(predicted, first),
        "margin_percent": 100 * prediction.correction.margin,
        "wrongly_over_percent": 100 * float((prediction.least_ms(predicted) > first).mean()),
        "again_error_percent": 100 * float(np.abs(again / first - 1).mean()),
        "again_rank_correlation": _rank_correlation(again, first),
        "parts": len(table.parts),
        "table_seconds": table_seconds,
        "networks": [
            {"arch_id": a.arch_id, "predicted_ms": p, "measured_ms": m, "measured_again_ms": m2}
            for a, p, m, m2 in zip(
                architectures, predicted.tolist(), first.tolist(), again.tolist(), strict=True
            )
        ],
    }


class _Log:
    """A line on how far the table is, now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = time.monotonic() + LOG_EVERY_SECONDS

    def __call__(self, done: TableProgress) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LOG_EVERY_SECONDS
            print(
                f"{self._name}: {done.parts} of {done.parts_wanted} parts, "
                f"{done.networks} of {done.networks_wanted} networks",
                file=sys.stderr,
            )


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; measured times have no ties."""
    ranks = np.argsort(np.argsort(np.array([first, second])))
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


if __name__ == "__main__":
    main()
