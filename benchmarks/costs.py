"""Closed-form costs against fvcore's tracing: how much faster, and how good the memory estimate is.

Both count the parameters, MACs and activations of the same networks in one process and must agree
to the unit, or the benchmark fails. Peak memory of a training step has no tracing rival: it is
compared with what PyTorch's allocator really hands out, per image. From the repository's root::

    python benchmarks/costs.py [--quick] [--json FILE]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from options import parser_of, silence_profiler, write_json
from tables import print_table

from search_space.architecture import Task
from search_space.cost import count_module, network_costs, peak_memory_bytes
from search_space.cost.population import PopulationCosts
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.tracing.memory import peak_bytes_per_image

SPACES = Path(__file__).parents[1] / "configs" / "spaces"
IMAGES = {
    "digits": (1, 8, 8),
    "resnet_cifar": (3, 32, 32),
    "wide_resnet_cifar": (3, 16, 16),  # its widest attention keeps gigabytes a batch on 32 x 32
    "resnet_imagenet": (3, 64, 64),
    "mnasnet_imagenet": (3, 64, 64),
}
QUICK = ("digits", "mnasnet_imagenet")
CLASSES = 10


def main() -> None:
    """Measure, print two tables, and write the same figures as JSON."""
    options = parser_of(__doc__, quick="fewer networks, about 10 s").parse_args()
    torch.set_num_threads(1)
    silence_profiler()
    names, traced, measured, population = (
        (QUICK, 3, 3, 5_000) if options.quick else (tuple(IMAGES), 20, 20, 100_000)
    )

    speeds = [speed(name, traced, population) for name in names]
    print_table(
        "one core, median per architecture; fvcore traces the whole network, built beforehand",
        speeds,
    )
    errors = [memory_error(name, measured) for name in names]
    print_table("peak memory of a float32 training step per image, estimate / measured", errors)
    write_json({"machine": machine(), "speed": speeds, "memory": errors}, options)


def speed(name: str, traced: int, population: int) -> dict[str, Any]:
    """Times of one space, and the ratios of fvcore's to ours.

    Raises:
        SystemExit: the two do not count the same.
    """
    space, task = _space_and_task(name)
    rng = np.random.default_rng(0)
    vectors = np.array(
        [space.walk(lambda p: int(rng.integers(len(p.choices)))) for _ in range(population)]
    )
    architectures = [space.decode(vector) for vector in vectors[:1000]]

    fvcore_seconds = []
    for architecture in architectures[:traced]:
        model = build(architecture, task, seed=0)
        started = time.perf_counter()
        counts = count_module(model, task.input_shape)
        fvcore_seconds.append(time.perf_counter() - started)
        costs = network_costs(architecture, task)
        if counts != (costs.params, costs.macs, costs.activations):
            sys.exit(f"{name}: {architecture.arch_id} is {costs}, fvcore counts {counts}")

    closed_seconds = [_seconds(network_costs, each, task) for each in architectures]
    columns = PopulationCosts(space, task)
    first = _seconds(columns, vectors)  # with nothing worked out yet
    again = min(_seconds(columns, vectors) for _ in range(3))
    fvcore, closed = np.median(fvcore_seconds), np.median(closed_seconds)
    return {
        "space": name,
        "image": "x".join(map(str, IMAGES[name])),
        "fvcore_ms": 1e3 * fvcore,
        "closed_form_us": 1e6 * closed,
        "fvcore_over_closed_form": fvcore / closed,
        "population_first_architectures_per_s": population / first,
        "population_again_architectures_per_s": population / again,
        "fvcore_over_population_first": fvcore * population / first,
        "n_fvcore": traced,
        "n_closed_form": len(architectures),
        "n_population": population,
    }


def memory_error(name: str, networks: int) -> dict[str, Any]:
    """Compare the estimate of peak memory with the allocator's peak."""
    space, task = _space_and_task(name)
    rng = np.random.default_rng(1)
    ratios, estimates, peaks = [], [], []
    for _ in range(networks):
        architecture = space.sample(rng)
        estimates.append(peak_memory_bytes(architecture, task))
        model = build(architecture, task, seed=0)
        peaks.append(peak_bytes_per_image(model, task.input_shape, task.classes))
        ratios.append(estimates[-1] / peaks[-1])
    return {
        "space": name,
        "image": "x".join(map(str, IMAGES[name])),
        "mean_absolute_error_percent": 100 * float(np.mean(np.abs(np.array(ratios) - 1))),
        "least_ratio": min(ratios),
        "median_ratio": float(np.median(ratios)),
        "most_ratio": max(ratios),
        "rank_correlation": _rank_correlation(estimates, peaks),
        "n_networks": networks,
    }


def _space_and_task(name: str) -> tuple[SearchSpace, Task]:
    return SearchSpace.from_yaml(SPACES / f"{name}.yaml"), Task(
        input_shape=IMAGES[name], classes=CLASSES
    )


def _seconds(function: Any, *arguments: Any) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def _rank_correlation(first: list[int], second: list[float]) -> float:
    ranks = np.argsort(np.argsort(np.array([first, second])))
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


if __name__ == "__main__":
    main()
