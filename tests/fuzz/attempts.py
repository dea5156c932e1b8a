"""Trying many inputs by seed, and what the tests of this folder start from.

``FUZZ_ROUNDS`` (4) is how many inputs each test tries, ``FUZZ_SEED`` (0) which.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nas.cli.output import Output
from nas.config.files import load_config
from nas.errors import is_user_error
from search_space.architecture import Architecture
from search_space.space import SearchSpace

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "4"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))


def try_all(
    read: Callable[[random.Random], object], tell: Callable[[], object], rounds: int = ROUNDS
) -> None:
    """Read what ``read`` makes, each time by a seed that a failure names.

    Args:
        read: mutates and reads.
        tell: what to show of a failure: the mutated content.
        rounds: how often.
    """
    for number in range(rounds):
        try:
            read(random.Random(f"{SEED}-{number}"))
        except Exception as error:
            if not is_user_error(error):
                raise AssertionError(f"seed {SEED}-{number}: {tell()!r:.3000}") from error


def output() -> Output:
    """Takes what a command prints."""
    return Output(file=io.StringIO())


def config_data() -> dict[str, Any]:
    """Return the shipped configuration of a search on digits, all of its files in one."""
    return load_config(ROOT / "configs" / "searches" / "digits.yaml").model_dump(mode="json")


def sampled() -> Architecture:
    """Draw an architecture of the shipped space on digits."""
    space = SearchSpace.from_yaml(ROOT / "configs" / "spaces" / "digits.yaml")
    return space.sample(np.random.default_rng(1))
