"""Every shipped file loads, and its head says what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.config import load_config
from nas.driver import check_search
from search_space.architecture import Task
from search_space.reading import read_yaml
from search_space.space import SearchSpace
from trainers import Recipe

CONFIGS = Path(__file__).parents[1] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))

TASKS = {
    "digits": Task(dataset="digits", input_shape=(1, 8, 8), classes=10),
    "cifar100": Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100),
}


def test_every_file_is_of_a_kind_that_is_tested_here():
    assert {path.parent.name for path in FILES} == {"spaces", "searches", "recipes"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_loads_and_says_what_it_is_for(path):
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(line.startswith(("# Command:", "# Used by:")) for line in head)
    if path.parent.name == "spaces":
        assert SearchSpace.from_yaml(path).size > 1
    elif path.parent.name == "recipes":
        Recipe.model_validate(read_yaml(path))
    else:
        config = load_config(path)
        assert config.name == path.stem
        check_search(config, TASKS[path.stem])


def test_the_digits_space_is_large_and_holds_every_primitive():
    space = SearchSpace.from_yaml(CONFIGS / "spaces" / "digits.yaml")
    assert space.size == 160_308
    for stage in space.config.stages:
        kinds = {alternative["type"] for alternative in stage.primitive}
        assert kinds == {"conv", "augmented_conv", "local_attention"}
