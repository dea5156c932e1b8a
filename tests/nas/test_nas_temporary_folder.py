"""Ray's sockets lie below TMPDIR, and the path of a socket is at most 107 bytes."""

from __future__ import annotations

import pytest

from nas.ray.cluster import ClusterError, connected
from nas.settings import RaySettings


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
