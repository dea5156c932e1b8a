"""The inverted bottleneck of mobile networks, plain or attention-augmented.

Sources: Sandler et al. 2018, "MobileNetV2", arXiv 1801.04381; Tan et al. 2019, "MnasNet", arXiv
1807.11626; for the augmented form Bello et al. 2019, arXiv 1904.09925 (section 4.3): attention
makes some channels of the expanding 1x1 convolution's output. The minimum of 20 key dimensions a
head does not hold there: the parameter column of the paper's Table 4 fits only without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from search_space.attention_forms import AttentionPosition
from search_space.bounds import LARGEST
from search_space.counts import (
    FLOAT_BYTES,
    NO_BYTES,
    NO_COUNTS,
    Counts,
    TrainingBytes,
    convolution_counts,
    norm_counts,
    strided,
)
from search_space.primitives.augmented_convolution import AugmentedConvolution
from search_space.primitives.augmented_convolution_ratios import (
    AugmentedConvolutionRatios,
    Rounding,
)
from search_space.primitives.convolution import odd_kernel
from search_space.primitives.primitive import Description, OperatorKind, Primitive

if TYPE_CHECKING:
    from torch import nn

MNASNET_FAMILY = ("mnasnet",)


class InvertedBottleneckRatios(Description):
    """An inverted bottleneck as the papers write it; it has no attention where ``upsilon`` is 0."""

    families: ClassVar[tuple[str, ...]] = MNASNET_FAMILY

    type: Literal["inverted_bottleneck"] = "inverted_bottleneck"
    kernel: int = Field(default=3, ge=1, le=LARGEST)
    """Side of the depthwise kernel, odd. Unit: pixels."""
    expansion: int = Field(default=6, ge=1, le=LARGEST)
    """Hidden channels over input channels."""
    kappa: float = Field(default=0.0, ge=0, le=1)
    """Key depth over hidden channels."""
    upsilon: float = Field(default=0.0, ge=0, le=1)
    """Value depth over hidden channels; 0 for no attention."""
    heads: int = Field(default=4, ge=1, le=LARGEST)
    """Attention heads. Unit: heads."""
    position: AttentionPosition = "relative"
    """Encoding of positions in attention."""
    min_key_depth_per_head: int = Field(default=1, ge=1, le=LARGEST)
    """Least key depth of a head. Unit: channels."""
    key_rounding: Rounding = "down"
    """Rounding of the key depth to a multiple of the heads."""
    value_rounding: Rounding = "down"
    """Rounding of the value depth to a multiple of the heads; it never falls below the heads."""
    downsample: bool = False
    """Attend on a map of half the height and width (AACN section 3.2)."""

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        return odd_kernel(kernel)

    @property
    def operator_kind(self) -> OperatorKind:
        """``conv`` where there is no attention, else ``mixed``."""
        return "mixed" if self.upsilon and self.expansion > 1 else "conv"

    def resolve(self, channels: int, in_channels: int) -> Primitive:
        """Return the depths at ``expansion * in_channels``; no attention without an expansion.

        Raises:
            ValueError: the heads do not fit into the hidden channels.
        """
        augmentation = None
        if self.upsilon and self.expansion > 1:
            hidden = self.expansion * in_channels
            resolved = AugmentedConvolutionRatios(
                kernel=1,
                kappa=self.kappa,
                upsilon=self.upsilon,
                heads=self.heads,
                position=self.position,
                min_key_depth_per_head=self.min_key_depth_per_head,
                key_rounding=self.key_rounding,
                value_rounding=self.value_rounding,
                downsample=self.downsample,
            ).resolve(hidden, in_channels)
            assert isinstance(resolved, AugmentedConvolution)
            augmentation = resolved
        plain = InvertedBottleneck(
            kernel=self.kernel, expansion=self.expansion, augmentation=augmentation
        )
        return plain.resolve(channels, in_channels)


class InvertedBottleneck(Primitive):
    """1x1 convolution to more channels, depthwise k x k, 1x1 to the output: a whole branch.

    Batch normalisation follows each, and ReLU the first two. Where ``expansion`` is 1 there is no
    first convolution.
    """

    families: ClassVar[tuple[str, ...]] = MNASNET_FAMILY

    type: Literal["inverted_bottleneck"] = "inverted_bottleneck"
    kernel: int = Field(ge=1, le=LARGEST)
    expansion: int = Field(ge=1, le=LARGEST)
    augmentation: AugmentedConvolution | None = None
    """The augmented 1x1 convolution that expands, in place of the plain one."""

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        return odd_kernel(kernel)

    @property
    def operator_kind(self) -> OperatorKind:
        """``conv`` where there is no augmentation, else ``mixed``."""
        return "mixed" if self.augmentation else "conv"

    def resolve(self, channels: int, in_channels: int) -> InvertedBottleneck:
        """Return this value with its attention resolved.

        Raises:
            ValueError: the attention does not fit.
        """
        if self.augmentation is None:
            return self
        if self.expansion == 1:
            raise ValueError("an augmentation needs an expansion of 2 or more, got expansion=1")
        hidden = self.expansion * in_channels
        if self.augmentation.kernel != 1 and self.augmentation.value_depth != hidden:
            raise ValueError(
                f"the augmented expansion is a 1x1 convolution, got {self.augmentation.label}"
            )
        resolved = self.augmentation.resolve(hidden, in_channels)
        return self if resolved == self.augmentation else self.replace(augmentation=resolved)

    @property
    def label(self) -> str:
        """The label, such as ``mb(k=5,e=3)`` or ``mb(k=3,e=6,aa(dk=8,dv=4,h=4))``."""
        extra = [self.augmentation.label.replace(",k=1", "")] if self.augmentation else []
        return f"mb({','.join([f'k={self.kernel}', f'e={self.expansion}', *extra])})"

    def build(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        input_hw: tuple[int, int],
        gate: nn.Module | None = None,
    ) -> nn.Module:
        """See :class:`InvertedBottleneck2d`, which may have a gate."""
        from search_space.layers.inverted_bottleneck import (
            InvertedBottleneck2d,
        )

        hidden = self.expansion * in_channels
        widen = None
        if self.augmentation is not None:
            widen = self.augmentation.build(in_channels, hidden, 1, input_hw)
        return InvertedBottleneck2d(
            in_channels,
            out_channels,
            stride,
            kernel=self.kernel,
            expansion=self.expansion,
            widen=widen,
            gate=gate,
        )

    def counts(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> Counts:
        """See :meth:`Primitive.counts`."""
        hidden, hw = self.expansion * in_channels, strided(input_hw, stride)
        return (
            self._expansion_counts(in_channels, hidden, input_hw)
            + convolution_counts(hidden, hidden, self.kernel, hw, groups=hidden)
            + norm_counts(hidden)
            + convolution_counts(hidden, out_channels, 1, hw)
            + norm_counts(out_channels)
        )

    def training_bytes(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> TrainingBytes:
        """See :meth:`Primitive.training_bytes`."""
        hidden = self.expansion * in_channels
        pixels, hw = input_hw[0] * input_hw[1], strided(input_hw, stride)
        before, after = FLOAT_BYTES * hidden * pixels, FLOAT_BYTES * hidden * hw[0] * hw[1]
        out = FLOAT_BYTES * out_channels * hw[0] * hw[1]
        expanding = NO_BYTES
        if self.augmentation:
            expanding = self.augmentation.training_bytes(in_channels, hidden, 1, input_hw).then(
                TrainingBytes(before, 2 * before)
            )
        elif self.expansion > 1:
            expanding = TrainingBytes(2 * before, 2 * before)
        return expanding.then(TrainingBytes(2 * after + 2 * out, before + after))

    def _expansion_counts(self, in_channels: int, hidden: int, hw: tuple[int, int]) -> Counts:
        if self.augmentation:
            return self.augmentation.counts(in_channels, hidden, 1, hw) + norm_counts(hidden)
        if self.expansion > 1:
            return convolution_counts(in_channels, hidden, 1, hw) + norm_counts(hidden)
        return NO_COUNTS


class Identity(Primitive):
    """No operator: the block returns its input, projected (1x1) where the shape changes."""

    families: ClassVar[tuple[str, ...]] = MNASNET_FAMILY

    type: Literal["identity"] = "identity"

    @property
    def operator_kind(self) -> OperatorKind:
        """``conv``: where the shape changes, it is a 1x1 convolution."""
        return "conv"

    @property
    def label(self) -> str:
        """``identity``."""
        return "identity"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        """Build nothing, or a strided 1x1 convolution with batch normalisation."""
        from search_space.layers.convolution import shape_change

        return shape_change(in_channels, out_channels, stride)

    def counts(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> Counts:
        """See :meth:`Primitive.counts`."""
        if stride == 1 and in_channels == out_channels:
            return NO_COUNTS
        hw = strided(input_hw, stride)
        return convolution_counts(in_channels, out_channels, 1, hw) + norm_counts(out_channels)

    def training_bytes(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> TrainingBytes:
        """See :meth:`Primitive.training_bytes`."""
        if stride == 1 and in_channels == out_channels:
            return NO_BYTES
        hw = strided(input_hw, stride)
        out = FLOAT_BYTES * out_channels * hw[0] * hw[1]
        return TrainingBytes(2 * out, out)
