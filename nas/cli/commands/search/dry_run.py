"""``nas search --dry-run``: estimate the cost of a search; nothing is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.metrics import PREDICTED_LATENCY
from nas.quantities import duration, format_quantity
from nas.search.problem import costs_of, space_of
from nas.search.warm_start import collect_warm_start
from nas.workflows.checks import checked_problem, load_data
from nas.workflows.space_costs import SpaceCosts, check_fits, space_costs
from nas.workflows.timing.device_hours import (
    FRONT_ASSUMED,
    DeviceHours,
    device_hours,
    missing_device,
    trials_within,
)
from nas.workflows.timing.timed_training import TIMED_STEPS
from trainers import TrainingDiverged

log = logging.getLogger(__name__)


def show_dry_run(
    output: Output,
    config_file: Path,
    overrides: Sequence[str],
    runs: Path,
    *,
    trust: bool = False,
) -> None:
    """Print the space's size, the costs, the share within the limits, and expected device-hours.

    Raises:
        NothingFits: no costed architecture is within the limits; raised after the table.
        CommandError, ConfigError, DataError, RunError, TrustError: see :mod:`nas.errors`.
    """
    progress = Output(stderr=True)
    config = load_config(config_file, overrides)
    progress.say_progress("reading the data")
    data = load_data(config)
    if not output.as_json:
        output.say(str(data))
    for warning in data.warnings:
        log.warning(warning)
    space = space_of(config)
    progress.say_progress(f"working out the costs of the space {space.name!r}")
    with_memory = costs_of(config, space, data.task, with_memory=True)
    costs = space_costs(config, with_memory)
    if not output.as_json:
        _show_costs(output, config, costs)
    elif not len(costs.vectors):
        output.show_json(dry_run_json(config, costs, None, None))
    check_fits(costs, config)
    problem = checked_problem(config, costs_of(config, space, data.task))
    # raises if a run that it names is wrong
    collect_warm_start(config, data.task, problem, runs, fingerprint=data.fingerprint, trust=trust)
    missing = missing_device(config)
    hours = None
    if missing is None:
        try:
            hours = device_hours(config, with_memory, costs, progress.say_progress)
        except TrainingDiverged as error:
            raise CommandError(
                f"a proxy training diverges in its first steps, as trials of the search would: "
                f"{error}. A lower proxy.learning_rate or a longer warm-up (proxy.schedule) helps"
            ) from error
    if output.as_json:
        output.show_json(dry_run_json(config, costs, hours, missing))
    elif hours is None:
        output.say(f"device-hours are not estimated: {missing}")
    else:
        _show_hours(output, config, hours)


def dry_run_json(
    config: SearchConfig, costs: SpaceCosts, hours: DeviceHours | None, missing: str | None
) -> dict[str, Any]:
    """Return the same as plain data; shares are fractions, and keys name units."""
    return {
        "space": costs.space,
        "size": costs.size,
        "looked_at": costs.looked_at,
        "whole_space": costs.whole_space,
        "costs": {name: asdict(each) for name, each in costs.ranges.items()},
        "share_within_all_limits": costs.share_within_all,
        "memory_batch_size": config.retrain.batch_size,
        "device_hours": None if hours is None else asdict(hours) | {"hours": hours.hours},
        "trials_within_budgets": None if hours is None else trials_within(config, hours),
        "device_hours_missing": missing,
    }


def _show_costs(output: Output, config: SearchConfig, costs: SpaceCosts) -> None:
    how = (
        "all of them" if costs.whole_space else f"{costs.looked_at:,} drawn uniformly over choices"
    )
    output.say(f"space {costs.space!r}: {costs.size:,} architectures; costs of {how}")
    table = number_table("cost", "least", "median", "most", "limit", "within")
    for name, each in costs.ranges.items():
        table.add_row(
            name,
            *(format_quantity(value) for value in (each.least, each.median, each.most)),
            *(
                ("-", "-")
                if each.limit is None
                else (format_quantity(each.limit), f"{each.share_within:.1%}")
            ),
        )
    output.show(table)
    output.say(f"within all limits: {costs.share_within_all:.1%}")
    notes = [f"peak memory is of a training step with {config.retrain.batch_size} images"]
    if PREDICTED_LATENCY in costs.ranges:
        notes.append("predicted latency is less the table's margin")
    elif config.uses_latency:
        notes.append("latency is measured as the search goes")
    output.show("; ".join(notes))


def _show_hours(output: Output, config: SearchConfig, hours: DeviceHours) -> None:
    output.say(
        f"\nproxy trainings of {config.proxy.epochs} epochs; up to {TIMED_STEPS} steps timed here, "
        "one training at a time"
    )
    table = number_table("by MACs", "MACs", "epoch s", "evaluation s", "trial s")
    for each in hours.timed:
        seconds = (each.epoch_seconds, each.evaluation_seconds, each.trial_seconds)
        table.add_row(each.which, format_quantity(each.macs), *(f"{s:.3g}" for s in seconds))
    output.show(table)
    at_once = (
        "as many at once as the cluster holds"
        if hours.wall_hours is None
        else f"{hours.concurrency} at once: {duration(3600 * hours.wall_hours)}"
    )
    repeats = (
        f" + {hours.repeats} repeats (a front of {FRONT_ASSUMED} assumed): {hours.repeat_hours:.3g}"
        if hours.repeats
        else ""
    )
    output.say(
        f"expected device-hours: {hours.trials} trials: {hours.trial_hours:.3g}{repeats}; "
        f"together {hours.hours:.3g}; {at_once}"
    )
    for key, trials in trials_within(config, hours).items():
        output.say(
            f"{key} has time for about {trials} of the {hours.trials} trials, beside the repeats"
        )
    if config.resources.gpus_per_trial:
        output.say(
            f"expected GPU-hours, {config.resources.gpus_per_trial:g} GPUs a trial: "
            f"{hours.gpu_hours:.3g}"
        )
    if config.scheduler.pauses:
        output.say(
            f"of {hours.trials * config.proxy.epochs:,} epochs, {config.scheduler.name} trains "
            f"{config.most_epochs(hours.trials):,}"
        )
    elif config.rungs:
        output.say("trials that the scheduler stops early take less")
