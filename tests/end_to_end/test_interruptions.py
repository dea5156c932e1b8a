"""Killed, stopped, failing: what was finished is kept, and nothing finished is run again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.tiny_search import RECIPE, SPACE, nas_command, read_json, write_search

pytestmark = pytest.mark.ray


def finished_trials(ledger: Path) -> dict[int, str]:
    """Number and time of completion of every finished trial of the search, read beside it."""
    if not ledger.exists():
        return {}
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as database:
            rows = database.execute(
                "select number, datetime_complete from trials join studies using (study_id) "
                "where study_name = 'tiny' and state = 'COMPLETE'"
            ).fetchall()
    except sqlite3.OperationalError:  # being made
        return {}
    return dict(rows)


def start_and_wait(
    folder: Path, environment: dict[str, str], *arguments: object, finished: int
) -> subprocess.Popen[str]:
    """Start ``nas search`` and wait until so many trials are finished."""
    process = subprocess.Popen(
        nas_command("search", *arguments),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(finished_trials(folder / "runs" / "tiny" / "ledger.db")) < finished:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the search made no progress"
        time.sleep(0.05)
    return process


@pytest.mark.slow  # killed drivers are what `make test-faults` has most of
@pytest.mark.parametrize("deterministic", [False, True])
def test_a_killed_search_loses_and_repeats_nothing_finished(
    tmp_path, environment, nas, deterministic
):
    search_file = write_search(tmp_path / "tiny.yaml", proxy=RECIPE | {"epochs": 10})
    settings = ("search.n_trials=8", f"search.deterministic={str(deterministic).lower()}")
    settings = (*settings, "search.concurrency=2")
    process = start_and_wait(tmp_path, environment, search_file, *settings, finished=3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ledger = tmp_path / "runs" / "tiny" / "ledger.db"
    before = finished_trials(ledger)
    assert 3 <= len(before) < 8
    assert json.loads(nas("status", "tiny", "--json").stdout)["state"] == "interrupted"
    refused = nas("search", search_file, *settings)
    assert "continue it with --resume" in refused.stderr
    done = nas("search", search_file, *settings, "--resume")
    assert done.returncode == 0, done.stderr
    after = finished_trials(ledger)
    assert len(after) == 8
    assert before.items() <= after.items()  # neither lost nor run again
    status = read_json(nas("status", "tiny", "--json"))
    assert status["trials"] == {"complete": 8}
    if deterministic:
        other = tmp_path / "undisturbed"
        other.mkdir()
        whole = nas("search", search_file, *settings, "--runs", other)
        assert whole.returncode == 0, whole.stderr
        assert architectures(other / "tiny" / "ledger.db") == architectures(ledger)


def architectures(ledger: Path) -> list[str]:
    """The proposals' architectures, in order."""
    with sqlite3.connect(ledger) as database:
        rows = database.execute(
            "select value_json from trial_user_attributes join trials using (trial_id) "
            "join studies using (study_id) where study_name = 'tiny' and key = 'arch_id' "
            "order by number"
        ).fetchall()
    return [json.loads(value) for (value,) in rows]


@pytest.mark.slow  # an interrupted driver is in tests/faults/test_faults.py too
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path, environment, nas, sent):
    search_file = write_search(tmp_path / "tiny.yaml", proxy=RECIPE | {"epochs": 10})
    process = start_and_wait(tmp_path, environment, search_file, finished=2)
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "are trained and kept" in output
    assert "--resume" in output
    assert "Traceback" not in errors
    kept = finished_trials(tmp_path / "runs" / "tiny" / "ledger.db")
    assert len(kept) >= 2
    done = nas("search", search_file, "--again")  # takes the unfinished run up
    assert done.returncode == 0, done.stderr
    after = finished_trials(tmp_path / "runs" / "tiny" / "ledger.db")
    assert kept.items() <= after.items()
    assert len(after) == 6


@pytest.mark.slow  # without Ray in tests/nas/search/test_loop.py
def test_a_search_stops_when_every_trial_raises(tmp_path, nas):
    search_file = write_search(
        tmp_path / "tiny.yaml",
        proxy=RECIPE | {"learning_rate": 1e30, "schedule": {"name": "constant"}},
    )
    done = nas("search", search_file, "search.max_failures=3")
    assert done.returncode == 1
    assert "3 trials in a row failed (search.max_failures)" in done.stderr
    assert "TrainingDiverged" in done.stderr
    status = read_json(nas("status", "tiny", "--json"))
    assert status["trained"] == 0
    assert all("TrainingDiverged" in error for error in status["errors"].values())


OWN_PRIMITIVE = '''
"""A primitive of the user's own, that sometimes raises or dies."""

import os
from typing import Literal

from search_space.primitives import Primitive
from search_space.layers.convolution import convolution
from torch import nn


class Faulty(Primitive):
    type: Literal["own_primitive:Faulty"] = "own_primitive:Faulty"
    fault: str

    @property
    def label(self):
        return f"faulty({self.fault})"

    def build(self, in_channels, out_channels, stride, input_hw):
        return FaultyConvolution(self.fault, in_channels, out_channels, stride)


class FaultyConvolution(nn.Module):
    def __init__(self, fault, in_channels, out_channels, stride):
        super().__init__()
        self.fault = fault
        self.conv = convolution(in_channels, out_channels, 3, stride)

    def forward(self, x):
        if self.training and self.fault == "raises":
            raise RuntimeError("this primitive always raises")
        if self.training and self.fault == "dies":
            os._exit(9)
        return self.conv(x)
'''


@pytest.mark.slow  # tests/faults/test_faults.py has all failing trials
def test_trials_that_raise_or_kill_their_worker_are_recorded_and_the_search_goes_on(
    tmp_path, environment
):
    (tmp_path / "own_primitive.py").write_text(OWN_PRIMITIVE)
    faulty = {"type": "own_primitive:Faulty", "fault": ["none", "raises", "dies"]}
    space = SPACE | {"stages": [SPACE["stages"][0] | {"primitive": [faulty], "width": 4}]}
    search_file = write_search(
        tmp_path / "tiny.yaml",
        space=space,
        sampler={"name": "random"},
        search={"n_trials": 6, "finalist_seeds": 1},
    )
    environment = environment | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        nas_command("search", search_file),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "the search ended with fewer trials than asked" in run.stderr + run.stdout
    status = json.loads(
        subprocess.run(
            nas_command("status", "tiny", "--json"),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    # Two stem widths for each of the three: two train, two raise, two die.
    assert status["trials"] == {"complete": 2, "fail": 4}
    errors = list(status["errors"].values())
    assert sum("always raises" in error for error in errors) == 2
    assert sum("died" in error.lower() for error in errors) == 2


def test_a_space_in_which_nothing_fits_leaves_no_run(tmp_path, nas):
    done = nas("search", write_search(tmp_path / "tiny.yaml"), "limits.params=10")
    assert done.returncode == 1
    assert "32 were tried, the smallest params seen is" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_every_mistake_in_a_configuration_is_reported_at_once(tmp_path, nas):
    search_file = write_search(tmp_path / "tiny.yaml", sampller={"name": "random"})
    done = nas("search", search_file, "search.n_trials=many", "proxy.epochs=0")
    assert done.returncode == 1
    for said in (
        "sampller: unknown key; did you mean 'sampler'?",
        "search.n_trials: input should be a valid integer, got 'many'",
        "proxy.epochs: input should be greater than or equal to 1, got 0",
    ):
        assert said in done.stderr
    missing = nas("search", tmp_path / "absent.yaml")
    assert missing.returncode == 1
    assert "absent.yaml" in missing.stderr
    assert "no such file" in missing.stderr
