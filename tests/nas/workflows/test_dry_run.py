"""The dry run of a search: costs, share within the limits, device-hours."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from nas.cli.commands.search.dry_run import show_dry_run
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, NothingFits
from nas.workflows.space_costs import SAMPLED, check_fits, space_costs
from nas.workflows.timing.device_hours import (
    FRONT_ASSUMED,
    DeviceHours,
    device_hours,
    missing_device,
    trials_within,
)
from search_space.architecture import Task
from search_space.yaml_validation import ConfigError
from tests.hand_driven import costs_from

ConfigOf = Callable[..., SearchConfig]
DIGITS = Path(__file__).parents[3] / "configs" / "spaces" / "digits.yaml"


def test_a_small_space_is_costed_whole(config_of: ConfigOf, task: Task) -> None:
    config = config_of(limits={"params": 2000, "macs": "60k"})
    looked_at = space_costs(config, costs_from(config, task, with_memory=True))
    costs = costs_from(config, task, with_memory=True)
    rows = [costs.of(each) for each in costs.space.architectures()]
    assert (looked_at.size, looked_at.looked_at, looked_at.whole_space) == (384, 384, True)
    for name, each in looked_at.ranges.items():
        values = [row[name] for row in rows]
        assert (each.least, each.most) == (min(values), max(values))
        assert each.median == sorted(values)[(len(values) - 1) // 2]
    params = [row["params"] <= 2000 for row in rows]
    macs = [row["macs"] <= 60_000 for row in rows]
    assert looked_at.ranges["params"].share_within == np.mean(params)
    assert looked_at.ranges["macs"].share_within == np.mean(macs)
    assert looked_at.ranges["activations"].limit is None
    fits = np.logical_and(params, macs)
    assert 0 < looked_at.share_within_all == fits.mean() < min(np.mean(params), np.mean(macs))
    assert len(looked_at.vectors) == len(looked_at.macs) == fits.sum()
    fitting = [row["macs"] for row, fit in zip(rows, fits, strict=True) if fit]
    assert sorted(looked_at.macs) == sorted(fitting)


def test_a_large_space_is_sampled_by_the_seed(config_of: ConfigOf, task: Task) -> None:
    space = yaml.safe_load(DIGITS.read_text())
    configs = [config_of(space=space, seed=seed) for seed in (1, 1, 2)]
    costs = costs_from(configs[0], task, with_memory=True)
    one, same, other = (space_costs(config, costs) for config in configs)
    assert (one.looked_at, one.whole_space, one.share_within_all) == (SAMPLED, False, 1.0)
    assert np.array_equal(one.vectors, same.vectors)
    assert not np.array_equal(one.vectors, other.vectors)


def test_limits_that_nothing_meets_are_an_error(config_of: ConfigOf, task: Task) -> None:
    config = config_of(limits={"params": 10})
    with pytest.raises(NothingFits, match=r"none of 384 architectures .* smallest params is \d"):
        check_fits(space_costs(config, costs_from(config, task, with_memory=True)), config)


def test_device_hours_follow_from_the_timed_trainings(config_of: ConfigOf, task: Task) -> None:
    proxy = {"epochs": 6, "batch_size": 16, "learning_rate": 0.1, "evaluate_every_epochs": 4}
    search = {"n_trials": 24, "finalist_seeds": 3, "noise_candidates": 2, "concurrency": 1}
    config = config_of(proxy=proxy, search=search)
    said: list[str] = []
    costs = costs_from(config, task, with_memory=True)
    hours = device_hours(config, costs, space_costs(config, costs), said.append)
    assert len(said) == 4  # the warming up, and three
    assert [each.which for each in hours.timed] == ["least", "median", "most"]
    macs = [each.macs for each in hours.timed]
    assert macs == sorted(macs)
    for each in hours.timed:
        assert min(each.epoch_seconds, each.evaluation_seconds) > 0
        # evaluated after epochs 4 and 6
        trial = 6 * each.epoch_seconds + 2 * each.evaluation_seconds
        assert each.trial_seconds == pytest.approx(trial)
    assert (hours.trials, hours.repeats) == (24, 2 * (FRONT_ASSUMED + 2))
    assert hours.repeat_hours == pytest.approx(hours.trial_hours)  # as many trainings
    trials = [each.trial_seconds for each in hours.timed]
    assert min(trials) <= 3600 * hours.trial_hours / 24 <= max(trials)
    assert hours.wall_hours == pytest.approx(hours.hours)
    assert hours.gpu_hours == 0


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        ({}, {}),
        ({"max_device_hours": 0.4 + 0.1 * 8}, {"search.max_device_hours": 8}),
        ({"max_hours": (0.4 + 0.1 * 8) / 2}, {"search.max_hours": 8}),
        ({"max_hours": 0.1, "max_device_hours": 3}, {"search.max_hours": 0}),
        ({"max_hours": 2, "max_device_hours": 3}, {}),
    ],
)
def test_a_budget_tells_how_many_trials_it_has_time_for(
    config_of: ConfigOf, budgets: dict[str, float], expected: dict[str, int]
) -> None:
    hours = DeviceHours((), 24, 2.4000001, 4, 0.4, 0.0, 2, 1.4)
    config = config_of(search={"n_trials": 24} | {k: v + 1e-4 for k, v in budgets.items()})
    assert trials_within(config, hours) == expected


PROMOTION = {"name": "asha", "type": "promotion"}


def test_promotion_takes_the_hours_of_the_epochs_that_it_trains(
    config_of: ConfigOf, task: Task
) -> None:
    proxy = {"epochs": 9, "batch_size": 50, "learning_rate": 0.1}
    config = config_of(proxy=proxy, search={"n_trials": 18}, scheduler=PROMOTION)
    costs = costs_from(config, task, with_memory=True)
    estimate = device_hours(config, costs, space_costs(config, costs), lambda said: None)
    trained = 18 * 1 + 6 * 2 + 2 * 6
    assert config.most_epochs(18) == trained
    hours = estimate.repeat_hours / estimate.repeats  # of one whole training
    assert estimate.trial_hours == pytest.approx(trained / 9 * hours)
    stopping = config_of(proxy=proxy, scheduler={"name": "asha"})
    assert stopping.most_epochs(18) == 18 * 9


def test_a_missing_gpu_is_named(config_of: ConfigOf) -> None:
    resources = {"cpus_per_trial": 1, "gpus_per_trial": 0.25}
    missing = missing_device(config_of(resources=resources))
    assert (missing is None) == torch.cuda.is_available()
    assert missing_device(config_of()) is None
    too_large = {"cpus_per_trial": 5000}
    missing = missing_device(config_of(resources=too_large))
    assert (missing or "").startswith("a trial needs 5000 CPUs and 0 GPUs (resources), but the")
    elsewhere = config_of(resources=too_large, ray={"address": "host:6379"})
    assert missing_device(elsewhere) is None


def test_the_command_prints_and_keeps_nothing(
    tmp_path: Path, config_of: ConfigOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {"epochs": 1, "batch_size": 50, "learning_rate": 0.1}
    config = config_of(proxy=recipe, retrain=recipe, limits={"params": 1500})
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    before = sorted(tmp_path.iterdir())

    def shown(*overrides: str, as_json: bool) -> str:
        printed = io.StringIO()
        output = Output(as_json=as_json, file=printed, width=100)
        show_dry_run(output, file, overrides, tmp_path / "runs")
        return printed.getvalue()

    text = shown(as_json=False)
    for part in ("384 architectures; costs of all of them", "within all limits: ", "1.5k"):
        assert part in text
    assert "expected device-hours: 6 trials" in text
    text = shown("proxy.epochs=3", "scheduler.name=asha", "scheduler.type=promotion", as_json=False)
    assert "of 18 epochs, asha trains 10" in text
    text = shown("search.max_hours=1e-9", as_json=False)
    assert "search.max_hours has time for about 0 of the 6 trials, beside the repeats" in text
    data: dict[str, Any] = json.loads(shown("search.concurrency=1", as_json=True))
    assert data["costs"]["params"]["limit"] == 1500
    assert 0 < data["share_within_all_limits"] < 1
    assert data["device_hours"]["concurrency"] == 1
    assert data["trials_within_budgets"] == {}
    assert {*DeviceHours.__dataclass_fields__, "hours"} == set(data["device_hours"])
    with pytest.raises(NothingFits):
        shown("limits.params=10", as_json=False)
    assert sorted(tmp_path.iterdir()) == before


def test_a_recipe_that_diverges_is_one_message(
    tmp_path: Path, config_of: ConfigOf, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = {"epochs": 1, "batch_size": 50, "learning_rate": 1e30}
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(config_of(proxy=recipe).model_dump(mode="json")))
    output = Output(as_json=True, file=io.StringIO())
    with pytest.raises(CommandError, match=r"diverges in its first steps, .* loss is nan"):
        show_dry_run(output, file, [], tmp_path / "runs")
    said = capsys.readouterr().err
    assert "reading the data" in said
    assert "working out the costs" in said


def test_colours_of_grey_images_are_refused_in_both_recipes(
    tmp_path: Path, config_of: ConfigOf
) -> None:
    colour: dict[str, Any] = {"epochs": 1, "batch_size": 50, "learning_rate": 0.1}
    colour["augmentation"] = {"saturation_fraction": 0.4}
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(config_of(proxy=colour, retrain=colour).model_dump(mode="json")))
    with pytest.raises(ConfigError, match="needs colour images of 3 channels") as caught:
        show_dry_run(Output(file=io.StringIO()), file, [], tmp_path / "runs")
    places = [problem.partition(" ")[0] for problem in caught.value.problems]
    assert places == [
        "proxy.augmentation.saturation_fraction",
        "retrain.augmentation.saturation_fraction",
    ]
