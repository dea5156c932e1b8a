"""Zero-cost scores: whether they rank networks as training does, and speed a search up.

On this project's own table, or another of `nas tabulate`: each score's rank correlation with the
trained accuracy, beside those of parameters and MACs, and what a score costs against a training;
then replays of the default sampler with and without scores, the same seeds for both. From the
repository's root::

    python benchmarks/zero_cost.py [--quick] [--table FILE] [--json FILE]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from options import parser_of, write_json
from tables import print_table

from analysis.fidelity.score_ranking import score_rankings
from nas.benchmark.parallel import Job, replay_all
from nas.benchmark.results import Result, evaluations
from nas.benchmark.specs import PLAIN, parse_spec
from nas.benchmark.statistics import Score, interval
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.commands.tools.benchmark_source import SHIPPED
from nas.zero_cost import SCORES
from nas.zero_cost.measured import measure_scores
from nas.zero_cost.source import NetworkScores

WITHOUT = "default"
WITH = ("synflow,naswot", "naswot", "grad_norm")
CHECKPOINTS = (25, 50, 100)
SEEDS, QUICK_SEEDS = 20, 2
QUICK_ROWS, QUICK_RESAMPLES, RESAMPLES = 60, 100, 1000
PROCESSES = 2
LOG_EVERY_SECONDS = 15.0


def main() -> None:
    """Measure, print two tables, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="60 networks and 2 seeds, about a minute")
    parser.add_argument("--table", type=Path, default=SHIPPED, help="of `nas tabulate`")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = read_tabulated(options.table)
    if not isinstance(table.scores, NetworkScores):
        sys.exit(f"{options.table}: its head does not name the data, so nothing can be scored")

    rows = np.arange(len(table.rows))
    if options.quick:
        rows = np.random.default_rng(0).permutation(rows)[:QUICK_ROWS]
    ranked = rankings(
        table, table.scores, rows, resamples=QUICK_RESAMPLES if options.quick else RESAMPLES
    )
    training_ms = 1e3 * float(table.seconds[rows].mean())
    print_table(
        f"rank correlation with val_accuracy, {len(rows)} networks of {table.name}; a training "
        f"takes {training_ms:,.0f} ms",
        [_flat(row) for row in ranked],
    )
    replayed = comparison(table, SEEDS if not options.quick else QUICK_SEEDS)
    print_table(
        "the default sampler with scores, less without: 95 % intervals over the same seeds",
        replayed,
    )
    write_json(
        {"machine": machine(), "training_ms": training_ms, "scores": ranked, "search": replayed},
        options,
    )


def rankings(
    table: BenchmarkTable, source: NetworkScores, rows: np.ndarray, *, resamples: int
) -> list[dict[str, Any]]:
    """Return each score's correlations with intervals, and its cost."""
    log = _Log("scored networks", len(rows))
    measured = measure_scores(source, [table.rows[row] for row in rows], SCORES, on_done=log)
    rankings_of_scores = score_rankings(
        measured.scores, table.maximised[rows].tolist(), measured.score_ms, resamples=resamples
    )
    return [ranking.to_json() for ranking in rankings_of_scores]


def comparison(table: BenchmarkTable, seeds: int) -> list[dict[str, Any]]:
    """Return hypervolume and regret with each choice of scores, and the differences to none."""
    specs = [parse_spec(WITHOUT), *(parse_spec(f"{WITHOUT}:scores=[{names}]") for names in WITH)]
    jobs = [
        Job(spec, parse_spec(PLAIN), seed, max(CHECKPOINTS), 1)
        for seed in range(seeds)
        for spec in specs
    ]
    results: list[Result] = []
    log = _Log("replays", len(jobs))
    replay_all(table, jobs, processes=PROCESSES, ended=results, on_change=lambda: log(len(results)))
    results.sort(key=lambda result: result.seed)  # they came as they ended
    score = Score(table)
    figures: dict[str, dict[str, list[float]]] = {spec.text: {} for spec in specs}
    for result in results:
        evaluated = evaluations(table, result.replay)
        for name, values in (
            ("hypervolume", score.hypervolumes(evaluated)),
            ("regret", score.regrets(evaluated)),
        ):
            of_sampler = figures[result.sampler]
            for count in CHECKPOINTS:
                of_sampler.setdefault(f"{name}_{count}", []).append(values[count - 1])
    rows = []
    for spec in specs:
        for name, per_seed in figures[spec.text].items():
            differences = np.subtract(per_seed, figures[WITHOUT][name])
            mean, half = interval(differences)
            rows.append(
                {
                    "sampler": spec.text,
                    "figure": name,
                    "mean": float(np.mean(per_seed)),
                    "difference": None if spec.text == WITHOUT else mean,
                    "half_width": None if spec.text == WITHOUT else half,
                    "n": seeds,
                }
            )
    return rows


def _flat(ranking: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table: intervals as text."""
    return {
        name: f"{value[0]:.3f} to {value[1]:.3f}" if isinstance(value, list) else value
        for name, value in ranking.items()
    }


class _Log:
    """A line of progress, now and then."""

    def __init__(self, what: str, wanted: int) -> None:
        self._what, self._wanted = what, wanted
        self._next = time.monotonic() + LOG_EVERY_SECONDS

    def __call__(self, done: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LOG_EVERY_SECONDS
            print(f"{self._what}: {done} of {self._wanted}", file=sys.stderr)


if __name__ == "__main__":
    main()
