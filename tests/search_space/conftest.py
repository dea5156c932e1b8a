"""Fixtures: one thread, since every test here is small, and descriptions of small spaces."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.search_space.small_spaces import SMALL

torch.set_num_threads(1)


@pytest.fixture(params=SMALL, ids=str)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The plain description of a small space."""
    return SMALL[request.param]
