"""Full trainings on the cluster, with their progress, for ``nas retrain`` and ``nas train``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from analysis.curves_plot import plot_curves_png
from nas.cli.commands.retrain_display import RetrainDisplay
from nas.cli.output import Output
from nas.config.recipe_overrides import Overrides
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.latency.measurements import all_candidates
from nas.ray.cluster.connection import connected
from nas.ray.cluster.signals import ignored
from nas.ray.retrain import RetrainProgress, run_retrainings
from nas.search.waiting import Waiting
from nas.storage.candidates import Candidate, candidates
from nas.storage.ledger import Ledger
from nas.storage.networks.event_files import EventFiles
from nas.storage.networks.retraining import Retraining, number_of, pending
from nas.storage.run.data_file import check_same_images
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import SearchData, load_data, retrain_assignment
from nas.workflows.earlier_runs import check_may_evaluate, check_may_retrain
from nas.workflows.plain_evaluations import plain_evaluations, proxy_seeds
from nas.workflows.plain_networks import evaluate_plain
from nas.workflows.recipe_fit import check_full_recipe
from search_space.architecture import Architecture, Task

log = logging.getLogger(__name__)


def train_networks(
    output: Output,
    run: RunFolder,
    config: SearchConfig,
    ledger: Ledger,
    task: Task,
    architectures: Sequence[Architecture],
    compared: Sequence[Architecture],
    *,
    waiting: Waiting,
    network: str = "",
    overrides: Overrides | None = None,
    data: SearchData | None = None,
    tensorboard: bool = False,
    allow_changed_data: bool = False,
) -> None:
    """Train what is not trained yet: networks in full, and some of them by proxies too.

    Args:
        output: to print to.
        run: the run, which the caller holds.
        config: of the run, with the recipe to train by.
        ledger: of the run.
        task: of the run's networks.
        architectures: to train in full.
        compared: those among them that the search did not evaluate; they are evaluated by proxies,
            with the seeds of the front's members.
        waiting: shows what is waited for.
        network: the name that `nas train` was given.
        overrides: what makes the recipe another one than the run's own.
        data: of the run; None to read it here.
        allow_changed_data: the option ``--allow-changed-data``.
        tensorboard: whether to write event files, see :mod:`nas.storage.networks.event_files`.

    Raises:
        ConfigError, DataError: the recipe does not fit the data or a network.
        RunError: a training failed, or would mix with those of an earlier version.
        CheckpointError, ClusterError: see :func:`nas.ray.retrain.run_retrainings`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    wanted = pending(architectures, config, run, ledger, overrides=overrides, network=network)
    done = {(row.arch_id, row.seed) for row in ledger.evaluations("baselines")}
    proxies = [
        (architecture, seed)
        for architecture in dict.fromkeys(compared)
        for seed in proxy_seeds(config)
        if (architecture.arch_id, seed) not in done
    ]
    if not wanted and not proxies:
        output.say("everything asked for was retrained before; the test images are not used again")
        return
    if wanted:
        check_may_retrain(run.name, config)
    if proxies:
        check_may_evaluate(run.name, config)
    data = data or load_data(config)
    if check_same_images(run, data.fingerprint, allow_changed=allow_changed_data):
        for retraining in wanted:
            retraining.set_state_aside()
    check_full_recipe(config, data, architectures)
    for warning in data.warnings:
        log.warning(warning)
    output.say(
        f"full trainings of {config.retrain.epochs} epochs: {len(wanted)}; proxy evaluations of "
        f"{'the network' if network else 'plain networks'}: {len(proxies)}"
    )
    try:
        _train(output, run, config, ledger, task, wanted, proxies, waiting, network, tensorboard)
    except KeyboardInterrupt:
        with ignored():
            output.say(
                "\nstopped: what is trained and the states of unfinished trainings are kept; give "
                "the same command again to continue them"
            )
        raise


def _train(
    output: Output,
    run: RunFolder,
    config: SearchConfig,
    ledger: Ledger,
    task: Task,
    wanted: Sequence[Retraining],
    proxies: Sequence[tuple[Architecture, int]],
    waiting: Waiting,
    network: str,
    tensorboard: bool,
) -> None:
    progress = RetrainDisplay(
        output, wanted=len(wanted), epochs=config.retrain.epochs, waiting=waiting
    )
    with (
        connected(config.ray, config.modules, sys.argv[1:]) as cluster,
        progress,
        waiting.shown_by(progress.update),
        EventFiles(wanted=tensorboard) as event_files,
    ):

        def note(event: RetrainProgress) -> None:
            progress.note(event)
            if event.reached is not None:
                event_files.note(event.retraining.folder, event.reached)

        evaluate_plain(
            config, ledger, task, proxies, waiting=waiting, check=cluster.check, network=network
        )
        proxies_by_id = {proxy.arch_id: proxy for proxy in proxy_results(config, ledger)}
        rows, failures = run_retrainings(
            wanted,
            retrain_assignment(config, task),
            config.resources,
            lambda retraining, trained: retraining.finish(
                config, ledger, task, trained, proxies_by_id.get(retraining.architecture.arch_id)
            ),
            note,
            waiting=waiting,
            patience_seconds=config.search.patience_seconds,
            check=cluster.check,
        )
    for row in rows:
        number = number_of(row, config)
        curve = {f"{row.arch_id}, full training {number}": row.curve}
        folder = Retraining.of(row.architecture, number, config, run).folder
        plot_curves_png(folder / "curve.png", curve)
    if failures:
        listed = "\n".join(f"{f.retraining.folder.name}: {f.error}" for f in failures)
        raise RunError(
            f"{len(failures)} of {len(wanted)} full trainings failed (run the same command again "
            f"to continue them):\n{listed}"
        )


def proxy_results(config: SearchConfig, ledger: Ledger) -> list[Candidate]:
    """Return the proxy results of the search's architectures and of what they are compared with."""
    return [*all_candidates(config, ledger), *candidates(plain_evaluations(config, ledger))]
