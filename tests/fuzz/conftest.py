"""Memory is bounded in every test of this folder."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

MOST_GROWTH_BYTES = 400e6
"""The most memory that the process may gain over all rounds of a test."""


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """Fail a test that took much memory, even if it gave it back."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_GROWTH_BYTES
