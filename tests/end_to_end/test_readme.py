"""Every command and every piece of Python in the README works."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.config.files import load_config
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_data
from nas.workflows.networks_by_name import find_network
from nas.workflows.recipe_fit import check_full_recipe
from search_space.space import SearchSpace
from search_space.zoo import network
from tests.end_to_end.tiny_search import ROOT, blocks, command_in, query

pytestmark = pytest.mark.ray

ON_SEARCH = (ROOT / "docs" / "search.md").read_text()


COMMANDS = [line.split("   #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
QUERIES = [
    command
    for command in COMMANDS
    if command.split()[:2][-1]
    in {
        *("status", "runs", "doctor", "clean", "archive"),
        *("frontier", "diff", "explain", "report", "describe", "zoo", "tables"),
    }
    and "--trained" not in command
]
OF_TRAINED = [c for c in COMMANDS if "--trained" in c]
TRACES = [c for c in COMMANDS if c.startswith("nas trace")]
DATA = [c for c in COMMANDS if c.startswith("nas data")]
SEARCHES = [c for c in COMMANDS if c.startswith("nas search")]
BENCHMARKS = [c for c in COMMANDS if c.startswith("nas benchmark")]
RETRAININGS = [c for c in COMMANDS if c.startswith("nas retrain")]
TRAININGS = [c for c in COMMANDS if c.startswith("nas train")]
ABLATIONS = [c for c in COMMANDS if c.startswith("nas ablate")]
NODES = [c for c in COMMANDS if "ray start" in c or "ray get-auth-token" in c]  # test_cluster.py
PICTURES = [c for c in COMMANDS if c.startswith("nas attention-maps")]
EXPORTS = [c for c in COMMANDS if c.startswith("nas export")]
PREDICTIONS = [c for c in COMMANDS if c.startswith("nas predict")]
MODEL_FILE = "runs/digits/retrain/ARCH_ID-RECIPE-training0/model.pt"


def test_no_command_is_left_out_here():
    makes = ["make quickstart", "make test"]
    known = [*makes, *NODES, *QUERIES, *SEARCHES, *BENCHMARKS, *RETRAININGS, *PREDICTIONS]
    known += [*EXPORTS, *PICTURES, *TRAININGS, *ABLATIONS, *DATA, *OF_TRAINED, *TRACES]
    assert sorted(COMMANDS) == sorted(known)
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target.split()[1]}:", makefile, re.MULTILINE) for target in makes)


@pytest.mark.parametrize("command", QUERIES)
def test_a_query_answers(finished_run, command):
    arguments = ["tiny" if word == "digits" else word for word in shlex.split(command)[1:]]
    done = query(finished_run, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", SEARCHES)
def test_a_search_is_configured(command):
    _, _, config_file, *rest = shlex.split(command)
    overrides = [word for word in rest if word not in ("--resume", "--dry-run")]
    config = load_config(ROOT / config_file, overrides)
    assert SearchSpace.from_mapping(config.space).size > 1


@pytest.mark.parametrize("command", DATA)
def test_data_are_shown(finished_run, command):
    words = [str(ROOT / word) if word.endswith(".yaml") else word for word in shlex.split(command)]
    done = query(finished_run, *words[1:])
    assert done.returncode == 0, done.stderr
    assert "no problems" in done.stdout


@pytest.mark.parametrize("command", BENCHMARKS)
def test_a_benchmark_is_replayed(finished_run, command):
    shorter = ["--seeds", "2", "--budget", "24"]  # the last one given counts
    done = query(finished_run, *shlex.split(command)[1:], *shorter)
    assert done.returncode == 0, done.stderr
    assert "hypervolume" in done.stdout


@pytest.mark.slow  # without Ray in tests/nas/cli/test_trace.py
@pytest.mark.parametrize("command", TRACES)
def test_a_trace_is_planned(finished_run, command):
    words = [str(ROOT / word) if word.endswith(".yaml") else word for word in shlex.split(command)]
    done = query(finished_run, *words[1:])
    assert done.returncode == 0, done.stderr
    assert "is to be searched, 48 trials" in done.stdout


@pytest.mark.slow  # without Ray in tests/nas/cli/test_trained_frontier.py
@pytest.mark.parametrize("command", OF_TRAINED)
def test_fully_trained_networks_have_a_front(finished_run, environment, command):
    trained = command_in(finished_run, environment, "retrain", "tiny", "--pick", "best")
    assert trained.returncode == 0, trained.stderr
    done = query(finished_run, *shlex.split(command.replace("digits", "tiny"))[1:])
    assert done.returncode == 0, done.stderr
    assert "fronts of proxies and of fully trained networks" in done.stdout


@pytest.mark.slow  # the best beside a plain network is retrained in test_finished_run.py too
@pytest.mark.parametrize("command", RETRAININGS)
def test_a_retraining_runs(finished_run, environment, command):
    arguments = ["tiny" if word == "digits" else word for word in shlex.split(command)[1:]]
    done = command_in(finished_run, environment, *arguments)
    front = json.loads((finished_run / "runs" / "tiny" / "front.json").read_text())
    if "knee" in arguments and front["knee"] is None:  # so small a search may have none
        assert done.returncode == 1
        assert "--pick best" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "test" in done.stdout


@pytest.mark.slow  # test_ablate.py ablates without Ray
@pytest.mark.parametrize("command", ABLATIONS)
def test_an_ablation_runs(finished_run, environment, command):
    arguments = ["tiny" if word == "digits" else word for word in shlex.split(command)[1:]]
    arguments = ["knee-or-best" if word == "knee" else word for word in arguments]
    done = command_in(finished_run, environment, *arguments, "--seeds", "2")
    assert done.returncode == 0, done.stderr
    assert "left" in done.stdout if "--plan" in arguments else "comparisons made" in done.stdout


@pytest.mark.parametrize("command", TRAININGS)  # test_train.py trains
def test_a_training_fits_its_data(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("network.json").write_text(network("resnet20@0.5").canonical_json())
    _, _, name, file, *rest = shlex.split(command)
    config = load_config(ROOT / file, [word for word in rest if "=" in word])
    architecture, _ = find_network(name, Path("runs"))
    check_full_recipe(config, load_data(config), [architecture])


@pytest.fixture(scope="module")
def attending(finished_run, environment):
    """The file of a retrained network with attention; ``digit.png`` lies in the run's folder."""
    _, ledger = ledger_of(RunFolder(finished_run / "runs" / "tiny"))
    arch_id = next(
        row.arch_id
        for row in ledger.evaluations("search")
        if set(row.architecture.primitive_types()) != {"conv"}
    )
    done = command_in(finished_run, environment, "retrain", "tiny", "--pick", arch_id)
    assert done.returncode == 0, done.stderr
    (model_file,) = finished_run.glob(f"runs/tiny/retrain/{arch_id}-*-training0/model.pt")
    example = min(finished_run.glob("runs/tiny/retrain/examples/*.png"))
    shutil.copy(example, finished_run / "digit.png")
    return model_file


def with_model(command, model_file):
    """The command's arguments, of the tiny run and this model of it."""
    return shlex.split(
        command.replace(MODEL_FILE, str(model_file)).replace("runs/digits/", "runs/tiny/")
    )[1:]


@pytest.mark.parametrize("command", PICTURES)
def test_a_picture_of_attention_is_drawn(finished_run, attending, command):
    picture = attending.with_name("attention-maps.png")
    picture.unlink(missing_ok=True)
    done = query(finished_run, *with_model(command, attending))
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize("command", EXPORTS)
def test_a_network_is_exported(finished_run, attending, command):
    # of the run, the knee: this network is one that was retrained
    of_the_network = command.replace("digits --pick knee", MODEL_FILE)
    done = query(finished_run, *with_model(of_the_network, attending))
    if "int8" in command and done.returncode == 1:  # of so few images one is a point
        assert "int8 loses too much" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "written: " in done.stdout


@pytest.mark.parametrize("command", PREDICTIONS)
def test_pictures_are_classified(finished_run, attending, command):
    done = query(finished_run, *with_model(command, attending))
    assert done.returncode == 0, done.stderr
    assert "probability" in done.stdout


def test_the_space_in_the_readme_loads():
    text, *_ = [block for block in blocks("yaml") if "stages:" in block]
    assert SearchSpace.from_mapping(yaml.safe_load(text), "README.md").size > 100


def test_the_python_in_the_readme_runs(finished_run, attending, monkeypatch, capsys):
    done = query(finished_run, "export", str(attending))
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(ROOT)
    for block in blocks("python"):
        of_the_run = block.replace(MODEL_FILE.removesuffix(".pt"), str(attending.with_suffix("")))
        exec(of_the_run.replace("digit.png", str(finished_run / "digit.png")), {})
    assert "160308" in capsys.readouterr().out


def test_a_sampler_serves_another_study():
    (block,) = blocks("python", ON_SEARCH)
    printed: dict[str, Any] = {}
    exec(block, printed)
    assert len(printed["study"].trials) == 20
