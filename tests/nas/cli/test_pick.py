"""``nas retrain --pick``: its choice from a front, with fresh evaluations and without."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence

import pytest

from nas.cli.commands.search.front_report import report_search
from nas.cli.commands.search.status import read_status
from nas.cli.commands.train.picks import picked_architectures
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.full_training_seed import full_training_seed
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.plain_evaluations import proxy_seeds
from search_space.architecture import Task
from search_space.baseline import plain_convolutional
from tests.hand_driven import HandDriven

Begun = tuple[SearchConfig, RunFolder, Ledger]


@pytest.fixture
def searched(
    config_of: Callable[..., SearchConfig],
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    propose_from: Callable[..., HandDriven],
    task: Task,
) -> Callable[..., Begun]:
    """Make a search with the given parameters and accuracies, and fresh accuracies of each."""

    def made(evaluated: Sequence[tuple[float, float]], fresh: Sequence[float] = ()) -> Begun:
        config = config_of(sampler={"name": "random"})
        run, ledger = start(config)
        run.write_json("task.json", task.model_dump(mode="json"))
        proposals = propose_from(config, ledger)
        for params, accuracy in evaluated:
            metrics = {"val_accuracy": accuracy, "params": params, "macs": 2 * params}
            result = EvaluationResult({"val_accuracy": accuracy}, [], 1.0)
            proposals.complete(proposals.propose(), metrics, result, None)
        rows = ledger.evaluations("search")
        for row, accuracy in zip(rows, fresh, strict=False):
            ledger.add(
                "repeats",
                row.architecture,
                seed=config.fresh_seeds[0],
                metrics=row.metrics | {"val_accuracy": accuracy},
                curve=[],
                device_seconds=1.0,
                recipe_id=config.proxy_id,
            )
        return config, run, ledger

    return made


@pytest.mark.parametrize(
    "evaluated",
    [[(10.0, 0.5)], [(10.0, 0.5), (20.0, 0.6)], [(1.0, 0.1), (10.0, 0.2), (100.0, 0.9)]],
    ids=["one member", "two members", "none above the chord"],
)
def test_a_front_without_a_knee_says_so_everywhere(
    searched: Callable[..., Begun], evaluated: list[tuple[float, float]]
) -> None:
    config, run, ledger = searched(evaluated)
    output = io.StringIO()
    report_search(Output(file=output, width=200), run, config, ledger)
    assert "no knee: " in output.getvalue()
    front = json.loads((run.path / "front.json").read_text())
    assert front["knee"] is None
    assert not any(member["is_knee"] for member in front["members"])
    assert "no knee: " in (run.path / "front.html").read_text()
    with pytest.raises(CommandError) as caught:
        picked_architectures("knee", config, ledger, run)
    ids = [member["arch_id"] for member in front["members"]]
    assert len(ids) == len(evaluated)
    assert "has no knee: " in str(caught.value)
    assert "--pick best" in str(caught.value)
    assert all(arch_id in str(caught.value) for arch_id in ids)
    assert picked_architectures("knee-or-best", config, ledger, run) == picked_architectures(
        "best", config, ledger, run
    )


def test_knee_and_best_are_those_of_fresh_seeds(searched: Callable[..., Begun]) -> None:
    """As found, the second is far above the chord and the last is the best; fresh seeds differ."""
    config, run, ledger = searched(
        [(1.0, 0.1), (10.0, 0.8), (100.0, 0.82), (1000.0, 0.9), (2000.0, 0.99)],
        fresh=[0.1, 0.3, 0.8, 0.9, 0.85],
    )
    rows = ledger.evaluations("search")
    (knee,) = picked_architectures("knee", config, ledger, run)
    assert knee == rows[2].architecture
    assert picked_architectures("knee-or-best", config, ledger, run) == [knee]
    (best,) = picked_architectures("best", config, ledger, run)
    assert best == rows[3].architecture
    assert len(picked_architectures("all", config, ledger, run)) == 5  # chosen by all evaluations
    every = {row.architecture for row in ledger.evaluations("search")}
    assert set(picked_architectures("evaluated", config, ledger, run)) == every
    status = read_status(run)["best"]
    assert status["arch_id"] == rows[3].arch_id
    assert (status["val_accuracy"], status["val_accuracy_as_found"]) == (0.9, 0.9)
    assert status["val_accuracy_n"] == 1


def test_plain_networks_get_the_fresh_seeds_of_what_was_found(
    config_of: Callable[..., SearchConfig],
) -> None:
    """The search's own evaluation chose the network, and did not choose the plain one."""
    assert proxy_seeds(config_of(seed=3, search={"finalist_seeds": 3})) == (4, 5)
    assert proxy_seeds(config_of(seed=3, search={"finalist_seeds": 1})) == (3,)


def test_a_retrained_network_is_compared_with_the_plain_one_by_fresh_and_shared_seeds(
    searched: Callable[..., Begun], task: Task
) -> None:
    """The network has 99 % as found and 60 % with its fresh seed, the plain one 50 % with that."""
    config, run, ledger = searched([(10.0, 0.99)], fresh=[0.6])
    run.write_json("task.json", task.model_dump(mode="json"))
    picked = ledger.evaluations("search")[0].architecture
    plain = plain_convolutional(picked, task)
    (fresh,) = config.fresh_seeds
    shared = {"curve": [], "device_seconds": 1.0}
    proxy = shared | {"recipe_id": config.proxy_id}
    # Earlier versions also used the search's own seed here, which does not compare.
    for seed, accuracy in ((config.seed, 0.9), (fresh, 0.5)):
        ledger.add("baselines", plain, seed=seed, metrics={"val_accuracy": accuracy}, **proxy)
    for network, accuracy in ((picked, 0.8), (plain, 0.7)):
        ledger.add(
            "retrain",
            network,
            seed=full_training_seed(config.seed, 0),
            training=0,
            metrics={"val_accuracy": 0.85, "test_accuracy": accuracy},
            recipe_id=config.retrain_id,
            **shared,
        )
    output = io.StringIO()
    run_retrain_command(
        Output(file=output, width=200), str(run.path), run.path.parent, pick="best", baseline=True
    )
    rows = json.loads((run.path / "retrain.json").read_text())
    assert [row["kind"] for row in rows] == ["found", "plain convolution"]
    assert [row["proxy_val_accuracy"] for row in rows] == [0.6, 0.5]
    assert [row["proxy_n"] for row in rows] == [1, 1]
    assert [row["proxy_val_accuracy_as_found"] for row in rows] == [0.99, None]
    assert "proxy validation +10.00 % (n=1), test +10.00 % (n=1)" in output.getvalue()
    assert output.getvalue().rstrip().endswith("--pick all")  # the best is retrained already
