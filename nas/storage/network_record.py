"""What a saved network's file says of it, beside architecture, task and weights."""

from __future__ import annotations

from pydantic import Field

from nas.evaluation.evaluate import AccuracyMetric
from search_space.architecture import Task
from search_space.values import Value
from trainers import Preprocessing, Recipe


class Accuracy(Value):
    """An accuracy in 0..1, and how many images and trainings it rests on."""

    mean: float = Field(ge=0, le=1)  # over the trainings
    images: int = Field(ge=1)  # on which each training was evaluated
    seeds: int = Field(default=1, ge=1)  # trainings
    standard_error: float | None = Field(default=None, ge=0)  # over seeds; None for one
    as_found: bool = False  # by the evaluation that the search chose the architecture by, which is
    # among the luckiest of many; False for fresh evaluations


class Accuracies(Value):
    """How right a network is, by :attr:`NetworkRecord.metric`."""

    test: Accuracy  # of this very network
    validation: Accuracy  # of this very network
    # of proxies of its architecture, trained in the search; None where there was none
    proxy_validation: Accuracy | None = None


class NetworkCosts(Value):
    """What the network costs, exactly; per image."""

    params: int = Field(ge=0)
    macs: int = Field(ge=0)
    activations: int = Field(ge=0)


class NetworkRecord(Value):
    """All that is needed to use a saved network, and to know where it comes from."""

    preprocessing: Preprocessing
    class_names: tuple[str, ...]  # in the order of the network's outputs
    recipe: Recipe
    seed: int  # of the initial weights and of training
    precision: str  # of training's forward and backward passes, such as "float32"
    metric: AccuracyMetric
    accuracies: Accuracies
    costs: NetworkCosts
    software: dict[str, str | None]  # versions by package

    def check_fits(self, task: Task) -> None:
        """See that the record describes a network of ``task``.

        Raises:
            ValueError: another number of classes, or another size of images.
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
