"""The record in a saved network's file: preprocessing, recipe, accuracies, costs and versions."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from nas.evaluation.accuracy_metric import AccuracyMetric, TrainOn
from search_space.architecture import Task
from search_space.values import Value
from trainers import MAY_BE_EARLIER, Preprocessing, SavedRecipe


class Accuracy(Value):
    """An accuracy in 0..1, and the numbers of images and trainings behind it."""

    mean: float = Field(ge=0, le=1)  # over the trainings
    # on which each training was evaluated; None for proxies of a network that was trained on the
    # validation images too
    images: int | None = Field(ge=1)
    seeds: int = Field(default=1, ge=1)  # trainings
    standard_error: float | None = Field(default=None, ge=0)  # over seeds; None for one
    as_found: bool = False  # of the search's own evaluation, which is too high because it was
    # chosen; False for fresh evaluations


class Accuracies(Value):
    """A network's accuracies by :attr:`NetworkRecord.metric`."""

    test: Accuracy  # of this very network
    # of this very network; None where it was trained on the validation images too
    validation: Accuracy | None = None
    # of proxies of its architecture, trained in the search; None where there was none
    proxy_validation: Accuracy | None = None


class NetworkCosts(Value):
    """The network's exact costs per image."""

    params: int = Field(ge=0)
    macs: int = Field(ge=0)
    activations: int = Field(ge=0)


class NetworkRecord(Value):
    """All that is needed to use a saved network, and to know its origin."""

    preprocessing: Preprocessing
    class_names: tuple[str, ...]  # in the order of the network's outputs
    recipe: SavedRecipe
    train_on: TrainOn = "train"
    seed: int  # of the initial weights and of training
    precision: str  # of training's forward and backward passes, such as "float32"
    metric: AccuracyMetric
    accuracies: Accuracies
    costs: NetworkCosts
    software: dict[str, str | None]  # versions by package

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a record; its recipe may be that of an earlier version.

        Raises:
            pydantic.ValidationError: the text is not JSON, or not such a value.
        """
        return cls.model_validate_json(text, context=MAY_BE_EARLIER)

    def check_fits(self, task: Task) -> None:
        """Check that the record describes a network of ``task``.

        Raises:
            ValueError: the number of classes or the size of images differs.
        """
        if len(self.class_names) != task.classes:
            raise ValueError(
                f"class_names must have one name for each of the task's {task.classes} classes, "
                f"got {len(self.class_names)}"
            )
        if self.preprocessing.input_shape != task.input_shape:
            raise ValueError(
                f"preprocessing must make images of the task's {list(task.input_shape)} "
                f"[channels, height, width], got {list(self.preprocessing.input_shape)}"
            )
