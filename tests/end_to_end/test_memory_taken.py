"""The README's quickstart survives a program that takes the machine's memory for a minute."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.tiny_search import ROOT
from tests.faults.command import Command
from tests.faults.ray_kinds import memory_monitor

pytestmark = [pytest.mark.ray, pytest.mark.slow]

QUICKSTART = (
    ("search", ROOT / "configs" / "searches" / "digits.yaml", "--again"),
    ("retrain", "latest", "--pick", "knee-or-best", "--baseline"),
)
BEGUN_SECONDS = 20.0
TAKEN_SECONDS = 60
END_SECONDS = 900.0


def test_the_quickstart_goes_on(tmp_path: Path, environment: dict[str, str]) -> None:
    for arguments in QUICKSTART:
        monitor = memory_monitor()
        percent = 100 * float(monitor["RAY_memory_usage_threshold"]) + 1.5
        command = Command(arguments, tmp_path, environment | monitor, tmp_path / "log.txt")
        try:
            time.sleep(BEGUN_SECONDS)
            assert command.is_running, command.text
            neighbour = [sys.executable, "-m", "tests.faults.neighbour"]
            # It may come to its own bound first: what the search has given up then is enough.
            subprocess.run([*neighbour, f"{percent}", f"{TAKEN_SECONDS}"], cwd=ROOT, check=False)
            assert command.wait(END_SECONDS) == 0, command.text
            assert "memory" in command.text
            assert command.complaints() == []
        finally:
            command.close()
    models = list(tmp_path.glob("runs/digits/retrain/*/model.pt"))
    assert len(models) == 2 * 3  # the picked network and its baseline, with three seeds each
