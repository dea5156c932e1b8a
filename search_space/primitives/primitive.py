"""The base of primitives: a primitive is the operator at the heart of a residual block."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from search_space.counts import Counts, TrainingBytes, strided
from search_space.values import Value

if TYPE_CHECKING:
    from torch import nn

OperatorKind = Literal["conv", "attention", "mixed"]
"""The kind of an operator: convolution, stand-alone attention, or both or neither of them."""


class Description(Value):
    """A primitive as a person writes it, before the number of channels is known.

    A search space's choices and a network's file hold descriptions. ``resolve`` turns one into
    the primitive that is built, so that two descriptions of the same operator become equal
    values.
    """

    type: str

    families: ClassVar[tuple[str, ...]] = ("resnet", "wide_resnet")
    """Families of networks whose blocks may have it."""

    @property
    def operator_kind(self) -> OperatorKind:
        """The kind by which a space's ``only`` keeps it; ``mixed``, the default, is never kept.

        Override it in a primitive of your own that only convolves or only attends.
        """
        return "mixed"

    @abstractmethod
    def resolve(self, channels: int, in_channels: int) -> Primitive:
        """Return the primitive that this describes.

        Args:
            channels: the stage's width.
            in_channels: channels of the primitive's input, as in :meth:`Primitive.build`.

        Raises:
            ValueError: the description cannot be built at these widths.
        """


class Primitive(Description):
    """A resolved operator, ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.

    Subclass it (with a literal ``type``) to add a primitive of your own: name it in a config by its
    import path, ``type: my_package.my_module:MyPrimitive``. A primitive that resolves without
    channel counts is its own description. Its costs are traced unless it states them.
    """

    def resolve(self, channels: int, in_channels: int) -> Self | Primitive:
        """Return this primitive after a check that it fits ``channels`` output channels."""
        self.check_channels(channels)
        return self

    def check_channels(self, channels: int) -> None:
        """Raise ``ValueError`` if the operator cannot have ``channels`` output channels."""

    @property
    @abstractmethod
    def label(self) -> str:
        """A short human form, such as ``aa(dk=32,dv=32,h=4)``."""

    @abstractmethod
    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        """Build a module for an input of ``input_hw`` = (H, W) pixels, initialised by torch's RNG.

        Raises:
            ValueError: the operator cannot have these channels on such a map.
        """

    def counts(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> Counts:
        """Count the costs of :meth:`build`'s module on one image.

        Raises:
            ValueError: tracing meets an operator that has no cost rule.
        """
        from search_space.tracing.user_defined import traced_counts

        return traced_counts(
            self,
            build_args=(in_channels, out_channels, stride, input_hw),
            input_shape=(in_channels, *input_hw),
            output_shape=(out_channels, *strided(input_hw, stride)),
        )

    def training_bytes(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> TrainingBytes:
        """Return the memory of :meth:`build`'s module in training."""
        from search_space.tracing.user_defined import traced_bytes

        return traced_bytes(
            self,
            build_args=(in_channels, out_channels, stride, input_hw),
            input_shape=(in_channels, *input_hw),
        )
