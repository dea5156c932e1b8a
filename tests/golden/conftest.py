"""Settings for golden scenarios."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .record import conditions


@pytest.fixture(autouse=True)
def _conditions() -> Iterator[None]:
    with conditions():
        yield
