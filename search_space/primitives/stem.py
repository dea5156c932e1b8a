"""What a stem is: what a network does to its image before the first stage."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import Field
from torch import nn

from search_space.bounds import LARGEST
from search_space.counts import Counts, TrainingBytes
from search_space.tracing.user_defined import traced_bytes, traced_counts
from search_space.values import Value


class Stem(Value):
    """A stem, ``[B, C, H, W] -> [B, width, H/r, W/r]``. Subclass it to add one of your own.

    A stem is its own resolved form: equal stems are equal values. Its costs are traced unless it
    states them.
    """

    type: str
    width: int = Field(default=64, ge=1, le=LARGEST)
    """Output channels. Unit: channels."""

    @property
    @abstractmethod
    def label(self) -> str:
        """A short human form, such as ``conv7-stem w64``."""

    @abstractmethod
    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        """The output map of an image of ``input_hw`` = (H, W) pixels.

        Raises:
            ValueError: the stem cannot take such an image.
        """

    @abstractmethod
    def build(self, in_channels: int) -> nn.Module:
        """A new module, initialised by torch's RNG."""

    def counts(self, in_channels: int, input_hw: tuple[int, int]) -> Counts:
        """What the module that :meth:`build` makes costs on one image.

        Raises:
            ValueError: it has to be traced, and uses an operator that has no cost rule.
        """
        return traced_counts(
            self,
            build_args=(in_channels,),
            input_shape=(in_channels, *input_hw),
            output_shape=(self.width, *self.output_hw(input_hw)),
        )

    def training_bytes(self, in_channels: int, input_hw: tuple[int, int]) -> TrainingBytes:
        """What the module that :meth:`build` makes keeps and needs of memory in training."""
        return traced_bytes(self, build_args=(in_channels,), input_shape=(in_channels, *input_hw))
