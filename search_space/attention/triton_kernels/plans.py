"""Plans that kernels are compiled for: the shape of a call, and the tiles it is cut into.

A program computes ``groups`` tiles of one head, each of ``tile_rows x tile_columns`` pixels, and
each tile runs over the pixels that it sees: one *chunk* of ``chunk_rows x chunk_columns`` pixels
after another. Global attention is the window of radius (H - 1, W - 1), so the two operators differ
only in where the chunks begin. This module has plain numbers and no Triton.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

import torch

from search_space.attention.operands import Operands

Kernel = Literal["forward", "queries", "keys"]
"""The kernels. Tiles hold queries in the first two and keys in the third; chunks hold the other."""

Precision = Literal["ieee", "tf32"]
"""Multiplication of float32: as it is, or rounded to the 11 bits of TF32, on tensor cores."""


@dataclass(frozen=True)
class Tiles:
    """Division of a head's pixels into tiles; every number but ``reach`` is a power of two.

    The defaults of :func:`choose_tiles` are derived from counts of instructions and registers, and
    were not yet measured on a GPU. To tune them, pass others to the functions of
    :mod:`search_space.attention.triton_kernels.launch`.
    """

    groups: int  # tiles of a program; a warp each, as Triton splits a batch, two for plain float32
    tile_rows: int  # times tile_columns: TILE
    tile_columns: int
    chunk_rows: int
    chunk_columns: int
    reach: int  # columns from the left side of a tile to that of its first chunk

    @property
    def pixels(self) -> int:
        """Pixels of one tile."""
        return self.tile_rows * self.tile_columns

    @property
    def chunk(self) -> int:
        """Pixels of one chunk."""
        return self.chunk_rows * self.chunk_columns


@dataclass(frozen=True)
class Plan:
    """Everything that a kernel knows when it is compiled; hashable, and a ``tl.constexpr``.

    A *padded* number is the next power of two, which Triton's tensors need.
    """

    heads: int
    height: int
    width: int
    key_width: int  # d
    key_padded: int
    value_width: int  # e
    value_padded: int
    radius_y: int
    radius_x: int
    off_map: bool  # keys off the map are attended to (border "zeros")
    has_keys: bool
    has_tables: bool
    row_width: int  # of the row table
    column_width: int
    column_first: int  # the channel of the query that meets the first one of the column table
    row_heads: int  # 1 for a table that the heads share
    column_heads: int
    row_offsets: int  # padded: rows of a table that are in registers at once
    column_offsets: int
    row_part: bool  # these are the part of the table that a tile and a chunk need, not all
    column_part: bool
    row_slots: int  # padded: rows of keys that a tile sees
    column_slots: int
    tiles: Tiles
    tiles_down: int
    tiles_across: int
    all_rows: bool  # chunks begin at the map's first row, not at the first one that a tile sees
    all_columns: bool
    seen_rows: int  # rows that all chunks of a tile cover
    seen_columns: int
    precision: Precision  # of products of float32; "tf32" for other types, which do not read it
    widen: bool  # multiply in float32 whatever the type


TILE = 16  # pixels of a tile: the rows of a tensor core's smallest product
LOGITS = 128  # logits of a query: a lane of a warp holds 64 in float32, of 255 registers
CHUNK_VALUES = 2048  # numbers of a chunk's keys, and as many of its values: 64 a lane
ENOUGH_PROGRAMS = 2048  # a few for each of a large GPU's multiprocessors at a time
CHUNK_PAIRS = 800  # estimate: pairs that cost as much as a chunk's reductions, masks, addresses


def padded(count: int, least: int = 16) -> int:
    """Return the next power of two; tensor cores multiply along no fewer than 16."""
    return max(least, 1 << (count - 1).bit_length())


def seen(length: int, tile: int, reach: int, radius: int, off_map: bool) -> tuple[int, bool]:
    """Return how much of an axis a tile may see, and whether that is all of the map's axis."""
    window = tile + reach + radius
    return (length, True) if window >= length and not off_map else (window, False)


def choose_runs(operands: Operands, plan: Plan) -> int:
    """Choose how many runs of tiles a program of the queries' kernel computes; a power of two.

    The choice keeps the programs' shares of the tables' gradients (float32) under half the bytes of
    the queries, unless that would leave too few programs to fill a GPU.
    """
    q, rows, columns = operands.q, operands.rows, operands.columns
    if rows is None or columns is None:
        return 1
    share = 4 * (rows[0].numel() + columns[0].numel())
    queries = plan.tiles.groups * TILE * plan.key_width * q.element_size()
    programs = q.shape[0] * plan.heads * plan.tiles_down * plan.tiles_across // plan.tiles.groups
    most = min(2 * share // queries, programs // ENOUGH_PROGRAMS)
    return 1 << max(most, 1).bit_length() - 1


def table_part(radius: int, tile: int, chunk: int, over_keys: bool) -> tuple[int, bool]:
    """Return how many rows of a table are multiplied at once (padded), and if these are a part."""
    whole, part = padded(2 * radius + 1), padded(tile + chunk - 1)
    return (part, True) if over_keys and part < whole else (whole, False)


def most_chunk_pixels(kernel: Kernel, dtype: torch.dtype, channels: int) -> int:
    """Return the most pixels of a chunk whose logits and channels (padded) fit the registers."""
    pixels = min(LOGITS, CHUNK_VALUES // channels)
    if dtype == torch.float32:  # operands are twice as wide
        pixels //= 2 if kernel == "forward" else 4
    if kernel == "keys" and (channels > 16 or dtype == torch.float32):  # it has two sums
        pixels //= 2
    return max(16, pixels)


def choose_tiles(operands: Operands, kernel: Kernel) -> Tiles:
    """Choose the tiles of a kernel for one call; see :func:`best_tiles`."""
    q, v = operands.q, operands.v
    off_map = operands.border == "zeros" and kernel != "keys"
    channels = padded(max(q.shape[2], v.shape[2]))
    most_pixels = most_chunk_pixels(kernel, q.dtype, channels)
    return best_tiles(*q.shape[3:], *operands.radius, off_map, kernel == "keys", most_pixels)


@cache
def best_tiles(
    height: int,
    width: int,
    radius_y: int,
    radius_x: int,
    off_map: bool,
    over_keys: bool,
    most_pixels: int,
) -> Tiles:
    """Choose the tiles that compute the fewest pairs, those outside the window included."""

    def cost(tiles: Tiles) -> float:
        rows, _ = seen(height, tiles.tile_rows, radius_y, radius_y, off_map)
        columns, _ = seen(width, tiles.tile_columns, tiles.reach, radius_x, off_map)
        chunks = -(-rows // tiles.chunk_rows) * -(-columns // tiles.chunk_columns)
        chunks *= -(-height // tiles.tile_rows) * -(-width // tiles.tile_columns)
        pairs = tiles.chunk * TILE
        if over_keys:  # every chunk multiplies its queries with the tables
            row_offsets, _ = table_part(radius_y, tiles.tile_rows, tiles.chunk_rows, True)
            column_offsets, _ = table_part(radius_x, tiles.tile_columns, tiles.chunk_columns, True)
            pairs += tiles.chunk * (row_offsets + column_offsets) // 4
        return chunks * (pairs + CHUNK_PAIRS)

    powers = [1 << power for power in range(8)]
    candidates = []
    for tile_rows, chunk_rows, chunk_columns in product(powers[:5], powers, powers[3:]):
        if 16 <= chunk_rows * chunk_columns <= most_pixels:
            tile_columns = TILE // tile_rows
            reach = _aligned(radius_x, tile_columns, width, chunk_columns)
            candidates.append(Tiles(4, tile_rows, tile_columns, chunk_rows, chunk_columns, reach))
    return min(candidates, key=lambda tiles: (cost(tiles), -tiles.chunk_columns))


def _aligned(radius: int, tile_columns: int, width: int, chunk_columns: int) -> int:
    """Return the radius, or slightly more, so that chunks begin where pixels load together."""
    for alignment in (8, 4, 2):
        reach = -(-radius // alignment) * alignment
        fits = tile_columns + reach + radius <= chunk_columns
        if fits and tile_columns % alignment == 0 and width % alignment == 0:
            return reach
    return radius


def make_plan(
    operands: Operands, kernel: Kernel, tiles: Tiles, *, precision: Precision, widen: bool
) -> Plan:
    """Make the plan of one kernel for one call."""
    over_keys = kernel == "keys"
    q, k, v, rows, columns = operands.tensors
    heads, key_width, height, width = q.shape[1:]
    radius_y, radius_x = operands.radius
    off_map = operands.border == "zeros" and not over_keys  # off the map there are no queries
    seen_rows, all_rows = seen(height, tiles.tile_rows, radius_y, radius_y, off_map)
    seen_columns, all_columns = seen(width, tiles.tile_columns, tiles.reach, radius_x, off_map)
    row_offsets, row_part = table_part(radius_y, tiles.tile_rows, tiles.chunk_rows, over_keys)
    column_offsets, column_part = table_part(
        radius_x, tiles.tile_columns, tiles.chunk_columns, over_keys
    )
    row_width = column_width = 0
    row_heads = column_heads = 1
    if rows is not None and columns is not None:
        row_width, column_width = rows.shape[2], columns.shape[2]
        row_heads, column_heads = rows.shape[0], columns.shape[0]
    return Plan(
        heads=heads,
        height=height,
        width=width,
        key_width=key_width,
        key_padded=padded(key_width),
        value_width=v.shape[2],
        value_padded=padded(v.shape[2], 8 if kernel == "forward" else 16),
        radius_y=radius_y,
        radius_x=radius_x,
        off_map=off_map,
        has_keys=k is not None,
        has_tables=rows is not None,
        row_width=row_width,
        column_width=column_width,
        column_first=0 if row_width == key_width else row_width,
        row_heads=row_heads,
        column_heads=column_heads,
        row_offsets=row_offsets,
        column_offsets=column_offsets,
        row_part=row_part,
        column_part=column_part,
        row_slots=padded(seen_rows, tiles.chunk_rows),
        column_slots=padded(seen_columns, tiles.chunk_columns),
        tiles=tiles,
        tiles_down=-(-height // tiles.tile_rows),
        tiles_across=-(-width // tiles.tile_columns),
        all_rows=all_rows,
        all_columns=all_columns,
        seen_rows=seen_rows,
        seen_columns=seen_columns,
        precision=precision,
        widen=widen,
    )
