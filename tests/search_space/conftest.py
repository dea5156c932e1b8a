"""One thread, as every test here is small; and ``tests.search_space`` importable by any runner."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.search_space.small_spaces import SMALL  # noqa: E402 (by the path above)


@pytest.fixture(params=SMALL, ids=str)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The plain description of a small space."""
    return SMALL[request.param]
