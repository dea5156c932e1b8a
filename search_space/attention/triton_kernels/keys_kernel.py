# mypy: disable-error-code="no-untyped-def, import-untyped, import-not-found"
"""Gradients of keys and values of 2-D relative attention, recomputed from the lse.

Tiles are of keys, and a chunk is of queries that see them: p and ds, as
:mod:`search_space.attention.triton_kernels.queries_kernel` defines them, stand transposed.

Legend: G tiles of a program, M keys of a tile, N queries of a chunk, D and E channels (padded).
"""

import triton
import triton.language as tl

from search_space.attention.triton_kernels.pixels import (
    LOG2_E,
    chunk_corner,
    load_channels,
    multiply,
    on_map,
    pixels,
    scalar_offset,
    store_channels,
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
    """Gradients of the keys (where there are any) and values."""
    tiles: tl.constexpr = plan.tiles
    dtype: tl.constexpr = q.dtype.element_ty
    head = tl.program_id(0) % plan.heads
    image, exists, top, left = tile_corners(tl.program_id(0) // plan.heads, batch, plan)
    y, x = pixels(top, left, tiles.tile_rows, tiles.tile_columns, 1)
    # Keys of no image are loaded all the same: zeros could have logits far above the lse.
    loaded = on_map(y, x, plan)
    inside = loaded & exists
    first_y, first_x = chunk_corner(top, left, plan)
    scale2 = scale * LOG2_E

    if plan.has_keys:
        k_gmd = load_channels(
            k, k_strides, image, head, y, x, loaded, plan.key_width, plan.key_padded
        )
    v_gme = load_channels(
        v, v_strides, image, head, y, x, loaded, plan.value_width, plan.value_padded
    )
    sum_gmd = tl.zeros((tiles.groups, tiles.pixels, plan.key_padded), tl.float32)
    sum_gme = tl.zeros((tiles.groups, tiles.pixels, plan.value_padded), tl.float32)
    for column in range(0, plan.seen_columns, tiles.chunk_columns):
        for row in range(0, plan.seen_rows, tiles.chunk_rows):
            query_y, query_x = pixels(
                first_y + row, first_x + column, tiles.chunk_rows, tiles.chunk_columns, 1
            )
            query_inside = on_map(query_y, query_x, plan)
            q_gnd = load_channels(
                q,
                q_strides,
                image,
                head,
                query_y,
                query_x,
                query_inside,
                plan.key_width,
                plan.key_padded,
            )
            grad_out_gne = load_channels(
                grad_out,
                grad_out_strides,
                image,
                head,
                query_y,
                query_x,
                query_inside,
                plan.value_width,
                plan.value_padded,
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
            scalar_y, scalar_x = pixels(
                first_y + row, first_x + column, tiles.chunk_rows, tiles.chunk_columns, 2
            )
            scalar_inside = on_map(scalar_y, scalar_x, plan)
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
        store_channels(
            grad_k,
            grad_k_strides,
            image,
            head,
            y,
            x,
            inside,
            plan.key_width,
            plan.key_padded,
            sum_gmd * scale,
        )
    store_channels(
        grad_v,
        grad_v_strides,
        image,
        head,
        y,
        x,
        inside,
        plan.value_width,
        plan.value_padded,
        sum_gme,
    )
