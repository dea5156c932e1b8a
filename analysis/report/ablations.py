"""Contributions of a network's parts, from the files that ``nas ablate`` left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.ablation.labels import change_label
from analysis.page.section import Section
from analysis.report.run_data import ReportRun
from nas.quantities import format_quantity


def ablations_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where no network was ablated."""
    results = [result for run in runs for result in run.ablations]
    if not results:
        return None
    return Section(
        "ablations",
        "What each part contributes",
        "report/templates/ablations.html",
        {"results": [_result(result) for result in results]},
    )


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    places = result["places"]
    original = result["original"]
    return {
        "title": result["title"],
        "description": original["description"],
        "notes": result["notes"],
        "rows": [_row(each, places) for each in result["comparisons"]],
    }


def _row(comparison: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    compared = comparison["compared"]
    low, high = compared["low"], compared["high"]
    is_known = low is not None and high is not None
    return {
        "place": comparison["place"],
        "was": places[comparison["place"]],
        "change": change_label(comparison["change"]),
        "difference": f"{100 * compared['difference']:+.2f}",
        "interval": f"{100 * low:+.2f} to {100 * high:+.2f}" if is_known else "",
        "differs": compared["differs"],
        "n": compared["n"],
        "params": format_quantity(comparison["params"]),
        "macs": f"{100 * comparison['macs_fraction']:+.0f} %",
    }
