"""The reliability diagram of ``front_certainty.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.plot_style import FAINT_INK, INK, PALETTE
from analysis.png_figure import new_figure, save_png, style_axes


class Reliability(NamedTuple):
    """One table's members: what was said and what is true."""

    name: str
    said: np.ndarray  # [members], probabilities
    true: np.ndarray  # [members], bool
    error: str  # the expected calibration error in words


def plot_reliability_png(path: Path, tables: Sequence[Reliability], bins: int) -> None:
    """Draw the share of true members over the probability that was said, a panel a table.

    Error bars are 95 % intervals of the share, by Wilson 1927.

    Raises:
        OSError: ``path`` cannot be written.
    """
    figure = new_figure(3.4 * len(tables), 3.9)
    panels = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
    for axes, table, colour in zip(panels, tables, PALETTE, strict=False):
        style_axes(axes)
        axes.plot([0, 1], [0, 1], color=FAINT_INK, linewidth=1, linestyle=(0, (4, 3)))
        index = np.minimum((table.said * bins).astype(int), bins - 1)
        for one in np.unique(index):
            inside = index == one
            said, share, n = table.said[inside].mean(), table.true[inside].mean(), inside.sum()
            low, high = _wilson(share, n)
            axes.plot([said, said], [low, high], color=colour, linewidth=1.5)
            axes.plot(said, share, "o", color=colour, markersize=4 + 6 * (n / len(index)) ** 0.5)
            axes.annotate(
                str(n), (said, high), (0, 3), textcoords="offset points", ha="center", fontsize=7
            )
        axes.set_title(f"{table.name}\n{table.error}", fontsize=9, color=INK, loc="left")
        axes.set_xlabel("probability said")
        axes.set(xlim=(-0.03, 1.05), ylim=(-0.03, 1.09))
    panels[0].set_ylabel("share on the true front")
    save_png(path, figure)


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.96
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return middle - half, middle + half
