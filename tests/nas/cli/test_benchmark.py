"""``nas benchmark``: its output, its files, and the options that it refuses."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import nas.cli.commands.tools.benchmark
from nas.benchmark.replay import Ended, Replay
from nas.benchmark.results import Result, results_json, summaries
from nas.benchmark.table import BenchmarkTable, space_of_rows
from nas.cli.application import app
from nas.cli.commands.tools.benchmark import parse_seeds
from nas.cli.commands.tools.benchmark_report import Report
from nas.cli.output import Output
from nas.errors import CommandError
from search_space.yaml_validation import ConfigError


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """36 architectures of three choices; more of each is better and costs more."""
    lines = ["a,b,c,acc,cost"]
    for number, (a, b, c) in enumerate(product(range(4), range(3), range(3))):
        worth = 50 + 10 * a + 3 * b + c + (7 * number % 5)
        lines.append(f"{a},{b},{c},{worth},{1 + a * a + b + 2 * c}")
    path = tmp_path / "squares.csv"
    path.write_text("\n".join(lines))
    return path


def of_csv(path: Path, *more: str) -> list[str]:
    columns = ["--choices", "a,b,c", "--maximize", "acc", "--minimize", "cost"]
    return ["benchmark", "--csv", str(path), *columns, *more]


def test_replays_are_printed_written_and_drawn(csv_file: Path, tmp_path: Path) -> None:
    json_file, picture = tmp_path / "out.json", tmp_path / "out.png"
    options = ["--samplers", "random,nsga2:population_size=6", "--budget", "12", "--seeds", "1-3"]
    files = ["--json", str(json_file), "--plot", str(picture)]
    done = CliRunner().invoke(app, of_csv(csv_file, *options, *files, "--processes", "1"))
    assert done.exit_code == 0, done.output
    entries = json.loads(json_file.read_text())
    assert [(entry["sampler"], entry["seed"]) for entry in entries] == [
        *(("random", seed) for seed in (1, 2, 3)),
        *(("nsga2:population_size=6", seed) for seed in (1, 2, 3)),
    ]
    cells = [line.split(",") for line in csv_file.read_text().splitlines()[1:]]
    rows = [[float(acc), float(cost)] for *_, acc, cost in cells]
    for entry in entries:
        assert entry.keys() == {"sampler", "seed", "evaluations"}
        assert len(entry["evaluations"]) == 12
        for evaluation in entry["evaluations"]:
            assert entry["evaluations"].count(evaluation) <= rows.count(evaluation)
    again = tmp_path / "again.json"
    twice = of_csv(csv_file, *options, "--json", str(again), "--processes", "2")
    assert CliRunner().invoke(app, twice).exit_code == 0
    assert json.loads(again.read_text()) == entries
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "squares: 36 architectures of 3 choices, acc against cost; 12 distinct" in done.output
    assert "replays 6/6" in done.output
    assert "random draws uniformly over the rows of the table" in done.output
    headings = next(line for line in done.output.splitlines() if line.startswith("sampler"))
    assert headings.split("  ")[0] == "sampler"
    assert "at 10" in headings
    assert "at 12" in headings
    assert "s a proposal" in headings
    assert (
        sum(line.startswith("nsga2:population_size=6 ") for line in done.output.splitlines()) == 2
    )


def test_schedulers_side_by_side(tmp_path: Path) -> None:
    """On the table that ships: 8 epochs, evaluated every second one; rungs after 2 and 6."""
    json_file = tmp_path / "out.json"
    schedulers = "none,asha,asha:type=promotion"
    options = ["--samplers", "random", "--budget", "9", "--seeds", "1", "--workers", "2"]
    files = ["--json", str(json_file), "--processes", "1"]
    command = ["benchmark", *options, "--scheduler", schedulers, *files]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    none, stopping, promotion = json.loads(json_file.read_text())
    assert [none["scheduler"], stopping["scheduler"], promotion["scheduler"]] == (
        schedulers.split(",")
    )
    assert (none["stopped"], none["training_epochs"]) == (0, 9 * 8)
    assert (promotion["stopped"], promotion["training_epochs"]) == (8, 9 * 2 + 3 * 4 + 1 * 2)
    assert 9 * 2 < stopping["training_epochs"] < 9 * 8
    assert "random + asha:type=promotion" in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "0"], "--budget must be at least 1, got 0"),
        (["--workers", "0"], "--workers must be at least 1, got 0"),
        (["--processes", "-1"], "--processes must be at least 1, got -1"),
        (["--seeds", "many"], "--seeds must be a number such as 20, or a range such as 0-19"),
        (["--plot", "out.jpg"], "--plot must end in .png, got 'out.jpg'"),
        (["--json", "nowhere/out.json"], "--json: there is no folder 'nowhere'"),
        (["--json", "."], "--json must be a file, got the folder '.'"),
        (["--scheduler", "asha"], "squares has no accuracies during training to stop by"),
        (["--scheduler", "ahsa"], "no scheduler is called 'ahsa'; did you mean 'asha'?"),
        (["--scheduler", "asha:factor=2"], "has no option 'factor'; known: min_epochs, reduction"),
        (["--scheduler", "asha:type=false"], "unknown type False; known: stopping, promotion"),
        (["--scheduler", "asha:type=stoping"], "unknown type 'stoping'; did you mean 'stopping'?"),
        (["--samplers", "random,random"], "--samplers must name each once, got random,random"),
        (["--samplers", "random:seed"], "'random:seed': an option must be NAME=VALUE, got 'seed'"),
        (["--samplers", "random,"], "'': a name must come first"),
        (["--samplers", "randon"], "no sampler is called 'randon'; did you mean 'random'?"),
        (["--samplers", "nsga2:size=3"], "sampler.options.size: 'nsga2' has no such option"),
        (["--samplers", "nsga2:population_size=1"], "'nsga2' does not take them"),
        (["--maximize", "accuracy"], "there is no column 'accuracy'; known: a, b, c, acc, cost"),
        (["--tabulated", "x.csv"], "--csv and --tabulated exclude each other"),
        (["--maximize", ""], "--csv needs --maximize"),
    ],
)
def test_what_is_refused(csv_file: Path, options: list[str], message: str) -> None:
    done = CliRunner().invoke(app, of_csv(csv_file, *options))
    assert isinstance(done.exception, CommandError | ConfigError), done.output
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nas-bench-macro", "none.json"], "none.json: No such file or directory"),
        (["--nas-bench-macro", "a", "--minimize", "b"], "--minimize does not go with"),
        (["--tabulated", "a.csv", "--choices", "b"], "--choices does not go with --tabulated"),
        (["--seconds", "s"], "--seconds goes with --csv alone"),
    ],
)
def test_a_source_that_is_refused(options: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["benchmark", *options])
    assert isinstance(done.exception, CommandError), done.output
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("2-4", [2, 3, 4]), ("7-7", [7]), (" 1 ", [0])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "4-2", "-1", "1.5", "1,2", "", "10001", "9" * 5000])
def test_what_are_no_seeds(text: str) -> None:
    with pytest.raises(CommandError, match="--seeds must"):
        parse_seeds(text)


@pytest.fixture
def halved() -> tuple[BenchmarkTable, list[Result]]:
    """Two replays of three architectures; the second was stopped at a rung in one of them."""
    rows = [("a",), ("b",), ("c",)]
    table = BenchmarkTable(
        "three",
        rows=rows,
        space=space_of_rows("three", ["x"], rows),
        maximised=np.array([0.5, 0.75, 1.0]),
        minimised=np.array([1, 2, 3]),
        maximised_name="worth [/1]",
        minimised_name="cost",
        seconds=np.array([10, 10, 10]),
        epochs=[1, 2],
        curves=np.ones((3, 2)),
    )
    plain = [Ended(1, 10, 2, True), Ended(0, 20, 2, True), Ended(2, 30, 2, True)]
    stopped = [Ended(1, 10, 2, True), Ended(0, 15, 1, False), Ended(2, 25, 2, True)]
    return table, [
        Result("random", "none", 0, Replay(plain, 3, 0.3, "")),
        Result("random", "asha", 0, Replay(stopped, 5, 0.5, "nothing new in 200 proposals")),
    ]


def test_the_clock_and_what_was_stopped_are_written(
    halved: tuple[BenchmarkTable, list[Result]],
) -> None:
    table, results = halved
    plain, stopped = results_json(table, results, on_clock=True)
    assert plain["evaluations"] == [[0.75, 2], [0.5, 1], [1, 3]]
    assert stopped == {
        "sampler": "random",
        "seed": 0,
        "evaluations": [[0.75, 2], [1, 3]],
        "scheduler": "asha",
        "simulated_seconds": [10, 25],
        "stopped": 1,
        "training_epochs": 5,
    }


def test_figures_at_simulated_times(halved: tuple[BenchmarkTable, list[Result]]) -> None:
    table, results = halved
    plain, stopped = summaries(table, results, [5, 12, 25, 30], np.array([20, 28]), on_clock=True)
    assert (plain.strategy, stopped.strategy) == ("random", "random + asha")
    assert [regret.mean for regret in plain.regret][1:] == [0.25, 0.25, 0]
    assert [regret.mean for regret in stopped.regret][1:] == [0.25, 0, 0]
    assert np.isnan(plain.regret[0].mean)  # nothing had ended
    assert plain.hypervolume[0].mean == 0
    assert stopped.regret_band.mean.tolist() == pytest.approx([0.25, np.nan], nan_ok=True)
    assert (plain.simulated_seconds, plain.epochs, plain.stopped) == (30, 6, 0)
    assert (stopped.simulated_seconds, stopped.epochs, stopped.stopped) == (25, 5, 1)
    assert stopped.proposal_seconds == pytest.approx(0.1)
    assert stopped.ended_early == "1 of 1 seeds: nothing new in 200 proposals"


def test_the_clocks_report(
    halved: tuple[BenchmarkTable, list[Result]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(*halved, 3, on_clock=True)
    report.show(Output(width=20))
    printed = capsys.readouterr().out
    assert "6.25 s" in printed  # a quarter of the shorter replay
    assert "at its end" in printed
    assert "regret of worth [/1] (the table's best" in " ".join(printed.split())
    assert "random + asha ended early with 1 of 1 seeds: nothing new" in printed
    report.draw(tmp_path / "clock.png")
    assert (tmp_path / "clock.png").stat().st_size > 10_000
    with pytest.raises(CommandError, match="--plot: cannot write"):
        report.draw(tmp_path / "none" / "clock.png")


@pytest.mark.parametrize("on_clock", [False, True])
def test_a_report_of_nothing_is_refused(
    halved: tuple[BenchmarkTable, list[Result]], on_clock: bool
) -> None:
    nothing = Replay([], 200, 0.1, "nothing new in 200 proposals")
    with pytest.raises(CommandError, match="no sampler proposed a single architecture"):
        Report(halved[0], [Result("nsga2", "none", 0, nothing)], 3, on_clock=on_clock)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_was_replayed_whole_is_reported_when_something_ends_it(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """The last seed lacks one of two samplers, and is left out."""
    replay_all = nas.cli.commands.tools.benchmark.replay_all

    def interrupted(*arguments: Any, ended: list[Result], **more: Any) -> None:
        whole: list[Result] = []
        replay_all(*arguments, ended=whole, **more)
        ended += [r for r in whole if (r.sampler, r.seed) != ("grid", 2)]
        raise error

    monkeypatch.setattr("nas.cli.commands.tools.benchmark.replay_all", interrupted)
    json_file = tmp_path / "out.json"
    options = ["--budget", "9", "--seeds", "3", "--processes", "1", "--json", str(json_file)]
    done = CliRunner().invoke(app, of_csv(csv_file, "--samplers", "random,grid", *options))
    assert done.exit_code == (130 if error is KeyboardInterrupt else 1)
    assert "2 of 3 seeds were, and gave:" in done.output
    assert "hypervolume, share of the true front's" in " ".join(done.output.split())
    replayed = [(entry["sampler"], entry["seed"]) for entry in json.loads(json_file.read_text())]
    assert replayed == [("random", 0), ("random", 1), ("grid", 0), ("grid", 1)]


def test_a_replay_that_is_killed_is_said(csv_file: Path) -> None:
    def kill() -> None:
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        children[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    done = CliRunner().invoke(
        app, of_csv(csv_file, "--samplers", "random", "--budget", "9", "--processes", "2")
    )
    killer.join()
    assert isinstance(done.exception, CommandError)
    assert "a replay's process was killed" in str(done.exception)
