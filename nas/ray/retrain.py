"""Full trainings as Ray tasks that stream their progress and state to the driver.

The driver alone writes the run's folder: a worker sends its state every few epochs, so that a
training whose worker or driver dies goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import ray
import torch
from ray.exceptions import RayError

from nas.evaluate import (
    EvaluationResult,
    cached_splits,
    chosen,
    curve_row,
    traceback_of,
)
from nas.evaluation_row import Evaluation
from nas.ledger import Ledger
from nas.ray.trainable import Assignment
from nas.retrain import CHECKPOINT_EVERY_EPOCHS, Retraining
from nas.settings import ResourceSettings
from search_space.architecture import Architecture
from search_space.networks import build
from trainers import Training


class RetrainProgress(NamedTuple):
    """How far one full training is."""

    retraining: Retraining
    epoch: int
    epochs: int
    val_accuracy: float | None


class Failure(NamedTuple):
    """A full training that raised, or whose worker died."""

    retraining: Retraining
    error: str


def run_retrainings(
    wanted: Sequence[Retraining],
    assignment: Assignment,
    resources: ResourceSettings,
    ledger: Ledger,
    on_progress: Callable[[RetrainProgress], None],
) -> tuple[list[Evaluation], list[Failure]]:
    """Train all of ``wanted``, as many at once as the cluster holds; Ray must be connected.

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
            event: dict[str, Any] = ray.get(next(stream))
        except StopIteration:
            del streams[stream]
            continue
        except RayError as error:
            del streams[stream]
            ray.cancel(stream)
            failures.append(Failure(retraining, str(error)))
            continue
        if "error" in event:
            failures.append(Failure(retraining, event["error"]))
        elif "weights" in event:
            rows.append(retraining.finish(ledger, assignment.task, **event))
        else:
            if event["state"] is not None:
                retraining.save_state(event["state"])
            on_progress(
                RetrainProgress(
                    retraining, event["epoch"], assignment.recipe.epochs, event["val_accuracy"]
                )
            )
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
) -> Iterator[dict[str, Any]]:
    """Progress and state at times; last the result, with the test images looked at once."""
    try:
        yield from _train_fully(text, seed, assignment, state)
    except Exception as error:  # noqa: BLE001 (whatever a network raises is the training's result)
        yield {"error": traceback_of(error)}


def _on_cpu(value: Any) -> Any:
    """Plain data with every tensor on the CPU: the driver need not have the worker's device."""
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, Mapping):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(inner) for inner in value)
    return value


def _train_fully(
    text: str, seed: int, assignment: Assignment, state: Mapping[str, Any] | None
) -> Iterator[dict[str, Any]]:
    torch.set_num_threads(assignment.threads)
    splits = cached_splits(assignment.data, assignment.device)
    model = build(
        Architecture.from_json(text),
        assignment.task,
        seed=seed,
        zero_init_residual=assignment.recipe.zero_init_residual,
    )
    training = Training(model, splits, assignment.recipe, seed=seed, device=assignment.device)
    if state is not None:
        training.load_state_dict(dict(state))
    while not training.done:
        point = training.run_epoch()
        due = training.epoch % CHECKPOINT_EVERY_EPOCHS == 0 and not training.done
        yield {
            "epoch": training.epoch,
            "val_accuracy": point.val_accuracy,
            "state": _on_cpu(training.state_dict()) if due else None,
        }
    last = training.curve[-1].validation
    assert last is not None  # the last epoch is always evaluated
    tested = training.evaluate("test")
    yield {
        # Taken last: evaluating recalibrates batch normalisation in these same tensors.
        "weights": _on_cpu(dict(training.evaluated_model().state_dict())),
        "metrics": {
            "val_accuracy": chosen(last, assignment.metric),
            "test_accuracy": chosen(tested, assignment.metric),
        },
        "curve": [curve_row(point, assignment.metric) for point in training.curve],
        "device_seconds": sum(point.train_seconds for point in training.curve),
    }
