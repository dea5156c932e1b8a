"""``nas train``: any network by a search's recipe, in a run of its own or beside a front."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.search.search import run_search_command
from nas.cli.commands.search.status import read_status
from nas.cli.commands.train.train import run_train_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.evaluation.full_training_seed import full_training_seed
from nas.storage.ledger import ledger_of
from nas.storage.networks.network_file import load_network
from nas.storage.run.folder import RunFolder
from nas.workflows.runs import summary_of
from search_space.yaml_validation import ConfigError
from search_space.zoo import network
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import RECIPE, TINY_SPACE

NETWORK = "resnet20@0.25"


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(space=TINY_SPACE, sampler={"name": "random"})


@pytest.fixture
def file(config: SearchConfig, tmp_path: Path) -> Path:
    path = tmp_path / "search.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return path


@pytest.fixture
def train(file: Path, runs: Path) -> Callable[..., str]:
    """Train a network by the file with overrides; return what is printed."""

    def command(*overrides: str, name: str = NETWORK, seeds: int | None = None) -> str:
        output = io.StringIO()
        run_train_command(Output(file=output, width=200), name, file, overrides, runs, seeds=seeds)
        return output.getvalue()

    return command


@pytest.fixture
def searched(config: SearchConfig, begun: Begin) -> RunFolder:
    """A finished search of two trials."""
    run, _ = begun(config, trials=2)
    run.write_json("state.json", {"finished": True, "trained": 2})
    return run


def rows_of(runs: Path, kind: Any = "retrain") -> Any:
    _, ledger = ledger_of(RunFolder(runs / "first"))
    return ledger.evaluations(kind)


def test_a_network_of_the_zoo_is_trained_in_a_run_of_its_own(
    train: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    printed = train(seeds=2)
    run = RunFolder(runs / "first")
    rows = rows_of(runs)
    assert [row.architecture for row in rows] == [network(NETWORK)] * 2
    assert [row.seed for row in rows] == [full_training_seed(3, 0), full_training_seed(3, 1)]
    assert {row.provenance.network for row in rows} == {NETWORK}
    assert not here.proxies  # there is no search to compare it with
    assert f"trained: {NETWORK}" in printed
    assert "(n=2)" in printed
    (row,) = json.loads((run.path / "train.json").read_text())
    assert (row["kind"], row["network"], row["n"]) == ("trained", NETWORK, 2)
    assert row["proxy_val_accuracy"] is None
    saved = load_network(next(run.retrain_folder.glob("*-training0/model.pt")))
    assert saved.architecture == network(NETWORK)
    assert (saved.task.input_shape, saved.task.classes) == ((1, 8, 8), 10)
    assert saved.record is not None
    assert saved.record.accuracies.test.mean == rows[0].metrics["test_accuracy"]


def test_what_is_trained_is_not_trained_again(
    train: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    train()
    assert "everything asked for was retrained before" in train()
    assert len(here.begun) == len(rows_of(runs)) == 1
    train(seeds=2)
    assert [row.training for row in rows_of(runs)] == [0, 1]


def test_a_run_without_a_search_says_so_and_can_be_searched(
    train: Callable[..., str],
    here: TrainedHere,
    file: Path,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train()
    run = RunFolder(runs / "first")
    assert read_status(run)["state"] == "unsearched"
    assert (
        summary_of(run.path)._asdict().items()
        >= {
            "state": "unsearched",
            "trained": 0,
            "problem": None,
        }.items()
    )

    class Begun(Exception):
        """Raised in place of a cluster."""

    def begin(*settings: Any) -> None:
        raise Begun

    monkeypatch.setattr("nas.cli.commands.search.search.connected", begin)
    with pytest.raises(Begun):  # and no error that the run exists
        run_search_command(Output(file=io.StringIO()), file, [], runs, resume=False, again=False)


def test_a_network_stands_beside_the_front_of_a_finished_search(
    train: Callable[..., str], here: TrainedHere, searched: RunFolder, runs: Path, tmp_path: Path
) -> None:
    train("retrain.epochs=1")
    (row,) = rows_of(runs)
    assert row.provenance.overrides == {"recipe.epochs": (2, 1)}
    assert here.proxies == [(network(NETWORK), 4)]  # the fresh seed of the front's members
    assert searched.state().finished
    output, picture = io.StringIO(), tmp_path / "front.png"
    show_frontier(Output(file=output, width=200), ["first"], runs, FrontQuery("macs"), png=picture)
    assert NETWORK in output.getvalue().partition("beside the front")[2]
    assert picture.stat().st_size > 10_000
    output = io.StringIO()
    with Output(as_json=True, file=output) as as_json:
        show_frontier(as_json, ["first"], runs, FrontQuery("macs"))
    front = json.loads(output.getvalue())
    assert network(NETWORK).arch_id not in {member["arch_id"] for member in front["members"]}
    (beside,) = front["beside"]
    assert (beside["kind"], beside["network"]) == ("trained", NETWORK)
    (proxy,) = rows_of(runs, "baselines")
    assert beside["val_accuracy"] == proxy.metrics["val_accuracy"]


def test_an_architectures_file_and_one_of_the_search_are_trained_too(
    train: Callable[..., str],
    here: TrainedHere,
    searched: RunFolder,
    runs: Path,
    tmp_path: Path,
) -> None:
    of_search = rows_of(runs, "search")[0].architecture
    file = tmp_path / "network.json"
    file.write_text(network("resnet20@0.5").canonical_json())
    train(name=str(file))
    printed = train(name=of_search.arch_id)
    assert [row.architecture for row in rows_of(runs)] == [network("resnet20@0.5"), of_search]
    rows = json.loads((searched.path / "train.json").read_text())
    assert [row["kind"] for row in rows] == ["found", "trained"]
    assert [job[0] for job in here.proxies] == [network("resnet20@0.5")]
    assert "found" in printed


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("retrain.augmentation.hue_fraction=0.1", "recipe.augmentation.hue_fraction needs colour"),
        ("retrain.batch_size=128", "recipe.batch_size must be at most the number of train images"),
        ("retrain.augmentation.crop_padding_pixels=8", "crop_padding_pixels must be below"),
        ("retrain.precision=float16", "recipe.precision: precision='float16' needs a CUDA device"),
        (
            "retrain.pixels={mean: [0.1, 0.2, 0.3], deviation: [1.0, 1.0, 1.0]}",
            "one value for each",
        ),
        ("retrain.pixels.crop_fraction=0.875", "crop_fraction"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_before_anything_is_made(
    train: Callable[..., str], here: TrainedHere, runs: Path, override: str, reason: str
) -> None:
    with pytest.raises((ConfigError, RuntimeError, ValueError)) as caught:
        train(override)
    assert reason in str(caught.value)
    assert not here.begun
    assert not (runs / "first").exists()


def test_all_that_does_not_fit_is_told_at_once(
    train: Callable[..., str], here: TrainedHere
) -> None:
    with pytest.raises(ConfigError) as caught:
        train("retrain.batch_size=128", "retrain.augmentation.saturation_fraction=0.5")
    assert len(caught.value.problems) == 2


def test_a_network_that_cannot_take_the_images_is_refused(
    train: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    with pytest.raises(ConfigError, match=r"network [0-9a-f]{12}: "):
        train("retrain.zero_init_residual=true", name="wide_resnet28_10")
    with pytest.raises(CommandError, match="is not the name of a network"):
        train(name="resnet21")
    with pytest.raises(CommandError, match="--seeds must be 1 or more, got"):
        train(seeds=0)
    assert not (runs / "first").exists()


def test_a_run_with_other_images_takes_no_network(
    train: Callable[..., str], here: TrainedHere, searched: RunFolder
) -> None:
    with pytest.raises(RunError, match=r"data.train_images was 100, is 90.*name=first-2"):
        train("data.train_images=90")
    with pytest.raises(RunError, match="seed was 3, is 4"):
        train("seed=4")
    assert not here.begun


def test_a_stopped_training_goes_on_to_the_same_curve(
    train: Callable[..., str], here: TrainedHere, runs: Path
) -> None:
    here.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        train("retrain.epochs=6")
    here.interrupts = False
    train("retrain.epochs=6")
    assert [resumed for _, resumed in here.begun] == [False, True]
    train("retrain.epochs=6", "name=whole")
    curves = [next(runs.glob(f"{name}/retrain/*/curve.csv")) for name in ("first", "whole")]
    assert curves[0].read_text() == curves[1].read_text()
    assert RECIPE["epochs"] != 6
