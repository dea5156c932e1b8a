# mypy: disable-error-code="no-untyped-def, import-untyped, import-not-found"
"""Gradients of keys and values of 2-D relative attention, recomputed from the lse.

Tiles hold keys, and a chunk holds queries that see them. p and ds are those of
:mod:`search_space.attention.triton_kernels.backward_queries_kernel`, transposed.

Legend: G tiles of a program, M keys of a tile, N queries of a chunk, D and E channels (padded).
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
    store_key_depth,
    store_value_depth,
    tile_corners,
    transposed,
)
from search_space.attention.triton_kernels.positions import (
    bias_of_keys,
    load_column_table,
    load_row_table,
    skewed,
    table_logits,
)


@triton.jit(do_not_specialize=["batch"])
def keys_kernel(
    q,
    k,
    v,
    rows,
    columns,
    grad_out,
    lse,
    delta,
    grad_k,
    grad_v,
    scale,
    batch,
    plan: tl.constexpr,
    q_strides: tl.constexpr,
    k_strides: tl.constexpr,
    v_strides: tl.constexpr,
    grad_out_strides: tl.constexpr,
    grad_k_strides: tl.constexpr,
    grad_v_strides: tl.constexpr,
):
    """Write gradients of the keys (where there are any) and values."""
    tiles: tl.constexpr = plan.tiles
    dtype: tl.constexpr = q.dtype.element_ty
    head = tl.program_id(0) % plan.heads
    image, exists, top, left = tile_corners(tl.program_id(0) // plan.heads, batch, plan)
    y, x = pixels(top, left, tiles.tile_rows, tiles.tile_columns, 1)
    # Keys of an image that does not exist are loaded too: zeros could have logits far above lse.
    loaded = on_map(y, x, plan)
    inside = loaded & exists
    first_y, first_x = chunk_corner(top, left, plan)
    scale2 = scale * LOG2_E

    if plan.has_keys:
        k_gmd = load_key_depth(k, k_strides, image, head, y, x, loaded, plan)
    v_gme = load_value_depth(v, v_strides, image, head, y, x, loaded, plan)
    sum_gmd = tl.zeros((tiles.groups, tiles.pixels, plan.key_padded), tl.float32)
    sum_gme = tl.zeros((tiles.groups, tiles.pixels, plan.value_padded), tl.float32)
    for column in range(0, plan.seen_columns, tiles.chunk_columns):
        for row in range(0, plan.seen_rows, tiles.chunk_rows):
            query_y, query_x, query_inside = chunk_pixels(first_y + row, first_x + column, 1, plan)
            q_gnd = load_key_depth(q, q_strides, image, head, query_y, query_x, query_inside, plan)
            grad_out_gne = load_value_depth(
                grad_out, grad_out_strides, image, head, query_y, query_x, query_inside, plan
            )
            # The rows of a table that this pair of tile and chunk needs begin at its base.
            row_base, column_base = 0, 0
            if plan.row_part:
                row_base = top - (first_y + row) - tiles.chunk_rows + 1 + plan.radius_y
            if plan.column_part:
                column_base = left - (first_x + column) - tiles.chunk_columns + 1 + plan.radius_x
            row_logits, column_logits = 0.0, 0.0
            if plan.has_tables:
                row_table = load_row_table(rows, head, row_base, plan)
                column_table = load_column_table(columns, head, column_base, plan)
                row_logits = table_logits(q_gnd, row_table, plan)
                column_logits = table_logits(q_gnd, column_table, plan)
            row_bias = skewed(
                row_logits,
                row_base,
                query_y,
                top,
                plan.height,
                plan.radius_y,
                tiles.tile_rows,
                plan,
            )
            column_bias = skewed(
                column_logits,
                column_base,
                query_x,
                left,
                plan.width,
                plan.radius_x,
                tiles.tile_columns,
                plan,
            )
            logits = bias_of_keys(row_bias, column_bias)
            if plan.has_keys:
                logits = multiply(k_gmd, transposed(q_gnd), logits, plan)
            scalar_y, scalar_x, scalar_inside = chunk_pixels(
                first_y + row, first_x + column, 2, plan
            )
            place = scalar_offset(image, head, scalar_y, scalar_x, plan)
            lse2_g1n = tl.load(lse + place, scalar_inside, float("inf")) * LOG2_E
            delta_g1n = tl.load(delta + place, scalar_inside, 0.0)
            p_gmn = tl.exp2(logits * scale2 - lse2_g1n)
            sum_gme = multiply(p_gmn.to(dtype), grad_out_gne, sum_gme, plan)
            if plan.has_keys:
                none = tl.zeros((tiles.groups, tiles.pixels, tiles.chunk), tl.float32)
                slopes = multiply(v_gme, transposed(grad_out_gne), none, plan)
                ds_gmn = p_gmn * (slopes - delta_g1n)
                sum_gmd = multiply(ds_gmn.to(dtype), q_gnd, sum_gmd, plan)

    if plan.has_keys:
        store_key_depth(grad_k, grad_k_strides, image, head, y, x, inside, sum_gmd * scale, plan)
    store_value_depth(grad_v, grad_v_strides, image, head, y, x, inside, sum_gme, plan)
