"""Small primitives that several tests build."""

from __future__ import annotations

from typing import Any

from search_space.primitives import AugmentedConvolution


def augmented(position: Any = "none", value_depth: int = 8, **fields: Any) -> AugmentedConvolution:
    """Return an augmented convolution with 8 key channels in two heads, with fields changed."""
    given_fields = {
        "kernel": 3,
        "key_depth": 8,
        "value_depth": value_depth,
        "heads": 2,
        "position": position,
        "downsample": False,
    }
    return AugmentedConvolution.model_validate(given_fields | fields)
