"""Networks timed in turn on one machine: what else runs there bears on all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import read_json_object
from nas.workflows.checks import SearchData
from nas.workflows.timing.device_hours import missing_device
from nas.workflows.timing.full_training_time import full_training_seconds
from nas.workflows.traced_networks import TracedNetwork
from search_space.cost.latency import device_name

FILE = "timings.json"
"""The file of a run's folder that holds its timings."""

ROUNDS = 3
"""Timings of each network, of which the shortest counts: other work on a machine only adds."""


class TimedNetwork(BaseModel):
    """A network with the time of its full training, scaled from a few steps of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch_id: str
    recipe_id: str
    training_seconds: PositiveFloat


class NetworkTimings(BaseModel):
    """The timings of a trace's networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    rounds: PositiveInt
    networks: tuple[TimedNetwork, ...]

    def seconds_of(self, network: TracedNetwork) -> float | None:
        """Return the seconds of a network's training; None if it was not timed."""
        key = (network.architecture.arch_id, network.recipe_id)
        timed = {(each.arch_id, each.recipe_id): each.training_seconds for each in self.networks}
        return timed.get(key)


def time_networks(
    networks: Sequence[TracedNetwork],
    config: SearchConfig,
    data: SearchData,
    on_progress: Callable[[str], None],
) -> NetworkTimings:
    """Time each network's training on this machine, in rounds over all of them.

    Args:
        networks: of a trace; what stands twice is timed once.
        config: of the run.
        data: of the run.
        on_progress: called with what is being timed.

    Raises:
        CommandError: this machine cannot train them, or a training diverges in its first steps.
        DataError, ValueError: a training cannot be run.
    """
    if missing := missing_device(config):
        raise CommandError(f"--retime: {missing}")
    once = {(each.architecture.arch_id, each.recipe_id): each for each in networks}
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in once}
    for number in range(1, ROUNDS + 1):
        for place, (key, network) in enumerate(once.items(), start=1):
            on_progress(f"timing {network.name}: {place} of {len(once)}, round {number}/{ROUNDS}")
            own = config.replace(retrain=network.recipe)
            seconds[key].append(full_training_seconds(own, network.architecture, data))
    return NetworkTimings(
        device=device_name(config.resources.device_type),
        rounds=ROUNDS,
        networks=tuple(
            TimedNetwork(arch_id=arch_id, recipe_id=recipe_id, training_seconds=min(times))
            for (arch_id, recipe_id), times in seconds.items()
        ),
    )


def read_timings(run: RunFolder) -> NetworkTimings | None:
    """Return the timings that a run's folder holds; None if it has none.

    Raises:
        RunError: the file is damaged.
    """
    file = run.path / FILE
    if not file.exists():
        return None
    try:
        return NetworkTimings.model_validate(read_json_object(file))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise RunError(f"{file} cannot be read: {place}: {problem['msg']}") from error
