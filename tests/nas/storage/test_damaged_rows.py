"""A damaged ledger is one message: its file, the trial, the reason, and how much can be read."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from tests.hand_driven import HandDriven

Begin = Callable[..., HandDriven]


Search = tuple[SearchConfig, RunFolder, Ledger, HandDriven]


@pytest.fixture(scope="module")
def begun(
    tmp_path_factory: pytest.TempPathFactory,
    config_of: Callable[..., SearchConfig],
    propose_from: Begin,
    finish: Callable[..., None],
) -> Iterator[Search]:
    """A search with two trained trials and one that runs."""
    config = config_of()
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), config)
    ledger = Ledger.create(config, run)
    proposals = propose_from(config, ledger)
    for number in range(3):
        proposal = proposals.propose()
        if number < 2:
            finish(proposals, proposal)
    proposals.study.set_user_attr("rejections", {})
    yield config, run, ledger, proposals
    ledger.close()


@pytest.fixture
def copied(begun: Search, tmp_path: Path) -> tuple[SearchConfig, RunFolder]:
    """A copy of that run, to be damaged."""
    config, run, _, _ = begun
    folder = tmp_path / "runs" / run.name
    shutil.copytree(run.path, folder)
    return config, RunFolder(folder)


def change(run: RunFolder, statement: str, *values: Any) -> None:
    with sqlite3.connect(run.ledger_file) as database:
        assert database.execute(statement, values).rowcount > 0
    database.close()


ATTRIBUTE = "UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = 2 AND key = ?"
DAMAGE: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "cut JSON": (ATTRIBUTE, ('[{"epo', "curve"), "Unterminated string"),
    "unknown distribution": (
        "UPDATE trial_params SET distribution_json = ? WHERE trial_id = 2",
        ('{"name": "Odd", "attributes": {}}',),
        "Unknown distribution class: Odd",
    ),
    "distribution without a name": (
        "UPDATE trial_params SET distribution_json = ? WHERE trial_id = 2",
        ("{}",),
        "KeyError 'type'",
    ),
    "choice out of range": (
        "UPDATE trial_params SET param_value = ? WHERE trial_id = 2",
        (99,),
        "IndexError",
    ),
    "bad date": (
        "UPDATE trials SET datetime_start = ? WHERE trial_id = 2",
        ("2024-13-45",),
        "month must be in 1..12",
    ),
    "unknown state": ("UPDATE trials SET state = ? WHERE trial_id = 2", ("ODD",), "'ODD'"),
    "metrics without accuracy": (
        ATTRIBUTE,
        ('{"params": 3}', "metrics"),
        "val_accuracy is missing",
    ),
    "metrics of another kind": (ATTRIBUTE, ('{"val_accuracy": "x"}', "metrics"), "metrics.val_acc"),
    "curve without epochs": (ATTRIBUTE, ('[{"val_accuracy": 1}]', "curve"), "curve.0.epoch"),
    "seed of another kind": (ATTRIBUTE, ('"x"', "seed"), "seed: Input should be a valid integer"),
    "architecture that is none": (ATTRIBUTE, ('"{}"', "architecture"), "stem: Field required"),
    "architecture that is missing": (
        "DELETE FROM trial_user_attributes WHERE trial_id = 2 AND key = ?",
        ("architecture",),
        "its architecture is missing",
    ),
    "architecture of another kind": (ATTRIBUTE, ("7", "architecture"), "architecture: "),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_trial_is_named_with_what_can_be_read(
    copied: tuple[SearchConfig, RunFolder], propose_from: Begin, name: str
) -> None:
    config, run = copied
    statement, values, reason = DAMAGE[name]
    change(run, statement, *values)
    begun = f"the ledger {run.ledger_file} is damaged: trial 1 of {config.name!r} cannot be read: "
    for read in (
        lambda: Ledger.read(config, run).evaluations(),
        lambda: propose_from(config, Ledger.resume(config, run)),
    ):
        with pytest.raises(RunError) as caught:
            read()
        assert str(caught.value).startswith(begun)
        assert reason in str(caught.value)
        assert str(caught.value).endswith("; 2 other trials of it can be")
        assert "\n" not in str(caught.value)


def test_several_damaged_trials_are_named(
    copied: tuple[SearchConfig, RunFolder],
) -> None:
    config, run = copied
    change(run, "UPDATE trials SET datetime_start = 'no'")
    with pytest.raises(RunError, match=r"trial 0 of .* \(and trials 1, 2\) .*; 0 other trials"):
        Ledger.read(config, run).evaluations()


@pytest.mark.parametrize("value", ["[1]", '{"params": 3}', '{"params": {"count": "x"}}', "cut"])
def test_damaged_rejections_are_one_message(
    copied: tuple[SearchConfig, RunFolder], value: str
) -> None:
    config, run = copied
    change(run, "UPDATE study_user_attributes SET value_json = ? WHERE key = 'rejections'", value)
    with pytest.raises(RunError, match=str(run.ledger_file)):
        Ledger.read(config, run).rejections()


def test_damage_met_while_asking_leaves_no_empty_trial(begun: Search) -> None:
    """Last, since the search that the other tests copy is damaged for a while."""
    config, run, _, proposals = begun
    statement = (
        "UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = 3 AND key = 'seed'"
    )
    change(run, statement, '"cut')  # the running trial, which is read again whenever one asks
    for _ in range(2):
        with pytest.raises(RunError, match=r"trial 2 of .* cannot be read: Unterminated string"):
            proposals.propose()
    change(run, statement, "0")
    rows = Ledger.read(config, run).trials()
    assert [(trial.number, trial.state.name) for trial in rows] == [
        (0, "COMPLETE"),
        (1, "COMPLETE"),
        (2, "RUNNING"),
    ]
