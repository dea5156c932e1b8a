"""The ranking by the proxy: against full training, and early epochs against the last one."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.fidelity.ranks import (
    FULL_METRICS,
    LEAST_RANKED,
    Compared,
    RankCorrelation,
    epoch_correlations,
    full_metrics,
    full_name,
    proxy_correlation,
)
from analysis.page.axes import axis, layout, percent_axis
from analysis.page.section import Figure, Section
from analysis.plot_style import PALETTE
from analysis.report.run_data import ReportRun
from nas.evaluation.metric_names import MetricNames


def fidelity_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where too few networks were trained to be ranked."""
    pairs = [pair for run in runs for pair in run.proxies]
    rows = [row for run in runs for row in run.rows["search"]]
    early = epoch_correlations(rows, runs[0].epochs)
    names = runs[0].names
    figures: dict[str, Figure] = {}
    notes = []
    if len(pairs) >= LEAST_RANKED:
        metric = full_metrics(pairs)[-1]
        figures["fidelity-full"] = _scatter(pairs, metric, names)
        rank = proxy_correlation(pairs, metric)
        against = full_name(metric, names)
        notes.append(f"Proxy validation against {against}: {_tau(rank, names)}.")
    if early:
        figures["fidelity-epochs"] = _by_epoch(early)
        stopped = sum(row.state == "pruned" for row in rows)
        if stopped:
            notes.append(
                f"{stopped} trials that were stopped early are not in the ranking by epochs: the "
                "others are the better ones, which tends to lower a rank correlation."
            )
    if not figures:
        return None
    labels = {
        "fidelity-full": f"Full training against the proxy, {names.noun} by network",
        "fidelity-epochs": f"Rank correlation of the {names.noun} at an epoch with that at the end",
    }
    return Section(
        "fidelity",
        "How well the proxy ranks",
        "report/templates/fidelity.html",
        {"notes": notes, "figures": {name: labels[name] for name in figures}},
        figures,
    )


def _tau(rank: RankCorrelation, names: MetricNames) -> str:
    if rank.kendall_tau is None:
        return f"all {names.plural} of one kind are equal"
    interval = rank.kendall_interval
    reach = "" if interval is None else f" (95 % interval {interval[0]:.2f} to {interval[1]:.2f})"
    return f"Kendall's tau {rank.kendall_tau:.2f}{reach}, n = {rank.n}"


def _scatter(pairs: Sequence[Compared], metric: str, names: MetricNames) -> Figure:
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [pair.proxy.metrics["val_accuracy"] for pair in pairs],
        "y": [pair.full.metrics[metric] for pair in pairs],
        "customdata": [pair.full.arch_id for pair in pairs],
        "hovertemplate": "<b>%{customdata}</b><br>%{x:.2%}, in full %{y:.2%}<extra></extra>",
        "marker": {"color": PALETTE[0], "size": 9},
    }
    x = percent_axis(f"proxy {names['val_accuracy'].label}")
    y = percent_axis(f"{names.noun} in full: {FULL_METRICS[metric]}")
    return {"data": [trace], "layout": layout(x, y, hovermode="closest")}


def _by_epoch(early: dict[int, RankCorrelation]) -> Figure:
    known = {e: rank for e, rank in early.items() if rank.kendall_tau is not None}
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(known),
        "y": [rank.kendall_tau for rank in known.values()],
        "hovertemplate": "epoch %{x}: tau %{y:.2f}<extra></extra>",
        "line": {"color": PALETTE[0], "width": 2},
    }
    y = axis("Kendall's tau", range=[-0.05, 1.05])
    return {"data": [trace], "layout": layout(axis("epoch"), y)}
