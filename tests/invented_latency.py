"""A measured latency as a test wants it."""

from __future__ import annotations

from typing import Any

from search_space.cost.latency_record import Latency


def invented_latency(latency_ms: float, **changes: Any) -> Latency:
    """Return a measurement of ``latency_ms`` on an invented processor, with fields changed."""
    context: dict[str, Any] = {
        "device": "a processor",
        "dtype": "float32",
        "batch_size": 1,
        "threads": 1,
        "input_shape": (1, 8, 8),
        "torch_version": "2",
    }
    measured = {"latency_ms": latency_ms, "spread_ms": 0.0, "repeats": 3, "backend": "eager"}
    return Latency(**context | measured | changes)
