"""The ways to run trials that :mod:`orchestration` compares, each in a process of its own."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import machine
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from nas.cli.output import Output
from nas.cli.progress import ProgressDisplay
from nas.config.files import load_config
from nas.config.sections import SamplerSettings, SearchSettings
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.messages import REQUEST, TrialRequest
from nas.ray.cluster.connection import connected
from nas.ray.cluster.nodes import trials_at_once
from nas.ray.executor import run_search
from nas.ray.trainable import TrainingTrainable
from nas.search.loop import Search
from nas.search.problem import costs_of, problem_of, space_of
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import proxy_assignment
from search_space.architecture import Task
from search_space.space import SearchSpace
from search_space.space.parameters import Parameter

SEARCH = Path(__file__).parents[1] / "configs" / "searches" / "digits.yaml"
TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
FOUND = {"val_accuracy": 0.5, "params": 1.0}
CURVE = [{"epoch": 1, "train_loss": 1.0, "val_accuracy": 0.5}]
SHOW_EVERY_SECONDS = 10.0


class NoOp(TrainingTrainable):
    """A training that is over at once."""

    def evaluation(self, request: TrialRequest) -> Iterator[EvaluationResult]:
        """The result."""
        yield EvaluationResult({"val_accuracy": FOUND["val_accuracy"]}, CURVE, 0.0)


class FlatNoOp(NoOp):
    """The same for any configuration, with the objectives where Tune's searchers look for them."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """There is no request in it."""
        return super().reset_config({REQUEST: TrialRequest("", 0, 0, None, resumes=False)})

    def step(self) -> dict[str, Any]:
        """The only one."""
        return super().step() | FOUND


def this_project(trials: int) -> dict[str, Any]:
    """A search of this many trials with the random sampler, without repeats of its front."""
    config = load_config(SEARCH).replace(
        sampler=SamplerSettings(name="random"),
        search=SearchSettings(n_trials=trials, finalist_seeds=1),
    )
    started = time.time()
    with tempfile.TemporaryDirectory() as runs, connected(config.ray) as cluster:
        concurrency = trials_at_once(config.resources)
        ledger = Ledger.create(config, RunFolder.create(Path(runs), config))
        problem = problem_of(config, costs_of(config, space_of(config), TASK))
        search = Search(problem, ledger)
        cpu_seconds: dict[int, float] = {}  # by trials trained

        def changed() -> None:
            display.update()
            cpu_seconds.setdefault(search.trials.trained, time.process_time())

        with ProgressDisplay(Output(stderr=True), search.status) as display:
            run_search(
                search,
                proxy_assignment(config, TASK),
                config.resources,
                cluster=cluster,
                concurrency=concurrency,
                on_change=changed,
                trainable=NoOp,
            )
        study = ledger.study("search")
        return _figures("this project", started, concurrency, study, cpu_seconds)


def plain_tune_with_sqlite(trials: int) -> dict[str, Any]:
    """Run ``trials`` of Tune's own OptunaSearch, its study in a file."""
    with tempfile.TemporaryDirectory() as folder:
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
        return _plain_tune("plain Ray Tune, SQLite", trials, storage)


def plain_tune_in_memory(trials: int) -> dict[str, Any]:
    """The same as OptunaSearch has it by default."""
    return _plain_tune("plain Ray Tune, in memory", trials, optuna.storages.InMemoryStorage())


def _plain_tune(path: str, trials: int, storage: optuna.storages.BaseStorage) -> dict[str, Any]:
    config = load_config(SEARCH)
    space = space_of(config)
    started = time.time()
    with tempfile.TemporaryDirectory() as folder, connected(config.ray):
        concurrency = trials_at_once(config.resources)
        shown = _Shown(path, trials)
        tune.Tuner(
            tune.with_parameters(FlatNoOp, assignment=proxy_assignment(config, TASK)),
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(
                    partial(_suggest, space),
                    metric=["val_accuracy", "params"],
                    mode=["max", "min"],
                    sampler=optuna.samplers.RandomSampler(seed=config.seed),
                    study_name="plain",
                    storage=storage,
                ),
                num_samples=trials,
                max_concurrent_trials=concurrency,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="plain",
                storage_path=folder,
                verbose=0,
                callbacks=[shown],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
        study = optuna.load_study(study_name="plain", storage=storage)
        return _figures(path, started, concurrency, study, shown.cpu_seconds)


def _suggest(space: SearchSpace, trial: Any) -> None:
    def choose(parameter: Parameter) -> int:
        value = trial.suggest_categorical(parameter.name, parameter.choices)
        return parameter.choices.index(value)

    space.walk(choose)


class _Shown(tune.Callback):
    """One line now and then, as :class:`nas.cli.progress.ProgressDisplay` has it."""

    def __init__(self, path: str, trials: int) -> None:
        self.path, self.trials, self.done, self.next_show = path, trials, 0, 0.0
        self.cpu_seconds: dict[int, float] = {}

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.done += 1
        self.cpu_seconds[self.done] = time.process_time()
        if time.monotonic() >= self.next_show:
            self.next_show = time.monotonic() + SHOW_EVERY_SECONDS
            print(f"{self.path}: trials {self.done}/{self.trials}", file=sys.stderr)


def _figures(
    path: str,
    started: float,
    concurrency: int,
    study: optuna.Study,
    cpu_seconds: Mapping[int, float],
) -> dict[str, Any]:
    """Return when the trials ended, by the study, and this process's use, by the system."""
    ended = sorted(
        trial.datetime_complete.timestamp()
        for trial in study.get_trials(deepcopy=False)
        if trial.state == optuna.trial.TrialState.COMPLETE and trial.datetime_complete
    )
    counts = range(1, len(ended) + 1)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "path": path,
        "concurrency": concurrency,
        "ended_at_seconds": [end - started for end in ended],
        "cpu_seconds": np.interp(counts, [*cpu_seconds], [*cpu_seconds.values()]).tolist(),
        "driver_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        "machine": machine(),
    }


PATHS: dict[str, Callable[[int], dict[str, Any]]] = {
    "this_project": this_project,
    "plain_tune_with_sqlite": plain_tune_with_sqlite,
    "plain_tune_in_memory": plain_tune_in_memory,
}
