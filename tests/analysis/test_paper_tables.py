"""The papers' tables beside the counts: what matches is pinned, and what does not says why."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import analysis.paper_tables
from analysis.paper_tables.attention_part import attention_parts, flops_as_the_paper
from analysis.paper_tables.catalogue import CATALOGUE, CONVOLUTIONAL
from analysis.paper_tables.comparison import compared_table, summary_of
from analysis.paper_tables.figure import UNITS, Figure, PrintedCost
from analysis.paper_tables.printed_tables import NAMING, printed_table
from analysis.paper_tables.rendering import RESULT_HEADINGS
from search_space.cost import network_costs
from search_space.counts import convolution_counts
from search_space.primitives import Convolution
from search_space.zoo import ZOO

COMPARED = {key: compared_table(key) for key in CATALOGUE}
CSV_FOLDER = Path(analysis.paper_tables.__path__[0]) / "as_printed"

# Tables in which every row prints a cost of a network that is counted here.
COUNTED = [
    *("aacn1", "aacn2", "aacn3", "aacn4", "aacn5", "aacn6", "aacn9"),
    *("sasa1", "sasa2", "sasa3", "sasa4", "sasa5", "sasa6", "sasa7"),
]

# Rows printed in the paper; nothing is expected of those from a secondary source.
FOOTNOTED = {
    "aacn1": {"AA-Wide-ResNet": {"params", "flops_paper"}},
    "aacn3": {f"AA-ResNet-{depth}": {"flops_paper"} for depth in (34, 50, 101)},
    "aacn5": {f"AA-ResNet-{depth}": {"params", "flops_paper"} for depth in (50, 101)},
    "aacn6": {f"kappa = upsilon = {r}": {"flops_paper"} for r in ("0.25", "0.5", "0.75", "1.0")},
    "aacn9": {row.printed.name: {"flops_paper"} for row in COMPARED["aacn9"].rows},
    "sasa2": {
        f"attention, {backbone}": {"params", "flops_paper"}
        for backbone in ("conv-stem + attention", "full attention")
    },
    "sasa5": {"none": {"flops_paper"}, "absolute": {"flops_paper"}},
}

TRUNCATED = {
    ("aacn1", "SE-Wide-ResNet"),
    ("aacn3", "AA-ResNet-34"),
    ("aacn6", "kappa = upsilon = 0.5"),
    ("sasa1", "38, conv-stem + attention"),
    ("sasa1", "38, full attention"),
    ("sasa3", "conv 3 4; attention 1 2"),
    ("sasa6", "q.r"),
}

# GFLOPs: all that this project counts, and without Q K^T and with q.r from the embeddings' rows.
AS_THE_PAPER = {
    "aa_resnet34": ("7.300", "7.085"),
    "aa_resnet50": ("8.521", "8.305"),
    "aa_resnet101": ("16.617", "16.041"),
    "aa_resnet152": ("24.664", "23.727"),
    "aa_resnet50_k025": ("8.104", "7.889"),
    "aa_resnet50_k050": ("7.538", "7.320"),
    "aa_resnet50_k075": ("7.082", "6.837"),
    "aa_resnet50_k100": ("6.727", "6.428"),
    "aa_wide_resnet28_10": ("13.628", "10.953"),
    "aa_mnasnet_075": ("0.586", "0.503"),
    "aa_mnasnet_100": ("0.819", "0.707"),
    "aa_mnasnet_125": ("1.262", "1.120"),
    "aa_mnasnet_140": ("1.468", "1.310"),
    "retinanet_aa_resnet50": ("186.322", "182.418"),
    "retinanet_aa_resnet101": ("256.069", "244.221"),
}


# What is carried over from the papers


def test_there_is_a_file_for_each_table_and_no_other() -> None:
    assert {path.stem for path in CSV_FOLDER.glob("*")} == set(CATALOGUE)
    assert [sum(key.startswith(paper) for key in CATALOGUE) for paper in ("aacn", "sasa")] == [9, 7]


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_column_and_every_network_is_known(key: str) -> None:
    with (CSV_FOLDER / f"{key}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert set(rows[0]) <= {*NAMING, *UNITS, *RESULT_HEADINGS}
    for row in rows:
        assert None not in row
        assert row["source"] in {"paper", "secondary"}
        assert row["network"] in ZOO


def test_a_figure_keeps_its_printed_digits() -> None:
    cost = printed_table("sasa1").rows[7].costs["flops_paper"]
    assert str(cost) == "7.0 G"
    assert cost.last_digit == Decimal("0.1")
    params = printed_table("aacn9").rows[2].costs["params"]
    assert str(params) == "190 k"
    assert params.last_digit == 10


# When a count meets a printed figure


@pytest.mark.parametrize(
    ("column", "printed", "counted", "verdict"),
    [
        ("params_m", "14.1", 14_149_999, "matches"),
        ("params_m", "14.1", 14_050_000, "matches"),
        ("params_m", "14.1", 14_049_999, "differs"),
        ("params_m", "14.1", 14_150_000, "truncated"),
        ("params_m", "14.1", 14_199_999, "truncated"),
        ("params_m", "14.1", 14_200_000, "differs"),
        ("params_k", "1.9e2", 194_999, "matches"),
        ("params_k", "190", 191_656, "differs"),
        ("memory_kb", "600", 2 * 8 * 196**2, "matches"),
        ("memory_mb", "6", 6_000_000, "matches"),
        ("memory_mb", "6", 5_700_000, "differs"),
        ("gflops", "7.1", 7_200_000_000, "matches"),
        ("gflops", "7.1", 7_000_000_000, "matches"),
        ("gflops", "7.1", 7_200_000_001, "differs"),
        ("gflops", "0.70", 711_000_000, "differs"),
        ("mflops", "3.9e2", 380_000_000, "matches"),
        ("mflops", "3.9e2", 379_999_999, "differs"),
    ],
)
def test_verdict_of_a_figure(column: str, printed: str, counted: int, verdict: str) -> None:
    assert Figure(PrintedCost(UNITS[column], Decimal(printed)), counted).verdict == verdict


def test_a_difference_is_shown_signed_in_the_unit() -> None:
    figure = Figure(PrintedCost(UNITS["mflops"], Decimal("40")), 61_184_256)
    assert figure.shown_difference(figure.counted) == "+21.2"
    assert figure.shown_difference(39_977_728) == "+0.0"
    assert figure.shown_difference(38_000_000) == "-2.0"


# What matches


@pytest.mark.parametrize("key", COUNTED)
def test_every_row_matches_or_has_a_footnote_with_its_figures(key: str) -> None:
    table = COMPARED[key]
    for row in table.rows:
        assert row.verdict is not None
        if not row.footnotes:
            assert row.verdict.startswith("matches")
        for cost, letter in row.footnotes.items():
            figure, text = row.figures[cost], table.footnotes[letter]
            measured = row.flops_as_the_paper if cost == "flops_paper" else None
            shown = f"{figure.counted:,}" if cost == "params" else None
            assert row.printed.name in text
            assert (shown or figure.unit.shown(measured or figure.counted)) in text
            assert f"footnote {letter}" in row.verdict


def test_the_sourced_rows_that_have_footnotes() -> None:
    verdicts: dict[str, dict[str, set[str]]] = {}
    truncated = set()
    for key, table in COMPARED.items():
        for row in table.rows:
            if row.printed.is_secondary:
                continue
            if row.footnotes:
                verdicts.setdefault(key, {})[row.printed.name] = set(row.footnotes)
            if "(params truncated)" in (row.verdict or ""):
                truncated.add((key, row.printed.name))
    assert verdicts == FOOTNOTED
    assert truncated == TRUNCATED
    paper = summary_of(list(COMPARED.values())).paper
    assert (paper.compared, paper.matching) == (63, 44)
    assert {key: set(names) for key, names in paper.footnoted.items()} == {
        key: set(rows) for key, rows in FOOTNOTED.items()
    }


def test_recalled_rows_are_summed_apart() -> None:
    rows = [(key, row) for key, table in COMPARED.items() for row in table.rows if row.figures]
    secondary = [(key, row) for key, row in rows if row.printed.is_secondary]
    assert secondary
    summary = summary_of(list(COMPARED.values()))
    assert summary.paper.compared + summary.secondary.compared == len(rows)
    assert summary.secondary.compared == len(secondary)
    footnoted = [(key, row.printed.name) for key, row in secondary if row.footnotes]
    assert summary.secondary.matching == len(secondary) - len(footnoted)
    assert [
        (key, name) for key, names in summary.secondary.footnoted.items() for name in names
    ] == footnoted


def test_the_counts_are_the_networks_own() -> None:
    for table in COMPARED.values():
        for row in table.rows:
            if row.counted is None or row.printed.part:
                continue
            named = ZOO[str(row.printed.network)]
            costs = network_costs(named.at_width(1.0), named.task)
            expected = {"params": costs.params, "flops_paper": costs.flops_paper}
            assert row.counted.costs == expected
            assert row.counted.arch_id == named.at_width(1.0).arch_id


@pytest.mark.parametrize(
    ("network", "changes", "costs"),
    [
        ("retinanet_resnet50", {}, ("33.40", "182.3")),
        ("retinanet_resnet101", {}, ("52.39", "242.9")),
        ("retinanet_resnet50", {"anchors_per_position": 9}, ("34.05", "193.4")),
        ("sasa_retinanet50_conv_stem", {}, ("20.03", "106.3")),
        ("sasa_retinanet50_conv_stem", {"pyramid": Convolution()}, ("21.99", "112.2")),
    ],
)
def test_readings_of_detectors(
    network: str, changes: dict[str, Any], costs: tuple[str, str]
) -> None:
    named = ZOO[network]
    architecture = named.at_width(1.0)
    assert architecture.detector is not None
    read = architecture.replace(detector=architecture.detector.replace(**changes))
    counted = network_costs(read, named.task)
    assert (f"{counted.params / 1e6:.2f}", f"{counted.flops_paper / 1e9:.1f}") == costs
    if "anchors_per_position" in changes:
        assert f"ResNet-50 would have {costs[0]} M and {costs[1]} G" in CONVOLUTIONAL


def test_convolutional_detectors_match_to_the_printed_digit() -> None:
    rows = [row for key in ("aacn5", "sasa2") for row in COMPARED[key].rows]
    convolutional = [row for row in rows if row.printed.name.startswith(("Res", "SE", "convol"))]
    assert len(convolutional) == 4 + 3
    assert {row.verdict for row in convolutional} == {"matches"}


def test_footnotes_of_detectors_say_which_reading_fits() -> None:
    depths = COMPARED["aacn5"].footnotes["a"]
    for count in (
        "32,969,804",
        "33,678,444",
        "33,120,900",
        "51,572,496",
        "53,297,396",
        "51,723,592",
    ):
        assert count in depths
    pyramids = COMPARED["sasa2"].footnotes["a"]
    for count in ("21,987,252", "20,028,852", "112.227", "(+1.227 G)", "113.760"):
        assert count in pyramids


# As the paper seems to count


@pytest.mark.parametrize("network", AS_THE_PAPER)
def test_flops_as_the_paper_seems_to_count(network: str) -> None:
    named = ZOO[network]
    architecture = named.at_width(1.0)
    flops = network_costs(architecture, named.task).flops_paper
    recount = flops_as_the_paper(architecture, named.task, flops)
    assert recount is not None
    assert (f"{flops / 1e9:.3f}", f"{recount / 1e9:.3f}") == AS_THE_PAPER[network]


def test_every_augmented_row_with_printed_flops_has_such_a_count() -> None:
    verdicts = {
        row.printed.network
        for table in COMPARED.values()
        for row in table.rows
        if row.flops_as_the_paper is not None and not row.printed.part
    }
    assert verdicts == set(AS_THE_PAPER)
    for network in ("resnet50", "mnasnet_100", "sasa_resnet50"):
        named = ZOO[network]
        assert flops_as_the_paper(named.at_width(1.0), named.task, 1) is None


def test_footnotes_say_what_is_measured() -> None:
    assert "kappa = upsilon = 1.0: 6.428 (+0.128)" in COMPARED["aacn6"].footnotes["a"]
    assert COMPARED["aacn6"].footnotes["a"].endswith("not explained: kappa = upsilon = 1.0.")
    for row in COMPARED["aacn3"].rows:
        if row.footnotes and not row.printed.is_secondary:
            assert row.figures["flops_paper"].is_close(row.flops_as_the_paper or 0)
    wide = COMPARED["aacn1"].footnotes["a"]
    for figure in ("36,058,836", "36.2 M", "36,278,324", "36,536,884", "36.3 M", "36,317,396"):
        assert figure in wide
    sasa = COMPARED["sasa5"].footnotes["a"]
    for figure in ("6.779 G", "6.9 G", "(-0.121)", "0.187 G", "0.1 G", "0.2 G"):
        assert figure in sasa


# AACN Table 9


def test_the_attention_of_aa_resnet_50() -> None:
    rows = {row.printed.part: row.counted for row in COMPARED["aacn9"].rows}
    costs = {part: counted.costs for part, counted in rows.items() if counted}
    assert {part: each["params"] for part, each in costs.items()} == {
        "stage 2": 43_464,
        "stage 3": 90_088,
        "stage 4": 191_656,
        "total": 1_289_352,
        "max": 1_289_352,
    }
    map_bytes = 2 * 8 * 196**2, 2 * 8 * 49**2
    assert costs["stage 3"]["memory"] == costs["max"]["memory"] == map_bytes[0]
    assert costs["stage 4"]["memory"] == map_bytes[1]
    assert costs["total"]["memory"] == 10 * map_bytes[0] + 3 * map_bytes[1]
    # Stage 3 by hand: projections of 256 channels to 2 * 160 + 24, Q K^T and q.r, A V, W_O.
    projected, products = 196 * (256 * 344 + 24 * 24), 196 * 196 * 160
    values = 196 * 196 * 24
    assert costs["stage 3"]["flops_paper"] == 2 * (projected + 2 * products + values)
    assert rows["stage 3"] is not None
    assert rows["stage 3"].flops_as_the_paper == 2 * (projected + values + 196 * (27 + 27) * 160)


def test_the_attention_is_the_primitive_without_its_convolution() -> None:
    named = ZOO["aa_resnet50"]
    architecture = named.at_width(1.0)
    parts = attention_parts(architecture, named.task)
    layers = {n: sum(p.layers for p in parts if p.stage == n) for n in (2, 3, 4)}
    assert layers == {2: 4, 3: 6, 4: 3}
    assert len({p.counts for p in parts if p.stage == 2}) == 1
    block = architecture.stages[2].blocks[1]
    whole = block.counts(256, 256, 1, (14, 14))
    beside = convolution_counts(256, 256 - 24, 3, (14, 14))
    (part,) = {p.counts for p in parts if p.stage == 3}
    assert (part.params + beside.params, part.macs + beside.macs) == (whole.params, whole.macs)
