"""A heat map over the stages: where convolution and where attention wins, at equal cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.composition import LABELS, label_of
from analysis.explanation.explained import Explanation, StageEffect
from analysis.explanation.table import points
from analysis.plot_style import FAINT_INK, INK
from analysis.png_figure import new_figure, save_png, write_title
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "PuOr"
"""Orange where convolution wins, purple where attention does; told apart by the colour-blind."""

PALE = 0.65
"""The share of the colour scale's end from which text on it is white."""

UNSURE = 2.0
"""Effects of fewer standard errors than this are in grey letters."""


def plot_stages_png(
    path: Path | str, explanation: Explanation, *, name: str, names: MetricNames = OF_ACCURACY
) -> None:
    """Draw the effect of each kind of attention in each stage, in percent points.

    Args:
        path: the PNG to write; an existing file is replaced.
        explanation: with one stage or more.
        name: the run's, for the title.
        names: of the run's metrics.

    Raises:
        ValueError: no stage chooses between convolution and attention.
        OSError: ``path`` cannot be written.
    """
    effects = {(each.contrast.kind, each.contrast.stage): each for each in explanation.stages}
    if not effects:
        raise ValueError("no stage of the space chooses between convolution and attention")
    kinds = sorted({kind for kind, _ in effects}, key=lambda k: ([*LABELS, k].index(k), k))
    stages = list(range(1, 1 + max(stage for _, stage in effects)))
    grid = np.full((len(kinds), len(stages)), np.nan)
    for (kind, stage), effect in effects.items():
        grid[kinds.index(kind), stage - 1] = 100 * effect.accuracy.mean
    most = float(np.nanmax(np.abs(grid))) or 1.0
    figure = new_figure(4.6 + 1.6 * len(stages), 2.3 + 0.8 * len(kinds))
    axes = figure.add_subplot()
    image = axes.imshow(grid, cmap=COLOURS, vmin=-most, vmax=most, aspect="auto")
    for (kind, stage), effect in effects.items():
        _write(axes, stage - 1, kinds.index(kind), effect, most)
    axes.set_xticks(range(len(stages)), [f"stage {stage}" for stage in stages], color=INK)
    axes.set_yticks(range(len(kinds)), [label_of(kind) for kind in kinds], color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_facecolor("#f2f2f2")  # a stage without the choice
    bar = figure.colorbar(image, ax=axes)
    bar.set_ticks(
        [-most, 0, most], labels=[f"convolution\n+{most:.1f}", "equal", f"attention\n+{most:.1f}"]
    )
    bar.ax.tick_params(length=0, labelsize=9, labelcolor=INK)
    bar.outline.set_visible(False)
    write_title(
        axes,
        f"{name}: attention against convolution",
        [
            f"points of {names['val_accuracy'].label} at equal {explanation.equal_cost}, "
            "± standard error",
            "n: evaluated architectures with it in this stage / without attention in it",
        ],
    )
    save_png(path, figure)


def _write(axes: Axes, column: int, row: int, effect: StageEffect, most: float) -> None:
    estimate, contrast = effect.accuracy, effect.contrast
    is_dark = abs(100 * estimate.mean) > PALE * most
    is_sure = abs(estimate.mean) >= UNSURE * estimate.deviation
    axes.text(
        column,
        row,
        f"{points(estimate)}\nn = {contrast.n} / {contrast.n_without}",
        ha="center",
        va="center",
        fontsize=9,
        fontweight="bold" if is_sure else "normal",
        color="white" if is_dark else INK if is_sure else FAINT_INK,
        linespacing=1.4,
    )
