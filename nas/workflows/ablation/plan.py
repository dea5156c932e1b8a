"""The plan of an ablation: its trainings that are left, timed here, and those that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nas.config.search_config import SearchConfig
from nas.evaluation.full_training_seed import full_training_seed
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.ablation.swapped_networks import Ablation, trained_rows
from nas.workflows.ablation.within_hours import Trainings, fitting, wall_seconds
from nas.workflows.checks import SearchData
from nas.workflows.equal_trainings import trainings_elsewhere
from nas.workflows.timing.device_hours import missing_device
from nas.workflows.timing.full_training_time import full_training_seconds, trainings_at_once
from search_space.cost import network_costs
from search_space.swaps import Swap


@dataclass(frozen=True)
class PlannedNetwork:
    """The trainings of a network that are left to do."""

    swap: Swap | None  # None for the original
    arch_id: str
    params: int
    macs: int
    left: int  # trainings
    seconds: float | None  # of one; None where nothing is left or can be timed

    @property
    def trainings(self) -> Trainings:
        """The trainings with their time."""
        return Trainings(self.left, self.seconds or 0.0)


@dataclass(frozen=True)
class AblationPlan:
    """The trainings of an ablation, in their order."""

    original: PlannedNetwork
    swapped: tuple[PlannedNetwork, ...]
    at_once: int | None  # trainings; None if only the cluster knows
    hours: float | None  # that the trainings may take
    fits: int  # the first of the swapped that do not take longer
    missing: str | None  # why nothing can be timed here

    @property
    def networks(self) -> tuple[PlannedNetwork, ...]:
        """The original, then the swapped ones."""
        return (self.original, *self.swapped)

    @property
    def chosen(self) -> tuple[Swap, ...]:
        """The swaps that are trained."""
        return tuple(each.swap for each in self.swapped[: self.fits] if each.swap is not None)

    @property
    def left_out(self) -> tuple[PlannedNetwork, ...]:
        """The swapped networks that do not fit, and have trainings left."""
        return tuple(each for each in self.swapped[self.fits :] if each.left)

    @property
    def device_seconds(self) -> float:
        """The time of all trainings that are left, one after another."""
        return sum(each.left * each.trainings.seconds for each in self.networks)

    def wall_seconds(self, networks: Iterable[PlannedNetwork]) -> float:
        """Return how long trainings take here: on a cluster, as if one after another."""
        return wall_seconds([each.trainings for each in networks], self.at_once or 1)


def planned(
    ablation: Ablation,
    config: SearchConfig,
    run: RunFolder,
    ledger: Ledger,
    data: SearchData,
    hours: float | None,
    on_progress: Callable[[str], None],
) -> AblationPlan:
    """Time the trainings that are left on this machine, and choose those that fit into hours.

    Args:
        ablation: the network and its swaps.
        config: of the run, with the recipe and number of seeds.
        run: what other runs of its storage have trained is taken from them.
        ledger: of the run.
        data: of the run.
        hours: wall time; None for no end.
        on_progress: called with what is being timed.

    Raises:
        CommandError: a training diverges in its first steps.
        DataError: the training cannot be run.
        RunError: the ledger cannot be read.
    """
    missing = missing_device(config)
    rows = trained_rows(config, ledger, data.images_id)
    elsewhere = trainings_elsewhere(run.path.parent, config, data.images_id, ledger=ledger, own=run)
    seeds = [full_training_seed(config.seed, number) for number in range(config.retrain_seeds)]
    swaps: list[Swap | None] = [None, *ablation.by_information]
    networks = []
    for number, swap in enumerate(swaps, start=1):
        architecture = ablation.original if swap is None else swap.architecture
        arch_id, here = architecture.arch_id, rows.get(architecture, {})
        left = sum(
            number not in here and (arch_id, config.retrain_id, seed) not in elsewhere
            for number, seed in enumerate(seeds)
        )
        seconds = None
        if left and missing is None:
            on_progress(f"timing network {number} of {len(swaps)}")
            seconds = full_training_seconds(config, architecture, data)
        costs = network_costs(architecture, data.task)
        networks.append(PlannedNetwork(swap, arch_id, costs.params, costs.macs, left, seconds))
    original, *swapped = networks
    at_once = trainings_at_once(config)
    fits = len(swapped)
    if hours is not None and missing is None:
        times = [each.trainings for each in swapped]
        fits = fitting(original.trainings, times, hours, at_once or 1)
    return AblationPlan(original, tuple(swapped), at_once, hours, fits, missing)
