"""The files of traces: what they may say, and how overrides change them and their search's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.config.trace import load_trace
from search_space.yaml_validation import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs"
FAMILY = {"name": "ResNet", "networks": ["resnet20"]}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a trace beside a recipe of five epochs."""
    (tmp_path / "short.yaml").write_text("epochs: 5\nbatch_size: 20\nlearning_rate: 0.1\n")

    def write(**changes: Any) -> Path:
        content = {
            "name": "small",
            "title": "small networks",
            "search_file": str(CONFIGS / "searches" / "digits.yaml"),
            "families": [FAMILY],
        }
        path = tmp_path / "trace.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return write


def test_the_searchs_file_is_what_the_trainings_share(written: Callable[..., Path]) -> None:
    trace = load_trace(written())
    assert trace.search.name == "small"
    assert (trace.search.data.name, trace.search.data.train_images) == ("digits", 400)
    assert trace.recipe_of(trace.config.families[0], "resnet20").epochs == 120


def test_settings_and_overrides_change_it_and_the_command_line_comes_last(
    written: Callable[..., Path],
) -> None:
    path = written(settings={"retrain_seeds": 5, "data": {"train_images": 300}})
    trace = load_trace(path, ["retrain_seeds=2", "seed=9", "title=another", "name=other"])
    assert (trace.search.retrain_seeds, trace.search.seed) == (2, 9)
    assert trace.search.data.train_images == 300
    assert (trace.config.title, trace.config.name, trace.search.name) == (
        "another",
        "other",
        "other",
    )


def test_recipes_are_of_the_search_the_family_or_one_network(written: Callable[..., Path]) -> None:
    families = [
        {"name": "a", "networks": ["resnet20", "resnet32"], "recipes": {"resnet32": "short.yaml"}},
        {"name": "b", "networks": ["resnet20"], "recipe": "short.yaml"},
    ]
    trace = load_trace(written(families=families))
    first, second = trace.config.families
    assert trace.recipe_of(first, "resnet20").epochs == 120
    assert trace.recipe_of(first, "resnet32").epochs == 5
    assert trace.recipe_of(second, "resnet20").epochs == 5
    assert sorted(recipe.epochs for recipe in trace.every_recipe) == [5, 5, 120]


def test_a_recipe_of_settings_is_relative_to_the_trace(written: Callable[..., Path]) -> None:
    assert load_trace(written(settings={"retrain": "short.yaml"})).search.retrain.epochs == 5


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"families": []}, "families: "),
        ({"families": [FAMILY, FAMILY]}, "families: each needs a name of its own"),
        ({"families": [{"name": "a"}]}, "a family has either networks or a run"),
        ({"families": [FAMILY | {"run": "digits"}]}, "a family has either networks or a run"),
        ({"families": [FAMILY | {"widths": [0.5, 0]}]}, "families[0].widths[1]: "),
        ({"families": [FAMILY | {"recipe": "none.yaml"}]}, "ResNet: recipe: "),
        ({"families": [FAMILY | {"recipes": {"resnet32": "short.yaml"}}]}, "got resnet32"),
        ({"axes": ["params", "params"]}, "axes repeats one"),
        ({"axes": ["own"]}, "own_axis"),
        ({"axes": ["own"], "own_axis": "kappa"}, "needs own_values for its 1 networks"),
        ({"axis": "params"}, "axes"),
        ({"settings": {"retrain_seed": 5}}, "retrain_seeds"),
        ({"search_file": "none.yaml"}, "no such file"),
    ],
)
def test_a_problem_is_named_with_its_key(
    written: Callable[..., Path], changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_trace(written(**changes))
    assert problem in str(caught.value)
