"""Channel attention: a gate that reweighs a map and leaves its shape.

The papers compare attention augmentation with such gates (AACN Tables 1 and 2); here each is
a choice of a stage, beside its primitive. In YAML, and in an
architecture's JSON, its key is ``recalibration``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from search_space.counts import FLOAT_BYTES, Counts, TrainingBytes
from search_space.values import Value

if TYPE_CHECKING:
    from torch import nn

Placement = Literal["branch", "stage"]


class ChannelAttentionDescription(Value):
    """Channel attention as a person writes it, before the number of channels is known."""

    type: str

    @abstractmethod
    def resolve(self, channels: int, in_channels: int) -> ChannelAttention | None:
        """Return the channel attention that this describes, None if there is none.

        Args:
            channels: channels of the block's output.
            in_channels: channels of the block's input.
        """


class ChannelAttention(ChannelAttentionDescription):
    """Resolved channel attention, ``[B, C, H, W] -> [B, C, H, W]``.

    Subclass it (with a literal ``type``) to add one of your own: name it in a config by its import
    path, ``type: my_package.my_module:MyGate``. One that resolves without channel counts is its
    own description. Its costs are traced unless it states them.
    """

    placement: ClassVar[Placement] = "branch"
    """``branch``: in every block, on the residual branch's map. ``stage``: once, after a stage's
    last block."""

    def resolve(self, channels: int, in_channels: int) -> Self | None:
        """Return this value itself."""
        return self

    @property
    @abstractmethod
    def label(self) -> str:
        """A short human form, such as ``se(16)``."""

    @abstractmethod
    def build(self, channels: int) -> nn.Module:
        """Build a new module for maps of ``channels``, initialised by torch's RNG.

        These may be more than the output channels, as in the hidden map of an inverted bottleneck.
        """

    def counts(self, channels: int, hw: tuple[int, int]) -> Counts:
        """Count the costs of :meth:`build`'s module on one map of ``hw`` = (H, W) pixels.

        Raises:
            ValueError: tracing meets an operator that has no cost rule.
        """
        shape = (channels, *hw)
        from search_space.tracing.user_defined import traced_counts

        return traced_counts(self, build_args=(channels,), input_shape=shape, output_shape=shape)

    def training_bytes(self, channels: int, hw: tuple[int, int]) -> TrainingBytes:
        """Return the memory of :meth:`build`'s module in training.

        It keeps its input too, which counts where it is made.
        """
        from search_space.tracing.user_defined import traced_bytes

        return traced_bytes(self, build_args=(channels,), input_shape=(channels, *hw))


def channel_attention_of_stage(
    description: ChannelAttentionDescription, channels: int, inputs: Sequence[int]
) -> tuple[ChannelAttention | None, ...]:
    """Return each block's channel attention in a stage; an empty tuple where no block has any.

    Args:
        description: the stage's channel attention.
        channels: the blocks' output channels.
        inputs: each block's input channels.
    """
    each = [description.resolve(channels, block_in) for block_in in inputs]
    for index, gate in enumerate(each[:-1]):
        if gate is not None and gate.placement == "stage":
            each[index] = None  # it stands once, after the last block
    return tuple(each) if any(each) else ()


def squeeze_width(channels: int, reduction: int) -> int:
    """Return the width of a bottleneck, ``channels`` over ``reduction`` and at least 1."""
    return max(1, channels // reduction)


def gate_module_bytes(gates: int, channels: int, pixels: int, *, maps: int) -> TrainingBytes:
    """Return the memory of a module that keeps ``maps`` whole maps and ``gates`` other numbers.

    At the peak of the backward pass, the gradients of its output, its input and each kept map are
    alive.
    """
    whole = FLOAT_BYTES * channels * pixels
    return TrainingBytes(FLOAT_BYTES * gates + maps * whole, (2 + maps) * whole)
