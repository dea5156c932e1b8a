"""The report's sections and sizes, without a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.explanation.explained import explain
from analysis.explanation.table import notes, points
from analysis.report.hypervolume import hypervolume_section
from analysis.report.merged import groups, merged_candidates, merged_front
from analysis.report.page import SECTIONS, report_html
from analysis.report.papers import papers_section
from analysis.report.run_data import ACCURACY
from nas.costs.static_costs import StaticCosts
from nas.evaluation.fidelity import Fidelity
from search_space.space import SearchSpace
from tests.analysis.invented import TASK
from tests.analysis.page_content import content_of
from tests.analysis.report.made_up import SCRIPT, made_up_run

SPACE = Path(__file__).parents[3] / "configs" / "spaces" / "digits.yaml"
PLOTLY = 2_000_000
MOST_CONTENT, MOST_BYTES = 900_000, 3_000_000


@pytest.fixture(scope="module")
def page() -> str:
    return report_html([made_up_run(60)])


def test_a_report_has_the_sections_that_its_run_has_something_for(page: str) -> None:
    names = re.findall(r'<section id="(\w+)"', page)
    assert names == [
        *("summary", "front", "hypervolume", "choices", "retrained"),
        *("fidelity", "outcomes", "hours", "reproduce"),
    ]


def test_the_first_screen_answers_four_questions(page: str) -> None:
    first, _, _ = page.partition('<section id="front"')
    questions = ("What was found", "How sure it is", "What it cost", "What to do next")
    assert re.findall(r"<h2>(.*?)</h2>", first) == list(questions)


def test_a_page_of_a_thousand_trials_is_small() -> None:
    page = report_html([made_up_run(1000)])
    script = re.search(r'id="plotly">([^<]*)<', page)
    assert script is not None
    assert len(script[1]) < PLOTLY
    assert len(page) - len(script[1]) < MOST_CONTENT
    assert len(page.encode()) < MOST_BYTES


def test_names_from_data_stay_text(page: str) -> None:
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;alert(1)") >= 2  # a network's name, and a failure's reason


def test_a_report_says_why_trials_failed_and_began_again(page: str) -> None:
    outcomes = page.partition('<section id="outcomes"')[2]
    for text in ("failed", "ValueError", "out of memory", "361", "stopped early"):
        assert text in outcomes or text == "stopped early"


def test_several_runs_share_a_front_and_have_a_band() -> None:
    runs = [made_up_run(40, seed, f"digits{seed}") for seed in range(3)]
    assert list(groups(runs).values()) == [runs]
    candidates = merged_candidates(runs)
    assert len({each.arch_id for each in candidates}) == len(candidates)
    best = max(each.metrics[ACCURACY] for each in candidates)
    assert max(each.choice[ACCURACY] for each in merged_front(runs)) >= best - 0.05
    band, mean = hypervolume_section(runs).figures["hypervolume-trials"]["data"]
    assert band["fill"] == "toself"
    assert 2 * len(mean["x"]) == len(band["x"])
    page = report_html(runs)
    assert "95 % intervals" in page
    assert content_of(page)["cards"].keys() == {each.arch_id for each in candidates}


def test_the_hypervolume_never_falls() -> None:
    (curve,) = hypervolume_section([made_up_run(60)]).figures["hypervolume-trials"]["data"]
    shares = np.array(curve["y"])
    assert (np.diff(shares) >= 0).all()
    assert 0 < shares[-1] <= 1


def test_runs_by_other_proxies_do_not_compare() -> None:
    one, other = made_up_run(40, 0, "one"), made_up_run(40, 1, "other")
    changed = other.config.replace(fidelity=Fidelity(width=0.5))
    with pytest.raises(ValueError, match="runs 'one' and 'other' do not compare: their proxies"):
        report_html([one, replace(other, config=changed)])


def test_what_a_model_tells_stands_beside_the_front() -> None:
    run = made_up_run(60)
    space = SearchSpace.from_yaml(SPACE)
    explanation = explain(
        [*run.rows["search"], *run.rows["repeats"]],
        space,
        StaticCosts(space, TASK, batch_size=None).columns,
        {},
        equal_cost="macs",
        random_sample=set(),
        seed=0,
    )
    sure = {each.arch_id: 0.625 for each in run.candidates}
    told = replace(
        run,
        probabilities=sure,
        explanation=explanation,
        explanation_notes=notes(explanation, space),
    )
    page = report_html([told])
    front = page.partition('<section id="front"')[2].partition("</section>")[0]
    assert front.count("62%") == len(run.front)
    summary = page.partition('<section id="front"')[0]
    assert f"{0.625 * len(run.front):.1f} of {len(run.front)} members are expected" in summary
    matters = page.partition('<section id="importance"')[2].partition("</section>")[0]
    most = max(explanation.shares, key=lambda each: each.accuracy.mean)
    assert most.parameter in matters
    for stage in explanation.stages:
        assert points(stage.accuracy) in matters
    assert "By a surrogate model of" in matters
    assert '<section id="importance"' not in report_html([told, replace(told, name="second")])


def test_nothing_finished_is_one_error() -> None:
    run = replace(made_up_run(40), candidates=[])
    with pytest.raises(ValueError, match="no trial of 'digits' has finished"):
        report_html([run])


def test_a_section_without_data_is_left_out() -> None:
    run = made_up_run(40)
    bare = replace(run, retrained=[], epochs=(), choices={}, time=replace(run.time, seconds={}))
    made = [make([bare]) for make in SECTIONS]
    names = [each.name for each in made if each is not None]
    assert names == ["summary", "front", "hypervolume", "outcomes", "reproduce"]


def test_the_papers_stand_beside_runs_on_their_data_alone() -> None:
    run = made_up_run(40)
    assert papers_section([run]) is None
    data = run.config.data.model_copy(update={"name": "cifar100"})
    section = papers_section([replace(run, config=run.config.replace(data=data))])
    assert section is not None
    papers, own = section.figures["papers-figure"]["data"]
    assert len(papers["customdata"]) > 1
    assert own["y"] == [run.retrained[0]["test_accuracy"]]
