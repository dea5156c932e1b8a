"""Networks of every shipped space and of the zoo in ONNX: their parts, and whole ones when slow.

An export takes PyTorch and ONNX's libraries 20 ms a node and more, a minute for a deep network. So
what every change must pass are the parts that these networks are made of, without those whose
choices stand in others; ``make test-export`` exports whole networks.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.storage.networks.exports.onnx_file import OnnxNetwork, onnx_bytes
from nas.workflows.exporting.check import TOLERANCES
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import noise, untrained
from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.networks.parts import Part, part_name, parts_of_network
from search_space.space import SearchSpace
from search_space.zoo import ZOO, network
from tests.nas.workflows.exporting.parts_of_networks import BesideEachOther, fewest_parts
from tests.search_space.strategies import CLASSIFIERS_SPACE_FILES
from tests.search_space.zoo_names import is_classifier

COUNT = int(os.environ.get("EXPORTED", "3"))
"""Random architectures of each space."""

NAMES = [name for name in ZOO if is_classifier(name)]
SLICES = 2
"""Exports of parts, which test processes share."""


def a_random_architecture(file: Path, index: int) -> tuple[Architecture, Task]:
    space = SearchSpace.from_yaml(file)
    pixels = 8 if space.name.startswith("digits") else 32
    return space.sample(np.random.default_rng([index, 24])), task_of(pixels)


def a_small_network_of_the_zoo(name: str) -> tuple[Architecture, Task]:
    return network(f"{name}@0.25"), task_of(32)


def task_of(pixels: int) -> Task:
    return Task(dataset="made_up", input_shape=(3, pixels, pixels), classes=7)


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    """The fewest parts of three random architectures of each space and each of the zoo."""
    networks = [a_small_network_of_the_zoo(name) for name in NAMES]
    networks += [
        a_random_architecture(file, n) for file in CLASSIFIERS_SPACE_FILES for n in (0, 1, 2)
    ]
    return fewest_parts(part for each in networks for part in parts_of_network(*each))


@pytest.mark.parametrize("index", range(SLICES))
def test_every_part(parts: list[Part], index: int) -> None:
    some = parts[index::SLICES]
    torch.manual_seed(index)
    model = BesideEachOther(some).eval()
    scales = torch.tensor([1.0, -0.5, 2.0])[:, None, None, None]
    with torch.no_grad():
        expected = model.outputs(scales)
    file = OnnxNetwork(onnx_bytes(model, scales[:2]), "parts")
    got = file(scales).split([output.shape[1] for output in expected], dim=1)
    for part, output, correct in zip(some, got, expected, strict=True):
        difference = (output - correct).abs().max() / correct.abs().max()
        assert difference <= TOLERANCES["float32"], part_name(part)


def is_exported(architecture: Architecture, task: Task, folder: Path) -> None:
    images = noise(task)
    model = untrained(build(architecture, task, seed=0), images.images)
    exported = ExportableNetwork(model, architecture, task, None, images)
    export(exported, folder / "network.onnx", "onnx", "float32", None)


@pytest.mark.slow
@pytest.mark.parametrize("file", CLASSIFIERS_SPACE_FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("index", range(COUNT))
def test_a_random_architecture(file: Path, index: int, tmp_path: Path) -> None:
    is_exported(*a_random_architecture(file, index), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_network_of_the_zoo(name: str, tmp_path: Path) -> None:
    is_exported(*a_small_network_of_the_zoo(name), tmp_path)
