"""The end of a classifier after the last block: a head, global average pooling, a linear layer."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from search_space.counts import (
    FLOAT_BYTES,
    NO_COUNTS,
    Counts,
    TrainingBytes,
    convolution_counts,
    linear_counts,
    norm_counts,
)
from search_space.families import FAMILIES, FamilyName
from search_space.layers.convolution import convolution

LEAST_CLASSES = 2  # of a classifier


class Ending(NamedTuple):
    """Everything that the end of a classifier depends on."""

    family: FamilyName
    in_channels: int  # of the last block's output
    input_hw: tuple[int, int]  # (height, width), pixels
    head: int | None  # channels of a 1x1 convolution
    classes: int

    @property
    def features(self) -> int:
        """Channels that the classifier sees."""
        return self.head or self.in_channels

    @property
    def activates(self) -> bool:
        """Whether the end begins with normalisation and ReLU, for pre-activation blocks."""
        return FAMILIES[self.family].pre_activation


def plan_ending(
    family: FamilyName, in_channels: int, input_hw: tuple[int, int], head: int | None, classes: int
) -> Ending:
    """Lay out the ending of a classifier: see :class:`Ending`.

    Raises:
        ValueError: there are fewer than two classes.
    """
    if classes < LEAST_CLASSES:
        raise ValueError(f"a classifier needs at least {LEAST_CLASSES} classes, got {classes}")
    return Ending(family, in_channels, input_hw, head, classes)


class Classifier(nn.Module):
    """Global average pooling and one linear layer: ``[B, C, H, W] -> [B, classes]``."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.dropout: nn.Module = nn.Identity()
        self.linear = nn.Linear(in_channels, classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.linear(self.dropout(x.mean(dim=(2, 3))))
        return logits


def build_head(ending: Ending) -> nn.Sequential:
    """Build the layers before the classifier; none in a plain ResNet."""
    layers: list[nn.Module] = []
    if ending.activates:
        layers += [nn.BatchNorm2d(ending.in_channels), nn.ReLU(inplace=True)]
    if ending.head:
        layers += [
            convolution(ending.in_channels, ending.head, 1),
            nn.BatchNorm2d(ending.head),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def ending_counts(ending: Ending) -> tuple[Counts, Counts]:
    """Count the costs of the head and of the classifier."""
    head = norm_counts(ending.in_channels) if ending.activates else NO_COUNTS
    if ending.head:
        head += convolution_counts(ending.in_channels, ending.head, 1, ending.input_hw)
        head += norm_counts(ending.head)
    return head, linear_counts(ending.features, ending.classes)


def ending_bytes(ending: Ending) -> TrainingBytes:
    """Return the memory of both in training: normalised maps, averaged features, logits."""
    pixels = ending.input_hw[0] * ending.input_hw[1]
    kept = ending.in_channels * pixels if ending.activates else 0
    kept += 2 * ending.head * pixels if ending.head else 0
    largest = ending.features * pixels
    return TrainingBytes(
        FLOAT_BYTES * (kept + ending.features + ending.classes), FLOAT_BYTES * largest
    )
