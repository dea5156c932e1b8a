"""The words of a search before it begins: its size, and how long it is expected to take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.costs.static_costs import StaticCosts
from nas.evaluation.fidelity import FULL
from nas.quantities import duration
from nas.ray.timing import timed_on_worker
from nas.search.forecast import Forecast
from nas.search.problem import SearchProblem
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.timing.first_estimate import first_forecast, little_timing


def announce(
    output: Output, config: SearchConfig, problem: SearchProblem, run: RunFolder, *, resumed: bool
) -> None:
    """Print the run's name, trials and space, and what its scheduler and fidelity shorten."""
    output.say(
        "resuming " if resumed else "run ",
        (run.name, "bold"),
        f": {config.search.n_trials} trials "
        f"of the space {problem.space.name!r} ({problem.space.size:,} architectures), sampler "
        f"{config.sampler.name}, {config.limits}",
    )
    if config.rungs:
        does = "pauses trials" if config.scheduler.pauses else "stops trials early"
        promotes = ", where the best are promoted" if config.scheduler.pauses else ""
        output.say(
            f"{config.scheduler.name} {does} after {_listed(config.rungs)} of "
            f"{config.proxy.epochs} epochs{promotes}"
        )
    if config.fidelity != FULL:
        output.say(f"proxies are trained with {config.fidelity}")


def said_forecast(
    output: Output, config: SearchConfig, ledger: Ledger, costs: StaticCosts, workers: int
) -> Forecast | None:
    """Return how long the search is expected to take, and print it; None if it is not known."""
    timing: Callable[[], float | str] = partial(little_timing, config, costs)
    if config.ray.address is not None or config.resources.gpus_per_trial:
        timing = partial(timed_on_worker, timing, config.resources)
    rows = ledger.evaluations("search")
    forecast = first_forecast(config, costs.space.size, rows, timing, workers)
    if isinstance(forecast, str):
        output.say(f"how long it takes is known when the first trials end: {forecast}")
        return None
    repeats = f" and {forecast.repeats} repeats of the front" if forecast.repeats else ""
    output.say(
        f"expected: about {duration(forecast.wall_seconds)} in all, "
        f"{forecast.device_seconds / 3600:.2f} device-hours for {config.search.n_trials} trials"
        f"{repeats}, {workers} at once; corrected as trials end"
    )
    return forecast


def _listed(numbers: Sequence[int]) -> str:
    """Return a list such as "1, 3 or 9"."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} or {last}" if first else last
