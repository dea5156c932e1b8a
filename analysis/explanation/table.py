"""An explanation as tables and texts for the terminal, and as plain data."""

from __future__ import annotations

from math import expm1
from typing import Any

from rich import box
from rich.table import Table

from analysis.composition import label_of
from analysis.explanation.contrasts import Estimate
from analysis.explanation.explained import ChoiceEffect, Explanation, StageEffect
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from search_space.space import SearchSpace

MOST_PARAMETERS, MOST_PAIRS = 12, 5
NOTHING = "-"


def share_table(
    explanation: Explanation, costs: tuple[str, ...], names: MetricNames = OF_ACCURACY
) -> Table:
    """Return the parameters that explain most of accuracy, with their shares of each cost."""
    table = _table("share of the variance that a choice explains by itself")
    table.add_column("parameter", no_wrap=True)
    for name in ("val_accuracy", *costs):
        table.add_column(names[name].heading, justify="right")
    ordered = sorted(explanation.shares, key=lambda each: -each.accuracy.mean)
    for each in ordered[:MOST_PARAMETERS]:
        table.add_row(
            each.parameter,
            _share(each.accuracy),
            *(f"{max(each.costs[name], 0):.0%}" for name in costs),
        )
    return table


def effect_table(
    explanation: Explanation, costs: tuple[str, ...], names: MetricNames = OF_ACCURACY
) -> Table:
    """Return the choices of the parameters in :func:`share_table`, each against the others."""
    table = _table(
        "effect of a choice against the parameter's others, percent points ± standard error"
    )
    table.add_column("parameter", no_wrap=True)
    table.add_column("choice", no_wrap=True)
    for heading in ("n", names.noun, f"at equal\n{explanation.equal_cost}"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in costs:
        table.add_column(names[name].heading, justify="right", no_wrap=True)
    ordered = sorted(explanation.shares, key=lambda each: -each.accuracy.mean)
    shown = [each.parameter for each in ordered[:MOST_PARAMETERS]]
    for parameter in shown:
        effects = [each for each in explanation.effects if each.parameter == parameter]
        for index, each in enumerate(effects):
            table.add_row(
                "" if index else parameter,
                str(each.choice),
                str(each.n),
                points(each.accuracy),
                points(each.accuracy_at_equal_cost),
                *(f"{100 * expm1(each.costs[name].mean):+.0f}%" for name in costs),
            )
    return table


def sentences(explanation: Explanation, space: SearchSpace) -> list[str]:
    """Return what the tables leave out: stages, pairs, and what all is averaged over."""
    stages = [_stage_sentence(each, explanation.equal_cost) for each in explanation.stages]
    return [*stages, *notes(explanation, space)]


def notes(explanation: Explanation, space: SearchSpace) -> list[str]:
    """Return pairs of choices that explain more together, and what all is averaged over."""
    lines = []
    pairs = [pair for pair in explanation.pairs[:MOST_PAIRS] if pair.share.mean > 0.01]
    if pairs:
        names = space.parameters
        listed = "; ".join(
            f"{names[pair.first].name} with {names[pair.second].name} {_share(pair.share)}"
            for pair in pairs
        )
        lines.append(f"Explained only together: {listed}.")
    noise = explanation.noise
    lines.append(
        f"By a surrogate model of {explanation.architectures} evaluated architectures, averaged "
        f"over {explanation.reference:,} of the space within the search's limits. n: evaluated "
        "architectures with the choice. "
        + (
            "Noise between seeds is the model's guess: none was trained twice."
            if noise is None
            else f"Noise between seeds: {100 * noise.deviation:.2f} points."
        )
    )
    return lines


def explanation_json(explanation: Explanation, space: SearchSpace) -> dict[str, Any]:
    """Return plain data: accuracies and shares as fractions, costs as relative changes."""
    names = [parameter.name for parameter in space.parameters]
    return {
        "architectures": explanation.architectures,
        "reference_architectures": explanation.reference,
        "equal_cost": explanation.equal_cost,
        "seed_noise": None if explanation.noise is None else explanation.noise.deviation,
        "parameters": [
            {
                "parameter": each.parameter,
                "accuracy_share": _json(each.accuracy),
                "cost_shares": dict(each.costs),
            }
            for each in explanation.shares
        ],
        "choices": [_choice_json(each) for each in explanation.effects],
        "pairs": [
            {
                "parameters": [names[pair.first], names[pair.second]],
                "accuracy_share": _json(pair.share),
            }
            for pair in explanation.pairs
        ],
        "stages": [
            {
                "stage": each.contrast.stage,
                "kind": each.contrast.kind,
                "n": each.contrast.n,
                "n_without_attention": each.contrast.n_without,
                "accuracy_at_equal_cost": _json(each.accuracy),
            }
            for each in explanation.stages
        ],
    }


def points(estimate: Estimate | None) -> str:
    """Return an effect on accuracy such as ``+0.6 ± 0.2``, in percent points."""
    if estimate is None:
        return NOTHING
    return f"{100 * estimate.mean:+.1f} ± {100 * estimate.deviation:.1f}"


def _stage_sentence(effect: StageEffect, equal_cost: str) -> str:
    contrast = effect.contrast
    return (
        f"{label_of(contrast.kind)} in stage {contrast.stage}: {points(effect.accuracy)} points at "
        f"equal {equal_cost}, n = {contrast.n} with it and {contrast.n_without} without attention"
    )


def _choice_json(effect: ChoiceEffect) -> dict[str, Any]:
    equal = effect.accuracy_at_equal_cost
    return {
        "parameter": effect.parameter,
        "choice": effect.choice,
        "n": effect.n,
        "accuracy": _json(effect.accuracy),
        "accuracy_at_equal_cost": None if equal is None else _json(equal),
        "costs": {name: expm1(each.mean) for name, each in effect.costs.items()},
    }


def _json(estimate: Estimate) -> dict[str, float]:
    return {"mean": estimate.mean, "standard_error": estimate.deviation}


def _share(estimate: Estimate) -> str:
    return f"{max(estimate.mean, 0):.0%} ± {estimate.deviation:.0%}"


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=title,
        title_justify="left",
    )
