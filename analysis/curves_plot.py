"""Pictures of training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.plot_style import MARKERS, PALETTE
from analysis.png_figure import new_figure, save_png, style_axes, write_title
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames


def plot_curves_png(
    path: Path | str,
    named_curves: Mapping[str, Sequence[Mapping[str, Any]]],
    names: MetricNames = OF_ACCURACY,
) -> None:
    """Draw accuracy by epoch, of validation images solid and of training images dashed.

    Args:
        path: the PNG to write; an existing file is replaced.
        named_curves: for each training, its epochs with ``epoch``, ``val_accuracy`` (None where an
            epoch was not evaluated) and ``train_accuracy``.
        names: of the run's metrics.

    Raises:
        OSError: ``path`` cannot be written.
    """
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure = new_figure(8, 5.2)
    axes = figure.add_subplot()
    write_title(axes, _title(names))
    style_axes(axes)
    for index, (name, curve) in enumerate(named_curves.items()):
        colour = PALETTE[index % len(PALETTE)]
        marker = MARKERS[index // len(PALETTE) % len(MARKERS)]
        size = 4 if len(curve) <= 20 else 0
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": size}
        axes.plot(*_points(curve, "val_accuracy"), **style, label=name, zorder=3)
        axes.plot(
            *_points(curve, "train_accuracy"),
            **style,
            linestyle=(0, (4, 2)),
            linewidth=1,
            alpha=0.6,
            zorder=2,
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{names.noun}, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if named_curves:
        figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    save_png(path, figure)


def _title(names: MetricNames) -> str:
    if names.in_training == names.noun:
        return f"{names.noun} in validation (solid) and in training (dashed)"
    return f"{names.noun} in validation (solid), {names.in_training} in training (dashed)"


def _points(curve: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Return epochs and percentages of ``name``, of the epochs that have it."""
    points = [(point["epoch"], point.get(name)) for point in curve]
    known = [(epoch, 100 * value) for epoch, value in points if value is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]
