"""The assignment: data, recipe and settings that all trials of a search share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from nas.evaluation.accuracy_metric import AccuracyMetric, TrainOn
from nas.evaluation.evaluate import EvaluationResult, Paused, Progress, cached_splits, evaluate
from nas.evaluation.fidelity import FULL, Fidelity
from search_space.architecture import Architecture, Task
from trainers import DataConfig, ImageSplits, Recipe, Split, Stopwatch


class Assignment(NamedTuple):
    """Data, recipe and settings that all trials of a search share; sent to each worker once."""

    data: DataConfig
    task: Task  # at full fidelity
    recipe: Recipe
    metric: AccuracyMetric
    device: str
    threads: int
    fidelity: Fidelity = FULL
    train_on: TrainOn = "train"  # of full trainings
    images: ImageSplits | None = None  # at the fidelity, on the CPU; None reads them where needed

    def with_images(self) -> Self:
        """Return the same with the images: sent through Ray, the workers of a node share them.

        Raises:
            DataError: see :func:`nas.evaluation.evaluate.cached_splits`.
        """
        images = cached_splits(
            self.data, self.recipe.pixels, fidelity=self.fidelity, train_on=self.train_on
        )
        return self._replace(images=images)

    @property
    def read_by_workers(self) -> str | None:
        """The path of the data, where each worker reads pictures from it; None where none does."""
        if self.images is None or isinstance(self.images.train, Split):
            return None
        return self.data.path

    def splits(self) -> ImageSplits:
        """Return the images on the device.

        Raises:
            DataError: see :func:`nas.evaluation.evaluate.cached_splits`.
        """
        if self.images is not None:
            return self.images.to(self.device)
        return cached_splits(
            self.data, self.recipe.pixels, self.device, self.fidelity, self.train_on
        )

    def evaluation(
        self,
        architecture: str,
        seed: int,
        *,
        pause_at: int | None = None,
        state: Mapping[str, Any] | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> Iterator[Progress | Paused | EvaluationResult]:
        """Train an architecture's JSON by :func:`nas.evaluation.evaluate.evaluate`.

        The stopwatch measures the reading of the data set too.
        """
        stopwatch = stopwatch or Stopwatch()
        network = self.fidelity.network(Architecture.from_json(architecture, imports=True))
        with stopwatch.measuring("loading"):
            splits = self.splits()
        yield from evaluate(
            network,
            splits,
            self.fidelity.task(self.task),
            self.recipe,
            seed=seed,
            device=self.device,
            metric=self.metric,
            pause_at=pause_at,
            state=state,
            stopwatch=stopwatch,
        )
