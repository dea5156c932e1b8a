"""Modules and tables of the position encodings, for which see :mod:`search_space.attention_forms`.

Rows take the first half of the sines' channels and columns the second, and pixels count from zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_space.attention_forms import AttentionPosition

LONGEST_WAVE = 10_000  # pixels / (2 pi), as in Vaswani et al.


def position_encoding(
    position: AttentionPosition, channels: int, map_hw: tuple[int, int]
) -> nn.Module:
    """Make the encoding before the projection, ``[B, channels, H, W] -> [B, encoded, H, W]``.

    Args:
        position: ``none`` and ``relative`` do not change the map.
        channels: channels of the map.
        map_hw: (H, W) of the expected maps, whose encoding is kept; others are made at each call.
    """
    if position == "sine":
        return SinePositions(channels, map_hw)
    return CoordinateChannels(map_hw) if position == "coordconv" else nn.Identity()


class SinePositions(nn.Module):
    """Addition of :func:`sine_encoding`: ``[B, C, H, W]`` to the same shape."""

    encoding: Tensor

    def __init__(self, channels: int, map_hw: tuple[int, int]) -> None:
        super().__init__()
        kept = sine_encoding(channels, map_hw).to(torch.get_default_dtype())
        self.register_buffer("encoding", kept, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        hw = (x.shape[-2], x.shape[-1])
        here = self.encoding if hw == self.encoding.shape[-2:] else sine_encoding(x.shape[1], hw)
        return x + here.to(x)


class CoordinateChannels(nn.Module):
    """Concatenation with :func:`coordinates`: ``[B, C, H, W] -> [B, C + 3, H, W]``."""

    encoding: Tensor

    def __init__(self, map_hw: tuple[int, int]) -> None:
        super().__init__()
        kept = coordinates(map_hw).to(torch.get_default_dtype())
        self.register_buffer("encoding", kept, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        hw = (x.shape[-2], x.shape[-1])
        here = self.encoding if hw == self.encoding.shape[-2:] else coordinates(hw)
        return torch.cat([x, here.to(x).expand(x.shape[0], -1, -1, -1)], dim=1)


def sine_encoding(channels: int, map_hw: tuple[int, int]) -> Tensor:
    """Compute sines ``[channels, H, W]``, float64.

    Channel 2i of a half is sin(p / 10000^(2i / c)), channel 2i + 1 its cosine. p is the row in the
    first half and the column in the second, c the channels of a half. Channels beyond a multiple of
    4 are zero, so with fewer than 4 there is no encoding.
    """
    pairs = channels // 4
    exponents = torch.arange(pairs, dtype=torch.float64) / max(pairs, 1)
    frequencies = LONGEST_WAVE**-exponents
    height, width = map_hw
    encoding = torch.zeros(channels, height, width, dtype=torch.float64)
    encoding[: 2 * pairs] = _waves(height, frequencies)[:, :, None]
    encoding[2 * pairs : 4 * pairs] = _waves(width, frequencies)[:, None, :]
    return encoding


def coordinates(map_hw: tuple[int, int]) -> Tensor:
    """Compute column x, row y and radius sqrt(x^2 + y^2) of pixels: ``[3, H, W]``, float64.

    x and y run from -1 to 1; on an axis of one pixel they are 0.
    """
    y, x = (
        torch.linspace(-1, 1, length, dtype=torch.float64)
        if length > 1
        else torch.zeros(1, dtype=torch.float64)
        for length in map_hw
    )
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows, torch.hypot(columns, rows)])


def position_table(heads: int, rows: int, width: int, *, head_width: int) -> nn.Parameter:
    """Draw relative embeddings ``[heads, rows, width]``, normal with std ``head_width ** -0.5``.

    The spread is AACN's (appendix A.3), whose ``head_width`` is the key depth per head.
    """
    return nn.Parameter(torch.randn(heads, rows, width) * head_width**-0.5)


def concatenated_tables(
    heads: int, rows: int, head_width: int
) -> tuple[nn.Parameter, nn.Parameter]:
    """Draw a row and a column table whose widths add up to a head's (SASA section 2.2).

    The columns have the larger half of an odd width.
    """
    row_width = head_width // 2
    return (
        position_table(heads, rows, row_width, head_width=head_width),
        position_table(heads, rows, head_width - row_width, head_width=head_width),
    )


def _waves(length: int, frequencies: Tensor) -> Tensor:
    """Alternate sines and cosines, ``[2 n, length]``."""
    angles = frequencies[:, None] * torch.arange(length, dtype=torch.float64)
    return torch.stack([angles.sin(), angles.cos()], dim=1).flatten(0, 1)
