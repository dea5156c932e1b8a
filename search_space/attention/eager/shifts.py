"""Local 2-D relative attention as a loop over the window's shifts, for all but small maps.

Maps are laid out so that every shift is one offset: the rows of a channel follow each other with
``radius`` zeros between them, so the key at (dy, dx) of the window lies dy * pitch + dx after its
query, for every query, and each operator runs over whole channels. Windows are never materialised:
beside the results there are one logit and, backwards, one slope for each position of the window.
Logits are to base 2, as in :mod:`.dense`.

Legend: b images, h heads, c channels, d key width, e value width, H x W the map; P places, the
pixels and the zeros between them from the first pixel to the last; s = k^2 positions of the window,
row by row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from search_space.attention.eager.positions import LN_2, LOG2_E, OUT_OF_REACH
from search_space.attention.operands import Gradients, Operands, split_position_query


class Layout:
    """Layout of the maps of one call."""

    def __init__(self, operands: Operands) -> None:
        self.height, self.width = operands.q.shape[3:]
        self.extent, self.radius = operands.extent, operands.extent // 2
        self.pitch = self.width + self.radius
        self.places = (self.height - 1) * self.pitch + self.width
        reach = self.radius * self.pitch + self.radius
        self.offsets = [
            reach + dy * self.pitch + dx
            for dy in range(-self.radius, self.radius + 1)
            for dx in range(-self.radius, self.radius + 1)
        ]
        self.reach = reach

    def queries(self, x: Tensor) -> Tensor:
        """Lay out queries, ``[b, h, c, H, W]`` to ``[b, h, c, P]``."""
        return F.pad(x, (0, self.radius)).flatten(3)[..., : self.places]

    def keys(self, x: Tensor) -> Tensor:
        """Lay out keys, ``[b, h, c, H, W]`` to ``[b, h, c, P]`` with a window's reach of zeros."""
        before = self.radius  # zeros before the first row; other rows have those of the row above
        padded = F.pad(x, (0, self.radius, self.radius, self.radius + 1)).flatten(3)
        return F.pad(padded, (before, 0))[..., : self.places + 2 * self.reach]

    def seen(self, keys: Tensor, s: int) -> Tensor:
        """Return every query's key at one position of the window: ``[b, h, c, P]``."""
        return keys.narrow(3, self.offsets[s], self.places)

    def map(self, x: Tensor) -> Tensor:
        """View ``[b, h, c, P]`` as ``[b, h, c, H, W]``."""
        step = x.stride(3)  # not 1 where padding kept heads of one channel innermost
        steps = (*x.stride()[:3], self.pitch * step, step)
        return x.as_strided((*x.shape[:3], self.height, self.width), steps, x.storage_offset())

    def of_keys(self, x: Tensor) -> Tensor:
        """View the pixels of a result of :meth:`keys` as ``[b, h, c, H, W]``."""
        return self.map(x.narrow(3, self.reach, self.places))

    def masks(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return masks that hide rows and columns off the map: ``[k, P]`` each."""
        place = torch.arange(self.places, device=like.device)
        offset = torch.arange(-self.radius, self.radius + 1, device=like.device)[:, None]
        rows, columns = place // self.pitch + offset, place % self.pitch + offset
        row_off, column_off = (
            (rows < 0) | (rows >= self.height),
            (columns < 0) | (columns >= self.width),
        )
        zero = like.new_zeros(())
        return zero.where(~row_off, OUT_OF_REACH), zero.where(~column_off, OUT_OF_REACH)


class Workspace:
    """Memory that all slices of a call use, one after the other.

    Fresh pages cost more than the computation on them, so the slices share their memory.
    """

    def __init__(self, operands: Operands, *, backward: bool) -> None:
        """Allocate for slices up to the size of ``operands``."""
        q, v = operands.q, operands.v
        self.layout = layout = Layout(operands)
        self.masks = layout.masks(q) if operands.border == "masked" else None
        by_shift = (*q.shape[:2], layout.extent**2, layout.places)
        self.logits = q.new_empty(by_shift)
        self.slopes = q.new_empty(by_shift) if backward else None
        width = max(q.shape[2], v.shape[2])
        self.product = q.new_empty(q.shape[0] * q.shape[1] * width * layout.places)

    def multiplied(self, a: Tensor, b: Tensor) -> Tensor:
        """Return ``a * b``, in the workspace."""
        return torch.mul(a, b, out=self.product[: a.numel()].view(a.shape))


def forward(operands: Operands, workspace: Workspace) -> tuple[Tensor, Tensor]:
    """Compute output and lse of a slice."""
    layout = workspace.layout
    q = layout.queries(operands.q) * (LOG2_E * operands.scale)
    logits = _logits(q, operands, workspace)
    largest = logits.amax(2, keepdim=True)
    total = logits.sub_(largest).exp2_().sum(2, keepdim=True)
    values = layout.keys(operands.v)
    out = values.new_zeros(*values.shape[:3], layout.places)
    for s in range(layout.extent**2):
        out.addcmul_(logits[:, :, s, None], layout.seen(values, s))
    lse = total.log2().add_(largest).mul_(LN_2)
    return layout.map(out.div_(total)), layout.map(lse)[:, :, 0]


def backward(
    grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor, workspace: Workspace
) -> Gradients:
    """Compute gradients of a slice, those of the tables for each head by itself."""
    layout, (k, _, rows, columns) = workspace.layout, operands.tensors[1:]
    q = layout.queries(operands.q) * (LOG2_E * operands.scale)
    logits = _logits(q, operands, workspace)
    # Between the rows, gradients of the output are zero, and so is everything computed from them.
    probabilities = logits.sub_(layout.queries(lse[:, :, None]) * LOG2_E).exp2_()
    assert workspace.slopes is not None
    slopes = workspace.slopes[: len(q), : q.shape[1]]
    grads, values = layout.queries(grad_out), layout.keys(operands.v)
    grad_values = torch.zeros_like(values)
    for s in range(layout.extent**2):
        products = workspace.multiplied(grads, layout.seen(values, s))
        torch.sum(products, 2, out=slopes[:, :, s])
        layout.seen(grad_values, s).addcmul_(probabilities[:, :, s, None], grads)
    # The softmax's inner product over the keys is grad_out . out of the query, a far smaller sum.
    inner = layout.queries((grad_out * out).sum(2, keepdim=True))
    slopes.sub_(inner).mul_(probabilities)
    grad_q, grad_k = torch.zeros_like(q), None
    if k is not None:
        keys = layout.keys(k)
        grad_keys = torch.zeros_like(keys)
        for s in range(layout.extent**2):
            weights = slopes[:, :, s, None]
            grad_q.addcmul_(weights, layout.seen(keys, s))
            layout.seen(grad_keys, s).addcmul_(weights, q)
        grad_k = layout.of_keys(grad_keys.mul_(LN_2))
    grad_rows, grad_columns = _positions_backward(slopes, q, grad_q, rows, columns)
    return (
        layout.map(grad_q.mul_(operands.scale)),
        grad_k,
        layout.of_keys(grad_values),
        grad_rows,
        grad_columns,
    )


def _logits(q: Tensor, operands: Operands, workspace: Workspace) -> Tensor:
    """Return the logits of scaled queries to base 2; ``[b, h, s, P]`` in the workspace."""
    layout = workspace.layout
    logits = workspace.logits[: len(q), : q.shape[1]]
    k, _, rows, columns = operands.tensors[1:]
    if k is None:
        logits.zero_()
    else:
        keys = layout.keys(k)
        for s in range(layout.extent**2):
            torch.sum(workspace.multiplied(q, layout.seen(keys, s)), 2, out=logits[:, :, s])
    grid = logits.unflatten(2, (layout.extent, layout.extent))
    of_rows, of_columns = workspace.masks or (None, None)
    if rows is not None and columns is not None:
        q_row, q_column = split_position_query(q, rows)
        of_rows, of_columns = (
            table @ part if mask is None else table @ part + mask
            for table, part, mask in ((rows, q_row, of_rows), (columns, q_column, of_columns))
        )
    if of_rows is not None and of_columns is not None:
        grid += of_rows.unsqueeze(-2)
        grid += of_columns.unsqueeze(-3)
    return logits


def _positions_backward(
    slopes: Tensor, q: Tensor, grad_q: Tensor, rows: Tensor | None, columns: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Add the positions' gradient to ``grad_q``; return the gradients of both tables."""
    if rows is None or columns is None:
        return None, None
    extent = rows.shape[1]
    grid = slopes.unflatten(2, (extent, extent))
    grad_tables = []
    for of_axis, part, grad_part, table in zip(
        (grid.sum(3), grid.sum(2)),
        split_position_query(q, rows),
        split_position_query(grad_q, rows),
        (rows, columns),
        strict=True,
    ):
        grad_part.add_(table.transpose(1, 2) @ of_axis)
        grad_tables.append((of_axis @ part.transpose(2, 3)).sum(0) * LN_2)
    return grad_tables[0], grad_tables[1]
