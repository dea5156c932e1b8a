"""A search small enough for a test: tiny networks, two epochs, real images, real Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

SPACE = {
    "name": "tiny",
    "expansion": 2,
    "stem": [{"type": "conv", "kernel": 3, "stride": 2, "pool": False, "width": [4, 8]}],
    "stages": [
        {
            "stride": 1,
            "depth": 1,
            "width": [4, 8],
            "primitive": [
                {"type": "conv", "kernel": [1, 3]},
                {
                    "type": "augmented_conv",
                    "kappa": 0.5,
                    "upsilon": [0.25, 0.5],
                    "heads": 1,
                    "min_key_depth_per_head": 2,
                },
                {"type": "local_attention", "extent": [3, 5], "heads": [1, 2]},
            ],
        }
    ],
}

RECIPE = {"epochs": 2, "batch_size": 50, "learning_rate": 0.05}

SEARCH = {
    "name": "tiny",
    "space": SPACE,
    "data": {"name": "digits", "train_images": 100, "validation_images": 100},
    "sampler": {"name": "pareto_local_search", "options": {"initial_trials": 4}},
    "search": {"n_trials": 6, "finalist_seeds": 2},
    "proxy": RECIPE,
    "retrain": RECIPE,
}

Nas = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The tests' processes: one thread each, no usage reports."""
    return os.environ | {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def search_file(tmp_path: Path) -> Path:
    """The configuration above, as a file."""
    return write_search(tmp_path / "tiny.yaml")


def write_search(path: Path, **changes: object) -> Path:
    """The configuration above with other sections, as a file."""
    path.write_text(yaml.safe_dump(SEARCH | changes))
    return path


@pytest.fixture
def nas(tmp_path: Path, environment: dict[str, str]) -> Nas:
    """Runs ``nas ARGUMENTS`` in the test's folder."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            nas_command(*arguments),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def nas_command(*arguments: object) -> list[str]:
    """The command line, by the interpreter that runs the tests."""
    return [sys.executable, "-c", "from nas.cli import main; main()", *map(str, arguments)]


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A folder in which the search above ran to its end, as ``runs/tiny``."""
    folder = tmp_path_factory.mktemp("finished")
    done = subprocess.run(
        nas_command("search", write_search(folder / "tiny.yaml")),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "output.txt").write_text(done.stdout)
    return folder


def read_json(done: subprocess.CompletedProcess[str]) -> object:
    """What a command with ``--json`` printed."""
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
