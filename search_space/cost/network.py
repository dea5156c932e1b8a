"""Costs of (Architecture, Task), part by part.

A network's cost is the sum of its stem's, its blocks' and its classifier's, and a block's follows
from its plan alone; so each distinct block is counted once (by :mod:`search_space.cost.count`) and
a search's thousands of candidates are sums of a few hundred counted parts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from search_space.architecture import Architecture, Task
from search_space.cost.count import Counts, count_module
from search_space.networks.plan import BlockPlan, plan_network
from search_space.networks.resnet import Classifier, ResidualBlock
from search_space.primitives import Stem


class StageCosts(NamedTuple):
    """Costs of one part of a network, and the shape that it puts out."""

    name: str  # "stem", "stage 1", ..., "classifier"
    label: str
    counts: Counts
    output_shape: tuple[int, ...]  # without the batch


class Costs(NamedTuple):
    """What (Architecture, Task) costs before anything is trained; per image, evaluation mode."""

    params: int
    macs: int
    activations: int
    stages: tuple[StageCosts, ...]

    def metrics(self) -> dict[str, float]:
        """The totals by name, as the ledger and limits have them."""
        return {"params": self.params, "macs": self.macs, "activations": self.activations}

    @property
    def flops_paper(self) -> int:
        """FLOPs as both papers count them: a multiply and an add are two."""
        return 2 * self.macs


def network_costs(architecture: Architecture, task: Task) -> Costs:
    """Parameters, MACs and activations of ``architecture`` on ``task``, with the parts' shares.

    Raises:
        ValueError: the architecture cannot take the task's images, or an operator of a primitive
            has no cost rule.
    """
    plan = plan_network(architecture, task)
    stem_hw = plan.stem.output_hw(plan.input_hw)
    parts = [
        StageCosts(
            "stem",
            plan.stem.label,
            _stem_counts(plan.stem, plan.in_channels, plan.input_hw),
            (plan.stem.width, *stem_hw),
        )
    ]
    for number, (stage, blocks) in enumerate(
        zip(architecture.stages, plan.stages, strict=True), start=1
    ):
        counts = sum((_block_counts(block) for block in blocks), start=Counts(0, 0, 0))
        shape = (blocks[-1].out_channels, *blocks[-1].output_hw)
        parts.append(StageCosts(f"stage {number}", stage.label, counts, shape))
    last_hw = parts[-1].output_shape[1:]
    head = _classifier_counts(plan.out_channels, plan.classes, (last_hw[0], last_hw[1]))
    parts.append(StageCosts("classifier", "mean + linear", head, (plan.classes,)))
    total = sum((part.counts for part in parts), start=Counts(0, 0, 0))
    return Costs(*total, stages=tuple(parts))


@cache
def _block_counts(plan: BlockPlan) -> Counts:
    return _count_uninitialised(lambda: ResidualBlock(plan), plan.in_channels, plan.input_hw)


@cache
def _stem_counts(stem: Stem, in_channels: int, input_hw: tuple[int, int]) -> Counts:
    return _count_uninitialised(lambda: stem.build(in_channels), in_channels, input_hw)


@cache
def _classifier_counts(in_channels: int, classes: int, input_hw: tuple[int, int]) -> Counts:
    return _count_uninitialised(lambda: Classifier(in_channels, classes), in_channels, input_hw)


def _count_uninitialised(
    build: Callable[[], nn.Module], channels: int, input_hw: tuple[int, int]
) -> Counts:
    # Built without drawing initial weights, then given memory: tracing a convolution needs some.
    with torch.device("meta"):
        module = build()
    return count_module(module.to_empty(device="cpu"), (channels, *input_hw))
