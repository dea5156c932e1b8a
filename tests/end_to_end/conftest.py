"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.tiny_search import command_in, write_search

Nas = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The tests' processes: one thread each, no usage reports."""
    return os.environ | {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def nas(tmp_path: Path, environment: dict[str, str]) -> Nas:
    """Runs ``nas ARGUMENTS`` in the test's folder, in a process of its own."""
    return lambda *arguments: command_in(tmp_path, environment, *arguments)


@pytest.fixture(scope="session")
def search_run_once(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A folder in which the tiny search ran to its end, as ``runs/tiny``; to be copied."""
    folder = tmp_path_factory.mktemp("once")
    done = command_in(folder, environment, "search", write_search(folder / "tiny.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "output.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory, search_run_once: Path) -> Path:
    """A copy of that folder for each file of tests, which may change it."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(search_run_once, folder, symlinks=True, dirs_exist_ok=True)
    return folder
