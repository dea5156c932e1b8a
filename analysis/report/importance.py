"""The choices that matter: shares of accuracy's variance, and attention by stage at equal cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.composition import LABELS, label_of
from analysis.explanation.explained import Explanation, StageEffect
from analysis.explanation.table import points
from analysis.page.section import Section, bar_shares
from analysis.report.run_data import ReportRun
from nas.metrics import METRICS

MOST_PARAMETERS = 8

FOR_ATTENTION, FOR_CONVOLUTION = "112, 48, 160", "224, 130, 20"
"""Red, green and blue of a cell where attention wins, and where convolution does."""

DEEPEST = 0.55
"""The opacity of the largest effect's colour: text in the page's ink stays readable on it."""

UNSURE = 2.0
"""Effects of fewer standard errors than this are in faint letters."""


def importance_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None for several runs, or where too little was evaluated."""
    explanation = runs[0].explanation
    if len(runs) > 1 or explanation is None:
        return None
    return Section(
        "importance",
        "Which choices matter",
        "report/templates/importance.html",
        {
            "shares": list(_shares(explanation)),
            "stages": _stages(explanation.stages),
            "kinds": list(_kinds(explanation.stages)),
            "noun": runs[0].names.noun,
            "equal_cost": METRICS[explanation.equal_cost].label,
            "notes": runs[0].explanation_notes,
        },
    )


def _shares(explanation: Explanation) -> Iterable[Mapping[str, Any]]:
    ordered = sorted(explanation.shares, key=lambda each: -each.accuracy.mean)[:MOST_PARAMETERS]
    means = [max(each.accuracy.mean, 0.0) for each in ordered]
    for each, mean, share in zip(ordered, means, bar_shares(means), strict=True):
        yield {
            "label": each.parameter,
            "text": f"{mean:.0%} ± {each.accuracy.deviation:.0%}",
            "share": share,
        }


def _stages(effects: Sequence[StageEffect]) -> list[int]:
    last = max((each.contrast.stage for each in effects), default=0)
    return list(range(1, last + 1))


def _kinds(effects: Sequence[StageEffect]) -> Iterable[Mapping[str, Any]]:
    """Yield a row for each kind of attention, with a cell for each stage; None for no choice."""
    known = {(each.contrast.kind, each.contrast.stage): each for each in effects}
    most = max((abs(each.accuracy.mean) for each in effects), default=0.0)
    kinds = {kind for kind, _ in known}
    for kind in sorted(kinds, key=lambda each: ([*LABELS, each].index(each), each)):
        cells = [known.get((kind, stage)) for stage in _stages(effects)]
        yield {
            "label": label_of(kind),
            "cells": [None if each is None else _cell(each, most) for each in cells],
        }


def _cell(effect: StageEffect, most: float) -> Mapping[str, Any]:
    mean, contrast = effect.accuracy.mean, effect.contrast
    colour = FOR_ATTENTION if mean > 0 else FOR_CONVOLUTION
    return {
        "text": points(effect.accuracy),
        "n": f"{contrast.n} with it, {contrast.n_without} without attention",
        "background": f"rgba({colour}, {DEEPEST * abs(mean) / most if most else 0:.2f})",
        "is_sure": abs(mean) >= UNSURE * effect.accuracy.deviation,
    }
