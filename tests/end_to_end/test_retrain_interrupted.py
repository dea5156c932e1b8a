"""Full training that is killed goes on from its checkpoint; a damaged one is named."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.end_to_end.tiny_search import RECIPE, command_in, nas_command, read_json, write_search

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def searched(tmp_path_factory, environment):
    """A finished search whose full trainings take long enough to be killed."""
    folder = tmp_path_factory.mktemp("searched")
    search_file = write_search(folder / "tiny.yaml", retrain=RECIPE | {"epochs": 300})
    done = command_in(folder, environment, "search", search_file, "search.n_trials=2")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_a_killed_retraining_goes_on_from_its_checkpoint(searched, tmp_path, environment):
    shutil.copytree(searched / "runs", tmp_path / "runs", symlinks=True)
    process = subprocess.Popen(
        nas_command("retrain", "tiny", "--pick", "best"),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "runs" / "tiny" / "retrain").glob("*/checkpoint.pt")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (checkpoint,) = (tmp_path / "runs" / "tiny" / "retrain").glob("*/checkpoint.pt")
    state = checkpoint.read_bytes()

    checkpoint.write_bytes(state[: len(state) // 2])
    damaged = command_in(tmp_path, environment, "retrain", "tiny", "--pick", "best")
    assert damaged.returncode == 1
    assert "checkpoint.pt" in damaged.stderr
    assert "Traceback" not in damaged.stderr

    checkpoint.write_bytes(state)
    resumed = command_in(tmp_path, environment, "retrain", "tiny", "--pick", "best", "--json")
    assert resumed.returncode == 0, resumed.stderr
    whole = command_in(searched, environment, "retrain", "tiny", "--pick", "best", "--json")
    assert whole.returncode == 0, whole.stderr
    names = [path.parent.name for path in (searched / "runs").glob("tiny/retrain/*/curve.csv")]
    (name,) = names
    curves = [
        (folder / "runs" / "tiny" / "retrain" / name / "curve.csv").read_text()
        for folder in (tmp_path, searched)
    ]
    assert curves[0] == curves[1]  # to the last bit, as if it had not been killed
    assert read_json(command_in(tmp_path, environment, "status", "tiny", "--json"))["retrained"]
