"""``nas frontier --certainty`` and ``--spend``, and ``nas explain``, on a run on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cli.application import app
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from tests.nas.cli.conftest import Begin

TRIALS = 14


@pytest.fixture
def run(
    begun: Begin, config_of: Callable[..., SearchConfig], monkeypatch: pytest.MonkeyPatch
) -> RunFolder:
    """A run called first with 14 trained architectures, two of them with two seeds more."""
    folder, ledger = begun(config_of(sampler={"name": "random"}), TRIALS)
    for row in ledger.evaluations("search")[:2]:
        for further in (1, 2):
            accuracy = row.metrics["val_accuracy"] - 0.01 * further
            ledger.add(
                "repeats",
                row.architecture,
                seed=row.seed + further,
                metrics={**row.metrics, "val_accuracy": accuracy},
                curve=[],
                device_seconds=1.5,
                recipe_id=row.recipe_id,
            )
    monkeypatch.setenv("NAS_RUNS", str(folder.path.parent))
    return folder


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(inner)
    elif isinstance(value, float):
        yield value


def test_the_front_with_its_certainty_and_further_seeds(run: RunFolder) -> None:
    text = printed("frontier", "first", "--certainty")
    assert "on the" in text
    assert f"of the {TRIALS} architectures that were" in text
    shown = json.loads(printed("frontier", "first", "--spend", "30s", "--json"))
    assert all(0 <= member["front_probability"] <= 1 for member in shown["members"])
    assert shown["certainty"]["architectures"] == TRIALS
    assert shown["certainty"]["degrees_of_freedom"] > 0
    spend = shown["spend"]
    assert spend["device_hours"] <= 30 / 3600
    assert spend["expected_misclassified_after"] <= spend["expected_misclassified_now"]
    assert {each["arch_id"] for each in spend["further_seeds"]} <= {
        row.arch_id for row in _rows(run)
    }
    assert "front_probability" not in printed("frontier", "first", "--json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--spend", "20"], r"--spend: a time must be such as 20h, 1h 30m or 90s, got '20'"),
        (["--do"], "--do trains what --spend names"),
        (["--certainty", "--png", "f.png"], "--certainty and --spend take one run"),
        (["--certainty", "--x", "size"], "--x cannot be 'size'"),
        (["--certainty", "--under", "params=1"], "takes 8 evaluated architectures or more, got 0"),
        (["--spend", "1h", "--do"], "is not finished: resume its search before --do"),
    ],
)
def test_what_cannot_be_asked_is_told(run: RunFolder, options: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        printed("frontier", "first", *options)


def test_an_explanation_in_text_and_json(run: RunFolder, tmp_path: Path) -> None:
    text = printed("explain", "first")
    assert "share of the variance" in text
    assert "points at equal macs, n = " in text
    picture = tmp_path / "stages.png"
    shown = json.loads(
        printed("explain", "first", "--json", "--equal", "params", "--png", str(picture))
    )
    assert shown["equal_cost"] == "params"
    assert {each["stage"] for each in shown["stages"]} == {1, 2}
    assert len(list(numbers_in(shown))) > 50
    assert picture.is_file()


def test_an_explanation_that_cannot_be_given(
    run: RunFolder, begun: Begin, config_of: Callable[..., SearchConfig]
) -> None:
    with pytest.raises(CommandError, match="--equal cannot be 'mac'; did you mean 'macs'"):
        printed("explain", "first", "--equal", "mac")
    begun(config_of(name="short"), 2)
    with pytest.raises(CommandError, match="run 'short': to explain a run takes 12 evaluated"):
        printed("explain", "short")


def _rows(run: RunFolder) -> list[Evaluation]:
    return ledger_of(run)[1].evaluations("search")
