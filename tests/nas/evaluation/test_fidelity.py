"""Fidelity: a proxy's images and network, and the parts that stay the full task's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.cli.commands.search.status import read_status
from nas.cli.commands.tools.fidelity import show_fidelity
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.evaluate import EvaluationResult, Progress
from nas.evaluation.fidelity import FULL
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_task, proxy_assignment, retrain_assignment
from search_space.architecture import Architecture, Task
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from tests.hand_driven import HandDriven, check_search, costs_from

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


def test_only_training_sees_the_fidelity(config_of: ConfigOf, small_space: SearchSpace) -> None:
    config = config_of(fidelity={"train_fraction": 0.5, "resolution": 4, "width": 0.5})
    task = load_task(config)
    assert task.input_shape == (1, 8, 8)
    architecture = list(small_space.architectures())[5]
    costs = costs_from(config, task).of(architecture)
    assert costs == costs_from(config_of(), task).of(architecture)

    proxy = proxy_assignment(config, task)
    assert proxy.fidelity.task(task).input_shape == (1, 4, 4)
    narrow = proxy.fidelity.network(architecture)
    assert narrow.stem.width == architecture.stem.width / 2
    assert retrain_assignment(config, task).fidelity == FULL
    *points, result = proxy.evaluation(architecture.canonical_json(), 0)
    assert [type(point) for point in points] == [Progress]
    assert isinstance(result, EvaluationResult)
    assert points[0].curve == result.curve[:1]
    assert 0 < points[0].device_seconds < result.device_seconds


def test_evaluations_of_another_fidelity_have_another_recipe(config_of: ConfigOf) -> None:
    settings = [{}, {"width": 0.5}, {"train_images": 50}, {"train_fraction": 0.5}]
    configs = [config_of(fidelity=setting) for setting in settings]
    assert len({config.proxy_id for config in configs}) == 4
    assert len({config.retrain_id for config in configs}) == 1
    assert configs[0].proxy_id == config_of().proxy_id


@pytest.mark.parametrize(
    ("fidelity", "said"),
    [
        ({"train_images": 50, "train_fraction": 0.5}, "exclude each other"),
        ({"width": 1.5}, "fidelity.width"),
        ({"resolution": 0}, "fidelity.resolution"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    config_of: ConfigOf, fidelity: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        config_of(fidelity=fidelity)


@pytest.mark.parametrize(
    ("fidelity", "said"),
    [
        ({"width": 0.25}, r"fidelity \(width=0.25\):\n  \d+ of \d+ .*small.* heads"),
        ({"resolution": 3}, "block must divide the image, got block=2, image 3x3"),
    ],
)
def test_networks_that_cannot_be_made_are_an_error_before_the_search(
    config_of: ConfigOf,
    small_description: dict[str, Any],
    task: Task,
    fidelity: dict[str, Any],
    said: str,
) -> None:
    stem = {"type": "attention", "block": 2, "heads": 1, "mixtures": 2, "width": 8}
    space = small_description | {"stem": [*small_description["stem"], stem]}
    check_search(config_of(space=space), task)
    with pytest.raises(ConfigError, match=said):
        check_search(config_of(space=space, fidelity=fidelity), task)


@pytest.fixture
def ranked_run(
    config_of: ConfigOf,
    start: Start,
    propose_from: Callable[..., HandDriven],
    task: Task,
) -> Callable[[int], tuple[RunFolder, list[Architecture]]]:
    """A run of six trials, of which two were stopped; so many of the others retrained.

    By proxy and in full they rank alike but for the last two. After one epoch they rank the other
    way round.
    """

    def make(retrained: int) -> tuple[RunFolder, list[Architecture]]:
        recipe = {"epochs": 3, "batch_size": 16, "learning_rate": 0.1}
        config = config_of(scheduler={"name": "asha"}, proxy=recipe)
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        trained = []
        for index in range(6):
            proposal = proposals.propose()
            early, last = 0.3 - 0.01 * index, 0.5 + 0.1 * index
            curve = [{"epoch": e, "val_accuracy": a} for e, a in ((1, early), (2, 0.4), (3, last))]
            if index > 3:
                half = EvaluationResult({}, curve[:1], 2.0)
                proposals.prune(proposal, half, None, stopped_at_epoch=1)
                continue
            costs = costs_from(config, task).of(proposal.architecture)
            result = EvaluationResult({"val_accuracy": last}, curve, 1.0)
            proposals.complete(proposal, result.metrics | costs, result, None)
            trained.append(proposal.architecture)
        for architecture, accuracy in list(zip(trained, (0.6, 0.7, 0.9, 0.8), strict=True))[
            :retrained
        ]:
            ledger.add(
                "retrain",
                architecture,
                seed=0,
                metrics={"val_accuracy": accuracy, "test_accuracy": accuracy - 0.1},
                curve=[],
                device_seconds=3.0,
                recipe_id=config.retrain_id,
            )
        return run, trained

    return make


def test_fidelity_compares_what_was_retrained(
    ranked_run: Callable[[int], tuple[RunFolder, list[Architecture]]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    run, trained = ranked_run(4)
    plot = tmp_path / "ranks.png"
    settings: dict[str, Any] = {"curves": False, "plot": plot}
    show_fidelity(Output(width=120), run.name, run.path.parent, **settings)
    shown = capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")
    for architecture in trained:
        assert architecture.arch_id in shown
    # five of six pairs in order; 1 - 6 * 2 / (4 * 15)
    assert shown.count("0.667") == shown.count("0.800") == 2
    assert re.search(r"\n 1 +-1\.000 +-1\.000 +4 *\n", shown)
    assert "of the 6 trials, 2 were stopped at rungs" in shown


def test_fidelity_of_few_retrained_says_what_to_do(
    ranked_run: Callable[[int], tuple[RunFolder, list[Architecture]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, _ = ranked_run(2)
    with pytest.raises(
        CommandError, match=r"2 architectures .* needs 3 or more: nas retrain .*/first --pick all, "
    ):
        show_fidelity(Output(), run.name, run.path.parent, curves=False, plot=None)
    show_fidelity(Output(), run.name, run.path.parent, curves=True, plot=None)
    shown = capsys.readouterr().out
    assert "-1.000" in shown
    assert "proxy and full" not in shown


def test_status_says_what_was_stopped_and_saved(
    ranked_run: Callable[[int], tuple[RunFolder, list[Architecture]]],
) -> None:
    run, _ = ranked_run(0)
    status = read_status(run)
    assert status["trained"] == 6
    assert status["trials"] == {"complete": 4, "pruned": 2}
    assert status["stopped_early"] == {"1": 2}
    assert (status["epochs"], status["epochs_in_full"]) == (4 * 3 + 2, 18)
    assert status["device_hours"] * 3600 == pytest.approx(4 * 1.0 + 2 * 2.0)
