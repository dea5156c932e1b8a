# mypy: disable-error-code="no-untyped-def, import-untyped, import-not-found"
"""The relative logits inside kernels, and their gradients.

The logits of position are a row term plus a column term. So is the mask of pairs, since a key is in
the window if its row and its column are. So a tile and a chunk (of queries and keys, either way)
have a bias by query and row and one by query and column, both far smaller than the pairs; the
logits start from their sum. The products of queries with a table are by offset; *skewing* turns
them into a bias by row (or column) of the map:

    bias[i, s] = q_i . table[first + s - place_i + radius]

Legend: G tiles of a program, I queries, O offsets (padded rows of a table), S slots (rows or
columns, of the keys of a chunk or tile), C channels (padded).
"""

import triton
import triton.language as tl

from search_space.attention.triton_kernels.pixels import multiply, transposed

# Finite, as a chunk may hide all its keys from a query: infinities would make a NaN of the
# difference to their maximum. Its exponential is 0 beside that of any visible logit.
HIDDEN = tl.constexpr(-1e30)


@triton.jit
def load_table(
    table,
    head,
    base,
    heads: tl.constexpr,
    first: tl.constexpr,
    width: tl.constexpr,
    radius: tl.constexpr,
    offsets: tl.constexpr,
    plan: tl.constexpr,
):
    """Load a table's rows from ``base`` on, ``[G, O, C]``; zero in channels it does not have."""
    offset = base + tl.arange(0, offsets)[None, :, None]
    channel = tl.arange(0, plan.key_padded)[None, None, :] - first
    mask = (offset >= 0) & (offset < 2 * radius + 1) & (channel >= 0) & (channel < width)
    if heads > 1:
        table += head * ((2 * radius + 1) * width)
    loaded = tl.load(table + offset * width + channel, mask, 0.0)
    return tl.broadcast_to(loaded, plan.tiles.groups, offsets, plan.key_padded)


@triton.jit
def load_row_table(rows, head, base, plan: tl.constexpr):
    """Load rows of the row table, ``[G, O, C]``."""
    return load_table(
        rows, head, base, plan.row_heads, 0, plan.row_width, plan.radius_y, plan.row_offsets, plan
    )


@triton.jit
def load_column_table(columns, head, base, plan: tl.constexpr):
    """Load rows of the column table, ``[G, O, C]``."""
    return load_table(
        columns,
        head,
        base,
        plan.column_heads,
        plan.column_first,
        plan.column_width,
        plan.radius_x,
        plan.column_offsets,
        plan,
    )


@triton.jit
def table_logits(q, table, plan: tl.constexpr):
    """Multiply queries ``[G, I, C]`` with a table ``[G, O, C]``: ``[G, I, O]``, float32."""
    start = tl.zeros((q.shape[0], q.shape[1], table.shape[1]), tl.float32)
    return multiply(q, transposed(table), start, plan)


@triton.jit
def skewed(
    by_offset,
    base,
    place,
    first,
    length: tl.constexpr,
    radius: tl.constexpr,
    slots: tl.constexpr,
    plan: tl.constexpr,
):
    """Return the bias ``[G, I, S]`` of queries at ``place`` and keys at ``first``, ``first + 1``...

    The first column of ``by_offset`` is for row ``base`` of the table. The bias is ``HIDDEN`` where
    the key is out of the window or off the map, as the surplus keys of the last chunk are.
    """
    key = first + tl.arange(0, slots)[None, None, :]
    offset = key - place + radius
    seen = (offset >= 0) & (offset <= 2 * radius)
    if not plan.off_map:
        seen = seen & (key >= 0) & (key < length)
    bias = 0.0  # without tables, only HIDDEN is left
    if plan.has_tables:
        # A hidden pair may look up any entry; the number of offsets is a power of two.
        offsets: tl.constexpr = by_offset.shape[2]
        bias = tl.gather(by_offset, (offset - base) & (offsets - 1), 2)
    return tl.where(seen, bias, HIDDEN)


@triton.jit
def unskewed(by_slot, place, first, radius: tl.constexpr, offsets: tl.constexpr):
    """Transpose :func:`skewed`: gradients by slot ``[G, I, S]`` to those by offset."""
    slots: tl.constexpr = by_slot.shape[2]
    slot = tl.arange(0, offsets)[None, None, :] - radius + place - first
    by_offset = tl.gather(by_slot, slot & (slots - 1), 2)  # as in skewed
    return tl.where((slot >= 0) & (slot < slots), by_offset, 0.0)


@triton.jit
def bias_of_chunk(bias, first, count: tl.constexpr):
    """Return slots ``first`` to ``first + count`` of a bias ``[G, I, S]``."""
    if bias.shape[2] == count:
        return bias
    slot = first + tl.zeros((bias.shape[0], bias.shape[1], 1), tl.int32)
    return tl.gather(bias, slot + tl.arange(0, count)[None, None, :], 2)


@triton.jit
def gradient_of_slots(by_slot, first, slots: tl.constexpr):
    """Transpose :func:`bias_of_chunk`: all slots, zero outside of the chunk."""
    if by_slot.shape[2] == slots:
        return by_slot
    place = tl.zeros((by_slot.shape[0], by_slot.shape[1], 1), tl.int32)
    return unskewed(by_slot, place, first, 0, slots)


@triton.jit
def pair_bias(row_bias, column_bias):
    """Add ``[G, I, R]`` and ``[G, I, S]`` for every query and key: ``[G, I, R x S]``."""
    rows: tl.constexpr = row_bias.shape[2]
    columns: tl.constexpr = column_bias.shape[2]
    bias = row_bias[:, :, :, None] + column_bias[:, :, None, :]
    return tl.reshape(bias, row_bias.shape[0], row_bias.shape[1], rows * columns)


@triton.jit
def bias_of_keys(row_bias, column_bias):
    """Add ``[G, I, R]`` and ``[G, I, S]`` for every key and query: ``[G, R x S, I]``."""
    rows: tl.constexpr = row_bias.shape[2]
    columns: tl.constexpr = column_bias.shape[2]
    bias = transposed(row_bias)[:, :, None, :] + transposed(column_bias)[:, None, :, :]
    return tl.reshape(bias, row_bias.shape[0], rows * columns, row_bias.shape[1])


@triton.jit
def table_backward(
    table,
    partial,
    grad_by_slot,
    place,
    first_slot,
    q_gmd,
    sum_gmd,
    scale,
    step,
    program,
    head,
    heads: tl.constexpr,
    first: tl.constexpr,
    width: tl.constexpr,
    radius: tl.constexpr,
    offsets: tl.constexpr,
    plan: tl.constexpr,
):
    """Turn the gradient of a bias into those of queries (added to ``sum_gmd``) and table (stored).

    ``partial[program, head]`` holds a program's share of the table's gradient; each step adds to
    it.
    """
    dtype: tl.constexpr = q_gmd.dtype
    size: tl.constexpr = (2 * radius + 1) * width
    partial += (program.to(tl.int64) * plan.heads + head) * size
    part_offsets: tl.constexpr = 16
    for base in range(0, offsets, part_offsets):  # a long table would fill the registers
        grad_gmo = unskewed(grad_by_slot, place, first_slot - base, radius, part_offsets).to(dtype)
        part = load_table(table, head, base, heads, first, width, radius, part_offsets, plan)
        sum_gmd = multiply(grad_gmo, part, sum_gmd, plan)
        none = tl.zeros((plan.tiles.groups, part_offsets, plan.key_padded), tl.float32)
        grad_od = tl.sum(multiply(transposed(grad_gmo), q_gmd, none, plan), 0) * scale
        offset = base + tl.arange(0, part_offsets)[:, None]
        channel = tl.arange(0, plan.key_padded)[None, :] - first
        mask = (offset < 2 * radius + 1) & (channel >= 0) & (channel < width)
        pointers = partial + offset * width + channel
        grad_od += tl.load(pointers, mask & (step > 0), 0.0)
        tl.store(pointers, grad_od, mask)
    return sum_gmd
