"""A run with real trainings, begun, resumed and retrained in this process, without Ray."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nas.cli.commands.search.front_report import front_of_search
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult, Paused, cached_splits, evaluate
from nas.search.job import Job
from nas.search.loop import Search
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.networks.retraining import Retraining
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_data
from nas.workflows.doctor.examination import Diagnosis, examine, repair
from search_space.architecture import Architecture
from search_space.yaml_validation import validate
from tests.hand_driven import problem_from
from tests.nas.trained_in_full import trained_in_full
from trainers import checkpoint_bytes
from trainers.checkpoints.checkpoint import read_checkpoint

RECIPE = {"epochs": 3, "batch_size": 25, "learning_rate": 0.05}
STEM = {"type": "conv", "kernel": 3, "stride": 2, "pool": False, "width": [4, 8]}
SPACE: dict[str, Any] = {
    "name": "tiny",
    "expansion": 2,
    "stem": [STEM],
    "stages": [
        {
            "depth": 1,
            "width": [4, 8],
            "primitive": [
                {"type": "conv", "kernel": [1, 3]},
                {"type": "local_attention", "extent": [3, 5], "heads": [1, 2]},
            ],
        }
    ],
}
"""24 architectures; some differ in their heads alone, so that their weights have equal shapes."""

CONFIG: dict[str, Any] = {
    "name": "real",
    "seed": 1,
    "space": SPACE,
    "data": {"name": "digits", "train_images": 50, "validation_images": 50},
    "sampler": {"name": "random"},
    "scheduler": {"name": "asha", "type": "promotion"},
    "search": {"n_trials": 7, "finalist_seeds": 2, "deterministic": True, "concurrency": 1},
    "proxy": RECIPE,
    "retrain": RECIPE,
}
"""A rung after one epoch; one trial of three is promoted."""


def config_with(**changes: Any) -> SearchConfig:
    return validate(SearchConfig, CONFIG | changes, "test")


def begin(runs: Path, jobs: int | None = None, **changes: Any) -> RunFolder:
    """Begin a run, and drive it until ``jobs`` have ended, or to its end."""
    config = config_with(**changes)
    run = RunFolder.create(runs, config)
    with run.driving():
        ledger = Ledger.create(config, run)
        run.write_json("task.json", load_data(config).task.model_dump(mode="json"))
        run.write_json("state.json", {"finished": False})
        _drive(run, config, ledger, jobs)
    return run


def resume(run: RunFolder) -> list[Job]:
    """Drive a run to its end, as a resumed search does; return its jobs."""
    config = run.config()
    with run.driving():
        return _drive(run, config, Ledger.resume(config, run), None)


def _drive(run: RunFolder, config: SearchConfig, ledger: Ledger, jobs: int | None) -> list[Job]:
    task = load_data(config).task
    states = PausedStates(run.paused_folder)
    search = Search(problem_from(config, task), ledger, states=states)
    ended = []
    while not search.finished and len(ended) != jobs:
        job = search.next_job()
        if job is None:  # the paused trials were stopped for good
            continue
        _train(search, config, job)
        ended.append(job)
    if search.finished:
        run.write_json("state.json", {"finished": True, "trained": search.trials.trained})
        run.write_json("front.json", front_of_search(config, ledger))
    ledger.close()
    return ended


def _train(search: Search, config: SearchConfig, job: Job) -> None:
    content = search.state_of(job) if job.resumes else None
    *_, last = evaluate(
        job.architecture,
        cached_splits(config.data, config.proxy.pixels),
        load_data(config).task,
        config.proxy,
        seed=job.seed,
        pause_at=job.pause_at,
        state=None if content is None else read_checkpoint(content, "the trial's"),
    )
    if isinstance(last, Paused):
        progress = last.progress
        so_far = EvaluationResult({}, progress.curve, progress.device_seconds)
        state = checkpoint_bytes(last.state)
        search.paused(job, so_far, epoch=progress.epoch, state=state)
    else:
        assert isinstance(last, EvaluationResult)
        search.completed(job, last)


def retrain(run: RunFolder, architecture: Architecture) -> Retraining:
    """Train an architecture in full, as ``nas retrain`` does."""
    config, task = run.config(), run.task()
    ledger = Ledger.open(config, run)
    retraining = Retraining.of(architecture, 0, config, run)
    trained_in_full(retraining, config, ledger, task)
    ledger.close()
    return retraining


def results(run: RunFolder) -> dict[str, tuple[str, dict[str, float]]]:
    """The search's trained architectures with their states and metrics."""
    ledger = Ledger.read(run.config(), run)
    rows = ledger.evaluations()
    ledger.close()
    return {row.arch_id: (row.state, dict(row.metrics)) for row in rows}


def examined(run: RunFolder) -> Diagnosis:
    return examine(run, front_of_search)


def repaired(run: RunFolder) -> Diagnosis:
    return repair(run, front_of_search)


def wrong(diagnosis: Diagnosis) -> list[str]:
    """Each thing that is wrong, in one line."""
    return [f"{f.place}: {f.problem}" for f in diagnosis.findings if f.is_wrong]


def digests(folder: Path) -> set[str]:
    """The content of every file below a folder but for SQLite's index of its write-ahead file."""
    return {hashlib.sha256(content).hexdigest() for content in _contents(folder)}


def _contents(folder: Path) -> Iterator[bytes]:
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.endswith("-shm"):
            yield file.read_bytes()
