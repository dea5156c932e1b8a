"""Full trainings and proxy evaluations in this process, in place of Ray's workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.full_training import Trained, TrainingProgress
from nas.evaluation.messages import Raised
from nas.ray.retrain import Failure, _evaluation, _full_training
from nas.storage.evaluation import Evaluation
from nas.storage.networks.retraining import Retraining
from search_space.architecture import Architecture


class TrainedHere:
    """Stands in for the cluster.

    Args:
        monkeypatch: pytest's.

    Attributes:
        begun: folders of the full trainings that were begun, and states that they went on from.
        proxies: what was evaluated by proxies.
        interrupts: raise KeyboardInterrupt after the next saved state.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[tuple[str, bool]] = []
        self.proxies: list[tuple[Architecture, int]] = []
        self.interrupts = False
        commands = "nas.cli.commands.train.full_trainings"
        monkeypatch.setattr(f"{commands}.connected", self._connected)
        monkeypatch.setattr(f"{commands}.run_retrainings", self._train)
        monkeypatch.setattr("nas.workflows.plain_networks.evaluate_on_cluster", self._evaluate)

    @contextmanager
    def _connected(self, *settings: Any) -> Iterator[Any]:
        yield SimpleNamespace(check=lambda: None)

    def _train(
        self,
        wanted: Sequence[Retraining],
        assignment: Assignment,
        resources: Any,
        keep: Callable[[Retraining, Trained], Evaluation],
        on_progress: Any,
        **others: Any,
    ) -> list[Failure]:
        failures = []
        for retraining in wanted:
            state = retraining.start()
            self.begun.append((retraining.folder.name, state is not None))
            text = retraining.architecture.canonical_json()
            for event in _full_training(text, retraining.seed, assignment, state, resources):
                if isinstance(event, Raised):
                    failures.append(Failure(retraining, event.traceback))
                elif isinstance(event, Trained):
                    keep(retraining, event)
                elif isinstance(event, TrainingProgress) and event.state is not None:
                    retraining.save_state(event.state)
                    if self.interrupts:
                        raise KeyboardInterrupt
        return failures

    def _evaluate(
        self,
        jobs: Sequence[tuple[Architecture, int]],
        assignment: Assignment,
        resources: Any,
        **others: Any,
    ) -> Iterator[tuple[tuple[Architecture, int], EvaluationResult | str]]:
        for job in jobs:
            self.proxies.append(job)
            yield job, _evaluation(job[0].canonical_json(), job[1], assignment)
