"""Small spaces, a synthetic training and runs on disk, shared by the tests of the search."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from sqlalchemy import event
from sqlalchemy.engine import Engine

from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.cost import Costs, network_costs
from search_space.space import SearchSpace
from search_space.space.parameters import Parameter
from search_space.yaml_validation import validate
from tests.hand_driven import HandDriven, ledger_in_memory
from tests.nas.trained_detector import retrained_detector

STEM = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": [4, 8]}
CONV = {"type": "conv", "kernel": [1, 3]}

SMALL_SPACE: dict[str, Any] = {
    "name": "small",
    "block": "basic",
    "expansion": 1,
    "stem": [STEM],
    "stages": [
        {
            "depth": [1, 2],
            "width": [4, 8],
            "primitive": [CONV, {"type": "local_attention", "extent": [3, 5], "heads": [1, 2]}],
        },
        {
            "depth": 1,
            "width": [8, 16],
            "stride": 2,
            "primitive": [
                CONV,
                {"type": "augmented_conv", "kappa": 0.5, "upsilon": [0.25, 0.5], "heads": 2}
                | {"min_key_depth_per_head": 2},
            ],
        },
    ],
}
"""384 architectures; some parameters exist under conditions alone."""

TINY_SPACE: dict[str, Any] = {
    "name": "tiny",
    "block": "basic",
    "expansion": 1,
    "stem": [STEM],
    "stages": [{"depth": [1, 2, 3], "width": 8, "primitive": [CONV]}],
}
"""Twelve architectures, each with another number of parameters."""

RECIPE = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def _sqlite_without_waiting_for_the_disk() -> Iterator[None]:
    """Switch off SQLite's disk syncs, which matter after a power cut alone."""

    def connected(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", connected)
    yield
    event.remove(Engine, "connect", connected)


@pytest.fixture(scope="session")
def small_space() -> SearchSpace:
    return SearchSpace.from_mapping(SMALL_SPACE)


@pytest.fixture(scope="session")
def tiny_space() -> SearchSpace:
    return SearchSpace.from_mapping(TINY_SPACE)


@pytest.fixture(scope="session")
def task() -> Task:
    return Task(dataset="digits", input_shape=(1, 8, 8), classes=10)


@pytest.fixture(scope="session")
def detector_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``model.pt`` of a small detector with attention, in its run's folder."""
    return retrained_detector(tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="session")
def costs(task: Task) -> Callable[[Architecture], Costs]:
    return lambda architecture: network_costs(architecture, task)


@pytest.fixture(scope="session")
def accuracy() -> Callable[..., float]:
    """Return a made-up accuracy: a fixed function of the architecture's text and the seed.

    It uses the text, since an ``arch_id`` changes whenever architectures gain a field.
    """

    def made_up(architecture: Architecture, seed: int = 0) -> float:
        digest = sha256(str(architecture).encode()).hexdigest()
        share = int(digest[:8], 16) / 16**8
        return 0.5 + 0.4 * share + 0.01 * ((int(digest[8:12], 16) + 7 * seed) % 11)

    return made_up


@pytest.fixture(scope="session")
def suggested() -> Callable[[SearchSpace, optuna.Trial], Architecture]:
    """Return the function that suggests an architecture, as any user of Optuna would."""

    def architecture(space: SearchSpace, trial: optuna.Trial) -> Architecture:
        def choose(parameter: Parameter) -> int:
            value = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(value)

        return space.decode(space.walk(choose))

    return architecture


@pytest.fixture(scope="session")
def trained(accuracy: Callable[..., float]) -> Callable[..., EvaluationResult]:
    """The outcome of that training, with a curve of two epochs."""

    def outcome(architecture: Architecture, seed: int = 0) -> EvaluationResult:
        last = accuracy(architecture, seed)
        curve = [
            {"epoch": epoch, "train_loss": 2.0 / epoch, "val_accuracy": point}
            for epoch, point in ((1, last / 2), (2, last))
        ]
        return EvaluationResult({"val_accuracy": last}, curve, 1.5)

    return outcome


@pytest.fixture(scope="session")
def config_of() -> Callable[..., SearchConfig]:
    """A search's configuration from plain data; keyword arguments replace whole sections."""

    def build(**changes: Any) -> SearchConfig:
        data = {
            "name": "first",
            "seed": 3,
            "space": SMALL_SPACE,
            "data": {"name": "digits", "train_images": 100, "validation_images": 100},
            "objectives": ["val_accuracy", "params"],
            "sampler": {"name": "pareto_local_search", "options": {"initial_trials": 3}},
            "search": {"n_trials": 6, "finalist_seeds": 2},
            "proxy": RECIPE,
            "retrain": RECIPE,
        }
        return validate(SearchConfig, data | changes, "test")

    return build


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def start(runs: Path) -> Callable[[SearchConfig], tuple[RunFolder, Ledger]]:
    """Makes a run's folder and its ledger."""

    def make(config: SearchConfig) -> tuple[RunFolder, Ledger]:
        run = RunFolder.create(runs, config)
        return run, Ledger.create(config, run)

    return make


@pytest.fixture(scope="session")
def in_memory() -> Callable[[SearchConfig], Ledger]:
    """A ledger without a file, for what needs no second connection."""
    return ledger_in_memory


@pytest.fixture(scope="session")
def propose_from(task: Task) -> Callable[..., HandDriven]:
    """The proposals of a ledger, as a driver that was just started sees them."""

    def begin(config: SearchConfig, ledger: Ledger) -> HandDriven:
        return HandDriven(config, ledger, task)

    return begin


@pytest.fixture(scope="session")
def finish(
    trained: Callable[..., EvaluationResult], costs: Callable[[Architecture], Costs]
) -> Callable[..., None]:
    """Trains a proposal and records what came of it."""
    return recording(trained, costs)


def recording(
    trained: Callable[..., EvaluationResult], costs: Callable[[Architecture], Costs]
) -> Callable[..., None]:
    """Return the function that trains a proposal and records what came of it."""

    def record(proposals: HandDriven, proposal: Any) -> None:
        result = trained(proposal.architecture, proposals.config.seed)
        cost = costs(proposal.architecture)
        static = {"params": cost.params, "macs": cost.macs, "activations": cost.activations}
        proposals.complete(proposal, result.metrics | static, result, None)

    return record


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """Within it, no file of this process can grow past that many bytes."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session")
def small_description() -> dict[str, Any]:
    return SMALL_SPACE


@pytest.fixture(scope="session")
def tiny_description() -> dict[str, Any]:
    return TINY_SPACE
