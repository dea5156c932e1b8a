"""``nas trace --plan``: what would be trained, and how long it takes; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from nas.cli.commands.train.picks import picked_architectures
from nas.cli.commands.train.trace_searches import (
    PlannedSearch,
    planned_search,
    unfinished_searches,
)
from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.config.trace import Trace
from nas.errors import CommandError
from nas.evaluation.full_training_seed import full_training_seed
from nas.quantities import duration, format_quantity
from nas.workflows.checks import SearchData, load_data
from nas.workflows.equal_trainings import trainings_elsewhere
from nas.workflows.timing.device_hours import missing_device
from nas.workflows.timing.full_training_time import full_training_seconds, trainings_at_once
from nas.workflows.timing.timed_training import TIMED_STEPS
from nas.workflows.traced_networks import (
    TracedNetwork,
    by_recipe,
    check_recipes,
    traced_networks,
)
from nas.workflows.training_run import existing_run
from search_space.cost import network_costs
from search_space.nearest import hint

HERE = "here"
"""The name of this machine's device among those of `images_per_second`."""


class PlannedTraining(NamedTuple):
    """The trainings of a network that are left to do."""

    network: TracedNetwork
    params: int
    macs: int
    left: int  # trainings
    hours: dict[str, float]  # of one training, by device

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "family": self.network.family,
            "network": self.network.name,
            "arch_id": self.network.architecture.arch_id,
            "params": self.params,
            "macs": self.macs,
            "trainings_left": self.left,
            "epochs": self.network.recipe.epochs,
            "hours_each": self.hours,
            "hours": {device: self.left * each for device, each in self.hours.items()},
        }


def show_plan(output: Output, trace: Trace, runs: Path, *, trust: bool) -> None:
    """Print the searches and trainings that are left, and their hours.

    They are measured here, or follow from given rates.

    Args:
        output: to print to.
        trace: the trace.
        runs: the folder of all runs.
        trust: the option ``--trust``.

    Raises:
        CommandError: a rate is of a network that the trace does not have.
        ConfigError, DataError, NothingFits, RunError, TrustError: see :mod:`nas.errors`.
    """
    searches = unfinished_searches(trace, runs, trust=trust)
    to_search = [family for family, _ in searches]
    known = [family for family in trace.config.families if family not in to_search]
    networks = traced_networks(trace, known, runs, picked_architectures, trust=trust)
    data = load_data(trace.search)
    check_recipes(trace, data, networks)
    missing = missing_device(trace.search)
    progress = Output(stderr=True)
    planned = _planned(progress, trace, networks, data, runs, missing, trust=trust)
    planned_searches = [
        planned_search(progress, trace, family, config, data)
        for family, config in searches
        if missing is None
    ]
    if output.as_json:
        output.show_json(_plan_json(trace, planned, planned_searches, missing))
    else:
        output.say(str(data))
        _show(output, trace, planned, planned_searches, missing)


def _planned(
    progress: Output,
    trace: Trace,
    networks: Sequence[TracedNetwork],
    data: SearchData,
    runs: Path,
    missing: str | None,
    *,
    trust: bool,
) -> list[PlannedTraining]:
    """Return the trainings of each network, with their times."""
    left = _left(trace, networks, data, runs, trust=trust)
    rates = trace.config.images_per_second
    macs = {n.name: network_costs(n.architecture, data.task).macs for n in networks}
    _check_rates(rates, macs)
    once = [each for _, group in by_recipe(networks) for each in group.values()]
    planned = []
    for number, network in enumerate(once, start=1):
        hours = {
            device: _hours_by_rate(network, data, trace.search, macs, of_device)
            for device, of_device in rates.items()
        }
        trainings = left[network.architecture.arch_id, network.recipe_id]
        if missing is None and trainings:
            progress.say_progress(f"timing {network.name}, {number} of {len(once)}")
            hours[HERE] = _hours_here(trace.search, network, data)
        costs = network_costs(network.architecture, data.task)
        planned.append(PlannedTraining(network, costs.params, costs.macs, trainings, hours))
    return planned


def _left(
    trace: Trace, networks: Sequence[TracedNetwork], data: SearchData, runs: Path, *, trust: bool
) -> dict[tuple[str, str], int]:
    """Return the trainings that no run has done, by ``arch_id`` and ``recipe_id``."""
    into = existing_run(trace.search, runs, data.task, None, writes=False, trust=trust)
    config, ledger, own = (
        (trace.search, None, None) if into is None else (into.config, into.ledger, into.run)
    )
    done = {
        (row.arch_id, row.recipe_id, row.seed)
        for row in (ledger.evaluations("retrain") if ledger else ())
        if row.state == "complete"
    }
    done |= trainings_elsewhere(runs, config, data.images_id, ledger=ledger, own=own)
    seeds = [full_training_seed(config.seed, n) for n in range(config.retrain_seeds)]
    networks_by_key = {(each.architecture.arch_id, each.recipe_id) for each in networks}
    return {key: sum((*key, seed) not in done for seed in seeds) for key in networks_by_key}


def _check_rates(rates: Mapping[str, Mapping[str, float]], macs: Mapping[str, int]) -> None:
    for device, of_device in rates.items():
        for name in of_device:
            if name not in macs:
                raise CommandError(
                    f"images_per_second.{device}: no network of the trace is called {name!r}; "
                    f"{hint(name, macs)}"
                )


def _hours_by_rate(
    network: TracedNetwork,
    data: SearchData,
    config: SearchConfig,
    macs: Mapping[str, int],
    rates: Mapping[str, float],
) -> float:
    """Return the hours of a training by the rate of the network whose MACs are nearest."""
    own = macs[network.name]
    nearest = min(rates, key=lambda name: abs(macs[name] - own))
    rate = rates[nearest] * macs[nearest] / own
    images = network.recipe.epochs * data.trained_on(config.retrain_data)
    return images / rate / 3600


def _hours_here(config: SearchConfig, network: TracedNetwork, data: SearchData) -> float:
    """Return the hours of a training on this machine, scaled from a few steps of it."""
    config = config.replace(retrain=network.recipe)
    return full_training_seconds(config, network.architecture, data) / 3600


def _plan_json(
    trace: Trace,
    planned: Sequence[PlannedTraining],
    searches: Sequence[PlannedSearch],
    missing: str | None,
) -> dict[str, Any]:
    seeds = trace.search.retrain_seeds
    return {
        "name": trace.config.name,
        "trainings_left": sum(each.left for each in planned),
        "networks": [each.to_json() for each in planned],
        "searches_left": [each._asdict() | {"hours": each.hours(seeds)} for each in searches],
        "hours": _totals(trace, planned, searches),
        "not_timed_here": missing,
    }


def _totals(
    trace: Trace, planned: Sequence[PlannedTraining], searches: Sequence[PlannedSearch]
) -> dict[str, float]:
    """Return the hours of everything one after another, by device."""
    totals: dict[str, float] = {}
    for each in planned:
        for device, hours in each.hours.items():
            totals[device] = totals.get(device, 0.0) + each.left * hours
    for search in searches:
        totals[HERE] = totals.get(HERE, 0.0) + search.hours(trace.search.retrain_seeds)
    return totals


def _show(
    output: Output,
    trace: Trace,
    planned: Sequence[PlannedTraining],
    searches: Sequence[PlannedSearch],
    missing: str | None,
) -> None:
    totals = _totals(trace, planned, searches)
    seeds = trace.search.retrain_seeds
    if planned:
        output.show(_training_table(planned))
        number = sum(each.left for each in planned)
        output.say(f"{number} full trainings are left, with {seeds} seeds each")
    for each in searches:
        output.say(
            f"family {each.family!r}: run {each.run!r} is to be searched, {each.trials} trials: "
            f"{duration(3600 * each.search_hours)}; then its front is trained, {each.front} "
            f"networks assumed, {seeds} seeds each: "
            f"{duration(3600 * each.front * seeds * each.training_hours)}"
        )
    if missing is not None:
        output.say(f"nothing is timed here: {missing}")
    for device, hours in totals.items():
        output.say(_total_line(trace, device, hours))


def _training_table(planned: Sequence[PlannedTraining]) -> Table:
    devices = dict.fromkeys(device for each in planned for device in each.hours)
    table = number_table(
        "network", "params", "MACs", "epochs", "left", *(f"time each\n{d}" for d in devices)
    )
    for each in planned:
        table.add_row(
            f"{each.network.family}: {each.network.name}",
            format_quantity(each.params),
            format_quantity(each.macs),
            str(each.network.recipe.epochs),
            str(each.left),
            *(duration(3600 * each.hours[d]) if d in each.hours else "-" for d in devices),
        )
    return table


def _total_line(trace: Trace, device: str, hours: float) -> str:
    if device != HERE:
        return f"{device}: {hours:,.3g} GPU-hours, by the rates of images_per_second and the MACs"
    config = trace.search
    line = (
        f"here: {duration(3600 * hours)} one after another, from up to {TIMED_STEPS} steps of each"
    )
    at_once = trainings_at_once(config)
    if at_once is not None:
        line += f"; {at_once} at once: {duration(3600 * hours / at_once)}"
    return line
