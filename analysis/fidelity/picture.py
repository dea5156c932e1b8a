"""A picture of proxy against full accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.composition import share_title
from analysis.fidelity.ranks import Compared, full_metrics, proxy_correlation
from analysis.plot_style import FAINT_INK, MARKINGS, marking_of
from analysis.png_figure import ON_WHITE, new_figure, save_png, style_axes, write_title
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames


def plot_fidelity_png(
    path: Path | str, pairs: Sequence[Compared], *, name: str, names: MetricNames = OF_ACCURACY
) -> None:
    """Draw each architecture's accuracy in full over its proxy's, with standard errors.

    It is the validation accuracy; the test accuracy where full trainings have no other.

    Args:
        path: the PNG to write; an existing file is replaced.
        pairs: three or more.
        name: the run's, for the title.
        names: of the run's metrics.

    Raises:
        ValueError: fewer than three pairs.
        OSError: ``path`` cannot be written.
    """
    shown_metric = full_metrics(pairs)[0]
    correlation = proxy_correlation(pairs, shown_metric)
    figure = new_figure(6.4, 5.6)
    axes = figure.add_subplot()
    style_axes(axes)
    title = f"{name}: proxy and full {names.noun} of {correlation.n} architectures"
    write_title(axes, title)
    for marking in MARKINGS:
        shown = [pair for pair in pairs if marking_of(pair.full.architecture) == marking]
        axes.errorbar(
            [100 * proxy.metrics["val_accuracy"] for proxy, *_ in shown],
            [100 * full.metrics[shown_metric] for _, full, _ in shown],
            xerr=[100 * (proxy.standard_error or 0.0) for proxy, *_ in shown],
            yerr=[100 * (full.standard_error or 0.0) for _, full, _ in shown],
            fmt=marking.marker,
            color=marking.colour,
            label=marking.label,
            markersize=7,
            elinewidth=1,
            zorder=3,
        )
    axes.set_xlabel(f"{names['val_accuracy'].label} of the proxy ± standard error, %")
    axes.set_ylabel(f"{names[shown_metric].label} after full training ± standard error, %")
    if correlation.kendall_tau is not None and correlation.spearman_rho is not None:
        axes.text(
            0.02,
            0.97,
            f"Kendall's tau {correlation.kendall_tau:.2f}\n"
            f"Spearman's rho {correlation.spearman_rho:.2f}",
            transform=axes.transAxes,
            va="top",
            fontsize=9,
            color=FAINT_INK,
            bbox=ON_WHITE,
        )
    figure.legend(
        loc="outside lower center",
        ncols=len(MARKINGS),
        fontsize=9,
        title=f"mark: {share_title(pair.full for pair in pairs)}",
        title_fontproperties={"size": 9},
        frameon=False,
    )
    save_png(path, figure)
