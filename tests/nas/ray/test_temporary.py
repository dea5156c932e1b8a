"""Temporary folders: gone after their block, and after their driver was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nas.ray.temporary import temporary_folder

KILLED = """
import sys, time
from nas.ray.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "trial-1.pt").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_killed_driver_s_folder_goes_with_the_next_and_a_living_one_s_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "convattn-notes").mkdir()  # somebody's own
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as driver:
        assert driver.stdout is not None
        left = Path(driver.stdout.readline().strip())
        with temporary_folder() as own:
            assert left.is_dir()
            assert own.is_dir()
        assert not own.exists()
        driver.send_signal(signal.SIGKILL)
    assert left.is_dir()
    with temporary_folder() as own:
        assert {path.name for path in tmp_path.iterdir()} == {"convattn-notes", own.name}
