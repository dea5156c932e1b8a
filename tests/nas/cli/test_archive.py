"""Archives: a run's results as text, which commands read as a run and go on with."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.search.status import read_status
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.commands.upkeep.archive import run_archive_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.samplers.trials import PAUSED_AT
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.case import find_run
from nas.workflows.runs import summary_of
from search_space.architecture import Task
from tests.hand_driven import HandDriven
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import TINY_SPACE


@pytest.fixture
def run(
    config_of: Callable[..., SearchConfig],
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    task: Task,
) -> RunFolder:
    """A search of four trials, the second of which has not ended."""
    config = config_of(space=TINY_SPACE, sampler={"name": "random"})
    run, ledger = start(config)
    run.write_json("task.json", task.model_dump(mode="json"))
    proposals = propose_from(config, ledger)
    finish(proposals, proposals.propose())
    proposals.propose()
    for _ in range(2):
        finish(proposals, proposals.propose())
    run.write_json("state.json", {"finished": True, "trained": 3})
    run.write_json("front.json", {"members": []})
    return run


@pytest.fixture
def archived(run: RunFolder, runs: Path, tmp_path: Path) -> RunFolder:
    folder = tmp_path / "results" / "kept"
    run_archive_command(Output(file=io.StringIO()), run.name, folder, runs)
    return RunFolder(folder)


def front_of(name: str, runs: Path) -> str:
    printed = io.StringIO()
    show_frontier(
        Output(file=printed, as_json=True),
        [name],
        runs,
        FrontQuery(),
    )
    return printed.getvalue()


def test_every_row_is_the_same(run: RunFolder, archived: RunFolder) -> None:
    _, before = ledger_of(run)
    _, now = ledger_of(archived)
    for kind in SUFFIXES:
        assert now.evaluations(kind) == before.evaluations(kind)
    numbers = {row.number: row.state for row in now.evaluations("search")}
    assert numbers == {0: "complete", 1: "running", 2: "complete", 3: "complete"}
    assert now.attributes() == before.attributes()
    assert not archived.ledger_file.exists()  # reading makes no database


def test_commands_read_it_as_a_run(run: RunFolder, archived: RunFolder, runs: Path) -> None:
    assert front_of(str(archived.path), runs) == front_of(run.name, runs)
    assert read_status(archived)["trials"]["complete"] == 3
    summary = summary_of(archived.path)
    assert (summary.state, summary.trained, summary.problem) == ("finished", 3, None)
    with pytest.raises(RunError, match="is an archive: its ledger is"):
        find_run(str(archived.path), runs)


def test_a_command_that_writes_goes_on_with_it(
    archived: RunFolder, here: TrainedHere, runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_retrain_command(
        Output(file=io.StringIO()), str(archived.path), runs, pick="best", baseline=False
    )
    _, ledger = ledger_of(archived)
    assert len(ledger.evaluations("search")) == 4
    assert len(ledger.evaluations("retrain")) == len(here.begun) == 1
    assert archived.ledger_file.is_file()
    assert "is made from evaluations.jsonl" in caplog.text


def test_an_interrupted_restoring_leaves_the_archive(
    archived: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nas.storage.archive._trial", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ledger_of(archived, writes=True)
    assert archived.is_archive
    _, ledger = ledger_of(archived, writes=True)
    assert len(ledger.evaluations("search")) == 4
    assert not archived.archive_file.exists()  # a lost database is not silently an old one again
    assert {file.name for file in archived.path.iterdir() if "restored" in file.name}


def test_trials_that_wait_at_a_rung_are_not_archived(
    run: RunFolder, runs: Path, tmp_path: Path
) -> None:
    _, ledger = ledger_of(run, writes=True)
    trial_id = ledger.study("search").get_trials(deepcopy=False)[1]._trial_id
    ledger.transact(lambda: ledger.storage.set_trial_user_attr(trial_id, PAUSED_AT, 2))
    ledger.close()
    with pytest.raises(RunError, match=r"1 trials of run .* wait at a rung, the first is 1"):
        run_archive_command(Output(file=io.StringIO()), run.name, tmp_path / "kept", runs)
    assert not (tmp_path / "kept").exists()


def test_it_names_no_machine_and_holds_no_network(archived: RunFolder) -> None:
    environment = json.loads((archived.path / "environment.json").read_text())
    assert environment.keys() >= {"run_id", "versions", "seed"}
    assert not environment.keys() & {"command", "platform"}
    assert {file.suffix for file in archived.path.iterdir()} <= {".yaml", ".json", ".jsonl"}


@pytest.mark.parametrize(
    ("line", "text", "place"),
    [
        (0, '{"archive": 2, "studies": {}}', "line 1: "),
        (0, "", "line 1: "),
        (2, '{"study": "/none"}', "line 3: "),
        (2, '{"study": ""}', "line 3: "),
        (2, "[]", "line 3: "),
        (2, '{"study": "", "number": 7}', "line 3: "),
        (1, "no JSON", "line 2: "),
    ],
)
def test_damage_is_named_with_its_line(
    archived: RunFolder, line: int, text: str, place: str
) -> None:
    lines = archived.archive_file.read_text().splitlines()
    lines[line] = text
    archived.archive_file.write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match="not of an archive") as caught:
        ledger_of(archived)
    assert place in str(caught.value)
    with pytest.raises(RunError, match="not of an archive"):
        ledger_of(archived, writes=True)
    assert not archived.ledger_file.exists()


def test_an_existing_folder_is_refused(run: RunFolder, runs: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is there already; an archive is a new folder"):
        run_archive_command(Output(file=io.StringIO()), run.name, tmp_path, runs)
