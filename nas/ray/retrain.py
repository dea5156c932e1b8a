"""Full trainings as Ray tasks that stream their progress and state to the driver.

The driver alone writes the run's folder: a worker sends its state every few epochs, so that a
training whose worker or driver dies goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import ray
import torch
from ray.exceptions import RayError

from nas.config.sections import ResourceSettings
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import (
    EvaluationResult,
    cached_splits,
    traceback_of,
)
from nas.evaluation.full_training import EpochDone, Trained, train_in_full
from nas.evaluation.messages import Raised
from nas.storage.evaluation import Evaluation
from nas.storage.retraining import Retraining
from search_space.architecture import Architecture


class RetrainProgress(NamedTuple):
    """How far one full training is, or what came of it."""

    retraining: Retraining
    state: Literal["running", "finished", "failed"]
    epoch: int = 0  # of one that runs
    val_accuracy: float | None = None  # by the run's metric


class Failure(NamedTuple):
    """A full training that raised, or whose worker died."""

    retraining: Retraining
    error: str


def run_retrainings(
    wanted: Sequence[Retraining],
    assignment: Assignment,
    resources: ResourceSettings,
    keep: Callable[[Retraining, Trained], Evaluation],
    on_progress: Callable[[RetrainProgress], None],
) -> tuple[list[Evaluation], list[Failure]]:
    """Train all of ``wanted``, as many at once as the cluster holds; Ray must be connected.

    Args:
        wanted: what to train.
        assignment: what all of them share.
        resources: what each of them takes.
        keep: writes a finished training to the run's folder and ledger; gives the ledger's row.
        on_progress: is told of every epoch and every end.

    Returns:
        the ledger's new rows, and what failed (its last state stays, to be taken up again).

    Raises:
        CheckpointError, RunError: a damaged checkpoint, or a folder that cannot be written.
    """
    task = ray.remote(
        num_cpus=resources.cpus_per_trial,
        num_gpus=resources.gpus_per_trial,
        num_returns="streaming",
        max_retries=0,
        max_calls=1,
    )(_full_training)
    shared = ray.put(assignment)
    streams: dict[Any, Retraining] = {}  # keys: Ray's generators of references
    for retraining in wanted:
        text = retraining.architecture.canonical_json()
        stream = task.remote(text, retraining.seed, shared, retraining.start())
        streams[stream] = retraining
    rows, failures = [], []
    while streams:
        stream = _first_ready(streams)
        retraining = streams[stream]
        try:
            event: EpochDone | Trained | Raised = ray.get(next(stream))
        except StopIteration:
            del streams[stream]
            continue
        except RayError as error:
            del streams[stream]
            ray.cancel(stream)
            failures.append(Failure(retraining, str(error)))
            on_progress(RetrainProgress(retraining, "failed"))
            continue
        if isinstance(event, Raised):
            failures.append(Failure(retraining, event.traceback))
            on_progress(RetrainProgress(retraining, "failed"))
        elif isinstance(event, Trained):
            rows.append(keep(retraining, event))
            accuracy = rows[-1].metrics["val_accuracy"]
            on_progress(RetrainProgress(retraining, "finished", val_accuracy=accuracy))
        else:
            if event.state is not None:
                retraining.save_state(event.state)
            on_progress(RetrainProgress(retraining, "running", event.epoch, event.val_accuracy))
    return rows, failures


def _first_ready(streams: Mapping[Any, Retraining]) -> Any:
    """The stream that has something to give first."""
    ready, _ = ray.wait(list(streams), num_returns=1)
    return ready[0]


def evaluate_on_cluster(
    jobs: Sequence[tuple[Architecture, int]], assignment: Assignment, resources: ResourceSettings
) -> list[EvaluationResult | str]:
    """Proxy evaluations of (architecture, seed), side by side; Ray must be connected.

    Returns:
        for each job its result, the traceback of what it raised, or what Ray knows of the death of
        its worker.
    """
    # Without a GPU, workers stay for the next evaluation; with one, Ray ends them after each, so
    # that none holds its memory.
    task = ray.remote(num_cpus=resources.cpus_per_trial, num_gpus=resources.gpus_per_trial)(
        _evaluation
    )
    shared = ray.put(assignment)
    begun = [
        task.remote(architecture.canonical_json(), seed, shared) for architecture, seed in jobs
    ]
    return [_fetched(reference) for reference in begun]


def _fetched(reference: Any) -> EvaluationResult | str:
    try:
        found: EvaluationResult | str = ray.get(reference)
    except RayError as error:
        return str(error)
    return found


def _evaluation(text: str, seed: int, assignment: Assignment) -> EvaluationResult | str:
    torch.set_num_threads(assignment.threads)
    try:
        *_, result = assignment.evaluation(text, seed)
    except Exception as error:  # noqa: BLE001 (whatever a network raises is its result)
        return traceback_of(error)
    assert isinstance(result, EvaluationResult)
    return result


def _full_training(
    text: str, seed: int, assignment: Assignment, state: Mapping[str, Any] | None
) -> Iterator[EpochDone | Trained | Raised]:
    """Train an architecture's JSON by :func:`nas.evaluation.full_training.train_in_full`."""
    try:
        torch.set_num_threads(assignment.threads)
        yield from train_in_full(
            Architecture.from_json(text, imports=True),
            cached_splits(assignment.data, assignment.device),
            assignment.task,
            assignment.recipe,
            seed=seed,
            device=assignment.device,
            metric=assignment.metric,
            state=state,
        )
    except Exception as error:  # noqa: BLE001 (whatever a network raises is the training's result)
        yield Raised(traceback_of(error))
