# mypy: disable-error-code="no-untyped-def, import-untyped, import-not-found"
"""Output and lse (log-sum-exp) of 2-D relative attention, local and global, in one kernel.

A tile of queries runs over the chunks of keys that it sees, by online softmax (Milakov and
Gimelshein 2018; Dao et al. 2022).

Tiles run on tensor cores although many pairs of a tile and its chunks lie outside a local window.
For 7x7 keys, a tile of 2x8 queries computes 128 pairs a query. One thread a query would compute 49,
but would load and convert each key for every few queries and multiply in float32: by estimate as
many instructions at 8 channels a head, and several times as many at 32 and 64. Tiles of one warp
instead of a whole program keep the wasted pairs few. With tensor cores, global attention is the
same kernel: its window is as large as the map.

Legend: G tiles of a program, M queries of a tile, N keys of a chunk, D and E channels (padded).
"""

import triton
import triton.language as tl

from search_space.attention.triton_kernels.pixels import (
    LOG2_E,
    chunk_corner,
    chunk_pixels,
    load_key_depth,
    load_value_depth,
    multiply,
    on_map,
    pixels,
    scalar_offset,
    store_value_depth,
    tile_corners,
    transposed,
)
from search_space.attention.triton_kernels.positions import (
    bias_of_chunk,
    load_column_table,
    load_row_table,
    pair_bias,
    skewed,
    table_logits,
)


@triton.jit(do_not_specialize=["batch"])
def forward_kernel(
    q,
    k,
    v,
    rows,
    columns,
    out,
    lse,
    scale,  # times log2(e): exponentials are of base 2
    batch,
    plan: tl.constexpr,
    q_strides: tl.constexpr,
    k_strides: tl.constexpr,
    v_strides: tl.constexpr,
    out_strides: tl.constexpr,
):
    """Write output and lse.

    Neighbouring programs compute heads of the same pixels, which may share lines of memory.
    """
    tiles: tl.constexpr = plan.tiles
    dtype: tl.constexpr = q.dtype.element_ty
    head = tl.program_id(0) % plan.heads
    image, exists, top, left = tile_corners(tl.program_id(0) // plan.heads, batch, plan)
    y, x = pixels(top, left, tiles.tile_rows, tiles.tile_columns, 1)
    inside = on_map(y, x, plan) & exists
    first_y, first_x = chunk_corner(top, left, plan)

    q_gmd = load_key_depth(q, q_strides, image, head, y, x, inside, plan)
    by_row, by_column = 0.0, 0.0
    if plan.has_tables:
        by_row = table_logits(q_gmd, load_row_table(rows, head, 0, plan), plan)
        by_column = table_logits(q_gmd, load_column_table(columns, head, 0, plan), plan)

    # The bias of all rows that the tile sees is made once: their loop is the inner one.
    bias_of_rows = skewed(by_row, 0, y, first_y, plan.height, plan.radius_y, plan.row_slots, plan)

    most = tl.full((tiles.groups, tiles.pixels, 1), float("-inf"), tl.float32)
    total = tl.zeros((tiles.groups, tiles.pixels, 1), tl.float32)
    sum_gme = tl.zeros((tiles.groups, tiles.pixels, plan.value_padded), tl.float32)
    for column in range(0, plan.seen_columns, tiles.chunk_columns):
        column_bias = skewed(
            by_column,
            0,
            x,
            first_x + column,
            plan.width,
            plan.radius_x,
            tiles.chunk_columns,
            plan,
        )
        for row in range(0, plan.seen_rows, tiles.chunk_rows):
            row_bias = bias_of_chunk(bias_of_rows, row, tiles.chunk_rows)
            logits = pair_bias(row_bias, column_bias)
            key_y, key_x, key_inside = chunk_pixels(first_y + row, first_x + column, 1, plan)
            if plan.has_keys:
                k_gnd = load_key_depth(k, k_strides, image, head, key_y, key_x, key_inside, plan)
                logits = multiply(q_gmd, transposed(k_gnd), logits, plan)
            most_now = tl.maximum(most, tl.max(logits, 2, keep_dims=True) * scale)
            p_gmn = tl.exp2(logits * scale - most_now)
            fade = tl.exp2(most - most_now)
            total = total * fade + tl.sum(p_gmn, 2, keep_dims=True)
            v_gne = load_value_depth(v, v_strides, image, head, key_y, key_x, key_inside, plan)
            sum_gme = multiply(p_gmn.to(dtype), v_gne, sum_gme * fade, plan)
            most = most_now

    mean_gme = sum_gme * (1.0 / total)
    store_value_depth(out, out_strides, image, head, y, x, inside, mean_gme, plan)
    natural = (most + tl.log2(total)) / LOG2_E
    tl.store(lse + scalar_offset(image, head, y, x, plan), natural, inside)
