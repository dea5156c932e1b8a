"""The warm start of a search: first architectures and earlier results."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.samplers.trials import NO_WARM_START, WarmStart
from nas.search.warm_start import FILE, warm_start_of
from nas.storage.candidates import candidates, pareto_front
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.yaml_validation import read_yaml
from search_space.zoo import network
from tests.hand_driven import HandDriven, problem_from

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]
MakeRun = Callable[..., tuple[RunFolder, Ledger]]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]

WIDE = Path(__file__).parents[3] / "configs" / "spaces" / "wide_resnet_cifar.yaml"
PROXY = {"epochs": 3, "batch_size": 16, "learning_rate": 0.1}


@pytest.fixture
def make_run(
    config_of: ConfigOf,
    start: Start,
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    task: Task,
) -> MakeRun:
    """Make a run with results of its first six proposals, and a failed one."""

    def make(name: str, results: int = 6, **changes: Any) -> tuple[RunFolder, Ledger]:
        config = config_of(name=name, **changes)
        run, ledger = start(config)
        run.write_json("task.json", task.model_dump(mode="json"))
        proposals = propose_from(config, ledger)
        for _ in range(results):
            finish(proposals, proposals.propose())
        proposals.fail(proposals.propose(), "it diverged")
        return run, ledger

    return make


@pytest.fixture
def collect(
    config_of: ConfigOf, start: Start, task: Task, runs: Path
) -> Callable[..., tuple[RunFolder, WarmStart]]:
    """Make a new run that learns from others; return its folder and its warm start."""

    def collected(learn_from: Sequence[str], **changes: Any) -> tuple[RunFolder, WarmStart]:
        sampler = {"name": "default", "learn_from": list(learn_from)}
        config = config_of(name="new", sampler=sampler, **changes)
        run, _ = start(config)
        return run, warm_start_of(run, config, task, problem_from(config, task), runs)

    return collected


def front_of(ledger: Ledger, objectives: Sequence[str]) -> list[Any]:
    rows = ledger.evaluations("search")
    return [member.architecture for member in pareto_front(candidates(rows), objectives)]


def test_nothing_is_known_by_default(
    config_of: ConfigOf, start: Start, task: Task, runs: Path
) -> None:
    config = config_of()
    run, _ = start(config)
    assert warm_start_of(run, config, task, problem_from(config, task), runs) == NO_WARM_START
    assert not (run.path / FILE).exists()


class TestPapersFirst:
    def test_networks_of_the_papers_that_the_space_holds_and_limits_allow(
        self, config_of: ConfigOf, start: Start, runs: Path
    ) -> None:
        task = Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100)
        names = ["wide_resnet28_10", "ge_wide_resnet28_10", "se_wide_resnet28_10"]
        names.append("aa_wide_resnet28_10")
        by_limits = {}
        plain = network_costs(network("wide_resnet28_10"), task).params
        for limits in ({}, {"params": plain}):
            config = config_of(
                name=f"papers{len(limits)}",
                space=read_yaml(WIDE),
                sampler={"papers_first": True},
                limits=limits,
            )
            run, _ = start(config)
            by_limits[len(limits)] = warm_start_of(
                run, config, task, problem_from(config, task), runs
            )
        assert set(by_limits[0].first) == set(map(network, names))
        fitting = {a for a in by_limits[0].first if network_costs(a, task).params <= plain}
        assert 0 < len(fitting) < len(names)
        assert set(by_limits[1].first) == fitting
        assert by_limits[0].earlier == ()

    def test_a_space_without_any_is_said(
        self,
        config_of: ConfigOf,
        start: Start,
        task: Task,
        runs: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        config = config_of(sampler={"papers_first": True})
        run, _ = start(config)
        assert warm_start_of(run, config, task, problem_from(config, task), runs) == NO_WARM_START
        assert "the space holds none of the papers' networks" in caplog.text


class TestLearnFrom:
    def test_fronts_come_first_and_results_are_learned(
        self,
        make_run: MakeRun,
        collect: Callable[..., tuple[RunFolder, WarmStart]],
        accuracy: Callable[..., float],
        task: Task,
    ) -> None:
        ledgers = [make_run("one", seed=3)[1], make_run("two", seed=4)[1]]
        _, warm_start = collect(["one", "two"])
        objectives = ("val_accuracy", "params")
        fronts = [a for ledger in ledgers for a in front_of(ledger, objectives)]
        assert list(warm_start.first) == list(dict.fromkeys(fronts))
        trained = [
            (row.architecture, row.seed)
            for ledger in ledgers
            for row in ledger.evaluations("search")
            if row.state == "complete"
        ]
        assert len(trained) == 12
        assert [told.architecture for told in warm_start.earlier] == [a for a, _ in trained]
        for told, (architecture, seed) in zip(warm_start.earlier, trained, strict=True):
            last = accuracy(architecture, seed)
            params = network_costs(architecture, task).params
            assert told.losses == pytest.approx((-last, params))
            assert told.curve == pytest.approx({1: -last / 2, 2: -last})

    def test_proposals_begin_with_them(
        self,
        make_run: MakeRun,
        collect: Callable[..., tuple[RunFolder, WarmStart]],
        in_memory: Callable[[SearchConfig], Ledger],
        task: Task,
    ) -> None:
        make_run("one")
        run, warm = collect(["one"])
        config = run.config()
        proposals = HandDriven(config, in_memory(config), task, warm_start=warm)
        proposed = [proposals.propose().architecture for _ in range(len(warm.first) + 2)]
        assert proposed[: len(warm.first)] == list(warm.first)
        assert len(set(proposed)) == len(proposed)

    def test_a_resumed_run_goes_on_with_what_it_began_with(
        self,
        make_run: MakeRun,
        collect: Callable[..., tuple[RunFolder, WarmStart]],
        task: Task,
        runs: Path,
    ) -> None:
        other, _ = make_run("one")
        run, collected = collect(["one"])
        assert len(collected.earlier) == 6
        shutil.rmtree(other.path)
        assert (
            warm_start_of(run, run.config(), task, problem_from(run.config(), task), runs)
            == collected
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"proxy": PROXY},
            {"data": {"name": "digits", "train_images": 900, "validation_images": 100}},
            {"fidelity": {"train_fraction": 0.5}},
            {"metric": "balanced_accuracy"},
            {"objectives": ["val_accuracy", "latency_ms"]},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_of_what_does_not_compare_the_front_is_taken(
        self,
        make_run: MakeRun,
        collect: Callable[..., tuple[RunFolder, WarmStart]],
        caplog: pytest.LogCaptureFixture,
        changes: dict[str, Any],
    ) -> None:
        _, ledger = make_run("one")
        with caplog.at_level(logging.WARNING):
            _, warm_start = collect(["one"], **changes)
        assert list(warm_start.first) == front_of(ledger, ("val_accuracy", "params"))
        assert warm_start.earlier == ()
        assert "results of 'one' do not compare" in caplog.text

    def test_a_run_that_is_named_twice_is_refused(
        self, make_run: MakeRun, collect: Callable[..., tuple[RunFolder, WarmStart]]
    ) -> None:
        run, _ = make_run("one")
        with pytest.raises(RunError, match=r"'one' and '.*/one' are the same run"):
            collect(["one", str(run.path)])

    def test_another_task_does_not_compare(
        self,
        make_run: MakeRun,
        collect: Callable[..., tuple[RunFolder, WarmStart]],
        task: Task,
    ) -> None:
        run, _ = make_run("one")
        other = task.replace(split_seed=task.split_seed + 1)
        run.write_json("task.json", other.model_dump(mode="json"))
        _, warm_start = collect(["one"])
        assert warm_start.first
        assert warm_start.earlier == ()

    def test_a_run_of_another_space_is_refused(
        self,
        make_run: MakeRun,
        collect: Callable[..., tuple[RunFolder, WarmStart]],
        tiny_description: dict[str, Any],
    ) -> None:
        make_run("one", space=tiny_description)
        with pytest.raises(RunError, match="'one' has no result in the space 'small'"):
            collect(["one"])

    def test_a_run_without_results_is_refused(
        self, make_run: MakeRun, collect: Callable[..., tuple[RunFolder, WarmStart]]
    ) -> None:
        make_run("one", results=0)
        with pytest.raises(RunError, match="'one' has no result in the space 'small'"):
            collect(["one"])

    def test_a_missing_run_is_named(
        self, make_run: MakeRun, collect: Callable[..., tuple[RunFolder, WarmStart]]
    ) -> None:
        make_run("one")
        with pytest.raises(RunError, match=r"no run 'onne' in .*; did you mean 'one'"):
            collect(["onne"])

    def test_a_run_without_its_task_is_refused(
        self, make_run: MakeRun, collect: Callable[..., tuple[RunFolder, WarmStart]]
    ) -> None:
        run, _ = make_run("one")
        (run.path / "task.json").unlink()
        with pytest.raises(RunError, match=r"task\.json cannot be read: No such file"):
            collect(["one"])


@pytest.mark.parametrize(
    "data", ["", "[]", {"first": []}, {"first": [1], "earlier": []}, {"first": [], "earlier": [1]}]
)
def test_a_file_that_is_something_else_is_named(
    config_of: ConfigOf, start: Start, task: Task, runs: Path, data: Any
) -> None:
    config = config_of(sampler={"papers_first": True})
    run, _ = start(config)
    (run.path / FILE).write_text(data if isinstance(data, str) else json.dumps(data))
    with pytest.raises(RunError, match=r"warm_start\.json is not what a search wrote there"):
        warm_start_of(run, config, task, problem_from(config, task), runs)


def test_a_curve_that_is_no_mapping_is_named(
    make_run: MakeRun,
    collect: Callable[..., tuple[RunFolder, WarmStart]],
    task: Task,
    runs: Path,
) -> None:
    make_run("one")
    run, _ = collect(["one"])
    data = json.loads((run.path / FILE).read_text())
    data["earlier"][0][2] = [0.5]
    run.write_json(FILE, data)
    with pytest.raises(RunError, match=r"warm_start\.json is not what a search wrote there"):
        warm_start_of(run, run.config(), task, problem_from(run.config(), task), runs)
