"""Check before a start that the networks of a space can take a task's images."""

from __future__ import annotations

import numpy as np

from nas.random_streams import Stream, generator
from search_space.architecture import Task
from search_space.cost.population import PopulationCosts
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError

SAMPLED = 500
"""Architectures that are costed, to check the layers after the stem."""


def check_images(space: SearchSpace, task: Task, *, seed: int) -> None:
    """Check every stem of ``space`` and a random sample of architectures on the task's images.

    Raises:
        ConfigError: a stem or an architecture of the sample cannot take them.
    """
    channels, height, width = task.input_shape
    faults = []
    for stem in space.layout.stems.distinct:
        try:
            stem.output_hw((height, width))
            stem.counts(channels, (height, width))
        except ValueError as error:
            faults.append(f"{stem.label}: {error}")
    if faults:
        stems = len(space.layout.stems.distinct)
        problem = f"{len(faults)} of {stems} stems cannot take them; the first, {faults[0]}"
        raise _wrong(space, task, problem)
    rng = generator(seed, Stream.CHECKED_IMAGES)
    vectors = [space.walk(lambda p: int(rng.integers(len(p.choices)))) for _ in range(SAMPLED)]
    try:
        PopulationCosts(space, task, with_memory=False)(np.array(vectors))
    except ValueError as error:
        raise _wrong(space, task, str(error)) from error


def _wrong(space: SearchSpace, task: Task, problem: str) -> ConfigError:
    shape = "x".join(map(str, task.input_shape))
    return ConfigError(
        f"search space {space.name!r}, on images of {shape} (channels, height, width)", [problem]
    )
