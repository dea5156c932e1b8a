"""``nas train``: train a named network in full, so that it stands beside a search's networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.front.beside import BY_NAME, PLAIN
from nas.cli.commands.train.full_trainings import TrainingGroup, proxy_results, train_networks
from nas.cli.commands.train.retrain_report import report_row, report_table
from nas.cli.commands.train.seeds import with_seeds
from nas.cli.commands.typed_command import typed
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.recipe_overrides import overrides_of
from nas.config.search_config import SearchConfig
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import all_candidates
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import Retraining, example_folder, full_trainings
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_data
from nas.workflows.networks_by_name import find_network
from nas.workflows.recipe_fit import check_full_recipe
from nas.workflows.training_run import existing_run, new_run
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from trainers import EarlierRecipe


def run_train_command(
    output: Output,
    name: str,
    config_file: Path,
    overrides: Sequence[str],
    runs: Path,
    *,
    seeds: int | None,
    tensorboard: bool = False,
    allow_changed_data: bool = False,
    trust: bool = False,
) -> None:
    """Train a network in full by a configuration's ``retrain``, and print its accuracies.

    Where the run of the configuration's name was searched, the network is evaluated by proxies too,
    as the front's members are.

    Args:
        output: to print to.
        name: of the network: see :func:`nas.workflows.networks_by_name.find_network`.
        config_file: the search's YAML file.
        overrides: of the file, ``section.key=value``.
        runs: the folder of all runs.
        seeds: full trainings; None for ``retrain_seeds`` of the configuration.
        tensorboard: the option ``--tensorboard``.
        allow_changed_data: the option ``--allow-changed-data``.
        trust: the option ``--trust``.

    Raises:
        CommandError, ConfigError, DataError, RunError, CheckpointError, ClusterError, TrustError:
            see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    config = with_seeds(load_config(config_file, overrides), seeds)
    architecture, _ = find_network(name, runs, trust=trust)
    data = load_data(config)
    output.say(str(data))
    check_full_recipe(config, data, [architecture])
    waiting = Waiting()
    into = existing_run(config, runs, data.task, waiting, trust=trust)
    run, config, ledger, own_recipe = into or new_run(config, runs, data, waiting)
    overridden = overrides_of(own_recipe, config.retrain)
    with run.driving(), ledger.written(config, run):
        provenance = Provenance(network=name, overrides=overridden)
        train_networks(
            output,
            run,
            ledger,
            data.task,
            [TrainingGroup(config, {architecture: provenance})],
            _compared(output, architecture, config, ledger, data.task),
            waiting=waiting,
            data=data,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
        )
    rows = [
        report_row(
            proxy_results(config, ledger),
            full_trainings(config, ledger),
            data.task,
            each,
            kind,
            config.retrain_data,
            network=network,
            overrides=overridden,
        )
        for each, (kind, network) in _shown(architecture, name, config, ledger).items()
    ]
    names = MetricNames(config.metric)
    content = names.keyed(rows)
    run.write_json("train.json", content)
    if output.as_json:
        output.show_json(content)
        return
    output.show(report_table(rows, names))
    output.say(f"{architecture.arch_id} is {architecture}")
    output.say(f"models and curves are in {run.retrain_folder}")
    _print_what_follows(output, run, Retraining.of(architecture, 0, config, run).model_place)


def _compared(
    output: Output, architecture: Architecture, config: SearchConfig, ledger: Ledger, task: Task
) -> list[Architecture]:
    """Return the network if proxies of it compare with a search's; say why if they cannot be made.

    A run that was not searched has nothing to compare with, and networks that the search trained
    have been evaluated.
    """
    searched = {candidate.architecture for candidate in all_candidates(config, ledger)}
    if not searched or architecture in searched:
        return []
    if isinstance(config.proxy, EarlierRecipe):
        output.say("no proxy evaluations: those of the search were made by an earlier version")
        return []
    try:
        network_costs(config.fidelity.network(architecture), config.fidelity.task(task))
    except ValueError as error:
        output.say(f"no proxy evaluations: the network has none with {config.fidelity}: {error}")
        return []
    return [architecture]


def _shown(
    architecture: Architecture, name: str, config: SearchConfig, ledger: Ledger
) -> dict[Architecture, tuple[str, str]]:
    """Return all networks with full trainings by this recipe, each with its kind and name.

    The network itself is the first.
    """
    searched = {candidate.architecture for candidate in all_candidates(config, ledger)}
    shown = {architecture: ("found", "") if architecture in searched else (BY_NAME, name)}
    for row in full_trainings(config, ledger):
        if row.architecture in searched:
            shown.setdefault(row.architecture, ("found", ""))
        elif row.provenance.network:
            shown.setdefault(row.architecture, (BY_NAME, row.provenance.network))
        else:
            shown.setdefault(row.architecture, (PLAIN, ""))
    return shown


def _print_what_follows(output: Output, run: RunFolder, model_place: str) -> None:
    """Print the commands to continue with, as they can be typed."""
    output.say("\nwhat you may do next:")
    output.say(f"  {typed('predict', model_place, example_folder(run.retrain_folder))}")
    if not run.state().unsearched:
        output.say(f"  {typed('frontier', run.path)}")
