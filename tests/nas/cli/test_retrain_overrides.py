"""``nas retrain RUN recipe.key=value``: trained, resumed and recorded by another recipe."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from nas.cli.commands.search.search import run_search_command
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.output import Output
from nas.config.recipe_overrides import with_overrides
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from nas.workflows.cleaning import removable
from search_space.yaml_validation import ConfigError
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import RECIPE, TINY_SPACE

EARLIER = RECIPE | {"momentum": 0.9, "warmup_fraction": 0.1, "bn_recalibration_images": 64}


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(space=TINY_SPACE, sampler={"name": "random"})


@pytest.fixture
def run(config: SearchConfig, begun: Begin) -> RunFolder:
    """A search of one trial."""
    run, _ = begun(config)
    return run


@pytest.fixture
def retrain(run: RunFolder) -> Callable[..., str]:
    """Retrain the best with overrides; return what is printed."""

    def command(*overrides: str, seeds: int | None = None) -> str:
        output = io.StringIO()
        run_retrain_command(
            Output(file=output, width=200),
            str(run.path),
            run.path.parent,
            pick="best",
            baseline=False,
            seeds=seeds,
            overrides=overrides,
        )
        return output.getvalue()

    return command


def of_earlier_version(run: RunFolder) -> None:
    """Rewrite a run's configuration as an earlier version wrote recipes."""
    content = yaml.safe_load(run.config_file.read_text())
    run.config_file.write_text(yaml.safe_dump(content | {"proxy": EARLIER, "retrain": EARLIER}))


def test_both_recipes_results_stand_in_the_ledger(
    retrain: Callable[..., str], here: TrainedHere, run: RunFolder, config: SearchConfig
) -> None:
    retrain()
    printed = retrain("recipe.epochs=3", "recipe.label_smoothing=0.2")
    _, ledger = ledger_of(run)
    own, other = ledger.evaluations("retrain")
    assert own.provenance.overrides == {}
    assert other.provenance.overrides == {
        "recipe.epochs": (2, 3),
        "recipe.label_smoothing": (0.0, 0.2),
    }
    assert (own.epochs, other.epochs) == (2, 3)
    assert own.recipe_id == config.retrain_id != other.recipe_id
    assert own.seed == other.seed  # paired
    (row,) = json.loads((run.path / "retrain.json").read_text())
    assert row["overrides"]["recipe.epochs"] == {"from": 2, "to": 3}
    assert row["test_accuracy"] == other.metrics["test_accuracy"]
    assert "recipe.epochs=3 (was 2)" in printed
    assert "recipe.label_smoothing=0.2 (was 0.0)" in printed
    assert "recipe.epochs" not in retrain().partition("what you may do next")[0]
    assert len(here.begun) == 2  # the third command trained nothing


def test_seeds_say_how_often_it_is_trained(
    retrain: Callable[..., str], here: TrainedHere, run: RunFolder
) -> None:
    retrain()
    printed = retrain(seeds=3)
    _, ledger = ledger_of(run)
    assert len({e.seed for e in ledger.evaluations("retrain")}) == len(here.begun) == 3
    assert "--seeds 3" in printed.partition("what you may do next")[2]
    with pytest.raises(CommandError, match="--seeds must be 1 or more, got 0"):
        retrain(seeds=0)


def test_a_stopped_training_goes_on_with_the_same_overrides_or_its_recipes_file(
    retrain: Callable[..., str], here: TrainedHere, run: RunFolder
) -> None:
    here.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        retrain("recipe.epochs=6")
    here.interrupts = False
    (folder,) = run.retrain_folder.glob("*-training0")
    checkpoint = folder / "checkpoint.pt"
    assert checkpoint.is_file()
    assert not any(each.path == checkpoint for each in removable(run))
    retrain()  # by the run's own recipe, which is another training
    assert checkpoint.is_file()
    retrain(f"recipe={folder / 'recipe.yaml'}")
    assert [resumed for _, resumed in here.begun] == [False, False, True]
    assert not checkpoint.is_file()
    assert "everything asked for was retrained before" in retrain("recipe.epochs=6")


def test_a_recipe_that_does_not_fit_is_refused_before_training(
    retrain: Callable[..., str], here: TrainedHere, run: RunFolder
) -> None:
    with pytest.raises(ConfigError) as caught:
        retrain("recipe.augmentation.hue_fraction=0.1", "recipe.batch_size=101")
    assert len(caught.value.problems) == 2
    assert not here.begun
    assert not run.retrain_folder.exists()


def test_the_shipped_recipe_of_another_data_set_is_refused(
    retrain: Callable[..., str], here: TrainedHere
) -> None:
    shipped = Path(__file__).parents[3] / "configs" / "recipes" / "sasa_imagenet.yaml"
    with pytest.raises(Exception, match="crop_fraction"):
        retrain(f"recipe={shipped}")
    assert not here.begun


def test_a_run_of_an_earlier_version_trains_only_by_another_recipe(
    retrain: Callable[..., str], here: TrainedHere, run: RunFolder
) -> None:
    of_earlier_version(run)
    with pytest.raises(RunError, match=r"an earlier version wrote it.*recipe=FILE") as caught:
        retrain()
    assert "recipe.epochs=2" in str(caught.value)
    assert not here.begun
    retrain("recipe.epochs=2")  # the same settings, named
    theirs, ledger = ledger_of(run)
    (row,) = ledger.evaluations("retrain")
    assert row.recipe_id == with_overrides(theirs, ["recipe.epochs=2"]).retrain_id
    assert row.recipe_id != theirs.retrain_id


def test_a_search_of_an_earlier_version_is_not_resumed(
    run: RunFolder, config: SearchConfig, tmp_path: Path
) -> None:
    of_earlier_version(run)
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    with pytest.raises(RunError, match=r"cannot be resumed.*name=first-2.*learn_from=\[first\]"):
        run_search_command(
            Output(file=io.StringIO()), file, [], run.path.parent, resume=True, again=False
        )
