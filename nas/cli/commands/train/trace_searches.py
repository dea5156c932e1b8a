"""The searches whose fronts are families of a trace: run where they are not finished."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nas.cli.commands.search.resumed_run import check_same_search
from nas.cli.commands.search.search import run_search_command
from nas.cli.output import Output
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.config.trace import Trace, TraceFamily
from nas.errors import RunError
from nas.search.problem import costs_of, space_of
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import SearchData, checked_problem
from nas.workflows.space_costs import check_fits, space_costs
from nas.workflows.timing.device_hours import FRONT_ASSUMED, device_hours
from nas.workflows.timing.full_training_time import full_training_seconds


class PlannedSearch(NamedTuple):
    """A search that a trace would run, and the trainings of its front; all of it is estimated."""

    family: str
    run: str
    trials: int
    search_hours: float  # of all of its trainings one after another, on this machine
    front: int  # networks assumed on its front
    training_hours: float  # of one full training of the network with the median MACs

    def hours(self, seeds: int) -> float:
        """Return the hours of the search and of its front's trainings, one after another."""
        return self.search_hours + self.front * seeds * self.training_hours


def unfinished_searches(
    trace: Trace, runs: Path, *, trust: bool
) -> list[tuple[TraceFamily, SearchConfig]]:
    """Return the families whose search is not finished, each with its configuration.

    Raises:
        ConfigError: a search's overrides are wrong.
        RunError: a run of the name is of another search, or cannot be read.
        TrustError: reading a run needs trust.
    """
    unfinished = []
    for family in trace.config.families:
        if family.search is None:
            continue
        config = load_config(trace.search_file, trace.overrides_of(family))
        run = RunFolder(runs / config.name, trust=trust)
        if not run.path.exists():
            unfinished.append((family, config))
            continue
        theirs = check_same_search(run, config)
        if not run.state().finished:
            unfinished.append((family, config))
        elif theirs.search.n_trials != config.search.n_trials:
            raise RunError(
                f"family {family.name!r}: run {run.name!r} has search.n_trials="
                f"{theirs.search.n_trials}, the trace {config.search.n_trials}"
            )
    return unfinished


def run_searches(
    output: Output, trace: Trace, runs: Path, *, allow_changed_data: bool, trust: bool
) -> None:
    """Search what the families of a trace need; go on with a search that was interrupted.

    Args:
        output: to print to.
        trace: the trace.
        runs: the folder of all runs.
        allow_changed_data: the option ``--allow-changed-data``.
        trust: the option ``--trust``.

    Raises:
        CommandError, ConfigError, DataError, NothingFits, RunError, ClusterError,
        TooManyFailures, TrustError: see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    shown = Output(stderr=True) if output.as_json else output
    for family, config in unfinished_searches(trace, runs, trust=trust):
        shown.say(f"family {family.name!r}: searching run {config.name!r}")
        run_search_command(
            shown,
            trace.search_file,
            trace.overrides_of(family),
            runs,
            resume=(runs / config.name).exists(),
            again=False,
            allow_changed_data=allow_changed_data,
            trust=trust,
        )


def planned_search(
    output: Output, trace: Trace, family: TraceFamily, config: SearchConfig, data: SearchData
) -> PlannedSearch:
    """Estimate the time of a family's search and of its front's full trainings on this machine.

    The front is assumed to have ten members, each as dear as the network of the median MACs.

    Args:
        output: what is timed is printed to it.
        trace: the trace.
        family: one with a search.
        config: of the search.
        data: of the trace.

    Raises:
        ConfigError, DataError, NothingFits: see :mod:`nas.errors`.
    """
    space = space_of(config)
    costs = costs_of(config, space, data.task, with_memory=True)
    looked_at = space_costs(config, costs)
    check_fits(looked_at, config)
    checked_problem(config, costs_of(config, space, data.task))
    hours = device_hours(config, costs, looked_at, output.say)
    median = int(np.argsort(looked_at.macs, kind="stable")[len(looked_at.macs) // 2])
    architecture = space.decode(looked_at.vectors[median])
    output.say("timing a full training of the network with the median MACs")
    seconds = full_training_seconds(
        config.replace(retrain=trace.recipe_of(family)), architecture, data
    )
    return PlannedSearch(
        family.name,
        config.name,
        hours.trials,
        hours.hours,
        min(FRONT_ASSUMED, hours.trials),
        seconds / 3600,
    )
