"""Largest remainder: whole numbers in proportion to the classes' sizes, with a given sum.

Hamilton's method (https://en.wikipedia.org/wiki/Quota_method) within bounds for each class; equal
remainders are ordered at random.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def shares(
    sizes: Counts, count: int, *, least: Counts, most: Counts, rng: np.random.Generator
) -> Counts:
    """Divide ``count`` among classes.

    Args:
        sizes: int64 [C], images of each class.
        count: images in all.
        least, most: int64 [C], bounds of each class; ``count`` is between their sums.
        rng: decides between equal remainders.

    Returns:
        int64 [C], whose sum is ``count``.
    """
    assert least.sum() <= count <= most.sum()
    total = int(sizes.sum())
    given = np.clip(sizes * count // total, least, most)
    by_remainder = np.lexsort((rng.permutation(len(sizes)), -(sizes * count % total)))
    while (missing := count - int(given.sum())) > 0:
        given[_first(by_remainder, given < most, missing)] += 1
    while (surplus := int(given.sum()) - count) > 0:
        given[_first(by_remainder[::-1], given > least, surplus)] -= 1
    return given


def _first(order: Counts, allowed: npt.NDArray[np.bool_], most: int) -> Counts:
    return order[allowed[order]][:most]
