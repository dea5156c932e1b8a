"""Every shipped file loads, and its head says what it is for."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from analysis.trace.published import check_published
from nas.cli.commands.train.picks import picked_architectures
from nas.config.files import load_config
from nas.config.tabulation import load_tabulation
from nas.config.trace import Trace, load_trace
from nas.search.problem import space_of
from nas.workflows.image_fit import check_images
from nas.workflows.traced_networks import traced_networks
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.cost.population import PopulationCosts
from search_space.space import SearchSpace
from search_space.yaml_validation import read_yaml
from search_space.zoo import ZOO
from tests.hand_driven import check_search
from trainers import Recipe

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
FILES = sorted(path for path in CONFIGS.rglob("*.yaml") if path.parent.name != "cluster")
"""All files of this project's own kinds; tests/test_cluster_configs.py has those of launchers."""

DETECTORS = "small_detectors"
"""The space of detectors, whose command measures its networks."""

SPACE_TASKS = {
    "mnasnet_imagenet": Task(dataset="image_folder", input_shape=(3, 224, 224), classes=1000),
    "resnet_imagenet": Task(dataset="image_folder", input_shape=(3, 224, 224), classes=1000),
    "wide_resnet_cifar": Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100),
}
"""The task of the command in each space's head."""

TASKS = {
    "digits": Task(dataset="digits", input_shape=(1, 8, 8), classes=10),
    "cifar100": Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100),
    "pathfinder": Task(dataset="pathfinder", input_shape=(1, 32, 32), classes=2),
    "pointer_value_retrieval": Task(
        dataset="pointer_value_retrieval", input_shape=(1, 20, 20), classes=10
    ),
    "imagenet": Task(dataset="imagenet", input_shape=(3, 224, 224), classes=1000),
    "shapes": Task(dataset="shapes", input_shape=(3, 96, 96), classes=6),
}


def test_every_file_is_of_a_kind_that_is_tested_here():
    kinds = {"spaces", "searches", "recipes", "traces", "tabulations"}
    assert {path.parent.name for path in FILES} == kinds


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_loads_and_says_what_it_is_for(path):
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(line.startswith(("# Command:", "# Used by:")) for line in head)
    if path.parent.name == "spaces":
        assert SearchSpace.from_yaml(path).size > 1
    elif path.parent.name == "recipes":
        Recipe.model_validate(read_yaml(path))
    elif path.parent.name == "tabulations":
        assert load_tabulation(path).name == path.stem
    elif path.parent.name == "traces":
        check_trace(load_trace(path), path)
    else:
        config = load_config(path)
        assert config.name == path.stem
        check_search(config, TASKS[path.stem])


def check_trace(trace: Trace, path: Path) -> None:
    """Check that a trace's networks can be trained as it says, and its published rows drawn."""
    assert trace.config.name == path.stem.replace("_", "-")
    named = [family for family in trace.config.families if family.run is None]
    task = TASKS[load_config(path.parent / trace.config.search_file).name]
    for network in traced_networks(trace, named, Path("no runs"), picked_architectures):
        network_costs(network.architecture, task)
        assert network.recipe in trace.every_recipe
    if trace.config.published is not None:
        check_published(trace.config.published.table, trace.config.accuracy, trace.search.data.name)


def head_command(path: Path) -> list[str]:
    """The words of the ``# Command:`` in a file's head, over its lines; none if there is none."""
    match = re.search(r"^# Command: (.*\n(?:#  +.*\n)*)", path.read_text(), re.MULTILINE)
    return shlex.split(match[1].replace("\n#", " ")) if match else []


def test_the_spaces_with_a_command_are_those_with_a_task():
    commands = {path.stem for path in (CONFIGS / "spaces").glob("*.yaml") if head_command(path)}
    assert commands == {*SPACE_TASKS, DETECTORS}


def test_the_command_of_the_space_of_detectors_measures_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    path = CONFIGS / "spaces" / f"{DETECTORS}.yaml"
    program, command, file, *_ = words = head_command(path)
    assert (program, command, ROOT / file) == ("nas", "latency-table", path)
    shape = words[words.index("--image") + 1].split("x")
    channels, height, width = map(int, shape)
    classes = int(words[words.index("--classes") + 1])
    space = SearchSpace.from_yaml(path)
    task = Task(input_shape=(channels, height, width), classes=classes)
    check_images(space, task, seed=0)
    rng = np.random.default_rng(0)
    sampled = [network_costs(space.sample(rng), task).macs for _ in range(200)]
    assert 20e6 < np.median(sampled) < 60e6


@pytest.mark.parametrize("name", SPACE_TASKS)
def test_the_command_of_a_space_starts_a_search_in_which_enough_fits(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    path, task = CONFIGS / "spaces" / f"{name}.yaml", SPACE_TASKS[name]
    program, command, file, *overrides = head_command(path)
    assert (program, command) == ("nas", "search")
    assert f"space={path.relative_to(ROOT)}" in overrides
    config = load_config(Path(file), overrides)
    space = space_of(config)
    assert space.name == name
    assert (config.data.name, config.data.image_size or (32, 32)) == (
        task.dataset,
        task.input_shape[1:],
    )
    check_search(config, task)
    rng = np.random.default_rng(0)
    vectors = [space.walk(lambda p: int(rng.integers(len(p.choices)))) for _ in range(200)]
    macs = PopulationCosts(space, task)(np.array(vectors)).macs
    assert config.limits.macs is not None
    assert 0.1 <= (macs <= config.limits.macs).mean() < 1
    others = config.limits.model_dump(exclude={"macs"})
    assert set(others.values()) == {None}


@pytest.mark.parametrize("path", sorted((CONFIGS / "spaces").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_space_can_stand_in_for_the_one_of_a_search(path):
    search = "shapes" if path.stem == DETECTORS else "cifar100"
    config = load_config(CONFIGS / "searches" / f"{search}.yaml", [f"space={path}"])
    assert space_of(config).name == path.stem


def test_the_spaces_of_each_family_hold_the_papers_networks():
    held = {
        path.stem: {name for name, known in ZOO.items() if space.contains(known.at_width(1.0))}
        for path in (CONFIGS / "spaces").glob("*.yaml")
        for space in [SearchSpace.from_yaml(path)]
    }
    assert held["wide_resnet_cifar"] == {name for name in ZOO if "wide_resnet" in name}
    assert held["mnasnet_imagenet"] == {"mnasnet_100", "aa_mnasnet_100"}
    ablations = {name for name in ZOO if re.match(r"(sasa|aa|se|bam|cbam|gala)_resnet50", name)}
    shallow = {name for name in ZOO if re.match(r"(sasa_)?resnet(26|38|50)", name)}
    # Their positions are not a choice of every stage there, nor are logits of positions alone.
    left_out = {f"sasa_resnet50_conv_stem_{form}" for form in ("no_position", "sine", "qr_only")}
    assert held["resnet_imagenet"] == (ablations | shallow) - left_out
    assert held[DETECTORS] == set()


def test_the_digits_space_is_large_and_holds_every_primitive():
    space = SearchSpace.from_yaml(CONFIGS / "spaces" / "digits.yaml")
    assert space.size == 160_308
    for stage in space.config.stages:
        kinds = {alternative["type"] for alternative in stage.primitive}
        assert kinds == {"conv", "augmented_conv", "local_attention"}
