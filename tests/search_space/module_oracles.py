"""Oracles of loops for whole modules of attention, from their own weights."""

from __future__ import annotations

from torch import Tensor, nn

from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.layers.local_attention import LocalAttention2d
from tests.search_space import naive, naive_layers


def squeezed(conv: nn.Conv2d) -> Tensor:
    """A 1x1 convolution's matrix."""
    assert conv.kernel_size == (1, 1)
    return conv.weight[:, :, 0, 0]


def tables_of(module: LocalAttention2d | AugmentedConvolution2d) -> tuple[Tensor, Tensor] | None:
    if module.position != "relative":
        assert module.row_embedding is None
        assert module.column_embedding is None
        return None
    assert module.row_embedding is not None
    assert module.column_embedding is not None
    return module.row_embedding, module.column_embedding


def local_attention_oracle(
    module: LocalAttention2d, stride: int, x: Tensor, channels: int
) -> Tensor:
    """A module's output of so many channels, by loops and its own weights."""
    tables = tables_of(module)
    query, *key, value = squeezed(module.qkv).split(channels)
    assert len(key) == module.content
    position = None
    if tables is not None and module.layout == "across_heads":
        position = naive.position_across_heads(*tables, module.heads)
    elif tables is not None:
        position = naive.position_concatenation(*tables)
    return naive_layers.local_attention_layer(
        x,
        (query, key[0] if key else None, value),
        position,
        encoding=module.position,
        heads=module.heads,
        extent=module.extent,
        scaled=module.scaled,
        border=module.border,
        stride=stride,
    )
