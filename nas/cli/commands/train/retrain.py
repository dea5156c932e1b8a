"""``nas retrain``: train a search's networks in full, beside plain networks of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.front.beside import PLAIN
from nas.cli.commands.train.full_trainings import TrainingGroup, proxy_results, train_networks
from nas.cli.commands.train.picks import picked_architectures
from nas.cli.commands.train.retrain_report import difference_text, report_row, report_table
from nas.cli.commands.train.seeds import with_seeds
from nas.cli.commands.typed_command import typed
from nas.cli.output import Output
from nas.config.recipe_overrides import overrides_of, with_overrides
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import front_of_run
from nas.search.waiting import Waiting
from nas.storage.candidates import most_accurate
from nas.storage.ledger import ledger_of
from nas.storage.networks.retraining import Retraining, example_folder, full_trainings
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from search_space.baseline import plain_convolutional


def run_retrain_command(
    output: Output,
    name: str,
    runs: Path,
    *,
    pick: str,
    baseline: bool,
    seeds: int | None = None,
    overrides: Sequence[str] = (),
    tensorboard: bool = False,
    allow_changed_data: bool = False,
    trust: bool = False,
) -> None:
    """Train the networks that ``pick`` names in full, and print test and proxy accuracies.

    Args:
        output: to print to.
        name: of the run.
        runs: the folder of all runs.
        pick: names the networks.
        baseline: also train a plain network beside each.
        seeds: full trainings of each; None for the run's ``retrain_seeds``.
        overrides: of the run's recipe: see :func:`nas.config.recipe_overrides.with_overrides`.
        tensorboard: the option ``--tensorboard``.
        allow_changed_data: the option ``--allow-changed-data``.
        trust: the option ``--trust``.

    Raises:
        CommandError, ConfigError, DataError, RunError, CheckpointError, ClusterError, TrustError:
            see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    run = RunFolder.find(name, runs, trust=trust)
    waiting = Waiting()
    config, ledger = ledger_of(run, writes=True, waits=waiting)
    check_reach(run, config)
    before, config = config, with_overrides(with_seeds(config, seeds), overrides)
    overridden = overrides_of(before.retrain, config.retrain)
    task = run.task()
    picked = picked_architectures(pick, config, ledger, run)
    try:
        plain = [plain_convolutional(a, task) for a in picked] if baseline else []
    except ValueError as error:
        raise CommandError(f"--baseline: {error}") from error
    with run.driving(), ledger.written(config, run):
        networks = dict.fromkeys([*picked, *plain], Provenance(overrides=overridden))
        train_networks(
            output,
            run,
            ledger,
            task,
            [TrainingGroup(config, networks)],
            plain,
            waiting=waiting,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
        )
    proxies = proxy_results(config, ledger)
    full = full_trainings(config, ledger)
    rows = [
        report_row(
            proxies,
            full,
            task,
            architecture,
            "found" if architecture in picked else PLAIN,
            config.retrain_data,
            overrides=overridden,
        )
        for architecture in dict.fromkeys([*picked, *plain])
    ]
    names = MetricNames(config.metric)
    content = names.keyed(rows)
    run.write_json("retrain.json", content)
    if output.as_json:
        output.show_json(content)
    else:
        output.show(report_table(rows, names))
        for network, equal in zip(picked, plain, strict=False):  # without --baseline plain is empty
            if difference := difference_text(network, equal, config, ledger):
                output.say(difference)
        for row in rows:
            output.say(f"{row['arch_id']} is {row['description']}")
        output.say(f"models and curves are in {run.retrain_folder}")
        model_place = Retraining.of(picked[0], 0, config, run).model_place
        best = most_accurate(front_of_run(config, ledger))
        next_pick = "all" if best is None or best.architecture in picked else "best"
        same_seeds = [] if seeds is None else ["--seeds", str(seeds)]
        _print_what_follows(
            output, run, config, model_place, [*overrides, *same_seeds, "--pick", next_pick]
        )


def _print_what_follows(
    output: Output,
    run: RunFolder,
    config: SearchConfig,
    model_place: str,
    next_retraining: Sequence[str],
) -> None:
    """Print up to three commands to continue with, as they can be typed."""
    examples = example_folder(run.retrain_folder)
    commands = [
        typed("frontier", run.path, "--x", "params" if config.cost_objective == "macs" else "macs"),
        typed("retrain", run.path, *next_retraining),
    ]
    if examples.is_dir():  # retrainings by earlier versions have none
        commands.insert(1, typed("predict", model_place, examples))
    output.say("\nwhat you may do next:")
    for command in commands:
        output.say(f"  {command}")
