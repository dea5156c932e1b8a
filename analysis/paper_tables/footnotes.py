"""Causes of differences between a count and what a paper prints, as footnotes.

Every figure in a footnote is counted when it is asked for, so that it changes with the code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from analysis.paper_tables.counted_costs import Counted
from analysis.paper_tables.figure import CostName, Figure
from analysis.paper_tables.printed_tables import PrintedRow, PrintedTable
from search_space.cost import network_costs
from search_space.families import Shortcut
from search_space.primitives import Convolution
from search_space.zoo import named_network
from search_space.zoo.aacn import RATIOS
from search_space.zoo.resnets import aa_resnet


class Difference(NamedTuple):
    """A printed cost of a row that the count does not meet."""

    row: PrintedRow
    counted: Counted
    figure: Figure


Cause = Callable[[list[Difference], PrintedTable], str]
"""A function that writes the footnote of the differences of one table."""


def cause_of(difference: Difference) -> Cause:
    """Return the cause of a difference, as far as it is known."""
    cost = difference.figure.unit.cost
    if cost == "flops_paper" and difference.counted.flops_as_the_paper is not None:
        return products_left_out
    return KNOWN.get((difference.row.network, cost), unexplained)


def products_left_out(differences: list[Difference], table: PrintedTable) -> str:
    """Explain the FLOPs of attention over a whole map (AACN)."""
    recounts = [
        (difference.row.name, difference.figure, difference.counted.flops_as_the_paper or 0)
        for difference in differences
    ]
    each = [
        f"{name}: {figure.unit.shown(count)} ({figure.shown_difference(count)})"
        for name, figure, count in recounts
    ]
    far = [name for name, figure, count in recounts if not figure.is_close(count)]
    unit = differences[0].figure.unit.symbol
    text = (
        "The paper seems to leave out Q K^T, and to count q.r from the products of q with the 2H-1 "
        "row and 2W-1 column embeddings. Here both have (H W)^2 d_k MACs. Counted so, in "
        f"{unit}FLOPs: {'; '.join(each)}."
    )
    if far:
        text += (
            " Still off by more than one unit of the last printed digit, which is not explained: "
            f"{'; '.join(far)}."
        )
    return text


def shortcuts_do_not_explain(differences: list[Difference], table: PrintedTable) -> str:
    """Say what does not explain the parameters of AA-Wide-ResNet-28-10 (AACN Table 1)."""
    augmented = differences[0]
    plain = next(row for row in table.rows if row.network == "wide_resnet28_10")
    padded, projected = (_params("wide_resnet28_10", shortcut) for shortcut in SHORTCUTS)
    with_projections = _params("aa_wide_resnet28_10", "projection")
    return (
        f"Not explained: {augmented.figure.counted:,} counted, {augmented.figure.printed} printed. "
        f"It is not the shortcuts: {plain.name} has {padded:,} with the parameter-free ones used "
        f"here and {projected:,} with 1x1 projections ({plain.costs['params']} printed); with "
        f"projections {augmented.row.name} would have {with_projections:,}."
    )


def relative_term(differences: list[Difference], table: PrintedTable) -> str:
    """Compare the FLOPs without q.r (SASA Table 5) with those that have it."""
    relative = next(row for row in table.rows if row.network == "sasa_resnet50_conv_stem")
    figure = differences[0].figure
    term = _flops("sasa_resnet50_conv_stem") - figure.counted
    step = relative.costs["flops_paper"].value - figure.printed.value
    each = [
        f"{row.name} {figure.unit.shown(figure.counted)} G counted, {figure.printed} printed "
        f"({figure.shown_difference(figure.counted)})"
        for row, _, figure in differences
    ]
    return (
        f"Not explained: {'; '.join(each)}. The q.r term alone has {figure.unit.shown(term)} G "
        f"here; the printed column leaves {step} G for it, at most "
        f"{step + figure.printed.last_digit} G before rounding."
    )


def unexplained(differences: list[Difference], table: PrintedTable) -> str:
    """List differences of which no cause is known."""
    each = [
        f"{row.name} {figure.unit.shown(figure.counted)} {figure.unit.symbol} counted, "
        f"{figure.printed} printed"
        for row, _, figure in differences
    ]
    return f"Not explained: {'; '.join(each)}."


def kept_pyramid(differences: list[Difference], table: PrintedTable) -> str:
    """Count SASA's attentional detectors with their pyramid's convolutions kept (Table 2)."""
    each = []
    for row in dict.fromkeys(difference.row.name for difference in differences):
        own = {d.figure.unit.cost: d.figure for d in differences if d.row.name == row}
        network = next(d.row.network for d in differences if d.row.name == row)
        costs = _with_convolutional_pyramid(network or "")
        changes = (_change(cost, figure, costs[cost]) for cost, figure in own.items())
        each.append(f"{row}, {' and '.join(changes)}")
    return (
        "The paper's text (A.3) makes attention of the pyramid's convolutions too, and is counted "
        "so. Were they kept, with attention in the heads alone, the parameters would fit: "
        f"{'; '.join(each)}. What is then left of the FLOPs is not explained."
    )


def least_key_depths(differences: list[Difference], table: PrintedTable) -> str:
    """Count AACN's augmented detectors with a least key depth (Table 5)."""
    each = []
    for row, _, figure in differences:
        everywhere, first = _with_least_key_depth(row.network or "")
        each.append(
            f"{row.name} has {figure.counted:,} without it ({_off(figure, figure.counted)}), "
            f"{everywhere:,} with it ({_off(figure, everywhere)}), and {first:,} with it in the "
            f"first augmented stage alone ({_off(figure, first)})"
        )
    return (
        "The least key depth of 20 a head, which the parameters on ImageNet show, does not fit "
        f"here: {'; '.join(each)}. The last would fit, but nothing in the paper says it."
    )


KNOWN: dict[tuple[str | None, CostName], Cause] = {
    ("aa_wide_resnet28_10", "params"): shortcuts_do_not_explain,
    ("sasa_resnet50_conv_stem_no_position", "flops_paper"): relative_term,
    ("sasa_resnet50_conv_stem_sine", "flops_paper"): relative_term,
}
KNOWN |= {
    (f"sasa_retinanet50{stem}", cost): kept_pyramid
    for stem in ("", "_conv_stem")
    for cost in ("params", "flops_paper")
}
KNOWN |= {(f"retinanet_aa_resnet{depth}", "params"): least_key_depths for depth in (50, 101)}
"""The causes by network and cost."""

SHORTCUTS: tuple[Shortcut, Shortcut] = ("padding", "projection")


def _params(network: str, shortcut: Shortcut) -> int:
    named = named_network(network)
    return network_costs(named.at_width(1.0).replace(shortcut=shortcut), named.task).params


def _flops(network: str) -> int:
    named = named_network(network)
    return network_costs(named.at_width(1.0), named.task).flops_paper


def _change(cost: CostName, figure: Figure, recount: int) -> str:
    unit = figure.unit
    before, now = (
        f"{count:,}" if cost == "params" else f"{unit.shown(count)} {unit.symbol}FLOPs"
        for count in (figure.counted, recount)
    )
    what = " parameters" if cost == "params" else ""
    return f"{now}{what} ({_off(figure, recount)}) in place of {before}"


def _off(figure: Figure, count: int) -> str:
    return f"{figure.shown_difference(count)} {figure.unit.symbol}"


def _with_convolutional_pyramid(network: str) -> dict[CostName, int]:
    named = named_network(network)
    architecture = named.at_width(1.0)
    assert architecture.detector is not None
    detector = architecture.detector.replace(pyramid=Convolution())
    costs = network_costs(architecture.replace(detector=detector), named.task)
    return {"params": costs.params, "flops_paper": costs.flops_paper}


def _with_least_key_depth(network: str) -> tuple[int, int]:
    """Return the parameters with it in every augmented stage, and in the first of them alone."""
    named = named_network(network)
    without = named.at_width(1.0)
    depth = int(network.removeprefix("retinanet_aa_resnet"))
    everywhere = aa_resnet(depth, *RATIOS[depth]).stages
    first = (*without.stages[:1], everywhere[1], *without.stages[2:])
    return (
        network_costs(without.replace(stages=everywhere), named.task).params,
        network_costs(without.replace(stages=first), named.task).params,
    )
