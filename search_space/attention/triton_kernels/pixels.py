# mypy: disable-error-code="no-untyped-def, import-untyped, import-not-found"
"""Places of tiles and chunks on the map, and their loads and stores, inside kernels.

Legend: G tiles of a program, I pixels of a tile or a chunk, C channels (padded), D of keys and
queries, E of values; ``image`` is the index in the batch. Offsets inside an image are 32 bits wide,
those of images 64.
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)  # exponentials are of base 2, lse is natural


@triton.jit
def tile_corners(run, batch, plan: tl.constexpr):
    """Return image, whether it exists, first row and first column: ``[G, 1, 1]`` each."""
    tile = run * plan.tiles.groups + tl.arange(0, plan.tiles.groups)[:, None, None]
    image = tile // (plan.tiles_down * plan.tiles_across)
    place = tile % (plan.tiles_down * plan.tiles_across)
    top = place // plan.tiles_across * plan.tiles.tile_rows
    left = place % plan.tiles_across * plan.tiles.tile_columns
    # Loads of an image that does not exist read the last one; the result is not used.
    return tl.minimum(image, batch - 1).to(tl.int64), image < batch, top, left


@triton.jit
def chunk_corner(top, left, plan: tl.constexpr):
    """Return the first row and column that a tile sees; they may lie off the map."""
    first_y, first_x = top - plan.radius_y, left - plan.tiles.reach
    if plan.all_rows:
        first_y = top * 0
    if plan.all_columns:
        first_x = left * 0
    return first_y, first_x


@triton.jit
def pixels(top, left, rows: tl.constexpr, columns: tl.constexpr, axis: tl.constexpr):
    """Return row and column of a rectangle's pixels: ``[G, I, 1]``, ``[G, 1, I]`` for axis 2."""
    index = tl.expand_dims(tl.arange(0, rows * columns)[None, :], 3 - axis)
    return top + index // columns, left + index % columns


@triton.jit
def on_map(y, x, plan: tl.constexpr):
    """Return whether pixels are on the map."""
    return (y >= 0) & (y < plan.height) & (x >= 0) & (x < plan.width)


@triton.jit
def chunk_pixels(top, left, axis: tl.constexpr, plan: tl.constexpr):
    """Return row and column of a chunk's pixels, as :func:`pixels` does, and whether on the map."""
    y, x = pixels(top, left, plan.tiles.chunk_rows, plan.tiles.chunk_columns, axis)
    return y, x, on_map(y, x, plan)


@triton.jit
def channel_pointers(
    pointer,
    strides: tl.constexpr,
    image,
    head,
    y,
    x,
    inside,
    width: tl.constexpr,
    padded: tl.constexpr,
):
    """Return pointers ``[G, I, C]`` to the channels of pixels ``[G, I, 1]``, and their mask."""
    channel = tl.arange(0, padded)[None, None, :]
    offset = y * strides[3] + x * strides[4] + channel * strides[2]
    mask = inside
    if width != padded:
        mask = inside & (channel < width)
    return pointer + (image * strides[0] + head.to(tl.int64) * strides[1]) + offset, mask


@triton.jit
def load_key_depth(pointer, strides: tl.constexpr, image, head, y, x, inside, plan: tl.constexpr):
    """Load channels of the keys' depth at pixels ``[G, I, 1]``: ``[G, I, D]``, zero outside."""
    pointers, mask = channel_pointers(
        pointer, strides, image, head, y, x, inside, plan.key_width, plan.key_padded
    )
    return tl.load(pointers, mask, 0.0)


@triton.jit
def load_value_depth(pointer, strides: tl.constexpr, image, head, y, x, inside, plan: tl.constexpr):
    """Load channels of the values' depth at pixels ``[G, I, 1]``: ``[G, I, E]``, zero outside."""
    pointers, mask = channel_pointers(
        pointer, strides, image, head, y, x, inside, plan.value_width, plan.value_padded
    )
    return tl.load(pointers, mask, 0.0)


@triton.jit
def store_key_depth(
    pointer, strides: tl.constexpr, image, head, y, x, inside, values, plan: tl.constexpr
):
    """Store ``[G, I, D]`` in the type of ``pointer``; the opposite of :func:`load_key_depth`."""
    pointers, mask = channel_pointers(
        pointer, strides, image, head, y, x, inside, plan.key_width, plan.key_padded
    )
    tl.store(pointers, values.to(pointer.dtype.element_ty), mask)


@triton.jit
def store_value_depth(
    pointer, strides: tl.constexpr, image, head, y, x, inside, values, plan: tl.constexpr
):
    """Store ``[G, I, E]`` in the type of ``pointer``; the opposite of :func:`load_value_depth`."""
    pointers, mask = channel_pointers(
        pointer, strides, image, head, y, x, inside, plan.value_width, plan.value_padded
    )
    tl.store(pointers, values.to(pointer.dtype.element_ty), mask)


@triton.jit
def scalar_offset(image, head, y, x, plan: tl.constexpr):
    """Return the offsets of pixels in a dense ``[B, h, H, W]``."""
    return (image * plan.heads + head) * (plan.height * plan.width) + y * plan.width + x


@triton.jit
def multiply(a, b, accumulator, plan: tl.constexpr):
    """Multiply ``[G, I, K] x [G, K, J]`` and add it to ``accumulator`` in float32."""
    if plan.widen:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, accumulator, input_precision=plan.precision)


@triton.jit
def transposed(a):
    """Transpose ``[G, I, J]`` to ``[G, J, I]``."""
    return tl.trans(a, 0, 2, 1)
