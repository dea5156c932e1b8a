"""Global, local and block 2-D relative attention, which both papers' layers go through.

Tracing sees one operator a call (:mod:`search_space.attention.registration`), whatever
implementation computes it (:mod:`search_space.attention.backends`): its multiply-adds are a
property of the operator. Arithmetic is in float32 (float64 for float64) whatever the operands'
type, and autocast does not change it; ``triton`` multiplies in the operands' type and adds in
float32. The same call gives the same bits each time: sums run in a fixed order, and the products
of ``torch`` are as deterministic as PyTorch's.

Legend: B batch, h heads, d key width of a head, e value width of a head, H x W the map.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from torch import Tensor

from search_space.attention import registration, written_out
from search_space.attention.backends import forced, is_exportable
from search_space.attention.blocks import from_blocks, to_blocks
from search_space.attention.checks import check_block, check_maps, check_tables
from search_space.attention.operands import Operands
from search_space.attention_forms import Border


class AttentionInputs(NamedTuple):
    """Arguments that a layer of global or local attention passes to its operator."""

    q: Tensor
    k: Tensor | None
    v: Tensor
    rows: Tensor | None
    columns: Tensor | None
    scale: float
    extent: int | None  # None for global attention
    border: Border


def global_attention(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    *,
    scale: float = 1.0,
) -> Tensor:
    """Every pixel attends to every pixel (AACN section 3.1).

    Args:
        q: queries, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``; None for logits of position alone.
        v: values, ``[B, h, e, H, W]``.
        rows: relative row embeddings ``[1 or h, 2H - 1, d_r]``, the embedding of ``key row - query
            row`` at that index plus H - 1; None (then ``columns`` too) for no position encoding.
            Widths as for :func:`local_attention`; AACN has d for both.
        columns: relative column embeddings ``[1 or h, 2W - 1, d_c]``.
        scale: factor of the logits, content and position alike, such as ``d ** -0.5``.

    Returns:
        ``[B, h, e, H, W]``.

    Raises:
        ValueError: shapes or types that do not fit together, or neither keys nor positions.
    """
    check_maps(q, k, v)
    check_tables(q, k, rows, columns, (2 * q.shape[3] - 1, 2 * q.shape[4] - 1))
    return _global(Operands(q, k, v, rows, columns, scale, 0, "masked"))


def local_attention(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    *,
    extent: int,
    border: Border = "masked",
    scale: float = 1.0,
) -> Tensor:
    """Every pixel attends to the extent x extent window around it (SASA equation 3).

    Args:
        q: queries, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``; None for logits of position alone.
        v: values, ``[B, h, e, H, W]``.
        rows: relative row embeddings ``[1 or h, extent, d_r]``; None (then ``columns`` too) for no
            position encoding. Either ``d_r = d`` for both tables (their logits are added), or the
            two widths add up to d (each for its part of the query, as in SASA).
        columns: relative column embeddings ``[1 or h, extent, d_c]``.
        extent: side of the window, odd.
        border: ``masked`` has no pixels outside the image; ``zeros`` has pixels of zero key and
            value.
        scale: factor of the logits, as for :func:`global_attention`.

    Returns:
        ``[B, h, e, H, W]``.

    Raises:
        ValueError: shapes or types that do not fit together, neither keys nor positions, an
            even extent, or an unknown border.
    """
    if extent < 1 or extent % 2 == 0:
        raise ValueError(f"extent must be odd and positive, got extent={extent}")
    if border not in get_args(Border):
        raise ValueError(f"border must be masked or zeros, got border={border!r}")
    check_maps(q, k, v)
    check_tables(q, k, rows, columns, (extent, extent))
    if is_exportable():
        return written_out.attention(Operands(q, k, v, rows, columns, scale, extent, border))
    settings = extent, border, scale, forced()
    out: Tensor = registration.local_operator(q, k, v, rows, columns, *settings)[0]
    return out


def block_attention(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    *,
    block: int,
    scale: float = 1.0,
) -> Tensor:
    """Every pixel attends to the block x block square that it lies in (SASA section 3.2).

    The squares tile the map from its first pixel, and attention does not cross their sides.

    Args:
        q: queries, ``[B, h, d, H, W]``.
        k: keys, ``[B, h, d, H, W]``; None for logits of position alone.
        v: values, ``[B, h, e, H, W]``.
        rows: relative row embeddings ``[1 or h, 2 block - 1, d_r]``, the embedding of ``key row -
            query row`` at that index plus block - 1; None (then ``columns`` too) for no position
            encoding. Widths as for :func:`local_attention`.
        columns: relative column embeddings ``[1 or h, 2 block - 1, d_c]``.
        block: side of a square; it divides H and W.
        scale: factor of the logits, as for :func:`global_attention`.

    Returns:
        ``[B, h, e, H, W]``.

    Raises:
        ValueError: shapes or types that do not fit together, neither keys nor positions, or a
            block that does not divide the map.
    """
    check_maps(q, k, v)
    check_block(q, block)
    check_tables(q, k, rows, columns, (2 * block - 1, 2 * block - 1))
    keys = None if k is None else to_blocks(k, block)
    blocks = to_blocks(q, block), keys, to_blocks(v, block)
    return from_blocks(_global(Operands(*blocks, rows, columns, scale, 0, "masked")), q)


def _global(operands: Operands) -> Tensor:
    if is_exportable():
        return written_out.attention(operands)
    out: Tensor = registration.global_operator(*operands.tensors, operands.scale, forced())[0]
    return out
