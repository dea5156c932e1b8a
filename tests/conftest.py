"""Fixtures of all tests."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file without tests of the marker that a run is for: to import all takes long."""
    marker = str(config.option.markexpr).partition(" and ")[0]
    if marker not in ("alone", "ray") or not collection_path.match("test_*.py"):
        return None
    return True if f"mark.{marker}" not in collection_path.read_text("utf-8") else None


EVERY = 8
"""One in so many cases of a test with many is a part of ``make test``."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most cases of the tests marked ``many_cases`` to ``make test-all``.

    The tests that take longest come first, so that no worker waits for another at the end.
    """
    seen: Counter[str] = Counter()
    for item in items:
        if item.get_closest_marker("many_cases") and "[" in item.nodeid:
            test = item.nodeid.partition("[")[0]
            if seen[test] % EVERY:
                item.add_marker("slow")
            seen[test] += 1
    items.sort(key=lambda item: "tests/faults/" not in item.nodeid)


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the tests is trusted or kept in the developer's own home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _token_of_the_tests() -> Iterator[None]:
    """Every Ray that a test starts demands this token; the user's file of it is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield
