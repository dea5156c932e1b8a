"""Successive halving on real Ray, stopping and promoting: the ledger says what was trained."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from nas.config.files import load_config
from nas.schedulers.promotion import expected_epochs
from nas.schedulers.stopping import SuccessiveHalving
from nas.search.problem import space_of
from nas.workflows.checks import load_task, proxy_assignment
from tests.end_to_end.tiny_search import RECIPE, nas_command, query, read_json, write_search
from tests.hand_driven import costs_from

pytestmark = pytest.mark.ray


def trials_of(url: str, study: str) -> list[FrozenTrial]:
    """A study's trials, by a connection that is closed before another process writes."""
    storage = optuna.storages.RDBStorage(url)
    try:
        return optuna.load_study(study_name=study, storage=storage).trials
    finally:
        storage.engine.dispose()


@pytest.mark.slow  # a step at a time in test_executors_agree.py
def test_multi_objective_asha_by_stopping_on_a_reduced_proxy(nas, tmp_path: Path) -> None:
    file = write_search(
        tmp_path / "tiny.yaml",
        scheduler={"name": "asha", "type": "stopping", "reduction_factor": 2},
        proxy=RECIPE | {"epochs": 4},
        fidelity={"train_fraction": 0.5, "resolution": 6},
        search={"n_trials": 10, "finalist_seeds": 2, "concurrency": 1},
        sampler={"name": "random"},
    )
    done = nas("search", file)
    assert done.returncode == 0, done.stdout + done.stderr

    storage = f"sqlite:///{tmp_path / 'runs' / 'tiny' / 'ledger.db'}"
    trials = trials_of(storage, "tiny")
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
        assert trial.user_attrs["device_seconds"] > 0
    assert all(trial.values is None and "metrics" not in trial.user_attrs for trial in stopped)

    # one after another, so that what each rung had seen is known
    config = load_config(file)
    task = load_task(config)
    costs, halving = costs_from(config, task), SuccessiveHalving([1, 2], 2)
    assignment = proxy_assignment(config, task)
    for trial in trials:
        text = trial.user_attrs["architecture"]
        *_, alone = assignment.evaluation(text, trial.user_attrs["seed"])
        curve = alone.curve[: epochs[trial.number]]
        assert trial.user_attrs["curve"] == curve  # to the bit: nothing was left by another trial
        params = costs.of(space_of(config).from_params(trial.params))["params"]
        for epoch, accuracy in trial.intermediate_values.items():
            decision = halving.report(trial.number, epoch, [-accuracy, params])
            assert (decision == "stop") == (epoch == epochs[trial.number] < 4)

    ids = {trial.user_attrs["arch_id"] for trial in complete}
    repeats = trials_of(storage, "tiny/repeats")
    assert {trial.user_attrs["arch_id"] for trial in repeats} <= ids
    front = read_json(query(tmp_path, "frontier", "tiny", "--json"))
    assert {member["arch_id"] for member in front["members"]} <= ids
    status = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert status["trials"] == {"complete": len(complete), "pruned": len(stopped)}
    assert (status["epochs"], status["epochs_in_full"]) == (sum(epochs.values()), 40)
    assert f"{len(stopped)} stopped early" in done.stdout


@pytest.mark.slow  # without Ray in tests/nas/search/test_pausing.py
def test_multi_objective_asha_by_promotion_goes_on_after_a_kill(
    nas, environment, tmp_path: Path
) -> None:
    """Killed with trials waiting at rungs, it goes on from their states: not an epoch is lost."""
    file = write_search(
        tmp_path / "tiny.yaml",
        scheduler={"name": "asha", "type": "promotion", "reduction_factor": 2},
        proxy=RECIPE | {"epochs": 8, "evaluate_every_epochs": 2},
        search={"n_trials": 12, "finalist_seeds": 2, "concurrency": 2},
        sampler={"name": "random"},
    )
    run = tmp_path / "runs" / "tiny"
    process = subprocess.Popen(
        nas_command("search", file), cwd=tmp_path, env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while len(list(run.glob("paused/*.pt"))) < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline, "the search made no progress"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    storage = f"sqlite:///{run / 'ledger.db'}"
    waited = {
        trial.number: trial.user_attrs["curve"]
        for trial in trials_of(storage, "tiny")
        if "paused_at_epoch" in trial.user_attrs
    }
    assert len(waited) >= 4  # the ledger is written before the state
    counts = read_json(query(tmp_path, "status", "tiny", "--json"))["trials"]
    assert counts.get("paused", 0) + counts.get("complete", 0) >= len(waited)

    done = nas("search", file, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "asha pauses trials after 2 or 4 of 8 epochs, where the best are promoted" in done.stdout
    assert not (run / "paused").exists()
    trials = trials_of(storage, "tiny")
    assert len(trials) == 12
    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    epochs = {trial.number: trial.user_attrs.get("stopped_at_epoch", 8) for trial in trials}
    assert sorted(epochs.values()) == [2] * 6 + [4] * 3 + [8] * 3
    status = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert status["epochs"] == expected_epochs(12, 8, [2, 4], 2) == 48
    assert status["epochs_in_full"] == 96

    config = load_config(file)
    assignment = proxy_assignment(config, load_task(config))
    for trial in trials:
        attributes = trial.user_attrs
        *_, alone = assignment.evaluation(attributes["architecture"], attributes["seed"])
        # to the bit: neither pauses nor the kill, nor other trials on the worker, left a trace
        assert attributes["curve"] == alone.curve[: epochs[trial.number]]
        if trial.number in waited:
            before = waited[trial.number]
            assert attributes["curve"][: len(before)] == before
    complete = {t.user_attrs["arch_id"] for t in trials if t.state == TrialState.COMPLETE}
    repeats = trials_of(storage, "tiny/repeats")
    assert {trial.user_attrs["arch_id"] for trial in repeats} <= complete
