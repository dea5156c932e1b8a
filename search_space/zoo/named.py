"""Entries of the zoo: a network at any width, its task and its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from search_space.architecture import Architecture, Task

IMAGENET = Task(dataset="imagenet", input_shape=(3, 224, 224), classes=1000)
CIFAR_10 = Task(dataset="cifar10", input_shape=(3, 32, 32), classes=10)
CIFAR_100 = Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100)
COCO = Task(dataset="coco", input_shape=(3, 640, 640), classes=90)
"""The papers' images, cut or padded to 640 x 640; 90 are COCO's category numbers, 80 of them used.
"""


class NamedNetwork(NamedTuple):
    """A network of a paper."""

    at_width: Callable[[float], Architecture]  # makes the network by a factor on all widths
    source: str
    task: Task = IMAGENET
