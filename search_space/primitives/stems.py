"""Stems: what a network does to its image before the first stage.

The convolution stems are ResNet's (7x7 stride 2, then 3x3 max pooling) and the small-image form
(3x3, no pooling). The attention stem is SASA's (section 3.2 and appendix A.1).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from search_space.primitives.convolution import convolution, projection
from search_space.values import Value


class Stem(Value):
    """A stem, ``[B, C, H, W] -> [B, width, H/r, W/r]``. Subclass it to add one of your own."""

    type: str
    width: int = Field(default=64, ge=1)

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


class ConvolutionStem(Stem):
    """Convolution, batch normalisation, ReLU and, where ``pool``, 3x3 max pooling of stride 2."""

    type: Literal["conv"] = "conv"
    kernel: int = Field(default=7, ge=1)
    stride: int = Field(default=2, ge=1)
    pool: bool = True

    @model_validator(mode="after")
    def _odd(self) -> ConvolutionStem:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got kernel={self.kernel}")
        return self

    @property
    def label(self) -> str:
        """Such as ``conv7-stem(s2,pool) w64``, or ``conv3-stem w16`` where nothing is reduced."""
        reductions = [f"s{self.stride}"] if self.stride > 1 else []
        reductions += ["pool"] if self.pool else []
        detail = f"({','.join(reductions)})" if reductions else ""
        return f"conv{self.kernel}-stem{detail} w{self.width}"

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        """Ceiling division by the stride, and by 2 again where it pools."""
        for step in (self.stride, 2 if self.pool else 1):
            input_hw = (-(-input_hw[0] // step), -(-input_hw[1] // step))
        return input_hw

    def build(self, in_channels: int) -> nn.Module:
        """``Sequential`` of the layers named above."""
        layers: list[nn.Module] = [
            convolution(in_channels, self.width, self.kernel, self.stride),
            nn.BatchNorm2d(self.width),
            nn.ReLU(inplace=True),
        ]
        if self.pool:
            layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        return nn.Sequential(*layers)


class AttentionStem(Stem):
    """Attention inside each block x block square, normalisation, max pooling of the square."""

    type: Literal["attention"] = "attention"
    heads: int = Field(default=4, ge=1)
    mixtures: int = Field(default=4, ge=1)  # value matrices mixed by position; not in the paper
    block: int = Field(default=4, ge=2)  # side of the attended and pooled square, pixels

    @model_validator(mode="after")
    def _heads_divide(self) -> AttentionStem:
        if self.width % self.heads:
            raise ValueError(
                f"heads must divide the stem's width, got width={self.width}, heads={self.heads}"
            )
        return self

    @property
    def label(self) -> str:
        """Such as ``attention-stem(b=4,h=4,m=4) w64``."""
        return f"attention-stem(b={self.block},h={self.heads},m={self.mixtures}) w{self.width}"

    def output_hw(self, input_hw: tuple[int, int]) -> tuple[int, int]:
        """Division by the block, which must be exact."""
        if input_hw[0] % self.block or input_hw[1] % self.block:
            raise ValueError(
                f"the attention stem's block must divide the image, got block={self.block}, "
                f"image {input_hw[0]}x{input_hw[1]}"
            )
        return input_hw[0] // self.block, input_hw[1] // self.block

    def build(self, in_channels: int) -> nn.Module:
        """See :class:`AttentionStem2d`."""
        return AttentionStem2d(self, in_channels)


class AttentionStem2d(nn.Module):
    """SASA's stem with spatially-aware values: ``[B, C, H, W] -> [B, width, H/b, W/b]``.

    Equations 8 and 9: values are a convex mixture of ``mixtures`` projections, whose weights
    depend on the pixel's place in its block alone and are shared by the heads. The embeddings'
    width, which the paper does not give, is a head's width.

    Legend: B batch, h heads, d width of a head, b side of a block, Y x X blocks, m mixtures.
    """

    def __init__(self, spec: AttentionStem, in_channels: int) -> None:
        super().__init__()
        self.spec = spec
        head_width = spec.width // spec.heads
        self.scale = head_width**-0.5
        self.query_key = projection(in_channels, 2 * spec.width, bias=False)
        self.values = projection(in_channels, spec.mixtures * spec.width, bias=False)
        with torch.no_grad():
            for matrix in self.values.weight.chunk(spec.mixtures):
                nn.init.xavier_uniform_(matrix)
        self.row_embedding = nn.Parameter(torch.randn(spec.block, head_width) * self.scale)
        self.column_embedding = nn.Parameter(torch.randn(spec.block, head_width) * self.scale)
        self.mixture_embedding = nn.Parameter(torch.randn(spec.mixtures, head_width))
        self.norm = nn.BatchNorm2d(spec.width)
        self.pool = nn.MaxPool2d(spec.block)

    def mixture_weights(self) -> Tensor:
        """p(a, b, m) of equation 9: ``[m, b, b]``, a convex combination over m at each place."""
        place = self.row_embedding[:, None] + self.column_embedding[None, :]
        # Not a product of activations: the same for every image, so no part of the macs.
        logits = (place[None] * self.mixture_embedding[:, None, None]).sum(-1)
        return torch.softmax(logits, dim=0)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W] -> [B, width, H/b, W/b]``.

        Raises:
            ValueError: the block does not divide the image.
        """
        spec = self.spec
        blocks_y, blocks_x = spec.output_hw((x.shape[-2], x.shape[-1]))
        weights = self.mixture_weights().repeat(1, blocks_y, blocks_x)
        by_mixture = self.values(x).unflatten(1, (spec.mixtures, spec.width))
        v = self._to_blocks((by_mixture * weights[:, None]).sum(1))
        q, k = (self._to_blocks(part) for part in self.query_key(x).chunk(2, dim=1))
        probabilities = torch.softmax((q * self.scale).transpose(-1, -2) @ k, dim=-1)
        attended = v @ probabilities.transpose(-1, -2)
        return self.pool(self.norm(self._from_blocks(attended, blocks_y, blocks_x)))

    def _to_blocks(self, x: Tensor) -> Tensor:
        """``[B, h d, Y b, X b] -> [B, Y, X, h, d, b b]``."""
        b = self.spec.block
        x = x.unflatten(3, (-1, b)).unflatten(2, (-1, b)).unflatten(1, (self.spec.heads, -1))
        return x.permute(0, 3, 5, 1, 2, 4, 6).flatten(5)  # from [B, h, d, Y, b, X, b]

    def _from_blocks(self, x: Tensor, blocks_y: int, blocks_x: int) -> Tensor:
        """The inverse of :meth:`_to_blocks`."""
        b = self.spec.block
        x = x.unflatten(5, (b, b)).permute(0, 3, 4, 1, 5, 2, 6)  # [B, h, d, Y, b, X, b]
        return x.reshape(x.shape[0], self.spec.width, blocks_y * b, blocks_x * b)


STEMS: dict[str, type[Stem]] = {"conv": ConvolutionStem, "attention": AttentionStem}
