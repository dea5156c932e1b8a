"""Detectors and images so small that a chain of commands over them takes seconds."""

from __future__ import annotations

from typing import Any

from search_space.architecture import Task

_CONV = {"type": "conv", "kernel": 3}
_KERNELS = [{"type": "conv", "kernel": [1, 3]}]
_CHOICE = [*_KERNELS, {"type": "local_attention", "extent": 3, "heads": 2}]


def _space(name: str, choice: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "block": "basic",
        "stem": {"type": "conv", "kernel": 3, "stride": 2, "pool": True, "width": 4},
        "stages": [
            {"stride": 1, "depth": 1, "width": [4, 8], "primitive": [_CONV]},
            {"stride": 2, "depth": 1, "width": [8, 12], "primitive": choice},
            {"stride": 2, "depth": 1, "width": 8, "primitive": [_CONV]},
            {"stride": 2, "depth": 1, "width": 8, "primitive": [_CONV]},
        ],
        "detector": {
            "width": [8, 16],
            "layers": 1,
            "pyramid": _CONV,
            "heads": choice,
            "normalized": True,
            "anchors_per_position": 3,
            "last_level": 5,
        },
    }


SPACE = _space("tiny_detectors", _CHOICE)
"""72 detectors."""
CONVOLUTIONS = _space("tiny_convolutional_detectors", _KERNELS)
"""32 detectors without attention, whose kernels would be compiled in the first use."""

PIXELS = 32
DATA: dict[str, Any] = {
    **{"name": "shapes", "train_images": 16, "validation_images": 6, "test_images": 6},
    "parameters": {"pixels": PIXELS, "smallest_fraction": 0.25, "most_objects": 3},
}
TASK = Task(dataset="shapes", input_shape=(3, PIXELS, PIXELS), classes=6)
RECIPE: dict[str, Any] = {"epochs": 1, "batch_size": 8, "learning_rate": 0.01}
SEARCH: dict[str, Any] = {
    "name": "boxes",
    "space": SPACE,
    "data": DATA,
    "objectives": ["val_map", "params"],
    "sampler": {"name": "random"},
    "search": {"n_trials": 3, "finalist_seeds": 2, "concurrency": 2},
    "proxy": RECIPE,
    "retrain": RECIPE,
}
