"""The reader without Optuna reads what Optuna reads, and names what cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from optuna.storages import RDBStorage

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.archive import restore
from nas.storage.database.selection import SCHEMA
from nas.storage.evaluation import Kind
from nas.storage.ledger import Ledger
from nas.storage.ledger_reader import LedgerReader
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.folder import RunFolder
from search_space.digest import short_sha256
from tests.nas.storage.test_damaged_rows import DAMAGE, begun, change, copied

__all__ = ["begun", "copied"]

ARCHIVE = Path(__file__).parents[3] / "docs" / "results" / "pathfinder" / "pathfinder-both"

OF_PARAMETERS = ("unknown distribution", "distribution without a name", "choice out of range")
"""Damages of what only a sampler reads."""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A copy of a run's archive."""
    copy = RunFolder(tmp_path / "pathfinder-both")
    shutil.copytree(ARCHIVE, copy.path)
    return copy


def test_an_archive_and_its_database_have_the_same_rows_by_either_way(run: RunFolder) -> None:
    config = run.config()
    archived = LedgerReader.read(config, run)
    from_archive = {kind: archived.evaluations(kind) for kind in SUFFIXES}
    attributes, rejections = archived.attributes(), archived.rejections().to_json()
    restore(run, config.name)
    for ledger in (LedgerReader.read(config, run), Ledger.read(config, run)):
        kinds: tuple[Kind, ...] = tuple(SUFFIXES)
        for kind in kinds:
            rows = ledger.evaluations(kind)
            assert rows == from_archive[kind]
            assert [row.architecture for row in rows] == [
                row.architecture for row in from_archive[kind]
            ]
        assert ledger.attributes() == attributes
        assert ledger.rejections().to_json() == rejections
        ledger.close()


def test_the_tables_are_those_of_optuna(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'any.db'}")
    assert storage.get_head_version() == SCHEMA


@pytest.mark.parametrize("name", [each for each in DAMAGE if each not in OF_PARAMETERS])
def test_a_damaged_trial_is_named(copied: tuple[SearchConfig, RunFolder], name: str) -> None:
    config, run = copied
    statement, values, reason = DAMAGE[name]
    change(run, statement, *values)
    with pytest.raises(RunError) as caught:
        LedgerReader.read(config, run).evaluations()
    said = str(caught.value)
    assert said.startswith(
        f"the ledger {run.ledger_file} is damaged: trial 1 of {config.name!r} cannot be read: "
    )
    assert reason in said
    assert said.endswith("; 2 other trials of it can be")
    assert "\n" not in said


@pytest.mark.parametrize("content", [b"garbage", b"garbage " * 10_000, b"\0" * 5000, b""])
def test_what_is_no_ledger_is_named(run: RunFolder, content: bytes) -> None:
    config = run.config()
    run.ledger_file.write_bytes(content)
    with pytest.raises(RunError, match="is not a ledger that can be read") as caught:
        LedgerReader.read(config, run)
    assert str(run.ledger_file) in str(caught.value)


def test_an_architecture_that_another_version_wrote_is_named_where_it_is_needed(
    run: RunFolder,
) -> None:
    config = run.config()
    (row,) = (each for each in LedgerReader.read(config, run).evaluations() if each.number == 0)
    text = row.architecture.canonical_json().replace('"resnet"', '"hexnet"')
    lines = run.archive_file.read_text().splitlines()
    changed = lines[1].replace(row.arch_id, short_sha256(text, 12))
    changed = changed.replace('\\"family\\":\\"resnet\\"', '\\"family\\":\\"hexnet\\"')
    run.archive_file.write_text("\n".join([lines[0], changed, *lines[2:]]) + "\n")
    first = LedgerReader.read(config, run).evaluations()[0]
    with pytest.raises(RunError, match="of search trial 0 cannot be read: family"):
        _ = first.architecture
