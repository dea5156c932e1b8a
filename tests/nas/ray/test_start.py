"""A local Ray that cannot start is one message."""

from __future__ import annotations

import shutil

import pytest
import ray
from ray._private import services

from nas.config.sections import RaySettings
from nas.ray.cluster.connection import ClusterError, connected


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_long_temporary_folder_is_named_before_ray_starts(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, "/tmp/" + "x" * 95)
    with (
        pytest.raises(ClusterError, match=f"^{variable} is too long, 100 bytes: .* 107 bytes"),
        connected(RaySettings()),
    ):
        pass


@pytest.mark.ray
@pytest.mark.slow  # Ray waits 30 s for its node
def test_a_node_that_does_not_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray's raylet end at once, as if the machine had no memory or port for it."""
    ended = shutil.which("true")
    assert ended is not None
    monkeypatch.setattr(services, "RAYLET_EXECUTABLE", ended)
    with pytest.raises(ClusterError) as caught, connected(RaySettings()):
        pass
    message = str(caught.value)
    assert message.startswith("a local Ray could not be started: The current node timed out during")
    assert "\n" not in message
    assert not ray.is_initialized()
