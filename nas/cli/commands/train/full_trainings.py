"""Full trainings on the cluster, with their progress, for ``nas retrain`` and ``nas train``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from analysis.curves_plot import plot_curves_png
from nas.cli.commands.train.retrain_display import RetrainDisplay
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.full_training import Trained
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import all_candidates
from nas.ray.cluster.connection import connected
from nas.ray.cluster.nodes import check_device
from nas.ray.cluster.signals import ignored
from nas.ray.retrain import Failure, RetrainProgress, run_retrainings
from nas.search.waiting import Waiting
from nas.storage.candidates import Candidate, candidates
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.event_files import EventFiles
from nas.storage.networks.object_folder import ObjectFolder
from nas.storage.networks.retraining import Retraining, pending
from nas.storage.provenance import Provenance
from nas.storage.run.data_file import check_same_images
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import SearchData, load_data, retrain_assignment
from nas.workflows.earlier_runs import check_may_evaluate, check_may_retrain
from nas.workflows.equal_trainings import take_equal_trainings
from nas.workflows.plain_evaluations import plain_evaluations, proxy_seeds
from nas.workflows.plain_networks import evaluate_plain
from nas.workflows.recipe_fit import check_full_recipe
from search_space.architecture import Architecture, Task

log = logging.getLogger(__name__)


class TrainingGroup(NamedTuple):
    """Networks that are trained by one recipe."""

    config: SearchConfig  # of the run, with the recipe to train by
    networks: Mapping[Architecture, Provenance]


def train_networks(
    output: Output,
    run: RunFolder,
    ledger: Ledger,
    task: Task,
    groups: Sequence[TrainingGroup],
    compared: Sequence[Architecture] = (),
    *,
    waiting: Waiting,
    data: SearchData | None = None,
    reuses: bool = False,
    tensorboard: bool = False,
    allow_changed_data: bool = False,
) -> None:
    """Train what is not trained yet: networks in full, and some of them by proxies too.

    Args:
        output: to print to.
        run: the run, which the caller holds.
        ledger: of the run.
        task: of the run's networks.
        groups: to train in full; their configurations differ in the recipe alone.
        compared: those among them that the search did not evaluate; they are evaluated by proxies,
            with the seeds of the front's members.
        waiting: shows what is waited for.
        data: of the run; None to read it here.
        reuses: take equal trainings of other runs instead of training again.
        allow_changed_data: the option ``--allow-changed-data``.
        tensorboard: whether to write event files, see :mod:`nas.storage.networks.event_files`.

    Raises:
        ConfigError, DataError: a recipe does not fit the data or a network.
        RunError: a training failed, or would mix with those of an earlier version.
        CheckpointError, ClusterError: see :func:`nas.ray.retrain.run_retrainings`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    config = groups[0].config
    wanted = _pending(groups, run, ledger)
    done = {(row.arch_id, row.seed) for row in ledger.evaluations("baselines")}
    proxies = [
        (architecture, seed)
        for architecture in dict.fromkeys(compared)
        for seed in proxy_seeds(config)
        if (architecture.arch_id, seed) not in done
    ]
    if not any(wanted) and not proxies:
        output.say("everything asked for was retrained before; the test images are not used again")
        return
    for group, retrainings in zip(groups, wanted, strict=True):
        if retrainings:
            check_may_retrain(run.name, group.config)
    if proxies:
        check_may_evaluate(run.name, config)
    if config.networks_url is not None:
        ObjectFolder(config.networks_url).check()
    data = data or load_data(config)
    if check_same_images(run, data.fingerprint, allow_changed=allow_changed_data):
        for retraining in chain(*wanted):
            retraining.set_state_aside()
    for group in groups:
        check_full_recipe(group.config, data, list(group.networks))
    for warning in data.warnings:
        log.warning(warning)
    if reuses:
        taken = take_equal_trainings(wanted, run, ledger, config, data.images_id)
        if taken:
            output.say(f"full trainings that other runs have done: {taken}")
            wanted = _pending(groups, run, ledger)
    output.say(_announced(groups, wanted, len(proxies)))
    try:
        _train(output, run, ledger, task, groups, wanted, proxies, waiting, data, tensorboard)
    except KeyboardInterrupt:
        with ignored():
            output.say(
                "\nstopped: what is trained and the states of unfinished trainings are kept; give "
                "the same command again to continue them"
            )
        raise


def _pending(
    groups: Sequence[TrainingGroup], run: RunFolder, ledger: Ledger
) -> list[list[Retraining]]:
    """Return the trainings of each group that are not in the ledger."""
    return [pending(group.networks, group.config, run, ledger) for group in groups]


def _announced(
    groups: Sequence[TrainingGroup], wanted: Sequence[Sequence[Retraining]], proxies: int
) -> str:
    epochs = {group.config.retrain.epochs for group in groups}
    number = sum(map(len, wanted))
    said = f"full trainings of {' or '.join(map(str, sorted(epochs)))} epochs: {number}"
    return said + (
        f"; proxy evaluations of networks beside the search's: {proxies}" * bool(proxies)
    )


def _train(
    output: Output,
    run: RunFolder,
    ledger: Ledger,
    task: Task,
    groups: Sequence[TrainingGroup],
    wanted: Sequence[Sequence[Retraining]],
    proxies: Sequence[tuple[Architecture, int]],
    waiting: Waiting,
    data: SearchData,
    tensorboard: bool,
) -> None:
    config = groups[0].config
    number = sum(map(len, wanted))
    metric_names = MetricNames(config.metric)
    progress = RetrainDisplay(output, wanted=number, waiting=waiting, names=metric_names)
    failures: list[Failure] = []
    with (
        connected(config.ray, config.modules, sys.argv[1:]) as cluster,
        progress,
        waiting.shown_by(progress.update),
        EventFiles(wanted=tensorboard, names=metric_names) as event_files,
    ):

        def note(event: RetrainProgress) -> None:
            progress.note(event)
            if event.reached is not None:
                event_files.note(event.retraining.folder, event.reached)

        check_device(config.resources.device)
        names = {a: p.network for group in groups for a, p in group.networks.items()}
        evaluate_plain(config, ledger, task, proxies, names, waiting=waiting, check=cluster.check)
        by_id = {proxy.arch_id: proxy for proxy in proxy_results(config, ledger)}
        for group, retrainings in zip(groups, wanted, strict=True):
            if not retrainings:
                continue
            keep = _Keeper(group.config, ledger, task, data.images_id, by_id)
            failures += run_retrainings(
                retrainings,
                retrain_assignment(group.config, task),
                config.resources,
                keep,
                note,
                waiting=waiting,
                patience_seconds=config.search.patience_seconds,
                check=cluster.check,
            )
    if failures:
        listed = "\n".join(f"{f.retraining.folder.name}: {f.error}" for f in failures)
        raise RunError(
            f"{len(failures)} of {number} full trainings failed (run the same command again "
            f"to continue them):\n{listed}"
        )


@dataclass(frozen=True)
class _Keeper:
    """Writes a finished training to the run's folder and ledger, and draws its curve."""

    config: SearchConfig
    ledger: Ledger
    task: Task
    images: str
    proxies: Mapping[str, Candidate]

    def __call__(self, retraining: Retraining, trained: Trained) -> Evaluation:
        proxy = self.proxies.get(retraining.architecture.arch_id)
        row = retraining.finish(self.config, self.ledger, self.task, trained, self.images, proxy)
        name = f"{row.arch_id}, full training {retraining.number}"
        metric_names = MetricNames(self.config.metric)
        plot_curves_png(retraining.folder / "curve.png", {name: row.curve}, metric_names)
        return row


def proxy_results(config: SearchConfig, ledger: Ledger) -> list[Candidate]:
    """Return the proxy results of the search's architectures and of what they are compared with."""
    return [*all_candidates(config, ledger), *candidates(plain_evaluations(config, ledger))]
