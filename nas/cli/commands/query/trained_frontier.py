"""``nas frontier --trained``: the front of fully trained networks beside that of the proxies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.fidelity.ranks import LEAST_RANKED, RankCorrelation, rank_correlation
from analysis.fidelity.table import kendall_text
from analysis.trace.page import plot_trace_html
from analysis.trace.picture import plot_trace_png
from analysis.trace.points import TracePoint, TraceResult
from analysis.trace.tables import trace_table
from nas.cli.commands.typed_command import typed
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.evaluation.metric_names import MetricNames
from nas.quantities import number_range
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.workflows.trained_networks import TrainedNetworks, trained_networks
from search_space.architecture import Architecture

BELOW = "trained in full, below its front"


def show_trained_frontier(
    output: Output,
    run: RunFolder,
    config: SearchConfig,
    ledger: Ledger,
    members: Sequence[Candidate],
    fitting: Sequence[Candidate],
    *,
    x: str,
    png: Path | None,
    html: Path | None,
) -> None:
    """Print and draw both fronts, and say how the order of the networks changed.

    Args:
        output: to print to.
        run: the search's.
        config: of the run.
        ledger: of the run.
        members: the front by proxies.
        fitting: all evaluated networks within the limits.
        x: the cost of both fronts.
        png: the picture to write, if any.
        html: the page to write, if any.

    Raises:
        CommandError: none of the networks is trained in full.
        RunError: a ledger cannot be read, or a picture cannot be written.
    """
    trained = trained_networks(run, ledger, config)
    costs = {each.architecture: each.metrics for each in fitting}
    full = [row for row in trained.rows if row.architecture in costs]
    if not full:
        raise CommandError(
            f"no network of run {run.name!r} within the limits is trained in full: "
            f"{typed('retrain', run.path, '--pick', 'all')}, or a trace with its run as a family"
        )
    rank, names = _rank(full, fitting), MetricNames(config.metric)
    result = TraceResult(
        title=f"{run.name}: fronts of proxies and of fully trained networks",
        accuracy="accuracy",
        accuracy_label=names.noun,
        axes=(x,),
        own_axis="",
        families=(by_proxies(names), in_full(names), BELOW),
        points=(*_proxies(ledger, members, x, names), *_trained(full, costs, x, names)),
        published=(),
        published_source="",
        is_of_fronts=True,
        notes=tuple(_notes(config, trained, full, members, rank)),
        names=names,
    )
    for file, plot in ((png, plot_trace_png), (html, plot_trace_html)):
        if file is None:
            continue
        try:
            plot(file, result)
        except OSError as error:
            raise RunError(f"cannot draw the fronts: {error}") from error
    if output.as_json:
        output.show_json(
            result.to_json() | {"x": x, "ranks": None if rank is None else rank.to_json()}
        )
    else:
        output.show(trace_table(result))


def by_proxies(names: MetricNames) -> str:
    """Return the name of the proxies' front."""
    return f"front by proxies, {names['val_accuracy'].label}"


def in_full(names: MetricNames) -> str:
    """Return the name of the front of fully trained networks."""
    return f"front in full, {names['test_accuracy'].label}"


def _proxies(
    ledger: Ledger, members: Sequence[Candidate], x: str, names: MetricNames
) -> list[TracePoint]:
    """Return the members by their fresh evaluations; as found where there are none."""
    fresh: dict[str, list[float]] = {}
    for kind in ("repeats", "baselines"):
        for row in ledger.evaluations(kind):
            if row.state == "complete":
                fresh.setdefault(row.arch_id, []).append(row.metrics["val_accuracy"])
    return [
        TracePoint(
            by_proxies(names),
            each.arch_id,
            each.arch_id,
            str(each.architecture),
            {x: each.metrics[x]},
            tuple(fresh.get(each.arch_id, [each.metrics["val_accuracy"]])),
        )
        for each in members
    ]


def _trained(
    rows: Sequence[Evaluation],
    costs: Mapping[Architecture, Mapping[str, float]],
    x: str,
    names: MetricNames,
) -> list[TracePoint]:
    by_network: dict[str, list[Evaluation]] = {}
    for row in rows:
        by_network.setdefault(row.arch_id, []).append(row)
    # the cost is the search's: rows of full trainings have none that is measured
    whole = []
    for each in candidates(rows):
        cost = {x: costs[each.architecture][x]} if x in costs[each.architecture] else {}
        whole.append(
            replace(each, metrics={**each.metrics, **cost}, choice={**each.choice, **cost})
        )
    on_front = {each.arch_id for each in pareto_front(whole, ["test_accuracy", x])}
    return [
        TracePoint(
            in_full(names) if arch_id in on_front else BELOW,
            arch_id,
            arch_id,
            str(each[0].architecture),
            {x: costs[each[0].architecture][x]},
            tuple(row.metrics["test_accuracy"] for row in each),
            device_seconds={row.seed: row.device_seconds for row in each},
        )
        for arch_id, each in by_network.items()
        if x in costs[each[0].architecture]
    ]


def _rank(rows: Sequence[Evaluation], fitting: Sequence[Candidate]) -> RankCorrelation | None:
    """Return the correlation of both rankings; None for fewer than three networks."""
    proxy = {each.arch_id: each.metrics["val_accuracy"] for each in fitting}
    full = {each.arch_id: each.metrics["test_accuracy"] for each in candidates(rows)}
    shared = [arch_id for arch_id in full if arch_id in proxy]
    if len(shared) < LEAST_RANKED:
        return None
    return rank_correlation([proxy[a] for a in shared], [full[a] for a in shared])


def _notes(
    config: SearchConfig,
    trained: TrainedNetworks,
    rows: Sequence[Evaluation],
    members: Sequence[Candidate],
    rank: RankCorrelation | None,
) -> list[str]:
    networks, names = {row.arch_id for row in rows}, MetricNames(config.metric)
    seeds = number_range(Counter(row.arch_id for row in rows).values())
    notes = [
        f"proxies: {config.proxy.epochs} epochs, means of fresh seeds where there are any; in "
        f"full: {len(networks)} networks by recipe {trained.recipe_id}, {seeds} seeds each"
    ]
    if trained.other_recipes:
        notes.append(f"trainings by {trained.other_recipes} other recipes are left out")
    notes.append(
        f"the front in full is chosen by the test {names.plural} that it shows, so that its "
        "members are a little luckier than others"
    )
    missing = [each.arch_id for each in members if each.arch_id not in networks]
    if missing:
        notes.append(f"members of the proxies' front that are not trained: {', '.join(missing)}")
    if rank is None:
        notes.append(f"the order is not compared: that takes {LEAST_RANKED} networks or more")
    elif rank.kendall_tau is None:
        notes.append(f"the order is not compared: all {names.plural} of one kind are equal")
    else:
        notes.append(
            f"the networks' order by proxy and in full: Kendall's tau {kendall_text(rank)}, "
            f"n = {rank.n}"
        )
    return notes
