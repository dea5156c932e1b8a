"""The benchmarks run as their heads say, and fail where they should."""

from __future__ import annotations

import importlib
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import search_space.cost
from search_space.cost import network_costs
from search_space.counts import Counts
from search_space.space import SearchSpace
from search_space.zoo import IMAGENET, network
from trainers.data.generated.task_settings import TASK_SETTINGS

ROOT = Path(__file__).parents[1]
COSTS = ROOT / "benchmarks" / "costs.py"


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks import their neighbours, as scripts in one folder do."""
    monkeypatch.syspath_prepend(str(COSTS.parent))


@pytest.mark.slow  # closed forms and traced costs are compared in tests/search_space/cost
def test_costs(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    command = [sys.executable, str(COSTS), "--quick", "--json", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    # It fails where the closed form and fvcore do not count the same.
    assert (done.returncode, done.stderr) == (0, "")

    figures = json.loads(file.read_text())
    assert list(figures) == ["machine", "speed", "memory"]
    assert set(figures["machine"]) == {
        *("cpu_model", "cpu_architecture", "cores", "threads_used", "operating_system"),
        *("python_version", "torch_version"),
    }
    assert all(figures["machine"].values())
    for row in figures["speed"]:
        assert set(row) == {
            *("space", "image", "fvcore_ms", "closed_form_us", "fvcore_over_closed_form"),
            *("population_first_architectures_per_s", "population_again_architectures_per_s"),
            *("fvcore_over_population_first", "n_fvcore", "n_closed_form", "n_population"),
        }
        assert row["space"] in done.stdout
        assert all(value > 0 for key, value in row.items() if key not in {"space", "image"})
    for row in figures["memory"]:
        assert set(row) == {
            *("space", "image", "mean_absolute_error_percent", "rank_correlation", "n_networks"),
            *("least_ratio", "median_ratio", "most_ratio"),
        }
        assert row["least_ratio"] <= row["median_ratio"] <= row["most_ratio"]
    spaces = [[row["space"] for row in figures[part]] for part in ("speed", "memory")]
    assert spaces[0] == spaces[1]
    assert len(spaces[0]) == len(set(spaces[0])) > 1


@pytest.mark.usefixtures("on_path")
def test_costs_fail_where_fvcore_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_space.cost, "count_module", lambda model, shape: Counts(1, 2, 3))
    speed = runpy.run_path(str(COSTS))["speed"]
    with pytest.raises(SystemExit, match=r"digits: .*fvcore counts Counts"):
        speed("digits", traced=1, population=1)


@pytest.mark.usefixtures("on_path")
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "global"])
def test_attention_on_a_small_map(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layers, figures, bandwidth, interleaved = map(
        importlib.import_module,
        ["attention_layers", "attention_figures", "attention_bandwidth", "interleaved"],
    )
    setting = layers.Setting(torch.device("cpu"), torch.float32, batch=2, quick=True)
    effort = interleaved.Effort(seconds=0.01, rounds=3)
    monkeypatch.setattr(figures, "return_freed_memory", lambda: None)  # it is for good
    make = {
        "local": lambda: layers.local_case(setting, 16, 9),
        "global": lambda: layers.global_case(setting, 5),
    }
    case = make[kind]()
    rows = figures.case_rows(case, effort)  # it raises where a variant computes another layer
    figures.add_resident(case, rows)

    by_name = {row["variant"]: row for row in rows}
    assert len({tuple(row) for row in rows}) == 1
    assert by_name["reference"]["note"] == "not run: is left out of a quick run"
    assert by_name["3x3 convolution"]["training_ratio"] == 1
    rivals = {"local": {"unfold"}, "global": {"AACN's rel_to_abs", "sdpa, bias as mask"}}
    for name in {"torch", "qkv projection alone"} | rivals[kind]:
        row = by_name[name]
        assert all(row[f"{mode}_ms"] > 0 for mode in ("forward", "training"))
        assert row["forward_repeats"] == 3
        assert row["peak_mib"] > 0

    bytes_per_s = bandwidth.copy_bytes_per_s(effort, torch.device("cpu"), copied=1000)
    operators = bandwidth.operator_rows(case, effort, bytes_per_s)
    assert {"torch"} <= {row["implementation"] for row in operators} <= set(by_name)
    for row in operators:
        share = row["backward_floor_us"] / row["backward_us"]
        assert row["backward_bandwidth_fraction"] == pytest.approx(share)
        assert row["backward_floor_us"] == pytest.approx(2 * row["forward_floor_us"])


@pytest.mark.usefixtures("on_path")
def test_attention_fails_where_a_variant_is_wrong() -> None:
    layers, checks = map(importlib.import_module, ["attention_layers", "attention_check"])
    setting = layers.Setting(torch.device("cpu"), torch.float32, batch=2, quick=True)
    case = layers.local_case(setting, 16, 6)
    right = case.variants["unfold"]
    case.variants["unfold"] = right._replace(run=lambda x: 1.01 * right.run(x))
    with pytest.raises(checks.Wrong, match=r"unfold: the error of the output must be at most"):
        checks.check(case)
    wrong = case.variants["unfold"]
    case.variants["unfold"] = wrong._replace(may_refuse=True)
    assert "not run, since it is wrong" in checks.check(case)["unfold"]
    case.variants["unfold"] = right
    case.variants["torch"] = right._replace(run=_refusing)
    with pytest.raises(RuntimeError, match="not here"):
        checks.check(case)
    case.variants["torch"] = right._replace(run=_refusing, may_refuse=True)
    assert checks.check(case) == {"torch": "refuses: not here"}


def _refusing(x: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("not here\nand more")


@pytest.mark.usefixtures("on_path")
def test_models_at_a_small_size() -> None:
    models, interleaved = map(importlib.import_module, ["model_figures", "interleaved"])
    small = {name: network(f"{name}@0.25") for name in ("resnet26", "sasa_resnet26")}
    setting = models.Setting(torch.device("cpu"), batch=2, side=32)
    rows = models.network_rows(small, setting, interleaved.Effort(seconds=0.01, rounds=3))
    assert [row["network"] for row in rows] == list(small)
    assert rows[0]["training_ratio"] == rows[0]["peak_ratio"] == 1
    assert all(row["inference_ms"] > 0 for row in rows)
    assert rows[0]["attention_by"] == "-"
    assert " in 8 layers" in rows[1]["attention_by"]


@pytest.mark.usefixtures("on_path")
def test_the_median_candidate_is_between_the_others() -> None:
    models = importlib.import_module("model_figures")
    space = SearchSpace.from_yaml(models.SPACE)
    rng = np.random.default_rng(0)
    macs = sorted(network_costs(space.sample(rng), IMAGENET).macs for _ in range(5))
    assert network_costs(models.median_candidate(space, 5), IMAGENET).macs == macs[2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("script", ["attention", pytest.param("models", marks=pytest.mark.slow)])
def test_no_gpu_is_one_clear_error(script: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = _run(script, "--device", "cuda", "--json", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("--device cuda needs a GPU")
    assert done.stderr.count("\n") == 1
    assert not file.exists()


@pytest.mark.usefixtures("on_path")
def test_growth_shows_in_the_blocks_of_orchestration() -> None:
    orchestration = importlib.import_module("orchestration")
    steady = [3 + 0.1 * number for number in range(1000)]
    slower = [*steady[:500], *(steady[499] + 0.2 * number for number in range(1, 501))]
    assert orchestration.rate(steady) == pytest.approx(10)
    for ended, cpu, rates, costs in (
        (steady, slower, [10] * 4, [100, 100, 200, 200]),
        (slower, steady, [10, 10, 5, 5], [100] * 4),
    ):
        rows = orchestration.blocks(ended, cpu)
        assert [row["trials"] for row in rows] == ["1-250", "251-500", "501-750", "751-1000"]
        assert [row["trials_per_second"] for row in rows] == pytest.approx(rates)
        assert [row["driver_cpu_ms"] for row in rows] == pytest.approx(costs)


@pytest.mark.ray
@pytest.mark.slow
def test_orchestration(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = _run("orchestration", "--quick", "--json", str(file))
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    ours, plain = figures["paths"]
    assert (ours["path"], ours["ratio"]) == ("this project", 1)
    assert plain["trials"] < ours["trials"] == 100
    assert all(row["trials_per_second"] > 0 for row in [*figures["paths"], *figures["blocks"]])
    assert 0 < ours["driver_peak_mib"] < 1024
    assert all(row["path"] in done.stdout for row in figures["blocks"])


@pytest.mark.ray
@pytest.mark.slow
def test_orchestration_of_trainings(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = _run("orchestration", "--training", "--quick", "--json", str(file))
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    ours, pool = figures["paths"]
    assert ours["known_percent"] == pytest.approx(100, abs=2)
    assert 0 < pool["training_percent"] <= pool["known_percent"] <= 100
    parts = figures["seconds_by_part"][ours["path"]]
    assert parts["training"] >= 2 * figures["trial_seconds"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "part", "name"),
    [("attention", "layers", "variant"), ("models", "networks", "network")],
)
def test_whole_scripts(script: str, part: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = _run(script, "--quick", "--json", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(file.read_text())
    assert figures["keeps_freed_memory"] is True
    assert all(figures["machine"].values())
    assert all(row[name] in done.stdout for row in figures[part])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "name", "rows"), [("data", "what", 4), ("gpu_training", "network", 3)]
)
def test_rates_of_training(script: str, name: str, rows: int, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = _run(script, "--quick", "--json", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    rates = json.loads(file.read_text())["rates"]
    assert len(rates) == rows
    assert all(row["images_per_second"] > 0 and row[name] in done.stdout for row in rates)


def _run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COSTS.with_stem(script)), *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    lines = done.stderr.splitlines(keepends=True)
    # said once a cache, by whichever test is the first
    done.stderr = "".join(line for line in lines if not line.startswith("compiling C++ kernels"))
    return done


def test_winners_curse(tmp_path: Path, on_path: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations that chose a front are above fresh ones, which are nearer to the truth."""
    script = importlib.import_module("winners_curse")
    file = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["winners_curse.py", "--quick", "--json", str(file)])
    script.main()
    by_table, by_noise = json.loads(file.read_text())["rows"]
    assert by_table["as_found"] > by_table["all"] > by_table["fresh"] == 0
    assert by_noise["as_found"] > by_noise["all"] > by_noise["fresh"] > 0


def test_stop_below(tmp_path: Path, on_path: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that ends sooner saves more trials and finds less."""
    script = importlib.import_module("stop_below")
    file = tmp_path / "figures.json"
    for name, value in (("QUICK_BUDGET", 30), ("LIMITS", (1e9, 0.01, 1e-9)), ("EVALUATIONS", 1)):
        monkeypatch.setattr(script, name, value)
    monkeypatch.setattr(sys, "argv", ["stop_below.py", "--quick", "--json", str(file)])
    script.main()
    figures = json.loads(file.read_text())
    assert list(figures) == ["machine", "seeds", "rows"]
    for table in ("digits", "digits, one evaluation"):
        most, some, none = (row for row in figures["rows"] if row["table"] == table)
        saved, regret = (
            [row[k][0] for row in (most, some, none)] for k in ("trials_saved", "regret")
        )
        assert saved[0] > saved[1] >= saved[2] == 0
        assert regret[2] == 0
        if table == "digits":  # by one evaluation, luck may take a better network off the front
            assert regret[0] >= regret[1] >= 0
        assert (most["ended"], none["ended"]) == (2, 0)
        assert saved[0] <= 30 - 8 - 3  # the first trials, and three estimates


@pytest.mark.slow  # what it measures is bounded in tests/trainers/test_hostile_checkpoints.py
def test_loading_memory(tmp_path: Path) -> None:
    file = tmp_path / "loading.json"
    script = ROOT / "benchmarks" / "loading_memory.py"
    command = [sys.executable, str(script), "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(file.read_text())["networks"]
    assert 1.5 < row["multiple"] < 2.5


@pytest.mark.slow  # a process of its own, which imports all
def test_generated_tasks(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    script = ROOT / "benchmarks" / "generated_tasks.py"
    command = [sys.executable, str(script), "--quick", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300, check=True)
    figures = json.loads(file.read_text())
    assert {row["task"].partition(",")[0] for row in figures["tasks"]} == set(TASK_SETTINGS)
    assert all(row["seconds"] > 0 and row["n"] == 2 for row in figures["tasks"])


def test_front_certainty(tmp_path: Path, on_path: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Probabilities are written for the table that ships and the invented one, and drawn."""
    script = importlib.import_module("front_certainty")
    file, picture = tmp_path / "figures.json", tmp_path / "reliability.png"
    monkeypatch.setattr(script, "RESAMPLES", 20)
    options = ["--quick", "--json", str(file), "--png", str(picture)]
    monkeypatch.setattr(sys, "argv", ["front_certainty.py", *options])
    script.main()
    figures = json.loads(file.read_text())
    assert [row["table"] for row in figures["calibration"]] == ["digits", "invented"]
    assert all(0 < row["said"] <= 1 for row in figures["calibration"])
    assert picture.read_bytes().startswith(b"\x89PNG")
