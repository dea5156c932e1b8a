"""A search that stops what lags, on real Ray: the ledger says exactly what was trained."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from tiny_search import RECIPE, query, read_json, write_search

from nas.config_file import load_config
from nas.driver import load_task, proxy_assignment
from nas.halving import SuccessiveHalving

pytestmark = pytest.mark.ray


def test_multi_objective_asha_on_a_reduced_proxy(nas, tmp_path: Path) -> None:
    file = write_search(
        tmp_path / "tiny.yaml",
        scheduler={"name": "asha", "reduction_factor": 2},
        proxy=RECIPE | {"epochs": 4},
        fidelity={"train_fraction": 0.5, "resolution": 6},
        search={"n_trials": 10, "finalist_seeds": 2, "concurrency": 1},
        sampler={"name": "random"},
    )
    done = nas("search", file)
    assert done.returncode == 0, done.stdout + done.stderr

    storage = f"sqlite:///{tmp_path / 'runs' / 'tiny' / 'ledger.db'}"
    trials = optuna.load_study(study_name="tiny", storage=storage).trials
    assert len(trials) == 10
    stopped = [trial for trial in trials if trial.state == TrialState.PRUNED]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(stopped) + len(complete) == 10
    assert len(complete) >= 2
    epochs = {trial.number: trial.user_attrs.get("stopped_at_epoch", 4) for trial in trials}
    assert set(epochs.values()) == {1, 2, 4}
    for trial in trials:
        assert list(trial.intermediate_values) == list(range(1, epochs[trial.number] + 1))
        assert [point["epoch"] for point in trial.user_attrs["curve"]] == list(
            trial.intermediate_values
        )
        assert trial.user_attrs["gpu_seconds"] > 0
    assert all(trial.values is None and "metrics" not in trial.user_attrs for trial in stopped)

    # one after another, so that what each rung had seen is known
    config = load_config(file)
    task = load_task(config)
    costs, halving = config.static_costs(task), SuccessiveHalving([1, 2], 2)
    assignment = proxy_assignment(config, task)
    for trial in trials:
        text = trial.user_attrs["architecture"]
        *_, alone = assignment.evaluation(text, trial.user_attrs["seed"])
        curve = alone.curve[: epochs[trial.number]]
        assert trial.user_attrs["curve"] == curve  # to the bit: nothing was left by another trial
        params = costs.of(config.search_space().from_params(trial.params))["params"]
        for epoch, accuracy in trial.intermediate_values.items():
            decision = halving.report(trial.number, epoch, [-accuracy, params])
            assert (decision == "stop") == (epoch == epochs[trial.number] < 4)

    ids = {trial.user_attrs["arch_id"] for trial in complete}
    repeats = optuna.load_study(study_name="tiny/repeats", storage=storage).trials
    assert {trial.user_attrs["arch_id"] for trial in repeats} <= ids
    assert {
        member["arch_id"] for member in read_json(query(tmp_path, "frontier", "tiny", "--json"))
    } <= ids
    status = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert status["trials"] == {"complete": len(complete), "pruned": len(stopped)}
    assert (status["epochs"], status["epochs_in_full"]) == (sum(epochs.values()), 40)
    assert f"{len(stopped)} stopped early" in done.stdout
