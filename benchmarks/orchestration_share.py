"""The share of workers' time that is training, of trials that train for a fixed time.

Every path trains architectures of digits, one process a worker on one thread, on one worker fewer
than there are cores: the driver has a core of its own. A trial's training ends after so many
seconds; the network is then evaluated once. The time of a path is from the moment at which it may
start workers to the end of its last trial, times its workers: their start counts too.

The rivals are Ray Tune with its own random search, and a bare pool of processes
(``multiprocessing``) that has nothing to decide or to keep.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from machine import machine
from orchestration_paths import SEARCH, TASK
from ray import tune

from nas.cli.output import Output
from nas.cli.progress import ProgressDisplay
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.config.sections import SamplerSettings, SearchSettings
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import EvaluationResult, begin_training
from nas.evaluation.messages import REPORT, REQUEST, TrialRequest
from nas.ray.cluster.connection import connected
from nas.ray.executor import run_search
from nas.ray.trainable import TrainingTrainable
from nas.search.loop import Search
from nas.search.problem import costs_of, problem_of, space_of
from nas.storage.device_time import device_time
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import proxy_assignment
from search_space.architecture import Architecture
from trainers import Stopwatch

SECONDS = "ORCHESTRATION_SHARE_SECONDS"
"""The variable that tells the workers how long a trial trains."""

ENDLESS_EPOCHS = 10**6


class Share(NamedTuple):
    """One path's figures, in seconds."""

    path: str
    trials: int
    wall: float
    parts: dict[str, float]  # of its workers' time, as far as it is known

    def row(self, workers: int) -> dict[str, Any]:
        """The figures as a row of the table."""
        return {
            "path": self.path,
            "trials": self.trials,
            "wall_seconds": self.wall,
            "training_percent": 100 * self.parts["training"] / (self.wall * workers),
            "known_percent": 100 * sum(self.parts.values()) / (self.wall * workers),
        }


def workers() -> int:
    """One fewer than there are cores."""
    return max(1, (os.cpu_count() or 1) - 1)


def trained(assignment: Assignment, text: str, stopwatch: Stopwatch) -> EvaluationResult:
    """Train an architecture's JSON for the seconds of :data:`SECONDS`, and evaluate it once."""
    torch.set_num_threads(1)
    with stopwatch.measuring("loading"):
        splits = assignment.splits()
    recipe = assignment.recipe.model_copy(
        update={"epochs": ENDLESS_EPOCHS, "evaluate_every_epochs": ENDLESS_EPOCHS}
    )
    training = begin_training(
        Architecture.from_json(text),
        splits,
        assignment.task,
        recipe,
        seed=0,
        device="cpu",
        state=None,
        stopwatch=stopwatch,
    )
    ends = time.perf_counter() + float(os.environ[SECONDS])
    while time.perf_counter() < ends:
        training.run_steps(1)
    accuracy = training.evaluate("validation").score
    curve = [{"epoch": 1, "val_accuracy": accuracy}]
    return EvaluationResult({"val_accuracy": accuracy}, curve, training.train_seconds)


class FixedTime(TrainingTrainable):
    """A trial of this project that trains for a fixed time."""

    def evaluation(self, request: TrialRequest) -> Iterator[EvaluationResult]:
        """The result, after that time."""
        yield trained(self.assignment, request.architecture, self.time.stopwatch)


class FlatFixedTime(FixedTime):
    """The same for a configuration of plain Tune, with its parts beside the objective."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Make a request of the architecture alone."""
        request = TrialRequest(new_config["architecture"], 0, 0, None, resumes=False)
        return super().reset_config({REQUEST: request})

    def step(self) -> dict[str, Any]:
        """The only one."""
        result = super().step()
        return {"done": True, "parts": json.dumps(dict(result[REPORT].seconds))}


def this_project(trials: int) -> Share:
    """A search with the random sampler, without repeats of its front."""
    config = _config(trials)
    with tempfile.TemporaryDirectory() as runs, connected(config.ray) as cluster:
        ledger = Ledger.create(config, RunFolder.create(Path(runs), config))
        search = Search(problem_of(config, costs_of(config, space_of(config), TASK)), ledger)
        with ProgressDisplay(Output(stderr=True), search.status) as display:
            run_search(
                search,
                proxy_assignment(config, TASK),
                config.resources,
                cluster=cluster,
                concurrency=workers(),
                on_change=display.update,
                trainable=FixedTime,
            )
        rows = ledger.evaluations("search")
        spent = device_time(rows, ledger.sessions(), is_driven=False)
        return Share("this project", len(rows), spent.wall_seconds, dict(spent.seconds))


def plain_tune(trials: int) -> Share:
    """Ray Tune with reused actors, its own random choice, and all else as it comes."""
    config = _config(trials)
    with tempfile.TemporaryDirectory() as folder, connected(config.ray):
        began = time.perf_counter()
        assignment = proxy_assignment(config, TASK).with_images()
        results = tune.Tuner(
            tune.with_parameters(FlatFixedTime, assignment=assignment),
            param_space={"architecture": tune.choice(_texts(trials))},
            tune_config=tune.TuneConfig(
                num_samples=trials, max_concurrent_trials=workers(), reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="plain",
                storage_path=folder,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
        wall = time.perf_counter() - began
        ended = [results[number] for number in range(len(results))]
        parts = [json.loads((each.metrics or {})["parts"]) for each in ended]
    return Share("plain Ray Tune", trials, wall, _sum(parts))


def pool(trials: int) -> Share:
    """A pool of processes that takes one architecture after another."""
    assignment = proxy_assignment(_config(trials), TASK)
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(workers()) as processes:
        jobs = [(assignment, text) for text in _texts(trials)]
        parts = processes.starmap(_in_pool, jobs, chunksize=1)
    return Share("bare pool of processes", trials, time.perf_counter() - began, _sum(parts))


def _in_pool(assignment: Assignment, text: str) -> dict[str, float]:
    stopwatch = Stopwatch()
    with stopwatch.measuring("preparation"):
        trained(assignment, text, stopwatch)
    return stopwatch.seconds()


def _sum(parts: list[dict[str, float]]) -> dict[str, float]:
    names = {name for each in parts for name in each}
    return {name: sum(each.get(name, 0.0) for each in parts) for name in names}


@cache
def _config(trials: int) -> SearchConfig:
    return load_config(SEARCH).replace(
        sampler=SamplerSettings(name="random"),
        search=SearchSettings(n_trials=trials, finalist_seeds=1),
    )


def _texts(trials: int) -> list[str]:
    space, rng = space_of(_config(trials)), np.random.default_rng(0)
    return [space.sample(rng).canonical_json() for _ in range(trials)]


def measured(path: str, trials: int, seconds: float) -> dict[str, Any]:
    """Run one path; it is the only thing that its process does."""
    os.environ[SECONDS] = str(seconds)
    os.environ["OMP_NUM_THREADS"] = "1"
    share = {"this_project": this_project, "plain_tune": plain_tune, "pool": pool}[path](trials)
    return share.row(workers()) | {"seconds_by_part": share.parts, "machine": machine()}
