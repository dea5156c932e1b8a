"""The base of stems: a stem is the part of a network before the first stage."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from pydantic import Field

from search_space.bounds import LARGEST
from search_space.counts import Counts, TrainingBytes
from search_space.primitives.primitive import OperatorKind
from search_space.values import Value

if TYPE_CHECKING:
    from torch import nn


class Stem(Value):
    """A stem, ``[B, C, H, W] -> [B, width, H/r, W/r]``. Subclass it to add one of your own.

    A stem is its own resolved form: equal stems are equal values. Its costs are traced unless it
    states them.
    """

    type: str
    width: int = Field(default=64, ge=1, le=LARGEST)
    """Output channels. Unit: channels."""

    @property
    def operator_kind(self) -> OperatorKind:
        """The kind by which a space's ``only`` keeps it: see :class:`Description`'s."""
        return "mixed"

    @property
    @abstractmethod
    def label(self) -> str:
        """A short human form, such as ``conv7-stem w64``."""

    @abstractmethod
    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the output map (H, W) of an image of ``input_hw`` = (H, W) pixels.

        Raises:
            ValueError: the stem cannot take such an image.
        """

    @abstractmethod
    def build(self, in_channels: int) -> nn.Module:
        """Build a new module, initialised by torch's RNG."""

    def counts(self, in_channels: int, input_hw: tuple[int, int]) -> Counts:
        """Count the costs of :meth:`build`'s module on one image.

        Raises:
            ValueError: tracing meets an operator that has no cost rule.
        """
        from search_space.tracing.user_defined import traced_counts

        return traced_counts(
            self,
            build_args=(in_channels,),
            input_shape=(in_channels, *input_hw),
            output_shape=(self.width, *self.output_hw(input_hw)),
        )

    def training_bytes(self, in_channels: int, input_hw: tuple[int, int]) -> TrainingBytes:
        """Return the memory of :meth:`build`'s module in training."""
        from search_space.tracing.user_defined import traced_bytes

        return traced_bytes(self, build_args=(in_channels,), input_shape=(in_channels, *input_hw))
