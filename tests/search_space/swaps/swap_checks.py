"""Checks of what every swap promises, whatever the architecture is."""

from __future__ import annotations

import pytest

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.networks.plan import plan_network
from search_space.primitives import Convolution
from search_space.swaps import Swap, paired_swaps

KINDS = ("conv", "augmented_conv", "local_attention")
PLACES = ("pyramid", "heads")


def checked_swaps(architecture: Architecture, task: Task) -> dict[tuple[str, str], Swap]:
    """Return the swaps by place and change, after a check of what all of them promise."""
    swaps = paired_swaps(architecture, task)
    assert len({swap.architecture.arch_id for swap in swaps} | {architecture.arch_id}) == (
        len(swaps) + 1
    )
    target = network_costs(architecture, task).params
    for swap in swaps:
        assert network_costs(swap.architecture, task).params == swap.params
        assert swap.params_difference == pytest.approx(swap.params / target - 1)
        check_what_stays(architecture, swap, task)
    by_place = {(swap.place, swap.change): swap for swap in swaps}
    assert len(by_place) == len(swaps)
    return by_place


def check_what_stays(architecture: Architecture, swap: Swap, task: Task) -> None:
    """Check that nothing but the place has changed."""
    swapped = swap.architecture
    for name in ("family", "block", "expansion", "shortcut", "head"):
        assert getattr(swapped, name) == getattr(architecture, name)
    assert maps(swapped, task) == maps(architecture, task)
    check_detector(architecture, swap)
    if swap.place == "network":
        assert _widths(swapped) == _widths(architecture)
    if swap.place != "network" and swap.place != "stem":
        assert swapped.stem == architecture.stem
    pairs = zip(architecture.stages, swapped.stages, strict=True)
    for number, (before, after) in enumerate(pairs, start=1):
        assert len(after.blocks) == len(before.blocks)
        assert after.stride == before.stride
        assert after.recalibration == before.recalibration
        if swap.place == f"stage {number}":
            check_exchange(after, swap.change)
        elif swap.place != "network":
            assert after.width == before.width
            # only channels that come in may change an MnasNet's attention
            assert after.blocks[1:] == before.blocks[1:]
            assert after.blocks == before.blocks or architecture.family == "mnasnet"


def check_detector(architecture: Architecture, swap: Swap) -> None:
    """Check that pyramid and heads have changed only where the swap says."""
    before, after = architecture.detector, swap.architecture.detector
    if before is None or after is None:
        assert before is after
        return
    kinds = {name: getattr(before, name).type for name in PLACES}
    if swap.place in PLACES:
        assert kinds[swap.place] != swap.change
        kinds[swap.place] = swap.change
        other = next(name for name in PLACES if name != swap.place)
        assert getattr(after, other) == getattr(before, other)
    elif swap.place == "network":
        assert after.width == before.width
    else:
        assert after == before
    assert {name: getattr(after, name).type for name in PLACES} == kinds
    same = {"width": 8, "pyramid": Convolution(), "heads": Convolution()}
    assert after.replace(**same) == before.replace(**same)


def check_exchange(stage: Stage, change: str) -> None:
    """Check that all blocks of a stage are of the kind that a swap says."""
    if change in KINDS:
        assert {block.type for block in stage.blocks} == {change}
    else:
        assert change in ("augmentation on", "augmentation off")


def maps(architecture: Architecture, task: Task) -> list[tuple[int, int]]:
    """Return the output maps of the stem and of each stage."""
    plan = plan_network(architecture, task)
    return [plan.stem.output_hw(plan.input_hw)] + [stage.last.output_hw for stage in plan.stages]


def _widths(architecture: Architecture) -> list[int]:
    return [architecture.stem.width, *(stage.width for stage in architecture.stages)]
