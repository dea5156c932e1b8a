"""Memory is bounded in every test of this folder."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

MOST_GROWTH_BYTES = 400e6
"""Of the process, over all rounds of a test."""


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """Fails a test that took much memory, whatever it gave back."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_GROWTH_BYTES
