# mypy: disable-error-code="no-untyped-def, import-untyped, import-not-found"
"""Gradients of queries and position tables of 2-D relative attention, recomputed from the lse.

The backward pass has two kernels and no atomics. This one runs over the keys of each query, as the
forward pass does; ``backward_keys_kernel`` runs over the queries of each key. Computing the
logits twice moves fewer bytes than adding up gradients of keys that several programs share.

With logits s = scale (q . k + q . r), p = exp(s - lse) and delta = sum_e out grad_out, the gradient
of s is ds = p (grad_out . v - delta).

Legend: G tiles of a program, M queries of a tile, N keys of a chunk, of R rows and S columns; D and
E channels (padded).
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
    tile_corners,
    transposed,
)
from search_space.attention.triton_kernels.positions import (
    bias_of_chunk,
    gradient_of_slots,
    load_column_table,
    load_row_table,
    pair_bias,
    skewed,
    table_backward,
    table_logits,
)


@triton.jit(do_not_specialize=["batch"])
def queries_kernel(
    q,
    k,
    v,
    rows,
    columns,
    out,
    grad_out,
    lse,
    delta,  # written
    grad_q,
    grad_rows,  # of each program, [programs of a head, h, K, d_r], float32
    grad_columns,
    scale,
    batch,
    runs: tl.constexpr,
    plan: tl.constexpr,
    q_strides: tl.constexpr,
    k_strides: tl.constexpr,
    v_strides: tl.constexpr,
    out_strides: tl.constexpr,
    grad_out_strides: tl.constexpr,
    grad_q_strides: tl.constexpr,
):
    """Write gradients of the queries and tables, and delta for the keys' kernel.

    A program computes ``runs`` runs of G tiles one after another and adds up their gradients of the
    tables. Each program stores a copy as large as the tables, which should be small beside its
    queries.
    """
    tiles: tl.constexpr = plan.tiles
    dtype: tl.constexpr = q.dtype.element_ty
    head = tl.program_id(0) % plan.heads
    program = tl.program_id(0) // plan.heads
    scale2 = scale * LOG2_E
    for step in range(0, runs):
        image, exists, top, left = tile_corners(program * runs + step, batch, plan)
        y, x = pixels(top, left, tiles.tile_rows, tiles.tile_columns, 1)
        inside = on_map(y, x, plan) & exists
        first_y, first_x = chunk_corner(top, left, plan)

        q_gmd = load_key_depth(q, q_strides, image, head, y, x, inside, plan)
        grad_out_gme = load_value_depth(grad_out, grad_out_strides, image, head, y, x, inside, plan)
        out_gme = load_value_depth(out, out_strides, image, head, y, x, inside, plan)
        place = scalar_offset(image, head, y, x, plan)
        delta_gm1 = tl.sum(out_gme.to(tl.float32) * grad_out_gme.to(tl.float32), 2, keep_dims=True)
        tl.store(delta + place, delta_gm1, inside)
        # A query off the map has no weights.
        lse2_gm1 = tl.load(lse + place, inside, float("inf")) * LOG2_E

        by_row, by_column = 0.0, 0.0
        if plan.has_tables:
            by_row = table_logits(q_gmd, load_row_table(rows, head, 0, plan), plan)
            by_column = table_logits(q_gmd, load_column_table(columns, head, 0, plan), plan)
            ds_gmr = tl.zeros((tiles.groups, tiles.pixels, plan.row_slots), tl.float32)
            ds_gms = tl.zeros((tiles.groups, tiles.pixels, plan.column_slots), tl.float32)
        # The bias of all rows that the tile sees is made once: their loop is the inner one.
        bias_of_rows = skewed(
            by_row, 0, y, first_y, plan.height, plan.radius_y, plan.row_slots, plan
        )
        sum_gmd = tl.zeros((tiles.groups, tiles.pixels, plan.key_padded), tl.float32)
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
                key_y, key_x, key_inside = chunk_pixels(first_y + row, first_x + column, 1, plan)
                logits = pair_bias(row_bias, column_bias)
                if plan.has_keys:
                    k_gnd = load_key_depth(
                        k, k_strides, image, head, key_y, key_x, key_inside, plan
                    )
                    logits = multiply(q_gmd, transposed(k_gnd), logits, plan)
                p_gmn = tl.exp2(logits * scale2 - lse2_gm1)
                v_gne = load_value_depth(v, v_strides, image, head, key_y, key_x, key_inside, plan)
                none = tl.zeros((tiles.groups, tiles.pixels, tiles.chunk), tl.float32)
                ds_gmn = p_gmn * (multiply(grad_out_gme, transposed(v_gne), none, plan) - delta_gm1)
                if plan.has_keys:
                    sum_gmd = multiply(ds_gmn.to(dtype), k_gnd, sum_gmd, plan)
                if plan.has_tables:
                    ds_gmrs = tl.reshape(
                        ds_gmn, tiles.groups, tiles.pixels, tiles.chunk_rows, tiles.chunk_columns
                    )
                    ds_gms += gradient_of_slots(tl.sum(ds_gmrs, 2), column, plan.column_slots)
                    ds_gmr += gradient_of_slots(tl.sum(ds_gmrs, 3), row, plan.row_slots)

        if plan.has_tables:
            sum_gmd = table_backward(
                rows,
                grad_rows,
                ds_gmr,
                y,
                first_y,
                q_gmd,
                sum_gmd,
                scale,
                step,
                program,
                head,
                plan.row_heads,
                0,
                plan.row_width,
                plan.radius_y,
                plan.row_offsets,
                plan,
            )
            sum_gmd = table_backward(
                columns,
                grad_columns,
                ds_gms,
                x,
                first_x,
                q_gmd,
                sum_gmd,
                scale,
                step,
                program,
                head,
                plan.column_heads,
                plan.column_first,
                plan.column_width,
                plan.radius_x,
                plan.column_offsets,
                plan,
            )
        store_key_depth(grad_q, grad_q_strides, image, head, y, x, inside, sum_gmd * scale, plan)
        tl.debug_barrier()  # the next step adds to the tables' gradients of this one
