"""A space whose networks cannot take the task's images is refused before a start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.config.search_config import SearchConfig
from nas.search.problem import space_of
from nas.workflows.latency_table import make_table
from nas.workflows.space_costs import space_costs
from search_space.architecture import Task
from search_space.cost.latency_record import LatencySettings
from search_space.yaml_validation import ConfigError
from tests.hand_driven import check_search, costs_from
from tests.search_space.own_primitive import LogSigmoid

ConfigOf = Callable[..., SearchConfig]
OF_THREE = {"type": "attention", "block": 3, "heads": 1, "mixtures": 2, "width": 8}


def begin_table(config: SearchConfig, task: Task) -> None:
    make_table(
        space_of(config),
        task,
        LatencySettings(),
        Path("none.json"),
        seed=0,
        on_progress=lambda _: None,
    )


def cost_space(config: SearchConfig, task: Task) -> None:
    space_costs(config, costs_from(config, task, with_memory=True))


@pytest.mark.parametrize("begin", [check_search, cost_space, begin_table])
def test_a_stem_that_cannot_take_the_images_is_named(
    config_of: ConfigOf,
    small_description: dict[str, Any],
    task: Task,
    begin: Callable[[SearchConfig, Task], object],
) -> None:
    # one of 65 stems, so that a single draw seldom has it
    stems = [{"type": "conv", "kernel": 3, "width": list(range(1, 65))}, OF_THREE]
    config = config_of(space=small_description | {"stem": stems})
    with pytest.raises(ConfigError, match="search space 'small'") as caught:
        begin(config, task)
    (problem,) = caught.value.problems
    assert problem.startswith("1 of 65 stems cannot take them; the first, attention-stem(b=3")
    assert problem.endswith("must divide the image, got block=3, image 8x8")


def test_a_primitive_that_cannot_be_costed_is_refused(
    config_of: ConfigOf, small_description: dict[str, Any], task: Task
) -> None:
    own = {"type": LogSigmoid.model_fields["type"].default}
    first, second = small_description["stages"]
    primitives = [{"type": "conv", "kernel": [1, 3, 5, 7]}, own]
    space = small_description | {"stages": [first, second | {"primitive": primitives}]}
    with pytest.raises(ConfigError, match=r"'small', on images.*\n  .*no cost rule for"):
        check_search(config_of(space=space), task)
