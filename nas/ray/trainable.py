"""The worker's side of a trial: one training, reporting as it goes. Actors are reused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import ray
import torch
from ray import tune

from nas.evaluate import (
    AccuracyMetric,
    EvaluationResult,
    Paused,
    Progress,
    cached_splits,
    evaluate,
    traceback_of,
)
from nas.fidelity import FULL, Fidelity
from nas.ray.mailbox import Mailbox
from search_space.architecture import Architecture, Task
from trainers import CheckpointError, DataConfig, Recipe
from trainers.checkpoint import checkpoint_bytes, read_checkpoint


class Assignment(NamedTuple):
    """What all trials of a search share; sent to each worker once."""

    data: DataConfig
    task: Task  # at full fidelity
    recipe: Recipe
    metric: AccuracyMetric
    device: str
    threads: int
    fidelity: Fidelity = FULL

    def evaluation(
        self,
        architecture: str,
        seed: int,
        *,
        pause_at: int | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> Iterator[Progress | Paused | EvaluationResult]:
        """Train the network of an architecture's JSON; see :func:`nas.evaluate.evaluate`."""
        yield from evaluate(
            self.fidelity.network(Architecture.from_json(architecture, imports=True)),
            cached_splits(self.data, self.device, self.fidelity),
            self.fidelity.task(self.task),
            self.recipe,
            seed=seed,
            device=self.device,
            metric=self.metric,
            pause_at=pause_at,
            state=state,
        )


class TrainingTrainable(tune.Trainable):
    """Trains the architecture in its config; each step ends at a point of the validation curve.

    What a training raises is reported, not raised: the actor stays usable for the next trial, and
    the driver records the traceback. A step's result has the fields of
    :class:`nas.evaluate.Progress`, with ``done`` at a pause, whose state then is in the mailbox;
    or, with ``done``, either ``outcome`` or ``error``. ``began_anew`` says why a state could not be
    taken up, or nothing. A training that is stopped in between leaves nothing behind: the next one
    begins with a new network.
    """

    def setup(  # type: ignore[override]
        self, config: dict[str, Any], assignment: Assignment, mailbox: Mailbox | None = None
    ) -> None:
        """Keep what all trials share, and start on the first one.

        Args:
            config: of the first trial; see :meth:`evaluation`.
            assignment: what all trials share.
            mailbox: for the states of paused trainings, if trials pause.
        """
        self.assignment = assignment
        self.mailbox = mailbox
        torch.set_num_threads(assignment.threads)
        self._steps: Iterator[Progress | Paused | EvaluationResult] = iter(())
        self._number: int | None = None
        self._began_anew = ""
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start on another trial; the data stay in memory, the last network does not."""
        self._steps = iter(())
        torch.cuda.empty_cache()  # trials that share the GPU may want it
        self._number, self._began_anew = new_config.get("trial"), ""
        self._steps = self.evaluation(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next point of the curve."""
        try:
            found = next(self._steps)
        except Exception as error:
            if torch.cuda.is_initialized() and "CUDA" in str(error):
                raise  # it may have broken the process: Tune starts the trial again in a new one
            return {"done": True, "error": traceback_of(error)}
        worker = f"node {ray.get_runtime_context().get_node_id()[:12]}"
        shared = {"worker": worker, "began_anew": self._began_anew}
        if isinstance(found, Progress):
            return {**found._asdict(), **shared, "done": False}
        if isinstance(found, Paused):
            assert self.mailbox is not None
            assert self._number is not None
            self.mailbox.put(self._number, checkpoint_bytes(found.state))
            return {**found.progress._asdict(), **shared, "done": True}
        # a list: Tune would flatten a dict
        return {"done": True, "outcome": list(found._replace(worker=worker)), **shared}

    def evaluation(
        self, config: Mapping[str, Any]
    ) -> Iterator[Progress | Paused | EvaluationResult]:
        """A trial's points and, last, its result; a subclass may find them in another way.

        Args:
            config: ``architecture`` (JSON), ``seed``, ``trial`` (its number; None for what is no
                proposal), ``pause_at`` (an epoch or None), ``resumes`` (from the state of the same
                trial's earlier job).
        """
        begin = partial(
            self.assignment.evaluation,
            config["architecture"],
            config["seed"],
            pause_at=config["pause_at"],
        )
        if not config["resumes"]:
            yield from begin()
            return
        steps: Iterator[Progress | Paused | EvaluationResult]
        try:
            steps = begin(state=self._received_state(config["trial"]))
            yield next(steps)
        except CheckpointError as error:  # before anything was trained
            self._began_anew = str(error)
            steps = begin()
        yield from steps

    def _received_state(self, number: int) -> dict[str, Any]:
        assert self.mailbox is not None
        content = self.mailbox.get(number)
        if content is None:
            raise CheckpointError("it was lost between driver and worker")
        return read_checkpoint(content, f"of trial {number}")
