"""A picture in words and boxes: what it shows, and what a network says of it, by its task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor

from analysis.boxed_pictures import DrawnBox
from nas.cli.commands.object_boxes import detected_boxes, drawn_boxes
from nas.storage.networks.saved_network import SavedNetwork
from trainers.boxes import OBJECT, classes, is_kind
from trainers.tasks.task import TaskName


class Seen(NamedTuple):
    """A picture in words, and the boxes to draw over it, in pixels of the network's input."""

    caption: str
    boxes: list[DrawnBox]


def seen_by(network: SavedNetwork, name: str, x: Tensor, target: Tensor | None) -> Seen:
    """Return what a picture shows, as far as it is known, and what a network says of it.

    Args:
        network: that sees it.
        name: of the picture.
        x: [C, H, W], the network's input.
        target: the picture's class [], or its objects [M, 6]; None where they are not known.
    """
    return TOLD[network.learned_task](network, name, x, target)


def _class(network: SavedNetwork, name: str, x: Tensor, target: Tensor | None) -> Seen:
    ((predicted,),) = network.predictions(x[None])
    known = "" if target is None else f", labelled {network.class_names[int(target)]}"
    return Seen(
        f"{name}{known}: the network says {predicted.class_name} ({predicted.probability:.1%})", []
    )


def _objects(network: SavedNetwork, name: str, x: Tensor, target: Tensor | None) -> Seen:
    """Tell the objects; the true boxes are drawn where they are known, else the detected ones."""
    (objects,) = network.detections(x[None])
    names = network.class_names
    detected = _counted(each.class_name for each in objects)
    if target is None:
        boxes = detected_boxes(objects, names)
        return Seen(f"{name}: the network finds {detected}, drawn as boxes", boxes)
    true = _counted(names[label] for label in classes(target[is_kind(target, OBJECT)]).tolist())
    caption = f"{name}, with {true}, drawn as boxes: the network finds {detected}"
    return Seen(caption, drawn_boxes(target, names))


def _counted(class_names: Iterable[str]) -> str:
    """Return such as ``2 circle, 1 star``; "nothing" of none."""
    counts = Counter(class_names)
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing"


TOLD: dict[TaskName, Callable[[SavedNetwork, str, Tensor, Tensor | None], Seen]] = {
    "classification": _class,
    "detection": _objects,
}
