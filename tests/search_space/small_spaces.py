"""Small spaces in their plain description: repeats, overrides, single choices."""

from typing import Any

from search_space.space import SearchSpace
from tests.search_space.strategies import CONV_STEM


def described(*stages: dict[str, Any], stem: Any = CONV_STEM, **fields: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "block": "basic",
        "expansion": 1,
        "stem": stem,
        "stages": list(stages),
    } | fields


CONV = {"type": "conv", "kernel": 3}
CONVS = {"type": "conv", "kernel": [1, 3]}
AA: dict[str, Any] = {"type": "augmented_conv", "kappa": 0.5, "upsilon": 0.5, "heads": 2}
LOCAL: dict[str, Any] = {"type": "local_attention", "extent": [3, 5], "heads": 2}

SMALL: dict[str, dict[str, Any]] = {
    "one": described({"depth": 1, "width": 4, "primitive": CONV}),
    "depth": described({"depth": [1, 2, 4], "width": [4, 8], "primitive": CONV}),
    "types": described(
        {"depth": 1, "width": 8, "primitive": [CONVS, AA, LOCAL]},
        {"depth": 2, "width": [8, 12], "stride": 2, "primitive": [LOCAL, CONV]},
        stem=[CONV_STEM, {"type": "attention", "width": 8, "mixtures": [1, 2]}],
        block="bottleneck",
        expansion=2,
    ),
    # With 20 key dimensions a head at least, both kappas are one; upsilon 0 is a convolution.
    "repeats by resolution": described(
        {
            "depth": [1, 2],
            "width": [8, 32],
            "primitive": [
                AA | {"kappa": [0.25, 0.5], "upsilon": [0.0, 0.1, 0.2, 0.5, 1.0]},
                CONVS,
            ],
        }
    ),
    "kernels that nothing uses": described(
        {
            "depth": 1,
            "width": [8, 9],
            "primitive": AA
            | {"kernel": [3, 5], "upsilon": [0.5, 1.0], "downsample": [True, False]},
        }
    ),
    "override": described(
        {
            "depth": [1, 2, 3],
            "width": [4, 8],
            "primitive": [CONVS, LOCAL],
            "overrides": {0: CONVS, 2: [CONV, LOCAL | {"heads": [1, 2]}]},
        }
    ),
    "override of the last block": described(
        {"depth": 2, "width": 8, "primitive": LOCAL, "overrides": {1: [CONVS, AA]}}
    ),
    "every block overridden": described(
        {"depth": 1, "width": [4, 8], "primitive": CONVS, "overrides": {0: LOCAL}},
        {"depth": 2, "width": 4, "primitive": LOCAL, "overrides": {0: CONVS, 1: CONVS}},
    ),
    "every block of some depths overridden": described(
        {"depth": [1, 3], "width": 4, "primitive": LOCAL, "overrides": {0: CONVS}},
        {"depth": [1, 2], "width": 4, "primitive": CONVS, "overrides": {0: CONVS, 1: LOCAL}},
    ),
    "upsilon zero alone": described(
        {"depth": [1, 2], "width": 4, "primitive": AA | {"upsilon": 0, "kappa": [0.1, 0.2]}}
    ),
    # 0.24 of 8, 16 or 32 squeezes into other widths than of the output.
    "recalibration": described(
        {
            "depth": [1, 2],
            "width": [8, 16],
            "primitive": [CONVS, AA],
            "recalibration": [
                {"type": "none"},
                {"type": "se", "reduction": [4, 5, 16], "of": ["output", "input"]},
                {"type": "bam", "reduction": [4, 16]},
                {"type": "ge"},
            ],
        },
        {"depth": 1, "width": 8, "primitive": CONV, "recalibration": {"type": "cbam"}},
        stem=CONV_STEM | {"width": [4, 8]},
    ),
    "mobile": described(
        {
            "depth": [1, 2],
            "width": [8, 12],
            "primitive": [
                {
                    "type": "inverted_bottleneck",
                    "kernel": [3, 5],
                    "expansion": [1, 3],
                    "upsilon": [0.0, 0.1, 0.15],
                    "kappa": 0.2,
                    "heads": 2,
                },
                {"type": "identity"},
            ],
            "overrides": {1: {"type": "inverted_bottleneck", "expansion": [2, 4], "kernel": 3}},
        },
        {
            "depth": 2,
            "stride": 2,
            "width": [8, 16],
            "primitive": {"type": "inverted_bottleneck", "upsilon": [0.03, 0.05], "kappa": 0.05},
            "recalibration": [{"type": "se", "reduction": [4, 6], "of": "input"}, {"type": "none"}],
        },
        stem=CONV_STEM | {"width": [4, 8]},
        family="mnasnet",
        block="inverted_bottleneck",
        head=24,
    ),
    "a type twice": described(
        {
            "depth": [1, 2],
            "width": 8,
            "primitive": [
                LOCAL,
                CONV,
                LOCAL | {"extent": [3, 7], "content": False},
                LOCAL | {"extent": 5, "position": "none"},
            ],
        }
    ),
    "wide": described(
        {"depth": [1, 2], "width": [4, 8], "primitive": [CONVS, AA]},
        family="wide_resnet",
        shortcut="projection",
    ),
    # At a width of 2 an extent of 1 has no heads to choose; 2 and 4 are extents of one window.
    "detectors": described(
        {"depth": 1, "width": [4, 8], "stride": 2, "primitive": CONVS},
        {"depth": [1, 2], "width": 4, "stride": 2, "primitive": CONV},
        detector={
            "width": [4, 8],
            "layers": [1, 2],
            "pyramid": [CONV, {"type": "local_attention", "extent": [1, 3], "heads": [1, 2]}],
            "heads": {"type": "local_attention", "extent": 3, "heads": 2, "scaled": [True, False]},
            "anchors_per_position": 3,
            "first_level": 1,
            "last_level": 2,
        },
    ),
    "detectors of one kind": described(
        {"depth": 1, "width": 4, "stride": 2, "primitive": CONV},
        stem=CONV_STEM | {"width": [4, 8]},
        detector={
            "width": 4,
            "normalized": True,
            "heads": CONVS,
            "layers": 1,
            "first_level": 1,
            "last_level": 1,
        },
    ),
    "booleans": described(
        {"depth": 1, "width": 4, "primitive": LOCAL | {"scaled": [True, False]}},
        stem=CONV_STEM | {"pool": [False, True], "stride": [1, 2]},
    ),
}


def read(data: dict[str, Any]) -> SearchSpace:
    return SearchSpace.from_mapping(data)
