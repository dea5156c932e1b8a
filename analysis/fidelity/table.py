"""Proxy and full accuracies as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from analysis.fidelity.ranks import Compared, RankCorrelation
from analysis.front.table import NOTHING
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_text


def comparison_table(pairs: Sequence[Compared], names: MetricNames = OF_ACCURACY) -> Table:
    """Return a row for each architecture, in their order."""
    table = _table(f"proxy and full {names.noun}")
    table.add_column("arch_id", no_wrap=True)
    table.add_column("network", no_wrap=True)
    splits = map(names.of_split, ("proxy validation", "full validation", "test"))
    for heading in (names["params"].heading, *splits):
        table.add_column(heading, justify="right", no_wrap=True)
    for proxy, full, kind in pairs:
        table.add_row(
            full.arch_id,
            kind,
            format_quantity(proxy.metrics["params"]),
            accuracy_text(proxy),
            accuracy_text(full) if "val_accuracy" in full.metrics else NOTHING,
            f"{full.metrics['test_accuracy']:.2%}",
        )
    return table


def correlation_table(title: str, heading: str, rows: Mapping[str, RankCorrelation]) -> Table:
    """Return a row for each correlation, by its name."""
    table = _table(title)
    table.add_column(heading, no_wrap=True)
    for name in ("Kendall's tau (95 %)", "Spearman's rho", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, correlation in rows.items():
        table.add_row(
            name,
            kendall_text(correlation),
            _rank(correlation.spearman_rho),
            str(correlation.n),
        )
    return table


def kendall_text(correlation: RankCorrelation) -> str:
    """Return Kendall's tau with its 95 % interval, such as ``0.700 (0.312 to 0.887)``."""
    text = _rank(correlation.kendall_tau)
    if correlation.kendall_interval is None:
        return text
    low, high = correlation.kendall_interval
    return f"{text} ({low:.3f} to {high:.3f})"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)


def _rank(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"
