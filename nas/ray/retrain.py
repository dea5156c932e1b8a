"""Full trainings as Ray tasks that stream their progress and state to the driver.

The driver alone writes the run's folder. A worker sends its state every few epochs, from which the
training continues if the worker or the driver dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import ray
import torch
from ray.exceptions import RayError

from nas.config.sections import ResourceSettings
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import EvaluationResult, traceback_of
from nas.evaluation.full_training import Trained, TrainingProgress, train_in_full
from nas.evaluation.messages import Began, Raised
from nas.ray.cluster.nodes import kept_to
from nas.ray.recovery.deaths import cause_of, machine_fault
from nas.ray.recovery.task_pool import TaskPool
from nas.search.waiting import Waiting
from nas.storage.evaluation import Evaluation
from nas.storage.networks.retraining import Retraining
from search_space.architecture import Architecture


class RetrainProgress(NamedTuple):
    """The progress or the end of one full training."""

    retraining: Retraining
    state: Literal["running", "lost", "finished", "failed"]
    reached: TrainingProgress | None = None  # while it runs
    val_accuracy: float | None = None  # in the run's metric
    cause: str = ""  # why it lost its worker; it continues from its last state


class Failure(NamedTuple):
    """A full training that raised, or lost too many workers."""

    retraining: Retraining
    error: str


def run_retrainings(
    wanted: Sequence[Retraining],
    assignment: Assignment,
    resources: ResourceSettings,
    keep: Callable[[Retraining, Trained], Evaluation],
    on_progress: Callable[[RetrainProgress], None],
    *,
    waiting: Waiting,
    patience_seconds: float,
    check: Callable[[], None],
) -> list[Failure]:
    """Train all of ``wanted``, as many at a time as the cluster holds; Ray must be connected.

    With several workers a training, each training is a task without CPUs that starts them.

    A training whose worker is lost continues from its last state, on another worker.

    Args:
        wanted: what to train.
        assignment: data, task and recipe, which all of them share.
        resources: CPUs and GPUs of one training.
        keep: writes a finished training to the run's folder and ledger; returns the ledger's row.
        on_progress: called after every epoch, at every lost worker and at every end.
        waiting: shows what is waited for.
        patience_seconds: the longest wait for memory.
        check: raises if the cluster is lost.

    Returns:
        the failures, which can continue from their last states.

    Raises:
        CheckpointError, RunError: a damaged checkpoint, or a folder that cannot be written.
        ClusterError: memory is short for longer than the patience.
    """
    together = resources.workers_per_training > 1  # then the task itself trains nothing
    task = ray.remote(
        num_cpus=0 if together else resources.cpus_per_trial,
        num_gpus=0 if together else resources.gpus_per_trial,
        num_returns="streaming",
        max_retries=0,
        max_calls=1,
    )(_trained_together if together else _full_training)
    shared = ray.put(assignment.with_images())

    def begin(retraining: Retraining) -> Any:
        text = retraining.architecture.canonical_json()
        passed: Any = [shared] if together else shared  # in a list it stays a reference
        placed = kept_to(task, None if together else resources.device)
        return placed.remote(text, retraining.seed, passed, retraining.start(), resources)

    pool = TaskPool(
        wanted,
        begin,
        resources,
        slots_each=resources.workers_per_training,
        tells_begin=True,
        waiting=waiting,
        patience_seconds=patience_seconds,
        check=check,
    )
    failures = []
    while (ready := pool.first_ready()) is not None:
        stream, retraining = ready
        try:
            event: Began | TrainingProgress | Trained | Raised = ray.get(next(stream))
        except StopIteration:
            pool.end(stream)
            continue
        except RayError as error:
            ray.cancel(stream)
            if failure := pool.lose(stream, error):
                failures.append(Failure(retraining, failure))
                on_progress(RetrainProgress(retraining, "failed"))
            else:
                on_progress(RetrainProgress(retraining, "lost", cause=cause_of(error)))
            continue
        if isinstance(event, Began):
            pool.note_begin(stream)
        elif isinstance(event, Raised):
            failures.append(Failure(retraining, event.traceback))
            on_progress(RetrainProgress(retraining, "failed"))
        elif isinstance(event, Trained):
            accuracy = keep(retraining, event).metrics.get("val_accuracy")
            on_progress(RetrainProgress(retraining, "finished", val_accuracy=accuracy))
        else:
            if event.state is not None:
                retraining.save_state(event.state)
                pool.note_progress(stream)
            on_progress(RetrainProgress(retraining, "running", event, event.val_accuracy))
    return failures


def evaluate_on_cluster(
    jobs: Sequence[tuple[Architecture, int]],
    assignment: Assignment,
    resources: ResourceSettings,
    *,
    waiting: Waiting,
    patience_seconds: float,
    check: Callable[[], None],
) -> Iterator[tuple[tuple[Architecture, int], EvaluationResult | str]]:
    """Evaluate pairs of architecture and seed by proxies, in parallel; Ray must be connected.

    Args:
        jobs: what to evaluate.
        assignment: data, task and recipe, which all jobs share.
        resources: CPUs and GPUs of one job.
        waiting: shows what is waited for.
        patience_seconds: the longest wait for memory.
        check: raises if the cluster is lost.

    Yields:
        each job, as it ends, with its result, the traceback of what it raised, or why it lost
        several workers.

    Raises:
        ClusterError: memory is short for longer than the patience.
    """
    # Without a GPU, workers are reused; with one, Ray ends them after each evaluation, so that they
    # release its memory.
    task = ray.remote(
        num_cpus=resources.cpus_per_trial, num_gpus=resources.gpus_per_trial, max_retries=0
    )(_evaluation)
    shared = ray.put(assignment.with_images())

    def begin(job: tuple[Architecture, int]) -> Any:
        architecture, seed = job
        placed = kept_to(task, resources.device)
        return placed.remote(architecture.canonical_json(), seed, shared)

    pool = TaskPool(
        jobs,
        begin,
        resources,
        waiting=waiting,
        patience_seconds=patience_seconds,
        check=check,
    )
    while (ready := pool.first_ready()) is not None:
        reference, job = ready
        try:
            result: EvaluationResult | str = ray.get(reference)
        except RayError as error:
            if failure := pool.lose(reference, error):
                yield job, failure
            continue
        pool.end(reference)
        yield job, result


def _evaluation(text: str, seed: int, assignment: Assignment) -> EvaluationResult | str:
    torch.set_num_threads(assignment.threads)
    try:
        *_, result = assignment.evaluation(text, seed)
    except Exception as error:
        if machine_fault(error):
            raise  # another worker may do it
        return traceback_of(error)
    assert isinstance(result, EvaluationResult)
    return result


def _full_training(
    text: str,
    seed: int,
    assignment: Assignment,
    state: Mapping[str, Any] | None,
    resources: ResourceSettings,
) -> Iterator[Began | TrainingProgress | Trained | Raised]:
    """Train an architecture's JSON by :func:`nas.evaluation.full_training.train_in_full`."""
    yield Began()
    try:
        torch.set_num_threads(assignment.threads)
        yield from train_in_full(
            Architecture.from_json(text, imports=True),
            assignment.splits(),
            assignment.task,
            assignment.recipe,
            seed=seed,
            device=assignment.device,
            metric=assignment.metric,
            state=state,
            checkpoint_seconds=60 * resources.checkpoint_minutes,
        )
    except Exception as error:
        if machine_fault(error):
            raise  # another worker may do it
        yield Raised(traceback_of(error))


def _trained_together(
    text: str,
    seed: int,
    shared: Sequence[ray.ObjectRef],
    state: Mapping[str, Any] | None,
    resources: ResourceSettings,
) -> Iterator[Began | TrainingProgress | Trained | Raised]:
    """Train an architecture's JSON in several processes."""
    from nas.ray.distributed_training import FullTraining, train_together  # noqa: PLC0415 (slow)

    (assignment,) = shared
    seconds = 60 * resources.checkpoint_minutes
    training = FullTraining(text, seed, assignment, state, seconds)
    yield from train_together(training, resources)
