"""Full trainings begin from seeds that no search uses, and runs of before still load."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.config.search_config import SearchConfig
from nas.config.sections import MOST_FINALIST_SEEDS
from nas.evaluation.full_training_seed import full_training_seed
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import Retraining, number_of, pending
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.space import SearchSpace
from trainers import load_checkpoint

few = settings(max_examples=200, deadline=None, derandomize=True, database=None)
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
OLD = {"metrics": {"val_accuracy": 0.5, "test_accuracy": 0.4}, "curve": [], "device_seconds": 1.0}

HIGHEST_SEARCH_SEED = 2**63 - 1 + MOST_FINALIST_SEEDS


@few
@given(st.integers(0, 2**63 - 1), st.integers(0, 10_000))
def test_no_search_can_use_a_full_trainings_seed(search_seed: int, number: int) -> None:
    assert HIGHEST_SEARCH_SEED < full_training_seed(search_seed, number) < 2**64


def test_the_seeds_differ_by_training_and_by_run() -> None:
    seeds = {full_training_seed(seed, number) for seed in range(30) for number in range(30)}
    assert len(seeds) == 900


def test_the_bound_on_a_searchs_seeds_holds(config_of: Callable[..., SearchConfig]) -> None:
    search = {"finalist_seeds": MOST_FINALIST_SEEDS}
    config = config_of(seed=2**63 - 1, search=search)
    assert max(config.fresh_seeds) < HIGHEST_SEARCH_SEED
    with pytest.raises(ValueError, match="finalist_seeds"):
        config_of(search={"finalist_seeds": MOST_FINALIST_SEEDS + 1})


def test_the_highest_seed_builds_a_network(small_space: SearchSpace, task: Task) -> None:
    architecture: Architecture = next(small_space.architectures())
    first, second = (build(architecture, task, seed=seed) for seed in (2**64 - 1, 2**64 - 2))
    one, other = (next(iter(network.parameters())) for network in (first, second))
    assert not torch.equal(one, other)


def test_a_full_training_is_recorded_with_its_seed_and_its_number(
    config_of: Callable[..., SearchConfig], start: Start, small_space: SearchSpace
) -> None:
    config = config_of(seed=3).replace(retrain_seeds=2)
    run, ledger = start(config)
    architecture = next(small_space.architectures())
    first, second = pending({architecture: Provenance()}, config, run, ledger)
    begun = f"{architecture.arch_id}-{config.retrain_id}"
    names = [wanted.folder.name for wanted in (first, second)]
    assert names == [f"{begun}-training0", f"{begun}-training1"]
    ledger.add(
        "retrain",
        architecture,
        seed=second.seed,
        recipe_id=second.recipe_id,
        training=second.number,
        **OLD,
    )
    (row,) = ledger.evaluations("retrain")
    assert (row.seed, row.training) == (full_training_seed(3, 1), 1)
    assert pending({architecture: Provenance()}, config, run, ledger) == [first]


def test_what_an_earlier_version_trained_is_not_trained_again(
    config_of: Callable[..., SearchConfig], start: Start, small_space: SearchSpace
) -> None:
    """Its rows have the search's seed plus the number, and no number."""
    config = config_of(seed=3).replace(retrain_seeds=2)
    run, ledger = start(config)
    architecture = next(small_space.architectures())
    ledger.add("retrain", architecture, seed=3, recipe_id=config.retrain_id, **OLD)
    (row,) = ledger.evaluations("retrain")
    assert (row.training, number_of(row, config)) == (None, 0)
    (left,) = pending({architecture: Provenance()}, config, run, ledger)
    assert left.number == 1


def test_a_training_goes_on_in_the_folder_that_an_earlier_version_named(
    config_of: Callable[..., SearchConfig], start: Start, small_space: SearchSpace
) -> None:
    config = config_of(seed=3)
    run, _ = start(config)
    architecture = next(small_space.architectures())
    begun = Retraining.of(architecture, 0, config, run)
    assert begun.start() is None
    begun.save_state({"identity": {"seed": begun.seed}, "epoch": 1})
    earlier = begun.folder.rename(
        begun.folder.with_name(f"{architecture.arch_id}-{config.retrain_id}-seed0")
    )
    retraining = Retraining.of(architecture, 0, config, run)
    assert (retraining.folder, retraining.model_file) == (earlier, earlier / "model.pt")
    assert retraining.start() == load_checkpoint(earlier / "checkpoint.pt")
    assert Retraining.of(architecture, 1, config, run).folder.name.endswith("-training1")


def test_an_earlier_versions_checkpoint_is_not_gone_on_from(
    config_of: Callable[..., SearchConfig],
    start: Start,
    small_space: SearchSpace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = config_of(seed=0)
    run, _ = start(config)
    training = Retraining.of(next(small_space.architectures()), 0, config, run)
    assert training.start() is None
    training.save_state({"identity": {"seed": training.seed}, "epoch": 1})
    assert training.start() == load_checkpoint(Path(training.checkpoint_file))
    training.save_state({"identity": {"seed": 0}, "epoch": 1})
    with caplog.at_level(logging.WARNING):
        assert training.start() is None
    assert "with seed 0, by an earlier version" in caplog.text
