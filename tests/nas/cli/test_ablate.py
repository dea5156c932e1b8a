"""``nas ablate``: a network and its swaps, trained with the same seeds, once."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.cli.commands.train.ablate import run_ablate_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.config.trust import list_run
from nas.errors import CommandError, RunError, TrustError
from nas.evaluation.full_training_seed import full_training_seed
from nas.storage.ledger import ledger_of
from nas.storage.networks.retraining import full_trainings
from nas.storage.run.folder import RunFolder
from search_space.yaml_validation import ConfigError
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import TINY_SPACE

FAST = {"epochs": 1, "batch_size": 50, "learning_rate": 0.05}
"""A recipe of two steps."""

STAGE = {"depth": 1, "width": 8, "primitive": [{"type": "conv", "kernel": 3}]}
SPACE = TINY_SPACE | {"stages": [STAGE]}


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(
        space=SPACE, sampler={"name": "random"}, search={"n_trials": 2}, proxy=FAST, retrain=FAST
    )


@pytest.fixture
def run(config: SearchConfig, begun: Begin) -> RunFolder:
    run, ledger = begun(config, trials=1)
    ledger.close()  # else SQLite's files go whenever it is collected
    return run


@pytest.fixture
def ablate(run: RunFolder) -> Callable[..., str]:
    """Give the command; return what is printed."""

    def command(*, as_json: bool = False, pick: str = "best", **options: Any) -> str:
        printed = io.StringIO()
        output = Output(file=printed, width=200, as_json=as_json)
        settings = {"seeds": 2, **options}
        run_ablate_command(output, run.name, run.path.parent, pick=pick, **settings)
        return printed.getvalue()

    return command


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let each training take 36 s, one at once; the list receives what is timed."""
    asked: list[str] = []

    def seconds(config: Any, architecture: Any, data: Any) -> float:
        asked.append(architecture.arch_id)
        return 36.0

    plan = "nas.workflows.ablation.plan"
    monkeypatch.setattr(f"{plan}.full_training_seconds", seconds)
    monkeypatch.setattr(f"{plan}.trainings_at_once", lambda config: 1)
    return asked


def rows_of(run: RunFolder) -> Any:
    config, ledger = ledger_of(run)
    return full_trainings(config, ledger)


def files_of(run: RunFolder) -> list[str]:
    return sorted(path.name for path in run.path.glob("ablation-*"))


def test_the_network_and_its_swaps_are_trained_with_the_same_seeds_once(
    ablate: Callable[..., str], here: TrainedHere, run: RunFolder, config: SearchConfig
) -> None:
    result = json.loads(ablate(as_json=True))
    (original,) = {row.arch_id for row in ledger_of(run)[1].evaluations("search")}
    rows = rows_of(run)
    changes = [(each["place"], each["change"]) for each in result["comparisons"]]
    assert changes == [("stage 1", "augmented_conv"), ("stage 1", "local_attention")]
    assert result["original"]["arch_id"] == original
    assert len(here.begun) == len(rows) == 6
    seeds = {full_training_seed(config.seed, number) for number in (0, 1)}
    for arch_id in {row.arch_id for row in rows}:
        assert {row.seed for row in rows if row.arch_id == arch_id} == seeds
    names = {row.provenance.network for row in rows}
    assert names == {"", *(f"swap of {original}: {place} {kind}" for place, kind in changes)}
    first = result["comparisons"][0]
    theirs, ours = (
        {r.seed: r.metrics["test_accuracy"] for r in rows if r.arch_id == arch_id}
        for arch_id in (first["arch_id"], original)
    )
    differences = [theirs[seed] - ours[seed] for seed in sorted(seeds)]
    assert first["compared"]["differences"] == pytest.approx(differences)
    assert first["compared"]["difference"] == pytest.approx(sum(differences) / 2)
    assert (result["comparisons_made"], result["correction"]) == (2, "Bonferroni")
    stem = f"ablation-{original}"
    assert files_of(run) == [f"{stem}.{ending}" for ending in ("csv", "json", "md", "png")]
    assert (run.path / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((run.path / f"{stem}.json").read_text()) == result
    with (run.path / f"{stem}.csv").open(newline="") as file:
        assert [row["change"] for row in csv.DictReader(file)] == [c for _, c in changes]
    again = ablate()
    assert "everything asked for was retrained before" in again
    assert "comparisons made: 2" in again
    assert len(here.begun) == 6


def test_the_plan_trains_and_writes_nothing(
    ablate: Callable[..., str], here: TrainedHere, timed: list[str], run: RunFolder
) -> None:
    before = sorted(run.path.rglob("*"))
    plan = json.loads(ablate(plan=True, as_json=True))
    assert sorted(run.path.rglob("*")) == before
    assert not here.begun
    assert plan["trainings_left"] == 6
    assert [each["place"] for each in plan["networks"]] == ["original", "stage 1", "stage 1"]
    assert plan["networks"][1]["change"] == "local_attention"  # what attention would bring
    assert plan["hours_one_by_one"] == pytest.approx(6 * 36 / 3600)
    assert plan["not_timed_here"] is None
    printed = ablate(plan=True, hours=0.05)
    assert "6 full trainings of 1 epochs are left, with 2 seeds each" in printed
    assert "--hours 0.05: 1 of 2 comparisons fit, in 2m 24s" in printed
    assert "nothing fits" in ablate(plan=True, hours=0.01)


def test_what_another_run_has_trained_is_not_planned_again(
    ablate: Callable[..., str],
    here: TrainedHere,
    timed: list[str],
    run: RunFolder,
    config: SearchConfig,
    begun: Begin,
) -> None:
    ablate()
    list_run(run.config_file)
    second, ledger = begun(config.replace(name="second"), trials=1)  # it finds the same network
    ledger.close()
    printed = io.StringIO()
    runs = run.path.parent
    options: dict[str, Any] = {"pick": "best", "seeds": 3, "plan": True}
    run_ablate_command(Output(file=printed, as_json=True), second.name, runs, **options)
    plan = json.loads(printed.getvalue())
    assert plan["trainings_left"] == 3  # the third seed of each


def test_the_time_of_a_training_is_measured(
    ablate: Callable[..., str], here: TrainedHere, run: RunFolder
) -> None:
    plan = json.loads(ablate(plan=True, as_json=True))
    assert all(each["seconds_each"] > 0 for each in plan["networks"])
    assert 0 < plan["hours_at_once"] <= plan["hours_one_by_one"]


def test_hours_take_the_most_informative_part_and_go_on(
    ablate: Callable[..., str], here: TrainedHere, timed: list[str], run: RunFolder
) -> None:
    printed = ablate(hours=0.04)  # four trainings
    assert len(here.begun) == 4
    assert "stage 1: augmented convolution; they take 1m 12s here" in printed
    assert "comparisons made: 1" in printed
    assert "not trained yet: 1 more" in printed
    timed.clear()
    printed = ablate(hours=0.04)
    assert len(timed) == 1  # what is trained takes no time
    assert len(here.begun) == 6
    assert "left out" not in printed


def test_where_nothing_fits_the_least_time_is_said(
    ablate: Callable[..., str], here: TrainedHere, timed: list[str], run: RunFolder
) -> None:
    said = r"nothing fits; the first comparison \(stage 1: local attention\) needs 4 trainings, "
    with pytest.raises(CommandError, match=said + "which take 2m 24s here: give --hours 0.05"):
        ablate(hours=0.039)
    assert not here.begun


def test_a_machine_without_the_device_times_nothing(
    ablate: Callable[..., str], here: TrainedHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.workflows.ablation.plan.missing_device", lambda config: "no GPU here")
    assert "nothing is timed here: no GPU here" in ablate(plan=True)
    plan = json.loads(ablate(plan=True, as_json=True))
    assert plan["not_timed_here"] == "no GPU here"
    assert plan["hours_at_once"] is None
    with pytest.raises(CommandError, match="cannot be measured here: no GPU here"):
        ablate(hours=1)
    assert not here.begun


@pytest.mark.slow  # recipes of retrainings are overridden in test_retrain_overrides.py too
def test_an_overridden_recipe_is_another_ablation(
    ablate: Callable[..., str], here: TrainedHere, run: RunFolder
) -> None:
    ablate()
    printed = ablate(overrides=["recipe.learning_rate=0.02"])
    assert "by the run's recipe with recipe.learning_rate=0.02" in printed
    assert len(here.begun) == 12
    _, ledger = ledger_of(run)
    last = ledger.evaluations("retrain")[-1].provenance
    assert last.overrides == {"recipe.learning_rate": (0.05, 0.02)}


def test_an_interrupted_ablation_goes_on(ablate: Callable[..., str], here: TrainedHere) -> None:
    here.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        ablate(overrides=["recipe.epochs=6"])
    here.interrupts = False
    ablate(overrides=["recipe.epochs=6"])
    assert [went_on for _, went_on in here.begun] == [False, True, *[False] * 5]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pick": "all"}, "--pick all: an ablation is of one network"),
        ({"pick": "kne"}, "did you mean 'knee'"),
        ({"pick": "knee"}, "has no knee"),
        ({"seeds": 1}, "--seeds must be 2 or more, since a paired interval needs two, got 1"),
        ({"seeds": None}, "the run's retrain_seeds is 1, .* give --seeds 3"),
        ({"hours": 0}, "--hours must be above 0 and finite, got 0"),
        ({"hours": float("inf")}, "--hours must be above 0 and finite, got inf"),
        ({"hours": float("nan")}, "--hours must be above 0 and finite, got nan"),
        ({"overrides": ["seed=3"]}, "only the recipe and the resources can be changed"),
        ({"overrides": ["recipe.batch_size=2000"]}, "recipe.batch_size must be at most"),
    ],
)
def test_a_mistake_is_one_clear_error(
    ablate: Callable[..., str],
    here: TrainedHere,
    run: RunFolder,
    options: dict[str, Any],
    said: str,
) -> None:
    with pytest.raises((CommandError, ConfigError), match=said):
        ablate(**options)
    assert not here.begun
    assert files_of(run) == []


def test_a_stranger_s_run_reads_no_data_elsewhere(
    config_of: Callable[..., SearchConfig], begun: Begin, here: TrainedHere
) -> None:
    strange, _ = begun(config_of(space=SPACE, data={"name": "cifar10"}))
    for plan in (True, False):
        with pytest.raises(TrustError, match="may be looked for on servers"):
            run_ablate_command(
                Output(), strange.name, strange.path.parent, pick="best", seeds=2, plan=plan
            )
    assert not here.begun


def test_a_run_that_is_not_there_is_one_error(runs: Path) -> None:
    with pytest.raises(RunError, match="no run 'none'"):
        run_ablate_command(Output(), "none", runs, pick="best")
