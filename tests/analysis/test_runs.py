"""Runs in Python: frames, plain values and fronts; the notebook of the documentation runs."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from typer.testing import CliRunner

from analysis import LoadedRun, frontier, load_run
from nas.cli.application import app
from nas.errors import RunError

DOCS = Path(__file__).parents[2] / "docs"
PATHFINDER = DOCS / "results" / "pathfinder"
NOTEBOOK = DOCS / "queries.ipynb"


@pytest.fixture(scope="module")
def both() -> LoadedRun:
    return load_run(PATHFINDER / "pathfinder-both")


def test_a_frame_has_a_row_for_each_evaluation(both: LoadedRun) -> None:
    frame = both.frame()
    assert len(frame) == len(both.evaluations) == len(both.to_json())
    assert set(frame["kind"]) >= {"search", "repeats"}
    complete = frame[frame["state"] == "complete"]
    assert complete["params"].notna().all()
    json.dumps(both.to_json(), allow_nan=False)


def test_a_front_is_that_of_the_command(both: LoadedRun) -> None:
    front = frontier(both)
    shown = CliRunner().invoke(app, ["frontier", str(PATHFINDER / "pathfinder-both"), "--json"])
    assert front.to_json() == json.loads(shown.stdout)["members"]
    assert front.knee is not None
    assert list(front.frame()["arch_id"]) == [each.arch_id for each in front.members]


def test_a_front_of_three_objectives_has_no_knee(both: LoadedRun) -> None:
    three = frontier(both, objectives=("val_accuracy", "macs", "params"))
    assert three.knee is None
    assert len(three.members) > len(frontier(both).members)


def test_limits_leave_members_out(both: LoadedRun) -> None:
    assert all(
        each.metrics["params"] <= 20e3 for each in frontier(both, limits={"params": 20e3}).members
    )


def test_wrong_questions(both: LoadedRun) -> None:
    with pytest.raises(ValueError, match="did you mean 'params'"):
        frontier(both, objectives=("val_accuracy", "parms"))
    with pytest.raises(ValueError, match="two or three objectives"):
        frontier(both, objectives=("val_accuracy",))
    with pytest.raises(ValueError, match="a front needs a run"):
        frontier()
    with pytest.raises(RunError, match="is given twice"):
        frontier(both, both)


def test_the_notebook_shows_what_it_computes() -> None:
    committed = nbformat.read(NOTEBOOK, as_version=4)
    executed = NotebookClient(
        copy.deepcopy(committed), resources={"metadata": {"path": str(DOCS)}}, timeout=120
    ).execute()
    assert _texts(executed) == _texts(committed)
    assert any("image/png" in data for cell in committed.cells for data in _data(cell))


def _texts(notebook: NotebookNode) -> list[list[str]]:
    """The texts that each cell shows; a picture's text is its size."""
    return [[data["text/plain"] for data in _data(cell)] for cell in notebook.cells]


def _data(cell: NotebookNode) -> list[NotebookNode]:
    return [output.data for output in cell.get("outputs", [])]
