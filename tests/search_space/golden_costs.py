"""Exact costs of fixed architectures, kept in ``golden_costs.json``.

A change of those numbers is a change of what the papers' operators cost, or of ``arch_id``: it
must be meant. Then write the file anew, from the repository's root::

    python -m tests.search_space.golden_costs
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    Description,
    LocalAttention,
    Stem,
)
from search_space.zoo import IMAGENET, ZOO, network

GOLDEN_FILE = Path(__file__).with_name("golden_costs.json")

CIFAR_100 = Task(dataset="cifar100", input_shape=(3, 32, 32), classes=100)
DIGITS = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
WIDE = Task(dataset="wide", input_shape=(2, 12, 20), classes=7)

SMALL_STEM = ConvolutionStem(width=16, kernel=3, stride=1, pool=False)
CONV, LOCAL = Convolution(), LocalAttention()


def resnet(
    depths: tuple[int, ...],
    *primitives: Description,
    stem: Stem | None = None,
    widths: tuple[int, ...] = (64, 128, 256, 512),
    **fields: Any,
) -> Architecture:
    """Stages of ``depths`` blocks, the last primitive repeated; all but the first halve the map."""
    primitives += primitives[-1:] * (len(depths) - len(primitives))
    stages = tuple(
        Stage(
            width=width,
            stride=1 if number == 0 else 2,
            blocks=(primitive.resolve(width, width),) * depth,  # type: ignore[arg-type]
        )
        for number, (depth, width, primitive) in enumerate(
            zip(depths, widths, primitives, strict=False)
        )
    )
    return Architecture(stem=stem or ConvolutionStem(), stages=stages, **fields)


def augmented(kappa: float, upsilon: float, **fields: Any) -> AugmentedConvolutionRatios:
    return AugmentedConvolutionRatios(kappa=kappa, upsilon=upsilon, **fields)


BASIC: dict[str, Any] = {"block": "basic"}
SMALL = {"stem": SMALL_STEM, "widths": (16, 32, 64)}

CASES: dict[str, tuple[Architecture, Task]] = {
    **{name: (known.at_width(1.0), known.task) for name, known in ZOO.items()},
    "sasa_resnet50@0.5": (network("sasa_resnet50@0.5"), IMAGENET),
    "aa_mnasnet_100@0.5": (network("aa_mnasnet_100@0.5"), IMAGENET),
    "resnet-20 on cifar": (resnet((3, 3, 3), CONV, **BASIC, **SMALL), CIFAR_100),
    "all attention on cifar": (
        resnet((1, 2, 1), augmented(1.0, 1.0, heads=4), **BASIC, **SMALL),
        CIFAR_100,
    ),
    "local attention of many extents on cifar": (
        resnet(
            (1, 1, 1),
            LocalAttention(extent=3, heads=4, border="zeros"),
            LocalAttention(extent=5, heads=2, position="none", scaled=False),
            LocalAttention(extent=11, heads=8),
            expansion=2,
            **SMALL,
        ),
        CIFAR_100,
    ),
    "convolutions of many kernels on digits": (
        resnet((1, 2), Convolution(kernel=1), Convolution(kernel=5), expansion=3, **SMALL),
        DIGITS,
    ),
    "everything on digits": (
        Architecture(
            block="bottleneck",
            expansion=2,
            stem=AttentionStem(width=8, heads=2, mixtures=3, block=2),
            stages=(
                Stage(
                    width=8,
                    stride=1,
                    blocks=(
                        Convolution(),
                        augmented(0.5, 0.5, heads=2).resolve(8, 8),
                        LocalAttention(extent=3, heads=4),
                    ),
                ),
            ),
        ),
        DIGITS,
    ),
    "augmented convolutions on digits": (
        resnet(
            (2, 1),
            augmented(0.5, 0.25, heads=4, min_key_depth_per_head=2, position="none", kernel=5),
            augmented(0.5, 0.75, heads=2, min_key_depth_per_head=1, downsample=True),
            expansion=2,
            **SMALL,
        ),
        DIGITS,
    ),
    "basic blocks on a wide image": (
        resnet(
            (1, 1, 1),
            LocalAttention(extent=7, heads=2),
            augmented(0.2, 0.4, heads=8, value_rounding="nearest"),
            CONV,
            stem=AttentionStem(width=32, heads=8, mixtures=1, block=4),
            widths=(16, 32, 64),
            **BASIC,
        ),
        WIDE,
    ),
    "bottlenecks on a wide image": (
        resnet(
            (1, 2, 1),
            LocalAttention(extent=5, heads=2, border="zeros"),
            augmented(0.2, 0.4, heads=8, downsample=True),
            LocalAttention(extent=3, heads=16, position="none"),
            stem=ConvolutionStem(width=24, kernel=5, stride=2, pool=True),
            widths=(16, 32, 64),
        ),
        WIDE,
    ),
}


def costs_now() -> dict[str, dict[str, Any]]:
    """Compute the content that the file should have."""
    costs_by_name = {}
    for name, (architecture, task) in CASES.items():
        costs = network_costs(architecture, task)
        costs_by_name[name] = {
            "arch_id": architecture.arch_id,
            "input_shape": list(task.input_shape),
            "params": costs.params,
            "macs": costs.macs,
            "activations": costs.activations,
        }
    return costs_by_name


if __name__ == "__main__":
    GOLDEN_FILE.write_text(json.dumps(costs_now(), indent=1) + "\n")
