"""``nas ablate``: exchange each part of a found network, and train all with the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from analysis.ablation.picture import plot_ablation_png
from analysis.ablation.tables import ablation_csv, ablation_markdown, ablation_table
from analysis.paired_interval import FEWEST_SEEDS
from nas.cli.commands.train.ablate_plan import check_fits, show_left_out, show_plan
from nas.cli.commands.train.ablate_result import ablation_result
from nas.cli.commands.train.full_trainings import TrainingGroup, train_networks
from nas.cli.commands.train.picks import SEVERAL, picked_architectures
from nas.cli.commands.train.seeds import with_seeds
from nas.cli.output import Output
from nas.config.recipe_overrides import Overrides, overrides_of, with_overrides
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.evaluation.metric_names import MetricNames
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from nas.storage.whole_file import write_whole
from nas.workflows.ablation.plan import planned
from nas.workflows.ablation.swapped_networks import Ablation, ablation_of
from nas.workflows.checks import SearchData, load_data
from nas.workflows.recipe_fit import check_full_recipe
from search_space.architecture import Architecture


def run_ablate_command(
    output: Output,
    name: str,
    runs: Path,
    *,
    pick: str,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    hours: float | None = None,
    plan: bool = False,
    tensorboard: bool = False,
    allow_changed_data: bool = False,
    trust: bool = False,
) -> None:
    """Train a network and its swaps with the same seeds, and show what each part contributes.

    Args:
        output: to print to.
        name: of the run.
        runs: the folder of all runs.
        pick: names the network.
        overrides: see :func:`nas.config.recipe_overrides.with_overrides`.
        seeds: full trainings of each network; None for the run's `retrain_seeds`.
        hours: wall time that the trainings may take by their measured times; None for all of them.
        plan: only say what would be trained, and how long it takes.
        tensorboard: the option ``--tensorboard``.
        allow_changed_data: the option ``--allow-changed-data``.
        trust: the option ``--trust``.

    Raises:
        CommandError, ConfigError, DataError, RunError, CheckpointError, ClusterError, TrustError:
            see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    if hours is not None and not 0 < hours < math.inf:
        raise CommandError(f"--hours must be above 0 and finite, got {hours:g}")
    run = RunFolder.find(name, runs, trust=trust)
    waiting = Waiting()
    before, ledger = ledger_of(run, writes=not plan, waits=waiting)
    check_reach(run, before)
    config = _with_seeds(with_overrides(before, overrides), seeds)
    ablation = ablation_of(_picked(pick, config, ledger, run), run.task())
    data = load_data(config)
    check_full_recipe(config, data, [ablation.original, *(s.architecture for s in ablation.swaps)])
    chosen, timed = ablation.by_information, None
    if plan or hours is not None:
        timed = planned(
            ablation, config, run, ledger, data, hours, Output(stderr=True).say_progress
        )
    if plan and timed is not None:
        show_plan(output, run.name, timed, config)
        return
    if timed is not None:
        check_fits(timed)
        chosen = timed.chosen
    provenance = Provenance(overrides=overrides_of(before.retrain, config.retrain))
    with run.driving(), ledger.written(before, run):
        train_networks(
            output,
            run,
            ledger,
            data.task,
            [TrainingGroup(config, ablation.networks(chosen, provenance))],
            waiting=waiting,
            data=data,
            reuses=True,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
        )
        _show(output, run, ablation, config, ledger, data, provenance.overrides)
    if timed is not None:
        show_left_out(output, timed)


def _with_seeds(config: SearchConfig, seeds: int | None) -> SearchConfig:
    """Return the configuration with another number of full trainings.

    Raises:
        CommandError: there would be no paired interval.
    """
    if seeds is None and config.retrain_seeds < FEWEST_SEEDS:
        raise CommandError(
            f"the run's retrain_seeds is {config.retrain_seeds}, and a paired interval needs "
            f"{FEWEST_SEEDS} or more: give --seeds 3"
        )
    return with_seeds(config, seeds, FEWEST_SEEDS)


def _picked(pick: str, config: SearchConfig, ledger: Ledger, run: RunFolder) -> Architecture:
    if pick in SEVERAL:
        raise CommandError(
            f"--pick {pick}: an ablation is of one network: knee, best, knee-or-best or an arch_id"
        )
    (architecture,) = picked_architectures(pick, config, ledger, run)
    return architecture


def _show(
    output: Output,
    run: RunFolder,
    ablation: Ablation,
    config: SearchConfig,
    ledger: Ledger,
    data: SearchData,
    overrides: Overrides,
) -> None:
    """Write the ablation's files into the run's folder, and print its table."""
    result = ablation_result(run.name, ablation, config, ledger, data, overrides)
    other_recipe = f"-{config.retrain_id}" if overrides else ""
    stem = f"ablation-{ablation.original.arch_id}{other_recipe}"
    content = MetricNames(config.metric).keyed(result.to_json())
    run.write_json(f"{stem}.json", content)
    write_whole(run.path / f"{stem}.csv", ablation_csv(result))
    write_whole(run.path / f"{stem}.md", ablation_markdown(result))
    try:
        plot_ablation_png(run.path / f"{stem}.png", result)
    except OSError as error:
        raise RunError(f"cannot draw the ablation: {error}") from error
    if output.as_json:
        output.show_json(content)
        return
    output.show(ablation_table(result))
    output.say(f"{ablation.original.arch_id} is {ablation.original}")
    files = ", ".join(f"{stem}.{ending}" for ending in ("png", "csv", "md", "json"))
    output.say(f"drawn in {run.path}: {files}")
