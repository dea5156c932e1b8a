"""What a primitive is: the spatial operator at the heart of a residual block."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

from torch import nn

from search_space.values import Value


class Description(Value):
    """What a person writes for a primitive, before it is known how many channels it will have.

    A search space's alternatives and a network's file are made of descriptions; ``resolve`` turns
    one into the primitive that is built, so that two descriptions of the same operator become
    equal values.
    """

    type: str

    @abstractmethod
    def resolve(self, channels: int) -> Primitive:
        """The primitive that this describes at ``channels`` output channels.

        Raises:
            ValueError: the description cannot be built at this width.
        """


class Primitive(Description):
    """A resolved spatial operator, ``[B, C_in, H, W] -> [B, C_out, ceil(H/s), ceil(W/s)]``.

    Subclass it (with a literal ``type``) to add a primitive of your own: name it in a config by its
    import path, ``type: my_package.my_module:MyPrimitive``. A primitive that needs no channel
    count to be resolved is its own description.
    """

    def resolve(self, channels: int) -> Self | Primitive:
        """This primitive itself, once it is known to fit ``channels`` output channels."""
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
        """A new module for an input of ``input_hw`` = (H, W) pixels, initialised by torch's RNG.

        Raises:
            ValueError: the operator cannot have these channels on such a map.
        """
