"""Ablations: simultaneous paired intervals, and the tables and picture of them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from scipy import stats

from analysis.ablation.comparisons import (
    AblationResult,
    SwappedNetwork,
    TrainedNetwork,
    compared,
)
from analysis.ablation.labels import change_colour, change_label, places_of
from analysis.ablation.picture import plot_ablation_png
from analysis.ablation.tables import ablation_csv, ablation_markdown, ablation_table
from analysis.paired_interval import paired_interval
from analysis.report.page import report_html
from nas.cli.output import Output
from nas.storage.strict_json import json_text
from search_space.zoo import network
from tests.analysis.report.made_up import made_up_run

FIRST = {1: 0.90, 2: 0.88, 3: 0.91, 4: 0.87}
SECOND = {1: 0.93, 2: 0.89, 3: 0.95, 4: 0.90}


def trained(
    name: str, accuracies: dict[int, float], params: int = 1000, macs: int = 5000
) -> TrainedNetwork:
    seconds = dict.fromkeys(accuracies, 10.0)
    return TrainedNetwork(name, f"network {name}", params, macs, accuracies, seconds)


ORIGINAL = trained("original", FIRST)
SWAPS = [
    SwappedNetwork("stem", "conv stem", trained("stem", {1: 0.5, 9: 0.5})),
    SwappedNetwork("stage 1", "conv", trained("conv", SECOND, params=1009, macs=4000)),
    SwappedNetwork("stage 1", "local_attention", trained("attn", {1: 0.1, 2: 0.2}, params=1020)),
    SwappedNetwork("network", "no positions", trained("equal", FIRST)),
]


@pytest.fixture
def result() -> AblationResult:
    comparisons, others = compared(ORIGINAL, SWAPS)
    places = {"stem": "attention", "stage 1": "own | kind", "network": ""}
    label = "test accuracy (top-1)"
    return AblationResult("parts", label, ORIGINAL, places, comparisons, others, ("a note",))


def test_one_interval_is_scipy_s() -> None:
    differences = [SECOND[seed] - FIRST[seed] for seed in FIRST]
    one = paired_interval(differences, 1)
    by_scipy = stats.ttest_rel(list(SECOND.values()), list(FIRST.values()))
    interval = by_scipy.confidence_interval(0.95)
    assert one.p_value == pytest.approx(by_scipy.pvalue)
    assert one.adjusted_p_value == pytest.approx(by_scipy.pvalue)
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high))


def test_several_intervals_are_bonferroni_s_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt 3, and t(2) has a closed form."""
    level = 1 - 0.05 / 5
    quantile = level * (2 / (1 - level**2)) ** 0.5  # of t with 2 degrees of freedom, two-sided
    several = paired_interval([0.01, 0.02, 0.03], 5)
    error = 0.01 / 3**0.5
    assert several.standard_error == pytest.approx(error)
    assert several.low == pytest.approx(0.02 - quantile * error)
    assert several.high == pytest.approx(0.02 + quantile * error)
    t = 0.02 / error
    p_value = 1 - t / (2 + t**2) ** 0.5
    assert several.p_value == pytest.approx(p_value)
    assert several.adjusted_p_value == pytest.approx(5 * p_value)
    assert paired_interval([0.0, 0.1], 5).adjusted_p_value == 1.0  # no probability is above 1


@pytest.mark.parametrize("comparisons", [1, 2, 3, 4, 10])
def test_an_interval_excludes_0_where_the_adjusted_p_value_is_below_5_percent(
    comparisons: int,
) -> None:
    for shift in (0.0, 0.02, 0.0282, 0.04, 0.1):
        inner = paired_interval([shift + 0.01, shift - 0.01, shift, shift + 0.005], comparisons)
        assert inner.adjusted_p_value is not None
        assert inner.differs == (inner.adjusted_p_value < 0.05)


def test_equal_differences_have_no_spread_to_make_an_interval_from() -> None:
    inner = paired_interval([0.5 - 0.3, 0.4 - 0.2, 0.9 - 0.7], 2)
    assert inner.mean == pytest.approx(0.2)
    assert (inner.low, inner.high, inner.p_value) == (None, None, None)
    assert not inner.differs


@pytest.mark.parametrize(("differences", "comparisons"), [([], 1), ([0.1], 1), ([0.1, 0.2], 0)])
def test_an_interval_needs_two_seeds(differences: list[float], comparisons: int) -> None:
    with pytest.raises(ValueError, match="needs 2 differences and 1 comparison at least, got"):
        paired_interval(differences, comparisons)


def test_comparisons_are_of_shared_seeds_and_count_only_what_was_made() -> None:
    comparisons, others = compared(ORIGINAL, SWAPS)
    assert [each.change for each in comparisons] == ["conv", "local_attention", "no positions"]
    assert [each.change for each in others] == ["conv stem"]  # it shares one seed
    conv, attention, equal = comparisons
    by_hand = paired_interval([0.03, 0.01, 0.04, 0.03], 3)
    assert (conv.interval.mean, conv.interval.n) == (pytest.approx(0.0275), 4)
    assert (conv.interval.low, conv.interval.high) == pytest.approx((by_hand.low, by_hand.high))
    assert attention.interval.n == 2
    assert equal.interval.low is None
    assert (conv.params_difference, conv.is_near_in_params) == (9, True)
    assert (attention.params_difference, attention.is_near_in_params) == (20, False)
    assert conv.macs_fraction == pytest.approx(-0.2)
    assert conv.seconds_fraction == pytest.approx(0.0)


def test_tables_have_every_comparison(result: AblationResult) -> None:
    rows = list(csv.DictReader(io.StringIO(ablation_csv(result))))
    assert [row["change"] for row in rows] == ["conv", "local_attention", "no positions"]
    assert {row["comparisons_made"] for row in rows} == {"3"}
    assert rows[2]["low"] == ""
    markdown = ablation_markdown(result)
    assert "| stage 1: own \\| kind | convolution | +2.75" in markdown
    assert "+20 (+2.00%) !" in markdown
    assert "+9 (+0.90%) |" in markdown
    printed = io.StringIO()
    Output(file=printed, width=160).show(ablation_table(result))
    assert "no spread" in printed.getvalue()
    assert "a note" in printed.getvalue()
    content = result.to_json()
    assert content["comparisons_made"] == 3
    assert content["not_compared"][0]["change"] == "conv stem"
    assert "NaN" not in json_text(content)


def test_the_picture_has_a_row_for_each_comparison(result: AblationResult, tmp_path: Path) -> None:
    plot_ablation_png(tmp_path / "all.png", result)
    few = replace(result, comparisons=result.comparisons[2:])  # every difference is 0
    plot_ablation_png(tmp_path / "few.png", few)
    with Image.open(tmp_path / "all.png") as every, Image.open(tmp_path / "few.png") as one:
        assert every.height > one.height > 100


def test_parts_and_changes_have_the_names_and_colours_of_other_pictures() -> None:
    assert places_of(network("sasa_resnet26")) == {
        "stem": "attention",
        **{f"stage {number}": "local attention" for number in (1, 2, 3, 4)},
        "network": "",
    }
    assert change_label("augmented_conv") == "augmented convolution"
    assert change_label("smaller extent") == "smaller extent"
    assert change_colour("conv stem") == change_colour("conv") != change_colour("local_attention")
    assert change_colour("no positions") == change_colour("larger extent")


def test_a_report_has_every_comparison(result: AblationResult) -> None:
    written = json.loads(json.dumps(result.to_json()))
    page = report_html([replace(made_up_run(40), ablations=[written])])
    section = page.partition('<section id="ablations"')[2].partition("</section>")[0]
    assert section.count("<tr") == 1 + len(result.comparisons)
    assert result.title in section
    assert "local attention" in section
