"""Samplers on one table of trained networks over paired seeds: share, worst seed, regret, time.

Share is that of the true front's hypervolume, by the true accuracies of what was evaluated, also
where ``--noise`` lets a search see single trainings. ``front`` is the share of the members alone
that the search shows at the end, chosen by what it saw. ``worst`` is the seed with the least share.
Figures are means over seeds +- their standard error. ``--beside`` compares with the figures of
another version of this project, seed by seed.

``--setting`` replays other searches than the usual one of accuracy and cost:

* ``accuracy``: accuracy alone is an objective, and regret alone is shown;
* ``limit``: only architectures up to the median cost are allowed;
* ``warm``: the search learns from 30 random rows first, which count as nothing found;
* ``halving``: trials are stopped at rungs, and counted as evaluations all the same.

From the repository's root; ``--json`` is written after each replay, and read before the first::

    python benchmarks/samplers.py [--nas-bench-macro FILE | --csv FILE --choices COL,COL
        --maximize COL --minimize COL] [--noise POINTS] [--setting NAME] [--samplers NAME,NAME]
        [--seeds 0-19] [--budget N] [--quick] [--json FILE] [--beside FILE]
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import machine
from options import parser_of, write_json
from optuna.study import StudyDirection
from tables import print_table

from nas.benchmark.noise import Noise, parse_noise, shown_share, single_trainings
from nas.benchmark.replay import replay
from nas.benchmark.specs import build_schedule, parse_spec, sampler_of
from nas.benchmark.statistics import Score
from nas.benchmark.table import BenchmarkTable
from nas.cli.commands.tools.benchmark import parse_seeds
from nas.cli.commands.tools.benchmark_source import Source, read_source
from nas.samplers import build_sampler
from nas.samplers.trials import CompletedTrial
from search_space.space.parameters import Parameter

MARKS = (30, 60, 120, 200)
SAMPLERS = "default,nsga2:population_size=20,tpe,pareto_local_search,random"
SETTINGS = ("search", "accuracy", "limit", "warm", "halving")
LEARNT_ROWS = 30
FIGURES = ("share", "front", "regret")


def main() -> None:
    """Replay, print tables, and write the figures of each replay as JSON."""
    parser = parser_of(__doc__ or "", quick="two seeds of 60 evaluations")
    for name in ("nas-bench-macro", "csv", "tabulated", "beside"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")
    for name in ("choices", "maximize", "minimize", "noise"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--samplers", default=SAMPLERS)
    parser.add_argument("--setting", choices=SETTINGS, default="search")
    parser.add_argument("--seeds", default="0-19")
    parser.add_argument("--budget", type=int, default=MARKS[-1])
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    source = Source(
        options.nas_bench_macro,
        options.csv,
        options.tabulated,
        options.choices,
        options.maximize,
        options.minimize,
        "",
    )
    table = read_source(source)
    budget = min(60 if options.quick else options.budget, len(table.rows))
    marks = [mark for mark in MARKS if mark <= budget]
    noise = parse_noise(options.noise) if options.noise else None
    done = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    done = done.get("replays", [])
    known = {(entry["sampler"], entry["seed"]) for entry in done}
    for seed in parse_seeds("2" if options.quick else options.seeds):
        for sampler in options.samplers.split(","):
            if (sampler, seed) not in known:
                rows, seen, ms = replayed(table, sampler, seed, budget, noise, options.setting)
                counted = figures(allowed(table, options.setting), table, seen, rows, marks)
                done.append({"sampler": sampler, "seed": seed, **counted, "ms": ms})
                write_json({"machine": machine(), "marks": marks, "replays": done}, options)
    report(options, table.name, marks, done)


def report(
    options: argparse.Namespace, name: str, marks: Sequence[int], done: list[dict[str, Any]]
) -> None:
    """Print a row for each sampler and figure, and the differences to another version's."""
    groups = {sampler: entries_of(done, sampler) for sampler in dict.fromkeys(map(_sampler, done))}
    before = {}
    if options.beside:
        other = json.loads(options.beside.read_text())["replays"]
        before = {s: entries_of(other, s) for s in dict.fromkeys(map(_sampler, other))}
        groups |= {f"{sampler} before": entries for sampler, entries in before.items()}
    shown = FIGURES[2:] if options.setting == "accuracy" else FIGURES
    noise = f", noise {options.noise}" if options.noise else ""
    print_table(
        f"{name}, {options.setting}{noise}",
        [row_of(s, figure, e, marks) for figure in shown for s, e in groups.items()],
    )
    both = [
        row_of(f"{sampler} less {sampler} before", figure, differences(entries, old), marks)
        for figure in shown
        for sampler, old in before.items()
        if (entries := groups.get(sampler))
    ]
    if both:
        print_table("paired differences", both)


def _sampler(entry: dict[str, Any]) -> str:
    return str(entry["sampler"])


def entries_of(done: list[dict[str, Any]], sampler: str) -> dict[int, dict[str, Any]]:
    """Return a sampler's replays by seed."""
    return {entry["seed"]: entry for entry in done if entry["sampler"] == sampler}


def differences(
    new: dict[int, dict[str, Any]], old: dict[int, dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    """Return the figures of ``new`` less those of ``old`` with the same seed; times as a ratio."""
    return {
        seed: {
            **{
                figure: np.subtract(new[seed][figure], old[seed][figure]).tolist()
                for figure in FIGURES
            },
            "ms": new[seed]["ms"] / old[seed]["ms"],
        }
        for seed in new.keys() & old.keys()
    }


def row_of(
    sampler: str, figure: str, entries: dict[int, dict[str, Any]], marks: Sequence[int]
) -> dict[str, Any]:
    """Return a table's row: means +- standard errors, the worst seed, and the time."""
    values = np.array([entry[figure] for entry in entries.values()])
    errors = values.std(axis=0, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0 * values[0]
    worst = values.max(axis=0) if figure == "regret" else values.min(axis=0)
    cells = {
        f"at {mark}": f"{mean:.4f} ± {error:.4f}"
        for mark, mean, error in zip(marks, values.mean(axis=0), errors, strict=True)
    }
    cells |= {f"worst at {mark}": f"{value:.4f}" for mark, value in zip(marks, worst, strict=True)}
    ms = float(np.mean([entry["ms"] for entry in entries.values()]))
    return {"figure": figure, "sampler": sampler, **cells, "ms a proposal": f"{ms:.1f}"}


def replayed(
    table: BenchmarkTable, sampler: str, seed: int, budget: int, noise: Noise | None, setting: str
) -> tuple[np.ndarray, BenchmarkTable, float]:
    """Return the rows that one replay evaluates, the table as it saw it, and ms a proposal."""
    seen = table if noise is None else single_trainings(table, noise, seed)
    if setting in ("search", "halving"):
        schedule = build_schedule(parse_spec("asha" if setting == "halving" else "none"), seen)
        make = sampler_of(parse_spec(sampler), seen, seed=seed)
        done = replay(seen, make, budget=budget, schedule=schedule)
        rows = [ended.row for ended in done.ended if ended.is_complete]
        ms = 1000 * done.proposal_seconds / done.proposals
    else:
        rows, ms = asked(seen, sampler, seed, budget, setting)
    return np.array(rows), seen, ms


def asked(
    seen: BenchmarkTable, sampler: str, seed: int, budget: int, setting: str
) -> tuple[list[int], float]:
    """Ask one of this project's samplers; return the rows that it proposes, and ms a proposal."""
    spec = parse_spec(sampler)
    limits, earlier = {}, []
    if setting == "limit":
        limits = {seen.minimised_name: float(np.median(seen.minimised))}
    if setting == "warm":
        learnt = np.random.default_rng(seed).permutation(len(seen.rows))[:LEARNT_ROWS]
        earlier = [CompletedTrial(seen.rows[row], tuple(seen.losses[row])) for row in learnt]
    kept = 1 if setting == "accuracy" else 2
    build = build_sampler(
        spec.name,
        spec.options,
        seen.space,
        costs=seen.costs,
        objectives=seen.objectives[:kept],
        limits=limits,
        earlier=earlier,
        seed=seed,
    )
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    study = optuna.create_study(directions=directions[:kept])
    rows: list[int] = []
    seconds = 0.0
    for number in range(budget):
        began = time.process_time()
        study.sampler = build(number)
        trial = study.ask()

        def choose(parameter: Parameter, trial: optuna.Trial = trial) -> int:
            chosen = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(chosen)

        candidate = seen.space.decode(seen.space.walk(choose))
        seconds += time.process_time() - began
        rows.append(seen.index[candidate])
        study.tell(trial, [seen.maximised[rows[-1]], seen.minimised[rows[-1]]][:kept])
    return rows, 1000 * seconds / budget


def allowed(table: BenchmarkTable, setting: str) -> BenchmarkTable:
    """Return the rows that a setting allows, as the table that figures are relative to."""
    if setting != "limit":
        return table
    within = table.minimised <= np.median(table.minimised)
    part = copy.copy(table)
    part.maximised, part.minimised = table.maximised[within], table.minimised[within]
    return part


def figures(
    best: BenchmarkTable,
    table: BenchmarkTable,
    seen: BenchmarkTable,
    rows: np.ndarray,
    marks: Sequence[int],
) -> dict[str, list[float]]:
    """Return the figures of evaluated rows at some numbers of evaluations.

    Where there are fewer, they are those of all.

    Args:
        best: the rows that figures are relative to.
        table: the truth.
        seen: what the search saw.
        rows: in order.
        marks: the numbers of evaluations.
    """
    truth = np.stack([table.maximised[rows], table.minimised[rows]], axis=1)
    score = Score(best)
    ends = [min(mark, len(rows)) for mark in marks]
    return {
        "share": score.hypervolumes(truth)[np.array(ends) - 1].tolist(),
        "front": [shown_share(score, table, seen, rows[:end]) for end in ends],
        "regret": score.regrets(truth)[np.array(ends) - 1].tolist(),
    }


if __name__ == "__main__":
    main()
