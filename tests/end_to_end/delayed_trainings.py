"""Trainings with known delays in their parts, for Ray's workers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch

from nas.evaluation.evaluate import EvaluationResult, Paused, Progress
from nas.evaluation.messages import TrialRequest
from nas.ray.trainable import TrainingTrainable
from trainers.data.splits.dataset import Split
from trainers.evaluation.evaluated_network import EvaluatedNetwork
from trainers.optimization.step import TrainingStep

DELAYED_SECONDS = 0.25


class DelayedTrainable(TrainingTrainable):
    """A worker whose steps, evaluations and reading of images take longer.

    The result's metrics tell by how much: ``training_delay``, ``evaluation_delay`` and
    ``loading_delay``, in seconds.
    """

    def evaluation(self, request: TrialRequest) -> Iterator[Progress | Paused | EvaluationResult]:
        delays: Counter[str] = Counter()
        take, kept, pixels = TrainingStep.take, EvaluatedNetwork.kept, Split.pixels

        def delay(part: str) -> None:
            time.sleep(DELAYED_SECONDS)
            delays[f"{part}_delay"] += 1

        def slow_step(step: TrainingStep, *args: Any) -> Any:
            delay("training")
            return take(step, *args)

        def slow_kept(network: EvaluatedNetwork, *args: Any) -> Any:
            delay("evaluation")
            return kept(network, *args)

        def slow_pixels(split: Split, positions: torch.Tensor) -> torch.Tensor:
            delay("loading")
            return pixels(split, positions)

        with (
            patch.object(TrainingStep, "take", slow_step),
            patch.object(EvaluatedNetwork, "kept", slow_kept),
            patch.object(Split, "pixels", slow_pixels),
        ):
            for step in super().evaluation(request):
                if isinstance(step, EvaluationResult):
                    slept = {name: DELAYED_SECONDS * count for name, count in delays.items()}
                    yield step._replace(metrics=step.metrics | slept)
                else:
                    yield step
