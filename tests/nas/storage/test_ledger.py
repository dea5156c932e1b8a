"""The ledger: its rows in SQLite and PostgreSQL, read by this project and by Optuna."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.search.problem import space_of
from nas.search.trial_state import Trial
from nas.storage.candidates import candidates
from nas.storage.evaluation import Evaluation, result_attributes, row_attributes
from nas.storage.ledger import Ledger, check_free, ledger_of
from nas.storage.ledger_reader import LedgerReader
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.space import SearchSpace
from tests.hand_driven import HandDriven
from tests.postgresql_server import PASSWORD, running_server

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
Begin = Callable[..., HandDriven]
Finish = Callable[[HandDriven, Trial], None]

NAMES = (f"run-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of a server of this module's own."""
    with running_server() as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request: pytest.FixtureRequest, config_of: ConfigOf) -> SearchConfig:
    """A search's configuration in each kind of storage; each with a name of its own."""
    storage = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return config_of(name=next(NAMES), storage=storage)


def url_of(config: SearchConfig, run: RunFolder) -> str:
    return config.storage or f"sqlite:///{run.ledger_file}"


class TestEveryStorage:
    """The behaviour in SQLite and in PostgreSQL alike."""

    def test_rows_are_read_back_as_they_were_written(
        self,
        config: SearchConfig,
        start: Start,
        propose_from: Begin,
        small_space: SearchSpace,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        made = [proposals.propose() for _ in range(4)]
        metrics = {"val_accuracy": 0.1 + 0.2, "params": 1234.0, "macs": 2.5e9}
        curve = [
            {"epoch": 1, "train_loss": 2.302585092994046, "val_accuracy": None},
            {"epoch": 2, "train_loss": 1e-7, "val_accuracy": 0.30000000000000004},
        ]
        proposals.complete(made[1], metrics, EvaluationResult({}, curve, 12.5), None)
        error = "Traceback (µ):\n" + "  a line\n" * 3000
        proposals.fail(made[0], error)
        proposals.reject(made[3], {"latency_ms": 7.25})
        other = list(small_space.architectures())[17]
        settings: dict[str, Any] = {"curve": curve, "device_seconds": 3.0, "recipe_id": "proxy"}
        for kind in ("repeats", "baselines", "retrain"):
            ledger.add(kind, other, seed=9, metrics=metrics, **settings)
            ledger.add(kind, other, seed=10, metrics={}, error=error, **settings)

        monkeypatch.setenv("PGPASSWORD", PASSWORD)  # which the run's folder does not hold
        found_config, ledger = ledger_of(RunFolder(run.path, trust=True))
        assert found_config == config.saved
        rows = ledger.evaluations()
        assert [row.number for row in rows] == [0, 1, 2, 3]
        assert [row.state for row in rows] == ["fail", "complete", "running", "fail"]
        assert [row.architecture for row in rows] == [p.architecture for p in made]
        assert [row.arch_id for row in rows] == [p.architecture.arch_id for p in made]
        assert {row.seed for row in rows} == {config.seed}
        assert {row.kind for row in rows} == {"search"}
        assert {row.recipe_id for row in rows} == {config.proxy_id}
        assert [row.error for row in rows] == [error, None, None, None]
        assert [row.violation for row in rows] == [{}, {}, {}, {"latency_ms": 7.25}]
        assert [row.metrics for row in rows] == [{}, metrics, {}, {}]
        assert (rows[1].curve, rows[1].device_seconds) == (curve, 12.5)
        assert all(row.started is not None for row in rows)
        assert [row.finished is None for row in rows] == [False, False, True, False]
        for kind in ("repeats", "baselines", "retrain"):
            good, bad = ledger.evaluations(kind)
            assert (good.recipe_id, bad.recipe_id) == ("proxy", "proxy")
            assert (good.kind, good.state, good.seed, good.metrics) == (
                kind,
                "complete",
                9,
                metrics,
            )
            assert (good.curve, good.device_seconds, good.error) == (curve, 3.0, None)
            assert (bad.state, bad.seed, bad.metrics, bad.error) == ("fail", 10, {}, error)
            assert good.architecture == bad.architecture == other

    def test_a_ledger_that_calls_device_seconds_gpu_seconds_still_loads(
        self, config: SearchConfig, start: Start, small_space: SearchSpace
    ) -> None:
        run, ledger = start(config)
        architecture = next(iter(small_space.architectures()))
        before = {"gpu_seconds": 12.5, "metrics": {"val_accuracy": 0.5}, "curve": []}
        ledger.study("repeats").add_trial(
            create_trial(
                value=0.5,
                user_attrs=row_attributes(architecture, seed=0, recipe_id="proxy") | before,
            )
        )
        (row,) = Ledger.open(config, run).evaluations("repeats")
        assert row.device_seconds == 12.5

    def test_adding_gives_the_row_that_is_read(
        self, config: SearchConfig, start: Start, small_space: SearchSpace
    ) -> None:
        _, ledger = start(config)
        architectures = list(small_space.architectures())[:3]
        added = [
            ledger.add(
                "repeats",
                architecture,
                seed=seed,
                metrics={"val_accuracy": 0.5},
                curve=[],
                device_seconds=0.0,
                recipe_id="proxy",
            )
            for seed, architecture in enumerate(architectures)
        ]
        assert added == ledger.evaluations("repeats")

    def test_a_resumed_driver_finds_its_proposals(
        self, config: SearchConfig, start: Start, propose_from: Begin, finish: Finish
    ) -> None:
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        made = [proposals.propose() for _ in range(3)]
        finish(proposals, made[1])
        rows = ledger.evaluations()
        del proposals, ledger
        ledger = Ledger.open(config, run)
        proposals = propose_from(config, ledger)
        assert ledger.evaluations() == rows
        assert proposals.unfinished == [made[0], made[2]]
        assert proposals.propose().number == 3

    def test_optuna_reads_it(
        self,
        config: SearchConfig,
        start: Start,
        propose_from: Begin,
        finish: Finish,
        accuracy: Callable[..., float],
    ) -> None:
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        made = [proposals.propose() for _ in range(4)]
        for proposal in made:
            finish(proposals, proposal)
        study = optuna.load_study(study_name=config.name, storage=url_of(config, run))
        assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
        assert study.metric_names == ["val_accuracy", "params"]
        for trial, row, proposal in zip(study.trials, ledger.evaluations(), made, strict=True):
            value = accuracy(proposal.architecture, config.seed)
            assert trial.state == TrialState.COMPLETE
            assert trial.values == [value, row.metrics["params"]]
            assert trial.intermediate_values == {1: value / 2, 2: value}
            assert trial.user_attrs["arch_id"] == proposal.architecture.arch_id
            assert trial.user_attrs["metrics"] == row.metrics
            assert trial.user_attrs["curve"] == row.curve
            assert space_of(config).from_params(trial.params) == proposal.architecture
        assert study.best_trials
        names = optuna.get_all_study_names(url_of(config, run))
        own = {name for name in names if name.split("/")[0] == config.name}
        suffixes = ("", "/repeats", "/baselines", "/retrain")
        assert own == {config.name + suffix for suffix in suffixes}

    @pytest.mark.parametrize("objectives", [["val_accuracy"], ["val_accuracy", "params"]], ids=len)
    def test_pruned_trials_are_no_results(
        self,
        config: SearchConfig,
        start: Start,
        propose_from: Begin,
        finish: Finish,
        small_space: SearchSpace,
        objectives: list[str],
    ) -> None:
        config = config.replace(name=next(NAMES), objectives=tuple(objectives))
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        complete = proposals.propose()
        finish(proposals, complete)
        architecture = list(small_space.architectures())[50]
        curve = [{"epoch": 1, "val_accuracy": 0.99}]
        storage = ledger.storage
        trial_id = storage.create_new_trial(storage.get_study_id_from_name(config.name))
        attributes = row_attributes(architecture, seed=1, recipe_id="proxy")
        attributes |= result_attributes({"val_accuracy": 0.99, "params": 1}, curve, 4.0, None)
        for name, value in attributes.items():
            storage.set_trial_user_attr(trial_id, name, value)
        storage.set_trial_intermediate_value(trial_id, 1, 0.99)
        # as Optuna does with a single objective: the last value of the curve is the trial's
        values = [0.99] if len(objectives) == 1 else None
        storage.set_trial_state_values(trial_id, TrialState.PRUNED, values)

        rows = Ledger.open(config, run).evaluations()
        assert [row.state for row in rows] == ["complete", "pruned"]
        assert rows[1].metrics == {}
        assert (rows[1].architecture, rows[1].curve) == (architecture, curve)
        assert rows[1].device_seconds == 4.0
        assert [c.architecture for c in candidates(rows)] == [complete.architecture]
        assert propose_from(config, Ledger.open(config, run)).propose().architecture not in {
            complete.architecture,
            architecture,
        }

    def test_a_name_that_is_taken_is_refused(
        self, config: SearchConfig, start: Start, propose_from: Begin, tmp_path: Path
    ) -> None:
        run, ledger = start(config)
        propose_from(config, ledger).propose()
        rows = ledger.evaluations()
        shared = config.replace(storage=url_of(config, run))
        with pytest.raises(RunError) as caught:
            Ledger.create(shared, RunFolder.create(tmp_path / "elsewhere", shared))
        assert f"already holds a run called {config.name!r}" in str(caught.value)
        assert "choose another name with name=..." in str(caught.value)
        assert PASSWORD not in str(caught.value)
        assert quote(PASSWORD, safe="") not in str(caught.value)
        assert Ledger.open(config, run).evaluations() == rows

    def test_the_reader_without_optuna_reads_the_same(
        self,
        config: SearchConfig,
        start: Start,
        propose_from: Begin,
        finish: Finish,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run, ledger = start(config)
        proposals = propose_from(config, ledger)
        for _ in range(3):
            finish(proposals, proposals.propose())
        proposals.propose()  # and one that runs
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        reader = LedgerReader.read(config, run)
        assert reader.evaluations() == ledger.evaluations()
        assert len(reader.evaluations()) == 4
        assert reader.attributes() == ledger.attributes()
        assert reader.rejections().to_json() == ledger.rejections().to_json()
        reader.close()
        unknown = config.replace(name="unknown", storage=url_of(config, run))
        with pytest.raises(RunError, match="holds no run called 'unknown'"):
            LedgerReader.read(unknown, run)

    def test_several_runs_share_a_storage(
        self, config: SearchConfig, start: Start, propose_from: Begin, finish: Finish
    ) -> None:
        run, ledger = start(config)
        other = config.replace(name=next(NAMES), seed=8, storage=url_of(config, run))
        other_run, other_ledger = start(other)
        for c, each in ((config, ledger), (other, other_ledger)):
            proposals = propose_from(c, each)
            finish(proposals, proposals.propose())
        ledgers = [Ledger.open(config, run), Ledger.open(other, other_run)]
        assert [[row.seed for row in each.evaluations()] for each in ledgers] == [[3], [8]]

    def test_an_unknown_run_is_named(self, config: SearchConfig, start: Start) -> None:
        run, _ = start(config)
        unknown = config.replace(name="unknown", storage=url_of(config, run))
        with pytest.raises(RunError, match="holds no run called 'unknown'"):
            Ledger.open(unknown, run)

    def test_another_format_is_refused(self, config: SearchConfig, start: Start) -> None:
        run, ledger = start(config)
        ledger.study("search").set_user_attr("format", 2)
        with pytest.raises(RunError, match="has format 2, this version reads 1"):
            Ledger.open(config, run)

    @pytest.mark.parametrize("made", [1, 2, 3])
    def test_a_ledger_is_made_whole_or_not_at_all(
        self, config: SearchConfig, runs: Path, monkeypatch: pytest.MonkeyPatch, made: int
    ) -> None:
        """Whichever study was the last one made before the driver died."""
        create = optuna.create_study
        studies: list[optuna.Study] = []

        def until_killed(**settings: Any) -> optuna.Study:
            if len(studies) == made:
                raise KeyboardInterrupt
            studies.append(create(**settings))
            return studies[-1]

        run = RunFolder.create(runs, config)
        monkeypatch.setattr(optuna, "create_study", until_killed)
        with pytest.raises(KeyboardInterrupt):
            Ledger.create(config, run)
        with pytest.raises(RunError, match="holds no run called"):
            Ledger.open(config, run)
        monkeypatch.undo()
        assert Ledger.resume(config, run).evaluations() == []

    def test_a_ledger_that_an_earlier_version_has_not_made_whole_is_made_anew(
        self, config: SearchConfig, runs: Path
    ) -> None:
        run = RunFolder.create(runs, config)
        study = optuna.create_study(study_name=config.name, storage=url_of(config, run))
        study.set_user_attr("run_id", run.run_id)
        with pytest.raises(RunError, match="has format None, this version reads 1"):
            Ledger.open(config, run)
        assert Ledger.resume(config, run).evaluations() == []
        assert Ledger.open(config, run).evaluations() == []


def test_a_run_cannot_take_over_another_of_its_name(
    config_of: ConfigOf, start: Start, propose_from: Begin, tmp_path: Path
) -> None:
    """Two folders, one storage: each opens and resumes its own run alone."""
    config = config_of(storage=f"sqlite:///{tmp_path / 'shared.db'}")
    run, ledger = start(config)
    propose_from(config, ledger).propose()
    with pytest.raises(RunError, match="already holds a run called 'first'"):
        check_free(config, tmp_path / "runs")
    other = RunFolder.create(tmp_path / "elsewhere", config)
    for way in (Ledger.open, Ledger.resume):
        with pytest.raises(RunError, match=r"not that of the folder .*elsewhere/first") as caught:
            way(config, other)
        assert str(run.run_id) in str(caught.value)
        assert len(way(config, run).evaluations()) == 1


def test_a_run_from_before_runs_had_ids_is_opened(config_of: ConfigOf, runs: Path) -> None:
    config = config_of()
    run = RunFolder.create(runs, config)
    run.write_json("environment.json", {"seed": 3})
    Ledger.create(config, run)
    assert Ledger.open(config, run).evaluations() == []
    assert Ledger.resume(config, run).evaluations() == []


def test_a_wrong_password_is_not_shown(postgresql: str, config_of: ConfigOf, start: Start) -> None:
    wrong = postgresql.replace(quote(PASSWORD, safe=""), "wr0ng")
    with pytest.raises(RunError, match="password authentication failed") as caught:
        start(config_of(storage=wrong))
    assert "wr0ng" not in str(caught.value)
    assert "nas@127.0.0.1" in str(caught.value)
    assert ".pgpass" not in str(caught.value)  # which is of no use where the URL has a password


def test_a_run_is_read_with_a_password_from_outside_of_it(
    postgresql: str, config_of: ConfigOf, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = start(config_of(name=next(NAMES), storage=postgresql))
    for file in run.path.iterdir():
        assert PASSWORD not in file.read_text()
        assert quote(PASSWORD, safe="") not in file.read_text()
    run = RunFolder(run.path, trust=True)
    file = run.path.parent / "pgpass"
    file.write_text(f"*:*:*:nas:{PASSWORD.replace(':', chr(92) + ':')}\n")
    file.chmod(0o600)
    monkeypatch.setenv("HOME", str(run.path))  # where no .pgpass is
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(RunError) as caught:
        ledger_of(run)
    assert all(way in str(caught.value) for way in ("~/.pgpass", "PGPASSWORD", "PGPASSFILE"))
    assert "\n" not in str(caught.value)
    for name, value in (("PGPASSWORD", PASSWORD), ("PGPASSFILE", str(file))):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert ledger_of(run)[1].evaluations() == []


def test_reading_makes_nothing_on_a_server(
    postgresql: str, config_of: ConfigOf, runs: Path
) -> None:
    from sqlalchemy import create_engine, inspect, text  # noqa: PLC0415

    with create_engine(postgresql, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE DATABASE others"))
    others = f"{postgresql.rpartition('/')[0]}/others"
    config = config_of(storage=others)
    run = RunFolder.create(runs, config)
    with pytest.raises(RunError, match="not a ledger that can be read"):
        Ledger.read(config, run)
    assert inspect(create_engine(others)).get_table_names() == []
    Ledger.create(config, run)
    ledger = Ledger.read(config, run)
    with pytest.raises(optuna.exceptions.StorageInternalError):
        ledger.study("search").set_user_attr("format", 7)
    assert Ledger.read(config, run).evaluations() == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nas:s3cret@127.0.0.1:1/nas",
        "nosuchdialect://nas:s3cret@host/nas",
    ],
)
def test_a_storage_that_cannot_be_reached_is_an_error_without_the_password(
    config_of: ConfigOf, start: Start, url: str
) -> None:
    with pytest.raises(RunError) as caught:
        start(config_of(storage=url))
    assert "s3cret" not in str(caught.value)
    assert re.search("not a ledger that can be read|cannot be reached", str(caught.value))


@pytest.fixture(scope="module")
def closed(
    config_of: ConfigOf,
    propose_from: Begin,
    finish: Finish,
    tmp_path_factory: pytest.TempPathFactory,
) -> RunFolder:
    """A run with a few rows, closed."""
    config = config_of()
    run = RunFolder.create(tmp_path_factory.mktemp("closed"), config)
    ledger = Ledger.create(config, run)
    proposals = propose_from(config, ledger)
    for _ in range(4):
        finish(proposals, proposals.propose())
    return run


@pytest.fixture
def finished(closed: RunFolder, tmp_path: Path) -> tuple[SearchConfig, RunFolder]:
    """A copy of it."""
    run = RunFolder(tmp_path / "first")
    shutil.copytree(closed.path, run.path)
    assert [len(rows) for rows in everything(run.config(), run)] == [4, 0, 0, 0]
    return run.config(), run


def test_a_missing_ledger_is_named(finished: tuple[SearchConfig, RunFolder]) -> None:
    config, run = finished
    run.ledger_file.unlink()
    with pytest.raises(RunError) as caught:
        Ledger.open(config, run)
    assert str(caught.value) == f"the ledger {run.ledger_file} is missing"
    assert not run.ledger_file.exists()


@pytest.mark.parametrize("content", [b"garbage", b"garbage " * 10_000, b"\0" * 5000])
def test_garbage_is_named(finished: tuple[SearchConfig, RunFolder], content: bytes) -> None:
    config, run = finished
    run.ledger_file.write_bytes(content)
    with pytest.raises(RunError, match="is not a ledger that can be read") as caught:
        Ledger.open(config, run)
    assert str(run.ledger_file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9])
def test_a_truncated_ledger_is_named(
    finished: tuple[SearchConfig, RunFolder], share: float
) -> None:
    config, run = finished
    content = run.ledger_file.read_bytes()
    run.ledger_file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RunError) as caught:
        everything(config, run)
    assert str(run.ledger_file) in str(caught.value)


@pytest.mark.parametrize(
    ("whole", "broken"),
    [(rb"{\"block\"", rb"{\"blook\""), (b'[{"epoch"', b'[["epoch"')],
    ids=["another architecture", "no JSON"],
)
def test_a_damaged_row_is_named(
    finished: tuple[SearchConfig, RunFolder], whole: bytes, broken: bytes
) -> None:
    config, run = finished
    content = run.ledger_file.read_bytes()
    damaged = content.replace(whole, broken)
    assert damaged != content
    run.ledger_file.write_bytes(damaged)
    with pytest.raises(RunError) as caught:
        everything(config, run)
    assert str(run.ledger_file) in str(caught.value)


def everything(config: SearchConfig, run: RunFolder) -> list[list[Evaluation]]:
    ledger = Ledger.open(config, run)
    return [ledger.evaluations(kind) for kind in ("search", "repeats", "baselines", "retrain")]


def test_a_folder_with_odd_characters_holds_a_ledger(
    config_of: ConfigOf, tmp_path: Path, small_space: SearchSpace
) -> None:
    config = config_of()
    architecture: Architecture = next(iter(small_space.architectures()))
    for name in ("with space", "ünïcode", "100%", "a#b", "a+b", "a%20b", "what?"):
        run = RunFolder.create(tmp_path / name, config)
        ledger = Ledger.create(config, run)
        metrics = {"val_accuracy": 0.5}
        result = {"metrics": metrics, "curve": [], "device_seconds": 0.0}
        ledger.add("retrain", architecture, seed=0, recipe_id="full", **result)
        assert run.ledger_file.is_file()
        assert len(everything(config, run)[3]) == 1
    assert not (tmp_path / "a b").exists()
