"""Attention weights: the probabilities of one query, and the attention calls of a network.

The operators keep no probabilities; this module computes those of one query from q and k.

Legend: B batch, h heads, d key width of a head, H x W the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from search_space.attention.operands import split_position_query
from search_space.attention.operators import AttentionInputs
from search_space.attention_forms import Border


@runtime_checkable
class AttentionLayer(Protocol):
    """A module whose forward is one call of an attention operator.

    The augmented convolution and local attention have the method; a user's own module may have it
    too.
    """

    def attention_inputs(self, x: Tensor) -> AttentionInputs:
        """Return the operator's arguments for the module's input ``x``, ``[B, C, H, W]``."""


class AttentionCall(NamedTuple):
    """One call of an attention operator in a network."""

    layer: str  # the module's name in the network
    inputs: AttentionInputs

    @property
    def map_hw(self) -> tuple[int, int]:
        """(H, W) of the map that is attended over."""
        return self.inputs.q.shape[-2], self.inputs.q.shape[-1]

    def weights(self, pixel: tuple[int, int]) -> Tensor:
        """Return :func:`attention_weights` of the query at ``pixel``, ``[B, h, H, W]``."""
        q, k, _, rows, columns, scale, extent, border = self.inputs
        return attention_weights(
            q, k, rows, columns, pixel, extent=extent, border=border, scale=scale
        )


def attention_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules of global and local attention in ``model`` by name, as they were built.

    The attention stem is not among them: its attention stays inside each block of a few pixels.
    """
    modules: dict[str, nn.Module] = dict(model.named_modules())
    return {name: module for name, module in modules.items() if isinstance(module, AttentionLayer)}


@contextmanager
def record_attention(model: nn.Module) -> Iterator[list[AttentionCall]]:
    """Record the calls of attention layers in each forward of ``model`` inside the ``with``.

    Recorded tensors carry no gradient. The projections of queries, keys and values are computed
    once more for them; the network's own output does not change.
    """
    calls: list[AttentionCall] = []

    def record(name: str, module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        assert isinstance(module, AttentionLayer)
        # Before the module runs: nothing has changed its input in place yet.
        with torch.no_grad():
            inputs = module.attention_inputs(*arguments)
        # The tables may be the parameters themselves.
        rows, columns = (None if t is None else t.detach() for t in (inputs.rows, inputs.columns))
        calls.append(AttentionCall(name, inputs._replace(rows=rows, columns=columns)))

    handles = [
        module.register_forward_pre_hook(partial(record, name))
        for name, module in attention_layers(model).items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def attention_weights(
    q: Tensor,
    k: Tensor | None,
    rows: Tensor | None,
    columns: Tensor | None,
    pixel: tuple[int, int],
    *,
    extent: int | None = None,
    border: Border = "masked",
    scale: float = 1.0,
) -> Tensor:
    """Return the probabilities with which one query attends to every pixel of the map.

    The conventions are those of :func:`~search_space.attention.global_attention` and
    :func:`~search_space.attention.local_attention`: at ``pixel``, their output is the sum of the
    values weighted by them.

    Args:
        q: queries, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``; None where the positions alone make the logits.
        rows: relative row embeddings, ``[1 or h, 2H - 1 or extent, d_r]``; None (then ``columns``
            too) for no position encoding.
        columns: relative column embeddings, ``[1 or h, 2W - 1 or extent, d_c]``.
        pixel: (row, column) of the query.
        extent: side of the window of local attention, odd; None for global attention.
        border: as for local attention. With ``zeros``, pixels off the map take a share of the
            softmax that the result lacks, so a map near the border adds up to less than one.
        scale: factor of the logits.

    Returns:
        ``[B, h, H, W]``, zero outside the window; float64 if q is, else float32.

    Raises:
        ValueError: a pixel off the map, an even extent, tables that do not fit the map or the
            window, or neither keys nor tables.
    """
    height, width = q.shape[-2:]
    _check(q, k, rows, columns, pixel, extent)
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    # Rows y and columns x of the keys, those of the window that lie off the map included.
    y, x = (
        _keys(length, query, extent, q.device)
        for length, query in zip((height, width), pixel, strict=True)
    )
    y_inside, x_inside = ((keys >= 0) & (keys < n) for keys, n in ((y, height), (x, width)))
    inside = y_inside[:, None] & x_inside
    query = scale * q[..., pixel[0], pixel[1]].to(wide)  # [B, h, d]
    logits = query.new_zeros(*query.shape[:2], len(y), len(x))
    if k is not None:
        seen = k[..., y.clamp(0, height - 1), :][..., x.clamp(0, width - 1)].to(wide)
        content = torch.einsum("bhd,bhdyx->bhyx", query, seen)
        logits += content.masked_fill(~inside, 0)  # a pixel off the map has a key of zeros
    if rows is not None and columns is not None:
        q_row, q_column = split_position_query(query, rows)
        logits += _table_logits(q_row, rows, y - pixel[0])[..., None]
        logits += _table_logits(q_column, columns, x - pixel[1])[..., None, :]
    if border == "masked":
        logits = logits.masked_fill(~inside, -torch.inf)
    probabilities = logits.flatten(2).softmax(dim=-1).view_as(logits)
    weights = query.new_zeros(*query.shape[:2], height, width)
    weights[..., y[y_inside][:, None], x[x_inside]] = probabilities[..., y_inside, :][..., x_inside]
    return weights


def _keys(length: int, query: int, extent: int | None, device: torch.device) -> Tensor:
    """Return the positions on one axis that the query at position ``query`` attends to."""
    if extent is None:
        return torch.arange(length, device=device)
    return torch.arange(query - extent // 2, query + extent // 2 + 1, device=device)


def _table_logits(query: Tensor, table: Tensor, offsets: Tensor) -> Tensor:
    """Multiply ``[B, h, d]`` with a table ``[g, K, d]``, offset 0 in row K // 2: ``[B, h, n]``."""
    chosen = table[:, offsets + table.shape[1] // 2].to(query.dtype)
    return torch.einsum("bhd,hnd->bhn", query, chosen.expand(query.shape[1], -1, -1))


def _check(
    q: Tensor,
    k: Tensor | None,
    rows: Tensor | None,
    columns: Tensor | None,
    pixel: tuple[int, int],
    extent: int | None,
) -> None:
    height, width = q.shape[-2:]
    if not (0 <= pixel[0] < height and 0 <= pixel[1] < width):
        raise ValueError(
            f"the query's pixel must lie on the map of {height}x{width}, got row {pixel[0]}, "
            f"column {pixel[1]}"
        )
    if extent is not None and (extent < 1 or extent % 2 == 0):
        raise ValueError(f"extent must be odd and positive, got extent={extent}")
    if k is not None and k.shape != q.shape:
        raise ValueError(f"q and k must be [B, h, d, H, W], got q {[*q.shape]}, k {[*k.shape]}")
    if (rows is None) != (columns is None):
        raise ValueError("rows and columns must be given together")
    if rows is None or columns is None:
        if k is None:
            raise ValueError("without keys there must be position tables to make the logits")
        return
    lengths = (2 * height - 1, 2 * width - 1) if extent is None else (extent, extent)
    if (rows.shape[1], columns.shape[1]) != lengths:
        raise ValueError(
            f"position tables must have {lengths} rows, got rows {[*rows.shape]}, columns "
            f"{[*columns.shape]}"
        )
