"""Ablations: the order of their trainings, and those that fit into given hours."""

from __future__ import annotations

import numpy as np
import pytest

from nas.errors import CommandError
from nas.storage.provenance import Provenance
from nas.workflows.ablation import swapped_networks
from nas.workflows.ablation.swapped_networks import ablation_of, by_information
from nas.workflows.ablation.within_hours import Trainings, fitting, wall_seconds
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.space import SearchSpace
from search_space.swaps import paired_swaps
from search_space.zoo import IMAGENET, network


def mixed(small_space: SearchSpace) -> Architecture:
    """The first drawn network with local attention, then augmented convolution."""
    rng = np.random.default_rng(0)
    while True:
        drawn = small_space.sample(rng)
        if drawn.primitive_types() == ("local_attention", "augmented_conv"):
            return drawn


def test_what_attention_brought_comes_first(small_space: SearchSpace, task: Task) -> None:
    ablation = ablation_of(mixed(small_space), task)
    order = [(each.place, each.change) for each in ablation.by_information]
    assert {*order[:2]} == {("stage 1", "conv"), ("stage 2", "conv")}
    macs = [network_costs(s.architecture, task).macs for s in ablation.by_information]
    assert macs[0] <= macs[1]  # the fewest first
    places = [place for place, _ in order[2:]]
    assert order[2 + places.index("network")][1] == "no positions"
    others = [
        order.index(each) for each in order if each[1] in ("augmented_conv", "local_attention")
    ]
    assert min(others) > order.index(("network", "no positions"))
    assert all("extent" not in change for _, change in order[: max(others)])
    assert sorted(order) == sorted((s.place, s.change) for s in ablation.swaps)
    again = by_information(tuple(reversed(ablation.swaps)), task)
    assert {each.arch_id for each in (s.architecture for s in again)} == {
        s.architecture.arch_id for s in ablation.swaps
    }
    assert again[:2] == list(ablation.by_information[:2])


def test_a_convolution_is_first_exchanged_for_attention() -> None:
    swaps = paired_swaps(network("resnet26"), IMAGENET)
    order = [(each.place, each.change) for each in by_information(swaps, IMAGENET)]
    assert {*order[:4]} == {(f"stage {number}", "local_attention") for number in (1, 2, 3, 4)}
    assert order[4] == ("stem", "attention stem")
    assert {*order[5:]} == {(f"stage {number}", "augmented_conv") for number in (1, 2, 3, 4)}


def test_networks_are_named_by_what_was_exchanged(small_space: SearchSpace, task: Task) -> None:
    ablation = ablation_of(mixed(small_space), task)
    shared = Provenance(overrides={"recipe.epochs": (2, 3)})
    networks = ablation.networks(ablation.by_information[:1], shared)
    original, swapped = networks.values()
    assert [*networks] == [ablation.original, ablation.by_information[0].architecture]
    assert original == shared
    place = ablation.by_information[0].place
    assert swapped.network == f"swap of {ablation.original.arch_id}: {place} conv"
    assert swapped.overrides == shared.overrides


def test_a_network_without_swaps_is_refused(
    small_space: SearchSpace, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapped_networks, "paired_swaps", lambda *_: ())
    with pytest.raises(CommandError, match="has no part that can be exchanged"):
        ablation_of(mixed(small_space), task)


@pytest.mark.parametrize(
    ("networks", "at_once", "seconds"),
    [
        ([], 2, 0),
        ([Trainings(3, 10.0)], 1, 30),
        ([Trainings(3, 10.0)], 2, 20),  # the third alone
        ([Trainings(1, 10.0), Trainings(2, 4.0)], 2, 10),
        ([Trainings(0, 10.0), Trainings(1, 4.0)], 4, 4),
    ],
)
def test_trainings_begin_as_soon_as_there_is_room(
    networks: list[Trainings], at_once: int, seconds: float
) -> None:
    assert wall_seconds(networks, at_once) == seconds


@pytest.mark.parametrize(
    ("seconds", "count"), [(59, 0), (60, 1), (89, 1), (90, 2), (169, 2), (170, 4), (1000, 4)]
)
def test_the_first_that_does_not_fit_ends_the_choice(seconds: float, count: int) -> None:
    """The third does not fit into 100 s, and the fourth, which would, does not take its place."""
    swapped = [Trainings(3, 10.0), Trainings(3, 10.0), Trainings(2, 40.0), Trainings(0, 5.0)]
    assert fitting(Trainings(3, 10.0), swapped, seconds / 3600, 1) == count


def test_what_is_trained_takes_no_time() -> None:
    done = Trainings(0, 1000.0)
    assert fitting(done, [done, done, Trainings(1, 10.0)], 9 / 3600, 1) == 2
    assert fitting(done, [done, done, Trainings(1, 10.0)], 10 / 3600, 1) == 3
