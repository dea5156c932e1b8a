"""Reading a stranger's run: nothing is created, imported, resolved or reached without trust."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.cli.commands.networks.describe import show_architectures
from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.search.status import read_status, show_status
from nas.cli.output import Output
from nas.config.files import save_config
from nas.config.search_config import SearchConfig
from nas.config.trust import is_listed, list_run, state_file
from nas.errors import RunError, TrustError, is_user_error
from nas.search.trial_state import Trial
from nas.search.warm_start import collect_warm_start
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.network_file import load_network
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from search_space.architecture import Architecture, Task
from search_space.yaml_validation import ConfigError
from tests.hand_driven import HandDriven, problem_from

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
Begin = Callable[..., HandDriven]
Finish = Callable[[HandDriven, Trial], None]

OUTPUT = Output(file=io.StringIO())


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def finished(
    config_of: ConfigOf, start: Start, propose_from: Begin, finish: Finish, task: Task
) -> RunFolder:
    """A run with two trained candidates, which nobody here made."""
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    for _ in range(2):
        finish(proposals, proposals.propose())
    run.write_json("task.json", task.model_dump(mode="json"))
    del proposals, ledger
    gc.collect()  # which closes the ledger
    assert not run.ledger_file.with_name("ledger.db-wal").exists()
    return run


def change(run: RunFolder, **changes: Any) -> None:
    data = yaml.safe_load(run.config_file.read_text())
    run.config_file.write_text(yaml.safe_dump(data | changes))


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def readers(run: RunFolder, task: Task, config: SearchConfig) -> list[Callable[[], object]]:
    """The ways in which a run is read, each without trust."""
    name, runs = run.name, run.path.parent
    learns = config.replace(sampler=config.sampler.replace(learn_from=(name,)))
    return [
        lambda: show_status(OUTPUT, name, runs),
        lambda: show_frontier(OUTPUT, [name], runs, FrontQuery()),
        lambda: collect_warm_start(learns, task, problem_from(learns, task), runs),
        lambda: ledger_of(RunFolder(run.path), writes=True),
    ]


def test_reading_changes_no_file_of_a_run(
    finished: RunFolder, task: Task, config_of: ConfigOf
) -> None:
    before = content(finished.path)
    for read in readers(finished, task, config_of())[:-1]:
        read()
    arch_id = read_status(finished)["best"]["arch_id"]
    shown = {"image": "", "classes": None, "kernels": False}
    show_architectures(OUTPUT, [arch_id], finished.path.parent, **shown)
    assert content(finished.path) == before


def test_a_run_that_is_driven_is_read_and_seen_to_be(
    config_of: ConfigOf, start: Start, propose_from: Begin
) -> None:
    config = config_of()
    run, ledger = start(config)
    assert not run.is_driven()
    with run.driving():
        proposals = propose_from(config, ledger)
        proposals.propose()
        assert run.is_driven()
        assert len(ledger_of(run)[1].evaluations()) == 1  # what is still in the write-ahead file
        proposals.propose()
    assert not run.is_driven()
    assert len(ledger_of(run)[1].evaluations()) == 2


def test_a_copy_of_a_killed_run_is_read_whole_and_stays_as_it_is(
    config_of: ConfigOf, start: Start, propose_from: Begin, tmp_path: Path
) -> None:
    config = config_of()
    run, ledger = start(config)
    propose_from(config, ledger).propose()
    copy = RunFolder(tmp_path / "copy")
    copy.path.mkdir()
    for name in ("config.yaml", "environment.json", "ledger.db", "ledger.db-wal"):
        shutil.copy(run.path / name, copy.path)
    before = content(copy.path)
    assert len(ledger_of(copy)[1].evaluations()) == 1  # it stands in the write-ahead file alone
    assert content(copy.path) == before


def foreign_database(path: Path, mode: str) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_no_table_is_made_in_a_file_that_a_run_names(
    finished: RunFolder, task: Task, config_of: ConfigOf, tmp_path: Path, mode: str
) -> None:
    outside = tmp_path / "home"
    outside.mkdir()
    url = foreign_database(outside / "other.db", mode)
    before = content(outside)
    change(finished, storage=url)
    for read in readers(finished, task, config_of()):
        with pytest.raises(TrustError, match=r"other\.db would be opened.*--trust"):
            read()
    inside = foreign_database(finished.path / "in.db", mode)
    before_inside = content(finished.path)
    for trust, named in ((True, url), (False, inside)):  # one in the run's folder needs no trust
        change(finished, storage=named)
        for writes in (False, True):
            with pytest.raises(RunError, match=r"\.db is not a ledger that can be read"):
                ledger_of(RunFolder(finished.path, trust=trust), writes=writes)
    assert content(finished.path) | {"config.yaml": ""} == before_inside | {"config.yaml": ""}
    assert content(outside) == before
    change(finished, storage=f"sqlite:///{outside}/none.db")
    with pytest.raises(RunError, match=r"the ledger .*none\.db is missing"):
        ledger_of(RunFolder(finished.path, trust=True))
    assert content(outside) == before


def test_a_ledger_that_is_a_link_out_of_the_run_needs_trust(
    finished: RunFolder, tmp_path: Path
) -> None:
    finished.ledger_file.rename(tmp_path / "moved.db")
    finished.ledger_file.symlink_to(tmp_path / "moved.db")
    with pytest.raises(TrustError, match="not in its folder"):
        ledger_of(finished)
    assert len(ledger_of(RunFolder(finished.path, trust=True))[1].evaluations()) == 2


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_no_server_is_reached_and_no_variable_resolved(
    finished: RunFolder,
    task: Task,
    config_of: ConfigOf,
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAS_TEST_SECRET", "s3cret")
    url = f"postgresql+psycopg://{{}}@127.0.0.1:{listener.getsockname()[1]}/db"
    for user, reason in (("nas", "127.0.0.1:"), ("${oc.env:NAS_TEST_SECRET}", "storage holds")):
        change(finished, storage=url.format(user))
        for read in readers(finished, task, config_of()):
            with pytest.raises(TrustError, match=rf"{reason}.*--trust") as caught:
                read()
            assert is_user_error(caught.value)
            assert "s3cret" not in str(caught.value)
    with pytest.raises(TimeoutError):
        listener.accept()
    change(finished, storage=None, data={"name": "cifar10", "path": "${oc.env:NAS_TEST_SECRET}"})
    with pytest.raises(TrustError, match=r"data\.path holds"):
        finished.config()
    trusted = RunFolder(finished.path, trust=True).config()
    assert trusted.data.path == "s3cret"


def test_what_looks_like_an_interpolation_is_saved_as_it_is(
    config_of: ConfigOf, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_TEST_SECRET", "s3cret")
    texts = ["${oc.env:NAS_TEST_SECRET}", r"\${seed}", r"a\\${x} $$ ${", "${${seed}}"]
    config = config_of(
        sampler={"name": "random", "options": {"texts": texts, "b": {"c": texts[0]}}}
    )
    run = RunFolder.create(runs, config)
    assert run.config() == config
    assert RunFolder(run.path, trust=True).config() == config


@pytest.fixture
def harmful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the module ``harmful`` makes when it is imported."""
    made = tmp_path / "made"
    (tmp_path / "harmful.py").write_text(f"open({str(made)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield made
    sys.modules.pop("harmful", None)


BLOCK = {"type": "harmful:Block"}


def test_no_module_is_imported_for_what_a_run_or_file_names(
    finished: RunFolder, task: Task, config_of: ConfigOf, harmful: Path, tmp_path: Path
) -> None:
    def in_space() -> None:
        space = config_of().space
        stages = [stage | {"primitive": [BLOCK]} for stage in space["stages"]]
        change(finished, space=space | {"stages": stages})

    def in_ledger() -> None:
        save_config(config_of(), finished.config_file)
        with sqlite3.connect(finished.ledger_file) as connection:
            connection.execute(
                "UPDATE trial_user_attributes SET value_json = REPLACE(REPLACE(value_json, "
                """'"conv\\"', '"harmful:Block\\"'), '"local_attention\\"', '"harmful:Block\\"') """
                "WHERE key = 'architecture'"
            )

    for corrupt in (in_space, in_ledger):
        corrupt()
        for read in readers(finished, task, config_of())[:-1]:
            with pytest.raises((ConfigError, RunError), match=r"'harmful'.*--trust"):
                read()
    model = {"architecture": json.loads(architecture_text()), "task": task.canonical_json()}
    model["architecture"]["stages"][0]["blocks"][0] = BLOCK
    model["architecture"] = json.dumps(model["architecture"])
    save_checkpoint(tmp_path / "model.pt", model | {"weights": {}})
    with pytest.raises(TrustError, match=r"model\.pt: .*'harmful'.*--trust"):
        load_network(tmp_path / "model.pt")
    assert not harmful.exists()
    with pytest.raises(RunError, match="has no attribute 'Block'"):
        ledger_of(RunFolder(finished.path, trust=True))[1].evaluations()
    assert harmful.exists()


def architecture_text() -> str:
    stem = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4}
    stage = {"width": 4, "stride": 1, "blocks": [{"type": "conv"}]}
    return Architecture.from_json(json.dumps({"stem": stem, "stages": [stage]})).canonical_json()


def test_a_listed_run_is_trusted_until_its_configuration_changes(
    finished: RunFolder, tmp_path: Path, state_folder: Path
) -> None:
    assert not finished.is_trusted
    assert not state_folder.exists()
    list_run(finished.config_file)
    assert finished.is_trusted
    assert state_file().parent.parent == state_folder
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "config.yaml").write_bytes(finished.config_file.read_bytes())
    assert not RunFolder(copy).is_trusted
    change(finished, seed=99)
    assert not finished.is_trusted
    list_run(finished.config_file)
    list_run(copy / "config.yaml")
    assert finished.is_trusted
    assert RunFolder(copy).is_trusted
    (copy / "config.yaml").unlink()
    list_run(finished.config_file)
    assert len(json.loads(state_file().read_text())) == 1  # those that are gone are forgotten


@pytest.mark.parametrize("damage", ["{", "[]", "\udcff"])
def test_a_damaged_list_trusts_nothing_and_is_written_anew(
    finished: RunFolder, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text(damage, errors="surrogateescape")
    assert not is_listed(finished.config_file)
    assert "is damaged" in caplog.text
    list_run(finished.config_file)
    assert is_listed(finished.config_file)


def test_a_list_that_cannot_be_written_is_a_warning(
    finished: RunFolder, state_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_folder.write_text("a file")
    list_run(finished.config_file)
    assert "is not listed" in caplog.text
    assert not finished.is_trusted


def test_what_a_run_would_reach_needs_trust(
    config_of: ConfigOf, runs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    readme = "---\nconfigs:\n- config_name: default\n  data_files: http://127.0.0.1:9/x.zip\n---\n"
    (folder / "README.md").write_text(readme)
    changed: list[tuple[dict[str, Any], str]] = [
        ({"ray": {"address": "host:6379"}}, r"ray\.address=host:6379"),
        ({"data": {"name": "image_folder", "path": "someone/else"}}, r"data\.path=someone/else"),
    ]
    for name, path in (
        ("cifar10", None),
        ("cifar100", None),
        ("cifar10", "someone/else"),
        ("hub", "someone/else"),
        ("cifar10", str(folder)),
        ("cifar100", str(folder)),
        ("hub", str(folder)),
    ):
        changed.append(({"data": {"name": name, "path": path}}, f"data.name={name}, .*path={path}"))
    for number, (changes, act) in enumerate(changed):
        config = config_of(name=f"run-{number}", **changes)
        run = RunFolder.create(runs, config)
        with pytest.raises(TrustError, match=act):
            check_reach(run, config)
        check_reach(RunFolder(run.path, trust=True), config)
        list_run(run.config_file)
        check_reach(run, config)
    for number, data in enumerate(
        ({"name": "digits"}, {"name": "pathfinder"}, {"name": "image_folder", "path": str(folder)})
    ):
        config = config_of(name=f"here-{number}", data=data)
        check_reach(RunFolder.create(runs, config), config)
