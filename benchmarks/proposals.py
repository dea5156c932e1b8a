"""Time of a proposal with many results: the default sampler beside Optuna's TPE.

Each sees the same Optuna study in memory: random architectures of a shipped space, their exact
parameters, and an invented accuracy that choices and size decide, with noise. The time is
that of one ask with all its suggestions, for which a search waits; the result is told before the
next one. The
first proposal reads and fits everything, as after a resumption, and has a column of its own. From
the repository's root::

    python benchmarks/proposals.py [--quick] [--json FILE]
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import machine
from options import parser_of, write_json
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial
from tables import print_table

from nas.costs.static_costs import StaticCosts
from nas.samplers import build_sampler
from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from search_space.space.parameters import Parameter

SPACES = Path(__file__).parents[1] / "configs" / "spaces"
TASKS = {
    "digits": Task(input_shape=(1, 8, 8), classes=10),
    "resnet_cifar": Task(input_shape=(3, 32, 32), classes=100),
    "mnasnet_imagenet": Task(input_shape=(3, 224, 224), classes=1000),
}

OBJECTIVES = ("val_accuracy", "params")
SEED = 0
NOISE = 0.01
PROPOSALS = {"default": 20, "tpe": 5}
"""The number of timed proposals of each sampler."""

MOST_OF_RIVAL = 1000
"""The most results with which Optuna's TPE is timed: with 10,000 a proposal takes many seconds."""

COLUMNS = {
    "space": "space",
    "architectures": "architectures",
    "results": "results",
    "sampler": "sampler",
    "first_ms": "first ms",
    "median_ms": "median ms",
    "worst_ms": "worst ms",
    "n": "n",
    "ratio": "TPE's / its",
}


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="two spaces, 1,000 results only, under 40 s")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = ["digits", "mnasnet_imagenet"] if options.quick else list(TASKS)
    rows = []
    for name in names:
        for results in [1_000] if options.quick else [1_000, 10_000]:
            rows += figures(name, results)
    print_table("one ask with all its suggestions, n of them after the first", rows, COLUMNS)
    write_json({"machine": machine(), "proposals": rows}, options)


def figures(name: str, results: int) -> list[dict[str, Any]]:
    """Time the samplers on a space after ``results`` results; return a row each."""
    space = SearchSpace.from_yaml(SPACES / f"{name}.yaml")
    costs = StaticCosts(space, TASKS[name], batch_size=None)
    landscape = Landscape(space, costs)
    rows: list[dict[str, Any]] = []
    for sampler, n in PROPOSALS.items():
        if sampler == "tpe" and results > MOST_OF_RIVAL:
            continue
        times = timed(sampler, space, costs, landscape, results, n)
        rows.append(
            {
                "space": name,
                "architectures": f"{space.size:.2g}",
                "results": results,
                "sampler": sampler,
                "first_ms": times[0],
                "median_ms": float(np.median(times[1:])),
                "worst_ms": max(times[1:]),
                "n": n,
            }
        )
    tpe = {row["sampler"]: row["median_ms"] for row in rows}.get("tpe")
    return [row | {"ratio": tpe and tpe / row["median_ms"]} for row in rows]


class Landscape:
    """An invented accuracy: choices add to it, and size, up to a point.

    Args:
        space: whose architectures these are.
        costs: theirs.
    """

    def __init__(self, space: SearchSpace, costs: StaticCosts) -> None:
        rng = np.random.default_rng(SEED)
        self._space, self._costs = space, costs
        self._worth = [rng.normal(0, 0.02, len(p.choices) + 1) for p in space.parameters]
        self._rng = rng

    def __call__(self, architecture: Architecture) -> tuple[float, float]:
        """Return accuracy, with noise, and parameters."""
        params = self._costs.of(architecture)["params"]
        vector = self._space.encode(architecture)
        worth = sum(worth_of[choice] for worth_of, choice in zip(self._worth, vector, strict=True))
        size = 1 - 1 / np.log2(params)
        return float(0.8 * size + worth + self._rng.normal(0, NOISE)), params


def timed(
    sampler: str,
    space: SearchSpace,
    costs: StaticCosts,
    landscape: Landscape,
    results: int,
    n: int,
) -> list[float]:
    """Return milliseconds of the first proposal after ``results`` results, and of ``n`` more."""
    build = build_sampler(sampler, {}, space, costs=costs, objectives=OBJECTIVES, seed=SEED)
    study = optuna.create_study(directions=["maximize", "minimize"])
    rng = np.random.default_rng(SEED)
    seen: dict[Architecture, None] = {}
    while len(seen) < results:
        seen.setdefault(space.sample(rng))
    study.add_trials([_finished(space, each, landscape(each)) for each in seen])
    times = []
    for number in range(results, results + 1 + n):
        started = time.perf_counter()
        study.sampler = build(number)
        trial = study.ask()

        def choose(parameter: Parameter, trial: optuna.Trial = trial) -> int:
            chosen = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(chosen)

        architecture = space.decode(space.walk(choose))
        times.append(1000 * (time.perf_counter() - started))
        study.tell(trial, landscape(architecture))
    return times


def _finished(
    space: SearchSpace, architecture: Architecture, values: tuple[float, float]
) -> optuna.trial.FrozenTrial:
    """Return a trial as Optuna keeps it."""
    vector = space.encode(architecture)
    active = [
        (parameter, choice)
        for parameter, choice in zip(space.parameters, vector, strict=True)
        if choice >= 0
    ]
    return create_trial(
        state=TrialState.COMPLETE,
        params={parameter.name: parameter.choices[choice] for parameter, choice in active},
        distributions={p.name: CategoricalDistribution(p.choices) for p, _ in active},
        values=list(values),
    )


if __name__ == "__main__":
    main()
