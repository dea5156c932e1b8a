"""A real search is followed by TensorBoard and by a tracker of one's own, also when resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Nas
from tests.end_to_end.tiny_search import query, read_json, write_search
from tests.nas.workflows.tracking.event_values import scalars_in

pytestmark = [pytest.mark.ray, pytest.mark.slow]

MINE = """
class Mine:
    def __init__(self, folder):
        self.file = (folder / "mine.txt").open("a")

    def note(self, trial):
        print(trial.kind, trial.number, trial.state, file=self.file)

    def close(self):
        self.file.close()
"""


def test_a_search_is_followed_trial_by_trial(tmp_path: Path, nas: Nas) -> None:
    (tmp_path / "my_tracker.py").write_text(MINE)
    search = write_search(tmp_path / "tiny.yaml")
    tracking = "tracking=[tensorboard, 'my_tracker:Mine']"
    done = nas("search", search, tracking, "search.max_device_hours=0.000001")
    assert done.returncode == 0, done.stderr
    done = nas("search", search, tracking, "search.max_device_hours=1", "--resume")
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    status = read_json(query(tmp_path, "status", "tiny", "--json"))
    told = set((run / "mine.txt").read_text().splitlines())
    complete = {line for line in told if line.startswith("search") and line.endswith("complete")}
    assert len(complete) == status["trained"]
    folders = sorted((run / "tensorboard").iterdir())
    assert len([each for each in folders if each.name.startswith("search")]) == status["trained"]
    assert all(scalars_in(each)["curve/val_accuracy"] for each in folders)
