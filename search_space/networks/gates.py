"""Channel attention of a block: at the end of its branch, or after its stage.

A block's attribute for the module after the stage is ``recalibration``, as in saved weights.
"""

from __future__ import annotations

from torch import nn

from search_space.counts import NO_BYTES, NO_COUNTS, Counts, TrainingBytes
from search_space.networks.plan import BlockPlan
from search_space.primitives.channel_attention.channel_attention import Placement


def build_gate(plan: BlockPlan, placement: Placement) -> nn.Module | None:
    """Build the block's channel attention if it stands at ``placement``; else return None."""
    gate = plan.channel_attention_at(placement)
    return None if gate is None else gate.build(plan.gated_channels)


def build_stage_gate(plan: BlockPlan) -> nn.Module:
    """Build the block's channel attention after its stage: the identity if there is none."""
    gate = build_gate(plan, "stage")
    return nn.Identity() if gate is None else gate


def gate_counts(plan: BlockPlan) -> Counts:
    """Count the costs of the block's channel attention, wherever it stands."""
    gate = plan.recalibration
    return gate.counts(plan.gated_channels, plan.output_hw) if gate else NO_COUNTS


def gate_bytes(plan: BlockPlan, placement: Placement) -> TrainingBytes:
    """Return the memory that channel attention at ``placement`` takes in training.

    It keeps its input. At the end of a residual branch its output is only added, so nothing keeps
    that.
    """
    gate = plan.channel_attention_at(placement)
    return gate.training_bytes(plan.gated_channels, plan.output_hw) if gate else NO_BYTES
