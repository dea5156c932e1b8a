"""``nas clean``: what goes, what never goes, and that it is said before."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.cleaning import Kind, removable, remove
from tests.nas.workflows.doctor import real_run

Nas = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def cleaned_once(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run with two networks, one of which is not on the front, and leftovers."""
    run = real_run.begin(tmp_path_factory.mktemp("clean"))
    ledger = Ledger.read(run.config(), run)
    rows = [row for row in ledger.evaluations() if row.state == "complete"]
    ledger.close()
    front = json.loads((run.path / "front.json").read_text())
    on_front = {member["arch_id"] for member in front["members"]}
    off = [row for row in rows if row.arch_id not in on_front]
    on = [row for row in rows if row.arch_id in on_front]
    for row in (on[0], *off[:1]):
        retraining = real_run.retrain(run, row.architecture)
        (retraining.folder / "checkpoint.pt").write_bytes(b"the state of a finished training")
    (run.path / ".before-repair-20260101-000000").mkdir()
    (run.path / ".before-repair-20260101-000000" / "ledger.db").write_bytes(b"x" * 1000)
    run.paused_folder.mkdir()
    (run.paused_folder / "trial-1.pt").write_bytes(b"state")
    return run


@pytest.fixture
def run(cleaned_once: RunFolder, tmp_path: Path) -> RunFolder:
    import shutil  # noqa: PLC0415

    shutil.copytree(cleaned_once.path, tmp_path / "runs" / "real")
    return RunFolder((tmp_path / "runs" / "real").resolve())


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def kinds(run: RunFolder, **options: str) -> set[Kind]:
    return {each.kind for each in removable(run, **options)}  # type: ignore[arg-type]


def test_nothing_goes_unless_it_is_said_so(run: RunFolder, nas: Nas) -> None:
    before = sorted(run.path.rglob("*"))
    for options in ((), ("--dry-run",), ("--json",), ("--keep", "front")):
        status, out, err = nas("clean", run.path, *options)
        assert (status, err) == (0, "")
        assert "copies from before repairs" in out
        assert [file for file in run.path.rglob("*") if file.name != "driver.lock"] != []
        assert sorted(run.path.rglob("*")) == before
    status, out, _ = nas("clean", run.path, "--keep", "front")
    assert out.splitlines()[-1].startswith("nothing was removed; do it with: nas clean ")
    assert out.splitlines()[-1].endswith(" --keep front --yes")


def test_what_goes_is_listed_and_goes(run: RunFolder, nas: Nas) -> None:
    kept = {"ledger.db", "config.yaml", "front.json", "state.json", "task.json", "model.pt"}
    wanted = sum(each.bytes for each in removable(run))
    status, out, _ = nas("clean", run.path, "--yes")
    assert status == 0
    assert f"removed {wanted:,} bytes" in out
    assert kept <= {file.name for file in run.path.rglob("*")}
    assert not list(run.path.glob(".before-repair*"))
    assert not list(run.path.rglob("checkpoint.pt"))
    assert not run.paused_folder.exists()
    assert removable(run) == []
    assert real_run.examined(run).is_healthy
    status, out, _ = nas("clean", run.path, "--yes")
    assert "no file that is not needed" in out
    entries = json.loads((run.path / "cleaned.json").read_text())["removed"]
    assert sum(entry["bytes"] for entry in entries) == wanted


def test_the_curves_of_tensorboard_go_once_they_are_whole(run: RunFolder) -> None:
    (training,) = list(run.retrain_folder.glob("*-training0"))[:1]
    other = run.retrain_folder / "0badcafe0bad-0badcafe-training0"
    for folder in (
        run.path / "tensorboard" / "search-00000",
        *(each / "tensorboard" for each in (training, other)),
    ):
        folder.mkdir(parents=True)
        (folder / "events").write_bytes(b"curve")
    curves = [each for each in removable(run) if each.kind == Kind.CURVES]
    assert [each.path for each in curves] == [run.path / "tensorboard", training / "tensorboard"]
    assert [each.bytes for each in curves] == [5, 5]
    remove(run, curves)
    assert (other / "tensorboard").is_dir()  # the ledger has no row of this one


def test_networks_off_the_front_go_if_asked_and_are_not_missed(run: RunFolder, nas: Nas) -> None:
    models = set(run.path.rglob("model.pt"))
    assert Kind.OFF_THE_FRONT not in kinds(run)
    front = json.loads((run.path / "front.json").read_text())
    on_front = {member["arch_id"] for member in front["members"]}
    off = {model for model in models if model.parent.name.split("-")[0] not in on_front}
    assert off, "this test needs a network that is not on the front"
    status, _, _ = nas("clean", run.path, "--keep", "front", "--yes")
    assert status == 0
    assert set(run.path.rglob("model.pt")) == models - off
    assert real_run.examined(run).is_healthy


def test_what_a_resume_needs_stays(tmp_path: Path, nas: Nas) -> None:
    run = real_run.begin(tmp_path / "runs", jobs=4)
    states = sorted(run.paused_folder.iterdir())
    assert states
    ledger = Ledger.read(run.config(), run)
    architecture = ledger.evaluations()[0].architecture
    ledger.close()
    folder = run.retrain_folder / f"{architecture.arch_id}-{run.config().retrain_id}-training0"
    old = run.retrain_folder / f"{architecture.arch_id}-0badcafe-training0"
    for each in (folder, old):
        each.mkdir(parents=True)
        (each / "checkpoint.pt").write_bytes(b"unfinished")
    assert [each.path for each in removable(run)] == [old / "checkpoint.pt"]
    remove(run, removable(run))
    assert sorted(run.paused_folder.iterdir()) == states
    assert (folder / "checkpoint.pt").exists()
    assert not (old / "checkpoint.pt").exists()
    real_run.resume(run)


def test_options_that_contradict_each_other(run: RunFolder, nas: Nas) -> None:
    status, _, err = nas("clean", run.path, "--yes", "--dry-run")
    assert status == 1
    assert "--yes and --dry-run exclude each other" in err


def test_a_ledger_that_cannot_be_read_lets_nothing_go(run: RunFolder, nas: Nas) -> None:
    run.ledger_file.write_bytes(b"none")
    status, _, err = nas("clean", run.path, "--yes")
    assert status == 1
    assert "not a ledger that can be read" in err
