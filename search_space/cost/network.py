"""Costs of (Architecture, Task) in closed form, part by part.

They equal the counts of :mod:`search_space.tracing.counts` to the unit, and take microseconds.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from search_space.architecture import Architecture, Task
from search_space.counts import FLOAT_BYTES, NO_BYTES, NO_COUNTS, Counts, TrainingBytes
from search_space.networks.detection.heads import OFFSETS, head_counts
from search_space.networks.detection.plan import DetectorPlan
from search_space.networks.detection.pyramid import pyramid_counts
from search_space.networks.ending import Ending, ending_counts
from search_space.networks.endings import ending_part_bytes, ending_parts
from search_space.networks.network import BLOCK_FORMS
from search_space.networks.plan import NetworkPlan, StagePlan, plan_network


class PartCosts(NamedTuple):
    """Costs of one part of a network, and the shape of its output."""

    name: str  # "stem", "stage 1", ..., "head", "classifier", or "pyramid" and two heads
    counts: Counts
    output_shape: tuple[int, ...]  # without the batch; of a pyramid, its largest map


class Costs(NamedTuple):
    """Costs of (Architecture, Task), known before training; per image, evaluation mode."""

    params: int
    macs: int
    activations: int
    parts: tuple[PartCosts, ...]

    def metrics(self) -> dict[str, float]:
        """Return the totals by name, as the ledger and limits have them."""
        return {"params": self.params, "macs": self.macs, "activations": self.activations}

    @property
    def flops_paper(self) -> int:
        """FLOPs as both papers count them: a multiply and an add are two."""
        return 2 * self.macs


def network_costs(architecture: Architecture, task: Task) -> Costs:
    """Count parameters, MACs and activations of ``architecture`` on ``task``, part by part.

    Raises:
        ValueError: the architecture cannot take the task's images, or an operator of a primitive
            of the user's own has no cost rule.
    """
    plan = plan_network(architecture, task)
    stem = plan.stem.counts(plan.in_channels, plan.input_hw)
    stem_hw = plan.stem.output_hw(plan.input_hw)
    parts = [PartCosts("stem", stem, (plan.stem.width, *stem_hw))]
    for number, stage in enumerate(plan.stages, start=1):
        counts = stage_counts(stage)
        last = stage.last
        parts.append(PartCosts(f"stage {number}", counts, (last.out_channels, *last.output_hw)))
    ending = plan.ending
    parts += _detector_parts(ending) if isinstance(ending, DetectorPlan) else _end_parts(ending)
    return Costs(*sum((part.counts for part in parts), NO_COUNTS), parts=tuple(parts))


def _end_parts(ending: Ending) -> list[PartCosts]:
    head, classifier = ending_counts(ending)
    parts = [PartCosts("classifier", classifier, (ending.classes,))]
    if head.params:
        parts.insert(0, PartCosts("head", head, (ending.features, *ending.input_hw)))
    return parts


def _detector_parts(plan: DetectorPlan) -> list[PartCosts]:
    pyramid, heads = plan.pyramid, plan.heads
    return [
        PartCosts("pyramid", pyramid_counts(pyramid), (pyramid.width, *pyramid.maps[0])),
        PartCosts("class head", head_counts(heads, heads.classes), (heads.boxes, heads.classes)),
        PartCosts("box head", head_counts(heads, OFFSETS), (heads.boxes, OFFSETS)),
    ]


def stage_counts(stage: StagePlan) -> Counts:
    """Add up the counts of a stage's blocks."""
    total = NO_COUNTS
    for block, number in stage.runs:
        total += BLOCK_FORMS[block.family].counts(block).times(number)
    return total


def stage_bytes(stage: StagePlan) -> TrainingBytes:
    """Return the memory that a stage's blocks keep, and the most that one needs beside it."""
    kept = NO_BYTES
    for block, number in stage.runs:
        saved, transient = BLOCK_FORMS[block.family].training_bytes(block)
        kept = kept.then(TrainingBytes(number * saved, transient))
    return kept


def peak_memory_bytes(architecture: Architecture, task: Task) -> int:
    """Estimate the peak memory of a float32 training step, per image of the batch.

    The peak is the greatest sum, over the parts, of what is kept for the backward pass up to a part
    and what that part needs beside it. Memory that a batch shares (weights, their gradients, the
    optimiser's state) is left out.

    Raises:
        ValueError: as :func:`network_costs`.
    """
    kept = FLOAT_BYTES * prod(task.input_shape)
    peak = kept
    for saved, transient in part_bytes(plan_network(architecture, task)):
        kept += saved
        peak = max(peak, kept + transient)
    return peak


def part_bytes(plan: NetworkPlan) -> list[TrainingBytes]:
    """List the training memory of the stem, of each stage, and of the ending's parts."""
    return [
        plan.stem.training_bytes(plan.in_channels, plan.input_hw),
        *map(stage_bytes, plan.stages),
        *map(ending_part_bytes, ending_parts(plan.ending)),
    ]
