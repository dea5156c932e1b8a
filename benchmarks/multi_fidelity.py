"""Savings by multi-objective ASHA: a search on digits with it and without.

Both propose by random search with the same seed, on real Ray, and begin with the same
architectures; ASHA pauses all at rungs, promotes the better half by validation accuracy and
parameters, and tries more architectures for the epochs saved. The epochs trained are compared, and
the hypervolume of the fronts of (validation error, parameters), as a share of the box between the
origin and a fixed reference point.

The members of a front are the luckiest of many noisy evaluations. So the
hypervolume is given twice: ``as_found``, by the search's own evaluations, and of the same networks
``with_other_seeds``, by evaluations that no search has seen. From the repository's root::

    python benchmarks/multi_fidelity.py [--quick] [--seeds N] [--trials N]
        [--asha-trials N] [--json FILE]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import moocore
import numpy as np
from machine import machine
from options import parser_of, write_json
from tables import print_table

from nas.cli.output import Output
from nas.cli.progress import ProgressDisplay
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.config.sections import SamplerSettings, SchedulerSettings, SearchSettings
from nas.evaluation.deviations import standard_error
from nas.ray.cluster.connection import Cluster, connected
from nas.ray.cluster.nodes import trials_at_once
from nas.ray.executor import run_search
from nas.ray.retrain import evaluate_on_cluster
from nas.search.loop import Search
from nas.search.problem import costs_of, problem_of, space_of
from nas.search.trial_state import TRAINED
from nas.search.waiting import Waiting
from nas.storage.candidates import Candidate, pareto_front
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_task, proxy_assignment
from search_space.architecture import Architecture

SEARCH = Path(__file__).parents[1] / "configs" / "searches" / "digits.yaml"
MORE_IMAGES = (
    *("data.train_images=800", "data.validation_images=500", "data.test_images=497"),
    "proxy.learning_rate=0.05",
)
"""Twice the training images of the search's own proxy, for fewer epochs and at half the rate: less
of an accuracy is luck, at a rung and at the end."""

EPOCHS = 24
TRIALS = 120
ASHA_TRIALS = 192
"""Trials with ASHA unless others are asked for: as many as half of the epochs allow."""

FURTHER_SEEDS = (1_001, 1_002)
"""Seeds of evaluations that no search has seen."""

HYPERVOLUMES = ("as_found", "with_other_seeds")

ASHA = SchedulerSettings(name="asha", type="rung_by_rung", min_epochs=3, reduction_factor=2)

WORST = (0.9, 40_000.0)
"""The reference point: chance with ten classes, and about the largest network of the space."""


def main() -> None:
    """Search with each seed both ways, print three tables, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="one seed, 5 trials of 4 epochs against 8")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="of each search; else 5")
    parser.add_argument("--trials", type=int, default=TRIALS, metavar="N", help="without ASHA")
    parser.add_argument("--asha-trials", type=int, default=ASHA_TRIALS, metavar="N")
    options = parser.parse_args()
    for name in ("seeds", "trials", "asha_trials"):
        if (number := getattr(options, name)) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, got {number}")
    epochs, trials, asha_trials = (
        (4, 5, 8) if options.quick else (EPOCHS, options.trials, options.asha_trials)
    )
    asha = ASHA.replace(min_epochs=1) if options.quick else ASHA
    points = [f"proxy.epochs={epochs}", f"proxy.evaluate_every_epochs={asha.min_epochs}"]
    whole = load_config(SEARCH, [*MORE_IMAGES, *points])
    ways = {
        "none": (SchedulerSettings(), trials),
        "asha": (asha, asha_trials),
    }
    rows = []
    with connected(whole.ray) as cluster:
        for seed in range(1 if options.quick else options.seeds):
            searches = [
                searched(
                    whole.replace(
                        name=f"{scheduler.name}-{seed}",
                        seed=seed,
                        scheduler=scheduler,
                        sampler=SamplerSettings(name="random"),
                        search=SearchSettings(n_trials=n_trials, finalist_seeds=1),
                    ),
                    cluster,
                )
                for scheduler, n_trials in ways.values()
            ]
            further_seeds = FURTHER_SEEDS[: 1 if options.quick else None]
            again = evaluated_again(whole, [one.front for one in searches], further_seeds, cluster)
            rows += [figures(*one, again) for one in searches]
            for row in rows[-len(ways) :]:
                print(row, file=sys.stderr, flush=True)  # whatever happens to the others
    print_table("one search a line", rows)
    means = [mean_of([row for row in rows if row["scheduler"] == name]) for name in ways]
    for mean in means:
        mean["share_of_epochs"] = mean["epochs"] / means[0]["epochs"]
    n_seeds = len(rows) // len(ways)
    print_table(f"means of {n_seeds} seeds", means)
    differences = [difference_of(rows, measure) for measure in HYPERVOLUMES]
    print_table(f"asha - none, mean of {n_seeds} seeds, ± the standard error", differences)
    write_json(
        {"machine": machine(), "searches": rows, "means": means, "differences": differences},
        options,
    )


class FinishedSearch(NamedTuple):
    """The trials and the front of a finished search."""

    config: SearchConfig
    trials: Sequence[Evaluation]
    front: Sequence[Candidate]


def searched(config: SearchConfig, cluster: Cluster) -> FinishedSearch:
    """Run a whole search; Ray must be connected."""
    task = load_task(config)
    with tempfile.TemporaryDirectory() as runs:
        concurrency = trials_at_once(config.resources)
        run = RunFolder.create(Path(runs), config)
        search = Search(
            problem_of(config, costs_of(config, space_of(config), task)),
            Ledger.create(config, run),
            states=PausedStates(run.paused_folder),
        )
        with ProgressDisplay(Output(stderr=True), search.status) as display:
            run_search(
                search,
                proxy_assignment(config, task),
                config.resources,
                cluster=cluster,
                concurrency=concurrency,
                on_change=display.update,
            )
        front = pareto_front(search.candidates(), config.objectives)
        if not front:
            sys.exit(f"{config.name} found nothing: see what its trials raised above")
        return FinishedSearch(config, search.records.evaluations("search"), front)


def evaluated_again(
    config: SearchConfig,
    fronts: Iterable[Sequence[Candidate]],
    seeds: Sequence[int],
    cluster: Cluster,
) -> dict[Architecture, float]:
    """Return the mean accuracy, over ``seeds``, of every architecture on some front."""
    members = dict.fromkeys(member.architecture for front in fronts for member in front)
    jobs = [(architecture, seed) for architecture in members for seed in seeds]
    assignment = proxy_assignment(config, load_task(config))
    accuracies: dict[Architecture, list[float]] = {architecture: [] for architecture in members}
    results = evaluate_on_cluster(
        jobs,
        assignment,
        config.resources,
        waiting=Waiting(),
        patience_seconds=config.search.patience_seconds,
        check=cluster.check,
    )
    for (architecture, _), result in results:
        if isinstance(result, str):
            sys.exit(f"evaluating a front failed: {result}")
        accuracies[architecture].append(result.metrics["val_accuracy"])
    return {architecture: float(np.mean(each)) for architecture, each in accuracies.items()}


def figures(
    config: SearchConfig,
    trials: Sequence[Evaluation],
    front: Sequence[Candidate],
    again: Mapping[Architecture, float],
) -> dict[str, Any]:
    """Return the figures of one search.

    Args:
        config: the search's.
        trials: its ledger's.
        front: its front.
        again: the accuracy of each of its members by other seeds.
    """
    further = [dict(m.metrics) | {"val_accuracy": again[m.architecture]} for m in front]
    return {
        "seed": config.seed,
        "scheduler": config.scheduler.name,
        "trials": len(trials),
        "complete": sum(row.state == "complete" for row in trials),
        "stopped": sum(row.state == "pruned" for row in trials),
        "failed": sum(row.state == "fail" for row in trials),
        "epochs": sum(row.epochs for row in trials if row.state in TRAINED),
        "front": len(front),
        "best_as_found": max(member.metrics["val_accuracy"] for member in front),
        "as_found": hypervolume([member.metrics for member in front]),
        "with_other_seeds": hypervolume(further),
    }


def hypervolume(members: Sequence[Mapping[str, float]]) -> float:
    """Return the hypervolume of (validation error, parameters), as a share up to ``WORST``."""
    losses = np.array([(1 - metrics["val_accuracy"], metrics["params"]) for metrics in members])
    return float(moocore.hypervolume(losses / WORST, ref=(1.0, 1.0)))


def mean_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return means over the seeds."""
    counted = ("trials", "complete", "stopped", "epochs", "front")
    measures = ("best_as_found", *HYPERVOLUMES)
    return {
        "scheduler": rows[0]["scheduler"],
        **{name: float(np.mean([row[name] for row in rows])) for name in (*counted, *measures)},
    }


def difference_of(rows: Sequence[dict[str, Any]], measure: str) -> dict[str, Any]:
    """Return the mean gain of ASHA over the search without it, by seed, and its error."""
    none, asha = (
        np.array([row[measure] for row in rows if row["scheduler"] == name])
        for name in ("none", "asha")
    )
    gains = asha - none
    return {"measure": measure, "asha - none": float(gains.mean()), "±": standard_error(gains)}


if __name__ == "__main__":
    main()
