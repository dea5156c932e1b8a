"""One full training in several processes, which Ray Train starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import ray
import ray.train
import torch
import torch.distributed as dist
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchTrainer
from ray.util.queue import Empty, Queue

from nas.config.sections import ResourceSettings
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import traceback_of
from nas.evaluation.full_training import Trained, TrainingProgress, train_in_full
from nas.evaluation.messages import Began, Raised
from nas.ray.cluster.nodes import selector
from nas.ray.recovery.deaths import machine_fault
from nas.ray.temporary import temporary_folder
from search_space.architecture import Architecture
from trainers import RankLost

LOOK_EVERY_SECONDS = 0.5


class FullTraining(NamedTuple):
    """A full training as its workers get it."""

    architecture: str  # canonical JSON
    seed: int
    assignment: ray.ObjectRef  # of an Assignment: a copy of its images for each node, no more
    state: Mapping[str, Any] | None  # to go on from
    checkpoint_seconds: float


def train_together(
    training: FullTraining, resources: ResourceSettings
) -> Iterator[Began | TrainingProgress | Trained | Raised]:
    """Train a network in ``resources.workers_per_training`` processes; yield what the first says.

    If a process dies, all of them end and this raises: the training begins again from its last
    state, by the rules for all tasks.

    Raises:
        RayError, RankLost: a process died.
    """
    messages = Queue(actor_options={"num_cpus": 0})
    with temporary_folder() as folder, ThreadPoolExecutor(1) as executor:
        trainer = TorchTrainer(
            _train_one_rank,
            train_loop_config={"training": training, "messages": messages},
            scaling_config=ScalingConfig(
                num_workers=resources.workers_per_training,
                use_gpu=resources.gpus_per_trial > 0,
                resources_per_worker={
                    "CPU": resources.cpus_per_trial,
                    "GPU": resources.gpus_per_trial,
                },
                label_selector=selector(resources.device) or None,  # type: ignore[call-arg]
            ),
            run_config=RunConfig(
                storage_path=str(folder), failure_config=FailureConfig(max_failures=0)
            ),
        )
        fitting = executor.submit(trainer.fit)  # Ray Train's own loop runs beside the messages
        ended = False
        while not fitting.done() or not messages.empty():
            try:
                message = messages.get(timeout=LOOK_EVERY_SECONDS)
            except Empty:
                continue
            if not ended:  # the others end with the same, or with the loss of the first
                yield message
            ended = ended or isinstance(message, Trained | Raised)
        messages.shutdown()
    if not ended:
        raise _reason(fitting.exception())


def _reason(error: BaseException | None) -> BaseException:
    """Return the error of a process that was lost, as far as that is known."""
    if isinstance(error, WorkerGroupError):
        failures = [
            getattr(each, "health_check_failure", each) for each in error.worker_failures.values()
        ]
        for failure in failures:
            if isinstance(failure, RayError):
                return failure
    return RankLost(f"Ray Train ended the training: {error or 'it has no result'}")


def _train_one_rank(config: dict[str, Any]) -> None:
    """Train in one of the processes; the first one sends what happens, any of them its error."""
    training: FullTraining = config["training"]
    messages: Queue = config["messages"]
    assignment: Assignment = ray.get(training.assignment)
    torch.set_num_threads(assignment.threads)
    speaks = ray.train.get_context().get_world_rank() == 0
    if speaks:
        messages.put(Began())
    try:
        for message in train_in_full(
            Architecture.from_json(training.architecture, imports=True),
            assignment.splits(),
            assignment.task,
            assignment.recipe,
            seed=training.seed,
            device=assignment.device,
            metric=assignment.metric,
            state=training.state,
            checkpoint_seconds=training.checkpoint_seconds,
            process_group=dist.group.WORLD,
        ):
            if speaks:
                messages.put(message)
    except Exception as error:
        if not machine_fault(error):
            messages.put(Raised(traceback_of(error)))
        raise
