"""``nas frontier``, and the report at the end of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.front.beside import Beside, beside_json, beside_table
from analysis.front.page import plot_front_html
from analysis.front.picture import plot_front_png
from analysis.front.queries import (
    hypervolume,
    knee,
    parse_limits,
    primitive_counts,
    reference_point,
)
from analysis.front.queries import under as within_limits
from analysis.front.section import Front
from analysis.front.table import front_json, front_table
from analysis.noise import quartile_range, seed_noise, spread
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.query.trained_frontier import show_trained_frontier
from nas.cli.commands.train.retrain_report import BY_NAME
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.costs.static_costs import peak_memory_mb
from nas.errors import CommandError, RunError
from nas.latency.measurements import all_candidates, by_latency_limit
from nas.metrics import COSTS, PEAK_MEMORY
from nas.quantities import format_quantity
from nas.search.repeats import random_sample
from nas.search.trial_state import TRAINED
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import run_at
from nas.workflows.plain_evaluations import plain_evaluations
from search_space.baseline import PLAIN
from search_space.nearest import hint

WORTHS = ("val_accuracy",)


def show_frontier(
    output: Output,
    name: str,
    runs: Path,
    *,
    x: str,
    y: str,
    under: str,
    png: Path | None,
    html: Path | None,
    trained: bool = False,
    storage: str | None = None,
    trust: bool = False,
) -> None:
    """Print a run's front of ``y`` against ``x`` within the limits of ``under``.

    With ``trained``, the front of the networks that are trained in full stands beside it. With
    ``storage``, the run is read from that database alone.

    Raises:
        CommandError, RunError, TrustError: see :mod:`nas.errors`.
    """
    for option, given, known in (("--x", x, COSTS), ("--y", y, WORTHS)):
        if given not in known:
            raise CommandError(f"{option} cannot be {given!r}; {hint(given, known)}")
    check_ending("--png", png, ".png")
    check_ending("--html", html, ".html")
    with run_at(name, runs, storage=storage, trust=trust) as run:
        _show_front(output, run, x=x, y=y, under=under, png=png, html=html, trained=trained)


def _show_front(
    output: Output,
    run: RunFolder,
    *,
    x: str,
    y: str,
    under: str,
    png: Path | None,
    html: Path | None,
    trained: bool,
) -> None:
    config, ledger = ledger_of(run)
    asked = _limits(under)
    within, over = by_latency_limit(config, all_candidates(config, ledger))
    if PEAK_MEMORY in (x, *asked):
        within = _with_peak_memory(within, run, config)
    fitting = within_limits(within, asked)
    members = pareto_front(fitting, [y, x])
    if not members:
        limits = f" under {under}" if under else ""
        left_out = f"; {_left_out(config, over)}" if over else ""
        raise CommandError(
            f"run {run.name!r} has no evaluated architecture with {x}{limits}{left_out}"
        )
    if trained:
        show_trained_frontier(
            output, run, config, ledger, members, fitting, x=x, png=png, html=html
        )
        return
    best = knee(members, x, y)
    beside = networks_beside(config, ledger)
    if output.as_json:
        front = front_json(members, x=x, y=y, knee=best)
        output.show_json(front | {"beside": beside_json(beside, x)})
    else:
        output.show(front_table(members, x=x, y=y, knee=best))
        if beside:
            output.show(beside_table(beside, x))
        if over:
            output.say(_left_out(config, over))
    _draw(run, fitting, members, x=x, y=y, best=best, png=png, html=html, beside=beside)


def networks_beside(config: SearchConfig, ledger: Ledger) -> list[Beside]:
    """Return the networks that were evaluated by a run's proxy and that its search did not choose.

    Raises:
        RunError: the ledger cannot be read.
    """
    rows = plain_evaluations(config, ledger)
    names = {row.architecture: row.provenance.network for row in rows}
    evaluated = [(each, names.get(each.architecture, "")) for each in candidates(rows)]
    return [Beside(BY_NAME if name else PLAIN, name, each) for each, name in evaluated]


def front_of_search(config: SearchConfig, ledger: Ledger) -> dict[str, Any] | None:
    """Return the front of a search as ``front.json`` has it; None where there is no front."""
    x, y = config.cost_objective, "val_accuracy"
    within, _ = by_latency_limit(config, all_candidates(config, ledger))
    members = pareto_front(within, [y, x])
    return front_json(members, x=x, y=y, knee=knee(members, x, y)) if members else None


def report_search(output: Output, run: RunFolder, config: SearchConfig, ledger: Ledger) -> None:
    """Print and draw a search's front, its noise, and how its trials ended."""
    x, y = config.cost_objective, "val_accuracy"
    within, over = by_latency_limit(config, all_candidates(config, ledger))
    members = pareto_front(within, [y, x])
    if not members:
        why = _left_out(config, over) if over else "no trial finished"
        output.say(f"there is no front: {why}")
        _report_failures(output, ledger)
        return
    best = knee(members, x, y)
    output.show(front_table(members, x=x, y=y, knee=best))
    if over:
        output.say(_left_out(config, over))
    worst = reference_point(within, [y, x])
    best_y, least_x = (max(m.metrics[y] for m in members), min(m.metrics[x] for m in members))
    if area := (best_y - worst[y]) * (worst[x] - least_x):
        share = hypervolume(members, [y, x], worst) / area
        output.say(
            f"hypervolume: the front dominates {share:.0%} of the area between the worst values "
            f"seen ({worst[y]:.2%}, {format_quantity(worst[x])} {x}) and its own best ones "
            f"({best_y:.2%}, {format_quantity(least_x)} {x})"
        )
    png, html = run.path / "front.png", run.path / "front.html"
    _draw(run, within, members, x=x, y=y, best=best, png=png, html=html)
    run.write_json("front.json", front_of_search(config, ledger))
    rows = ledger.evaluations("search")
    repeats = ledger.evaluations("repeats")
    noise = seed_noise([*rows, *repeats], set(random_sample(config.search, config.seed, rows)))
    between = spread(rows)
    counts = primitive_counts(candidates(rows))
    output.say(
        "trained architectures with each primitive: "
        + ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    )
    if noise is not None and between is not None:
        output.say(
            f"deviation of val_accuracy: {between:.2%} between candidates (interquartile range "
            f"{quartile_range(rows):.2%}), {noise.deviation:.2%} from seed to seed of one (pooled "
            f"over {noise.architectures}: fresh seeds of the front, all seeds of a random sample; "
            f"{noise.degrees_of_freedom} degrees of freedom)"
            + (f", ratio {between / noise.deviation:.1f}" if noise.deviation else "")
        )
    stopped = [row for row in rows if row.state == "pruned"]
    if stopped:
        trained = [row for row in rows if row.state in TRAINED]
        output.say(
            f"{len(stopped)} of {len(trained)} trials were stopped early: "
            f"{sum(row.epochs for row in trained):,} of "
            f"{len(trained) * config.proxy.epochs:,} epochs were trained"
        )
    for limit, entry in ledger.rejections().to_json().items():
        output.say(f"{entry['count']:,} proposals were over the limit on {limit}")
    _report_failures(output, ledger)
    output.say(f"front drawn in {png} and {html}")


def _left_out(config: SearchConfig, over: list[Candidate]) -> str:
    """Return the message about candidates that the latency limit keeps off the front."""
    listed = ", ".join(f"{each.arch_id} ({each.metrics['latency_ms']:.4g} ms)" for each in over)
    return (
        f"{len(over)} trained whose second measurement of latency is over limits.latency_ms="
        f"{config.limits.latency_ms:g}, left out: {listed}"
    )


def _report_failures(output: Output, ledger: Ledger) -> None:
    """Print how many trainings of a search failed, if any did."""
    trials, repeats = ledger.evaluations("search"), ledger.evaluations("repeats")
    for rows, called in ((trials, "trials"), (repeats, "repeats of the front")):
        failed = sum(row.error is not None for row in rows)
        if failed:
            output.say(f"{failed} of {len(rows)} {called} failed: `nas status` says why")


def _limits(text: str) -> dict[str, float]:
    try:
        return parse_limits(text) if text else {}
    except ValueError as error:
        raise CommandError(f"--under: {error}") from error


def _with_peak_memory(
    evaluated: list[Candidate], run: RunFolder, config: SearchConfig
) -> list[Candidate]:
    """Add peak memory, which the ledger has only if it was limited."""
    task, batch_size = run.task(), config.retrain.batch_size
    lacking = {
        each.architecture: peak_memory_mb(
            each.architecture, task, batch_size, each.metrics["params"]
        )
        for each in evaluated
        if PEAK_MEMORY not in each.metrics
    }
    return [
        replace(
            each,
            metrics={**each.metrics, PEAK_MEMORY: lacking[each.architecture]},
            choice={**each.choice, PEAK_MEMORY: lacking[each.architecture]},
        )
        if each.architecture in lacking
        else each
        for each in evaluated
    ]


def _draw(
    run: RunFolder,
    evaluated: list[Candidate],
    members: list[Candidate],
    *,
    x: str,
    y: str,
    best: Candidate | None,
    png: Path | None,
    html: Path | None,
    beside: Sequence[Beside] = (),
) -> None:
    title = f"{run.name}: {len(evaluated)} architectures, {len(members)} on the front"
    try:
        if png is not None:
            plot_front_png(png, evaluated, members, x=x, y=y, knee=best, title=title, beside=beside)
        if html is not None:
            front = Front(evaluated, members, x, y, best, run.task(), beside)
            plot_front_html(html, front, title=title)
    except OSError as error:
        raise RunError(f"cannot draw the front: {error}") from error


__all__ = ["front_of_search", "report_search", "show_frontier"]
