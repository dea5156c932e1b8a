"""Fixtures of all tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file without tests of the marker that a run is for: to import all takes long."""
    marker = str(config.option.markexpr).partition(" and ")[0]
    if marker not in ("alone", "ray") or not collection_path.match("test_*.py"):
        return None
    return True if f"mark.{marker}" not in collection_path.read_text("utf-8") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that take longest first, so that no worker waits for another at the end."""
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
