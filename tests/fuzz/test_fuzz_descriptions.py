"""Any configuration, override, space or architecture is read, or there is one message."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from nas.cli.commands.networks.describe import show_architectures
from nas.config.files import load_config
from search_space.space import SearchSpace
from search_space.yaml_validation import dump_yaml, read_yaml
from tests.fuzz.attempts import ROOT, config_data, output, sampled, try_all
from tests.fuzz.mutations import mutated_bytes, mutated_data, mutated_json


@pytest.mark.parametrize("kind", ["values", "bytes"])
def test_configurations(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "search.yaml"
    data = config_data()
    text = dump_yaml(data).encode()

    def read(rng: random.Random) -> None:
        content = (
            json.dumps(mutated_data(rng, data)).encode()
            if kind == "values"
            else mutated_bytes(rng, text)
        )
        file.write_bytes(content)
        load_config(file)

    try_all(read, file.read_bytes)


def test_overrides() -> None:
    file = ROOT / "configs" / "searches" / "digits.yaml"
    words = [b"search.n_trials=3", b"objectives=[val_accuracy,params]", b"data.path=x", b"name=a"]
    tried: list[str] = []

    def read(rng: random.Random) -> None:
        chosen = rng.sample(words, 2)
        tried[:] = [os.fsdecode(mutated_bytes(rng, word)) for word in chosen]
        load_config(file, tried)

    try_all(read, lambda: tried)


@pytest.mark.parametrize("kind", ["values", "bytes"])
@pytest.mark.parametrize("space", ["digits", "mnasnet_imagenet"])
def test_spaces(tmp_path: Path, space: str, kind: str) -> None:
    source = ROOT / "configs" / "spaces" / f"{space}.yaml"
    data, text = read_yaml(source), source.read_bytes()
    file = tmp_path / "space.yaml"

    def read(rng: random.Random) -> None:
        content = (
            json.dumps(mutated_data(rng, data)).encode()
            if kind == "values"
            else mutated_bytes(rng, text)
        )
        file.write_bytes(content)
        read_space = SearchSpace.from_yaml(file)
        assert read_space.size >= 1
        read_space.encode(read_space.sample(np.random.default_rng(0)))

    try_all(read, file.read_bytes)


def test_architecture_files(tmp_path: Path) -> None:
    content = sampled().canonical_json().encode()
    file = tmp_path / "architecture.json"

    def read(rng: random.Random) -> None:
        file.write_bytes(mutated_json(rng, content))
        show_architectures(
            output(), [str(file)], tmp_path, image="1x8x8", classes=10, kernels=False
        )

    try_all(read, file.read_bytes)
