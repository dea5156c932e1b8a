"""Retraining: the full trainings of a run, their folders, and the files that they leave."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.config.recipe_overrides import overrides_json
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.example_pictures import write_example_pictures
from nas.evaluation.full_training import Trained
from nas.evaluation.full_training_seed import full_training_seed
from nas.storage.candidates import Candidate
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.large_files import CHECKPOINT, MODEL, LargeFiles
from nas.storage.networks.network_file import network_content
from nas.storage.networks.record import Accuracies, Accuracy, NetworkCosts, NetworkRecord
from nas.storage.networks.training_report import training_report
from nas.storage.provenance import Provenance
from nas.storage.run.environment import package_version
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import json_text
from nas.storage.whole_file import write_whole
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.yaml_validation import dump_yaml
from trainers import Recipe

log = logging.getLogger(__name__)

RECIPE_FILE = "recipe.yaml"


@dataclass(frozen=True)
class Retraining:
    """One full training, and its folder ``retrain/ARCH_ID-RECIPE-trainingN``."""

    architecture: Architecture
    number: int  # N, among the trainings of the architecture by the recipe
    seed: int  # follows from the run's seed and N, see nas/evaluation/full_training_seed.py
    recipe: Recipe
    recipe_id: str
    folder: Path
    large: LargeFiles
    provenance: Provenance = field(default_factory=Provenance)

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        number: int,
        config: SearchConfig,
        run: RunFolder,
        provenance: Provenance | None = None,
    ) -> Retraining:
        """Return training ``number`` of ``architecture`` by the configuration's full recipe.

        If an earlier version made the folder ``ARCH_ID-RECIPE-seedN``, where N is the training's
        number too, it is used.
        """
        begun = f"{architecture.arch_id}-{config.retrain_id}"
        folder = run.retrain_folder / f"{begun}-training{number}"
        earlier = run.retrain_folder / f"{begun}-seed{number}"
        if earlier.is_dir():
            folder = earlier
        seed = full_training_seed(config.seed, number)
        return cls(
            architecture,
            number,
            seed,
            config.retrain,
            config.retrain_id,
            folder,
            LargeFiles.of(config, run, folder),
            provenance or Provenance(),
        )

    @property
    def checkpoint_file(self) -> Path:
        """The state that an interrupted training resumes from, without a store."""
        return self.folder / CHECKPOINT

    @property
    def recipe_file(self) -> Path:
        """The recipe, with which ``recipe=FILE`` continues a training by another than the run's."""
        return self.folder / RECIPE_FILE

    @property
    def model_file(self) -> Path:
        """The trained network, without a store."""
        return self.folder / MODEL

    @property
    def model_place(self) -> str:
        """The file or URL of the trained network.

        :func:`nas.storage.networks.network_file.load_network` reads it.
        """
        return self.large.network_place

    def start(self) -> dict[str, Any] | None:
        """Make the folder; return the state to resume from, if there is one.

        Raises:
            CheckpointError: the checkpoint is damaged.
            RunError: the folder or the recipe's file cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make {self.folder}: {error.strerror}") from error
        write_whole(self.recipe_file, dump_yaml(self.recipe.content))
        state = self.large.read_state()
        if state is None:
            return None
        seed = state.get("identity", {}).get("seed")
        if seed != self.seed:
            log.warning(
                "the state of %s is of a training with seed %s, by an earlier version; trained "
                "anew with seed %s, which no search uses",
                self.folder.name,
                seed,
                self.seed,
            )
            return None
        return state

    def set_state_aside(self) -> None:
        """See :meth:`nas.storage.networks.large_files.LargeFiles.set_state_aside`."""
        self.large.set_state_aside()

    def save_state(self, state: Mapping[str, Any]) -> None:
        """See :meth:`nas.storage.networks.large_files.LargeFiles.write_state`."""
        self.large.write_state(state)

    def finish(
        self,
        config: SearchConfig,
        ledger: Ledger,
        task: Task,
        trained: Trained,
        images: str,
        proxy: Candidate | None = None,
    ) -> Evaluation:
        """Save the network, curve and report, record the result, and delete the checkpoint.

        Args:
            config: of the run.
            ledger: of the run, which gets a row.
            task: of the network.
            trained: the finished training.
            images: the identity of its images, see :func:`nas.storage.provenance.images_id`.
            proxy: the search's evaluations of the architecture; None if there are none.

        Raises:
            CheckpointError, RunError: a file cannot be written; the ledger then has no row.
        """
        costs = network_costs(self.architecture, task).metrics()
        record = network_record(trained, config, self.seed, costs, proxy)
        network = network_content(self.architecture, task, trained.weights, record)
        self.large.write_network(network)
        examples = example_folder(self.folder.parent)
        try:
            if trained.examples:
                write_example_pictures(trained.examples, examples)
        except OSError as error:
            raise RunError(f"cannot write {examples}: {error.strerror or error}") from error
        write_curve(self.folder / "curve.csv", trained.curve)
        report = training_report(
            trained, config, self.architecture, costs, seed=self.seed, number=self.number
        )
        overrides = overrides_json(self.provenance.overrides)
        report |= {"network": self.provenance.network or None, "overrides": overrides}
        write_whole(self.folder / "report.json", json_text(report, indent=None) + "\n")
        row = ledger.add(
            "retrain",
            self.architecture,
            seed=self.seed,
            metrics=dict(trained.metrics) | costs,
            curve=trained.curve,
            device_seconds=trained.device_seconds,
            recipe_id=self.recipe_id,
            training=self.number,
            provenance=self.provenance.replace(
                images=images,
                metric=config.metric,
                device=config.resources.device_type,
            ),
        )
        self.large.remove_state()
        return row


def example_folder(retrain_folder: Path) -> Path:
    """Return the folder of a run's example pictures, to try its networks on."""
    return retrain_folder / "examples"


def network_record(
    trained: Trained,
    config: SearchConfig,
    seed: int,
    costs: Mapping[str, float],
    proxy: Candidate | None,
) -> NetworkRecord:
    """Make the record in a retrained network's file.

    Args:
        trained: the finished training.
        config: of its run.
        seed: of the training.
        costs: params, macs and activations.
        proxy: the search's evaluations of the architecture; None if there are none.
    """
    validated = None if trained.validation is None else trained.validation.metrics.images
    by_proxy = by_validation = None
    if proxy is not None:
        by_proxy = Accuracy(
            mean=proxy.metrics["val_accuracy"],
            images=validated,
            seeds=proxy.n,
            standard_error=proxy.standard_error,
            as_found=not proxy.is_fresh,
        )
    if validated is not None:
        by_validation = Accuracy(mean=trained.metrics["val_accuracy"], images=validated)
    return NetworkRecord(
        preprocessing=trained.preprocessing,
        class_names=trained.class_names,
        recipe=config.retrain,
        train_on=config.retrain_data,
        seed=seed,
        precision=trained.execution.precision,
        metric=config.metric,
        accuracies=Accuracies(
            test=Accuracy(
                mean=trained.metrics["test_accuracy"], images=trained.test.metrics.images
            ),
            validation=by_validation,
            proxy_validation=by_proxy,
        ),
        costs=NetworkCosts.model_validate(costs),
        software={name: package_version(name) for name in ("convattn", "torch")},
    )


def pending(
    networks: Mapping[Architecture, Provenance],
    config: SearchConfig,
    run: RunFolder,
    ledger: Ledger,
) -> list[Retraining]:
    """Return the full trainings that are not in the ledger yet.

    A finished one is never run again, whatever its seed was, so that it is tested only once.

    Args:
        networks: to train, each with where it comes from.
        config: of the run, with the recipe to train by.
        run: the run.
        ledger: of the run.
    """
    done = {(row.arch_id, number_of(row, config)) for row in full_trainings(config, ledger)}
    return [
        Retraining.of(architecture, number, config, run, provenance)
        for architecture, provenance in networks.items()
        for number in range(config.retrain_seeds)
        if (architecture.arch_id, number) not in done
    ]


def full_trainings(config: SearchConfig, ledger: Ledger) -> list[Evaluation]:
    """Return the full trainings by the configuration's full recipe."""
    return [r for r in ledger.evaluations("retrain") if r.recipe_id == config.retrain_id]


def number_of(row: Evaluation, config: SearchConfig) -> int:
    """Return a full training's number; in rows of the first 0.1.0 it is seed - search's seed."""
    return row.seed - config.seed if row.training is None else row.training


def write_curve(path: Path, curve: Sequence[Mapping[str, Any]]) -> None:
    """Write a training's curve as CSV, one row an epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_whole(path, text.getvalue())
