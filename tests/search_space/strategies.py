"""Hypothesis strategies and spaces that several tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import settings
from hypothesis import strategies as st

from search_space.architecture import Architecture
from search_space.space import SearchSpace

SPACES_FOLDER = Path(__file__).parents[2] / "configs" / "spaces"
SPACE_FILES = sorted(SPACES_FOLDER.glob("*.yaml"))
CLASSIFIERS_SPACE_FILES = [
    file for file in SPACE_FILES if "detector" not in yaml.safe_load(file.read_text())
]
DIGITS = SearchSpace.from_yaml(SPACES_FOLDER / "digits.yaml")

CONV_STEM = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4}


def space(*stages: dict[str, Any], stem: Any = CONV_STEM, **settings_: Any) -> SearchSpace:
    """A small space of basic blocks (or as ``settings_`` say)."""
    shape = {"block": "basic"} | settings_
    described = {"name": "small", "stem": stem, "stages": stages, **shape}
    return SearchSpace.from_mapping(described)


BASIC = space(
    {
        "depth": [1, 2],
        "width": [4, 8],
        "primitive": [
            {"type": "conv", "kernel": [1, 3, 5]},
            {
                "type": "augmented_conv",
                "kernel": [3, 5],
                "kappa": [0.5, 1.0],
                "upsilon": [0.5, 1.0],
                "heads": [1, 2],
                "position": ["none", "relative"],
                "min_key_depth_per_head": 2,
                "downsample": [False, True],
            },
        ],
    },
    {
        "stride": 2,
        "depth": [1, 3],
        "width": [8, 12],
        "primitive": {
            "type": "local_attention",
            "extent": [1, 3, 5],
            "heads": [2, 4],
            "position": ["none", "relative"],
            "scaled": [True, False],
            "border": ["masked", "zeros"],
        },
        "overrides": {0: {"type": "conv", "kernel": [1, 3]}},
    },
    stem=[
        {"type": "conv", "kernel": [3, 5], "stride": [1, 2], "pool": [False, True], "width": 8},
        {"type": "attention", "block": 2, "heads": [1, 2], "mixtures": [1, 3], "width": [4, 8]},
    ],
)


MOBILE = space(
    {
        "depth": [1, 2],
        "width": [8, 12],
        "primitive": [
            {
                "type": "inverted_bottleneck",
                "kernel": [3, 5],
                "expansion": [1, 3],
                "kappa": [0.1, 0.3],
                "upsilon": [0.0, 0.2, 1.0],
                "heads": 2,
                "downsample": [False, True],
            },
            {"type": "identity"},
        ],
        "recalibration": [
            {"type": "none"},
            {"type": "se", "reduction": 4, "of": "input"},
            {"type": "cbam"},
            {"type": "bam"},
        ],
    },
    {
        "stride": 2,
        "depth": 2,
        "width": [8, 16],
        "primitive": {"type": "inverted_bottleneck", "expansion": [2, 6], "position": "sine"},
        "overrides": {0: [{"type": "identity"}, {"type": "inverted_bottleneck"}]},
        "recalibration": [{"type": "ge"}, {"type": "gala", "reduction": 4}],
    },
    name="mobile",
    family="mnasnet",
    block="inverted_bottleneck",
    head=24,
    stem={"type": "conv", "kernel": 3, "stride": [1, 2], "pool": False, "width": [8, 12]},
)
WIDE = space(
    {
        "depth": [1, 2],
        "width": [8, 12],
        "primitive": [
            {"type": "conv"},
            {
                "type": "augmented_conv",
                "kappa": 0.5,
                "upsilon": [0.25, 1.0],
                "heads": 2,
                "min_key_depth_per_head": 2,
                "position": ["relative", "coordconv"],
            },
        ],
        "recalibration": [{"type": "none"}, {"type": "se", "reduction": 4}, {"type": "bam"}],
    },
    {
        "stride": 2,
        "depth": [1, 2],
        "width": [8, 16],
        "primitive": {
            "type": "local_attention",
            "extent": [3, 5],
            "heads": 2,
            "position": ["none", "relative", "sine", "coordconv"],
        },
        "recalibration": [{"type": "gala"}, {"type": "cbam"}, {"type": "ge"}],
    },
    name="wide",
    family="wide_resnet",
)
DETECTORS = space(
    {"stride": 2, "depth": 1, "width": [4, 8], "primitive": {"type": "conv", "kernel": [1, 3]}},
    {
        "stride": 2,
        "depth": [1, 2],
        "width": [4, 6],
        "primitive": {"type": "local_attention", "extent": [3, 5], "heads": 2},
    },
    name="detectors",
    detector={
        "width": [4, 8],
        "layers": [1, 2],
        "pyramid": [
            {"type": "conv", "kernel": [1, 3]},
            {"type": "local_attention", "extent": [1, 3], "heads": [1, 2]},
        ],
        "heads": [
            {"type": "conv"},
            {"type": "local_attention", "extent": 3, "heads": 2, "position": ["none", "sine"]},
        ],
        "anchors_per_position": 3,
        "first_level": 1,
        "last_level": 2,
    },
)
EVERY_KIND = [DIGITS, BASIC, MOBILE, WIDE, DETECTORS]
"""A space of each kind of network."""


def fitting(shape: tuple[int, int, int], space: SearchSpace) -> tuple[int, int, int]:
    """``shape``, its sides enlarged to what the last level of a space of detectors needs."""
    least = 2**space.config.detector.last_level if space.config.detector else 1
    channels, height, width = shape
    return channels, max(height, least), max(width, least)


def examples(count: int) -> settings:
    """Always the same ``count`` examples, so that a failure is seen by everybody."""
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


def seeds() -> st.SearchStrategy[int]:
    return st.integers(min_value=0, max_value=2**32 - 1)


def sampled(space: SearchSpace, seed: int) -> Architecture:
    return space.sample(np.random.default_rng(seed))


def architectures(space: SearchSpace) -> st.SearchStrategy[Architecture]:
    """Architectures as the space itself samples them."""
    return seeds().map(lambda seed: sampled(space, seed))
