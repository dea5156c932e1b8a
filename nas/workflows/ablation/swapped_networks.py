"""The networks of an ablation, in the order in which they are trained.

The most informative come first, each with all its seeds before the next begins, so that an
ablation that ends early has made whole comparisons:

1. each stage exchanged for convolution if it attends, else for attention: what attention brought,
   or would bring, there; of several stages, the network of the fewest MACs first;
2. the stem exchanged, and in a detector the operators of pyramid and heads;
3. positions off;
4. the stages' other kinds, the fewest MACs first;
5. smaller and larger extents.

The original network comes before all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import full_trainings, number_of
from nas.storage.provenance import Provenance
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.swaps import Swap, paired_swaps

FIRST_EXCHANGES = ("conv", "augmentation off", "local_attention", "augmentation on")
"""The changes of a stage by which its attention is judged: the first of them that there is."""

ORIGINAL = "original"
"""The place of the network itself in tables of trainings."""


class Ablation(NamedTuple):
    """A network, and the networks with one part exchanged that are compared with it."""

    original: Architecture
    swaps: tuple[Swap, ...]  # in the network's order
    by_information: tuple[Swap, ...]  # the same, in the order of trainings

    def networks(self, swaps: Sequence[Swap], of_all: Provenance) -> dict[Architecture, Provenance]:
        """Return what is trained for some of the swaps, each with where it comes from.

        Args:
            swaps: in the order of trainings.
            of_all: what all trainings share.
        """
        named = {each.architecture: self._name(each) for each in swaps}
        return {
            self.original: of_all,
            **{
                each: Provenance(network=name, overrides=of_all.overrides)
                for each, name in named.items()
            },
        }

    def _name(self, swap: Swap) -> str:
        return f"swap of {self.original.arch_id}: {swap.place} {swap.change}"


def ablation_of(architecture: Architecture, task: Task) -> Ablation:
    """Return a network's ablation.

    Raises:
        CommandError: no part of it can be exchanged.
    """
    try:
        swaps = paired_swaps(architecture, task)
    except ValueError as error:
        raise CommandError(f"network {architecture.arch_id}: {error}") from error
    if not swaps:
        raise CommandError(
            f"network {architecture.arch_id} has no part that can be exchanged: {architecture}"
        )
    return Ablation(architecture, swaps, tuple(by_information(swaps, task)))


def by_information(swaps: Sequence[Swap], task: Task) -> list[Swap]:
    """Sort swaps by the rule of this module; equal ones stay in the network's order."""
    first: dict[str, str] = {}
    for change in FIRST_EXCHANGES:
        for swap in swaps:
            if swap.place.startswith("stage") and swap.change == change:
                first.setdefault(swap.place, change)

    def rank(swap: Swap) -> tuple[int, int]:
        if swap.place.startswith("stage"):
            macs = network_costs(swap.architecture, task).macs
            return (1 if first.get(swap.place) == swap.change else 4), macs
        if swap.place in ("stem", "pyramid", "heads"):
            return 2, 0
        return (3 if swap.change == "no positions" else 5), 0

    return sorted(swaps, key=rank)


def trained_rows(
    config: SearchConfig, ledger: Ledger, images: str
) -> Mapping[Architecture, Mapping[int, Evaluation]]:
    """Return the finished full trainings that an ablation counts, by network and number.

    Args:
        config: of the run, with the recipe and number of seeds.
        ledger: of the run.
        images: the identity of the images; rows of others do not compare.

    Raises:
        RunError: the ledger cannot be read.
    """
    rows: dict[Architecture, dict[int, Evaluation]] = {}
    for row in full_trainings(config, ledger):
        number = number_of(row, config)
        is_same = row.provenance.images in ("", images)
        if row.state == "complete" and is_same and number < config.retrain_seeds:
            rows.setdefault(row.architecture, {})[number] = row
    return rows
