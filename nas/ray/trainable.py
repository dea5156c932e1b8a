"""The worker's side of a trial: trains, and reports each point of the curve."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import ray
import torch
from ray import tune

from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import (
    EvaluationResult,
    Paused,
    Progress,
    traceback_of,
)
from nas.evaluation.messages import (
    REPORT,
    REQUEST,
    Completed,
    Pausing,
    Raised,
    Report,
    Training,
    TrialRequest,
)
from nas.evaluation.worker_time import WorkerTime
from nas.ray.checkpoint_exchange import CheckpointExchange
from nas.ray.recovery.deaths import machine_fault
from trainers import CheckpointError
from trainers.checkpoints.checkpoint import checkpoint_bytes, read_checkpoint


class TrainingTrainable(tune.Trainable):
    """Train a trial's architecture; each step ends at a point of the validation curve.

    An exception of a training is reported, not raised: the actor stays usable for the next trial,
    and the driver records the traceback. A step's result holds a
    :class:`nas.evaluation.messages.Report`, with ``done`` unless the training continues. A training
    that is stopped leaves nothing behind: the next one begins with a new network.
    """

    def setup(  # type: ignore[override]
        self,
        config: dict[str, TrialRequest],
        assignment: Assignment,
        exchange: CheckpointExchange | None = None,
    ) -> None:
        """Keep what all trials share, and start on the first one.

        Args:
            config: holds the first trial's request.
            assignment: data, task and recipe, which all trials share.
            exchange: carries the states of paused trainings, if trials pause.
        """
        self.assignment = assignment
        self.exchange = exchange
        torch.set_num_threads(assignment.threads)
        self.time = WorkerTime()
        self._steps: Iterator[Progress | Paused | EvaluationResult] = iter(())
        self.reset_config(config)
        self.time.forget()  # the driver measures how long a worker takes to start

    def reset_config(self, new_config: dict[str, TrialRequest]) -> bool:
        """Start another trial; the data stay in memory, the last network does not."""
        self.time.begin_job()
        with self.time.call():
            self._steps = iter(())
            torch.cuda.empty_cache()  # other trials may share the GPU
            self._number, self._began_anew = new_config[REQUEST].number, ""
            self._steps = self.evaluation(new_config[REQUEST])
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next point of the curve."""
        with self.time.call():
            outcome = self._next_outcome()
            worker = f"node {ray.get_runtime_context().get_node_id()[:12]}"
            seconds = self.time.stopwatch.seconds()
            report = Report(outcome, worker, self._began_anew, seconds)
            return {"done": not isinstance(outcome, Training), REPORT: report}

    def _next_outcome(self) -> Training | Pausing | Completed | Raised:
        try:
            step = next(self._steps)
        except Exception as error:
            if machine_fault(error) or (torch.cuda.is_initialized() and "CUDA" in str(error)):
                raise  # the process may be broken, or its node: the search counts a lost worker
            return Raised(traceback_of(error))
        if isinstance(step, Progress):
            return Training(step)
        if isinstance(step, Paused):
            assert self.exchange is not None
            self.exchange.put(self._number, checkpoint_bytes(step.state))
            return Pausing(step.progress)
        return Completed(step)

    def evaluation(self, request: TrialRequest) -> Iterator[Progress | Paused | EvaluationResult]:
        """Yield a trial's points and, last, its result; a subclass may compute them otherwise."""
        begin = partial(
            self.assignment.evaluation,
            request.architecture,
            request.seed,
            pause_at=request.pause_at,
            stopwatch=self.time.stopwatch,
        )
        if not request.resumes:
            yield from begin()
            return
        steps: Iterator[Progress | Paused | EvaluationResult]
        try:
            steps = begin(state=self._received_state(request.number))
            yield next(steps)
        except CheckpointError as error:  # before anything was trained
            self._began_anew = str(error)
            steps = begin()
        yield from steps

    def _received_state(self, number: int) -> dict[str, Any]:
        assert self.exchange is not None
        content = self.exchange.get(number)
        if content is None:
            raise CheckpointError("it was lost between driver and worker")
        return read_checkpoint(content, f"of trial {number}")
