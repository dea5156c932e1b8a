"""Networks of every shipped space and of the zoo, exported as ONNX and run (make test-export)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import noise
from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.zoo import ZOO, network
from tests.search_space.strategies import CLASSIFIERS_SPACE_FILES
from tests.search_space.zoo_names import is_classifier

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("EXPORTED", "3"))
"""Random architectures of each space."""


def is_exported(architecture: Architecture, task: Task, folder: Path) -> None:
    model = build(architecture, task, seed=0).eval()
    exported = ExportableNetwork(model, architecture, task, None, noise(task))
    export(exported, folder / "network.onnx", "onnx", "float32", None)


@pytest.mark.parametrize("file", CLASSIFIERS_SPACE_FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("index", range(COUNT))
def test_a_random_architecture(file: Path, index: int, tmp_path: Path) -> None:
    space = SearchSpace.from_yaml(file)
    architecture = space.sample(np.random.default_rng([index, 24]))
    pixels = 8 if space.name.startswith("digits") else 32
    is_exported(
        architecture, Task(dataset="made_up", input_shape=(3, pixels, pixels), classes=7), tmp_path
    )


@pytest.mark.parametrize("name", filter(is_classifier, ZOO))
def test_a_network_of_the_zoo(name: str, tmp_path: Path) -> None:
    task = Task(dataset="made_up", input_shape=(3, 32, 32), classes=7)
    is_exported(network(f"{name}@0.25"), task, tmp_path)
