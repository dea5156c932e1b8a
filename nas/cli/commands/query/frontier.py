"""``nas frontier``: the Pareto front of a run, or of several whose results compare."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from analysis.front.beside import BY_NAME, PLAIN, Beside, beside_json, beside_table
from analysis.front.exports import front_csv, front_markdown
from analysis.front.queries import best, has_a_knee, knee, nearest, parse_limits, why_no_knee
from analysis.front.queries import under as within_limits
from analysis.front.table import front_json, front_table
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.query.front_files import draw_front, left_out
from nas.cli.output import Output
from nas.cli.paused_collection import paused_collection
from nas.errors import CommandError
from nas.evaluation.accuracy_metric import OF_DETECTORS as DETECTION_METRICS
from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.evaluation.metric_names import MetricNames
from nas.latency.merged_runs import Merged, ReadRun, merged
from nas.metrics import COSTS, PEAK_MEMORY
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.evaluation import Evaluation
from nas.storage.ledger_reader import ledger_to_read
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import run_at
from nas.workflows.plain_evaluations import plain_evaluations
from search_space.nearest import hint

ACCURACIES = ("val_accuracy", "val_accuracy_by_latency")
OF_DETECTORS = {
    MetricNames(metric).key(name): (metric, name)
    for metric in DETECTION_METRICS
    for name in ACCURACIES
}
"""The names of the same metrics in runs of detectors: what they are, and their general name."""

Text = Literal["csv", "markdown"]
"""The forms of a front that other programs read, beside JSON."""


class FrontQuery(NamedTuple):
    """The question that ``nas frontier`` answers."""

    x: str = "params"  # the cost of the front
    y: str = "val_accuracy"  # its accuracy, or another cost
    z: str = ""  # its third objective; empty for none
    under: str = ""  # limits, such as macs=40M
    near: str = ""  # costs, such as params=5M: the members nearest to them are shown
    top: int | None = None  # so many members are shown, the best in y or the nearest
    knee: bool = False  # only the knee is shown

    @property
    def objectives(self) -> list[str]:
        """The objectives; members are in the order of the last one."""
        return [self.y, self.z, self.x] if self.z else [self.y, self.x]

    @property
    def in_general(self) -> FrontQuery:
        """The query with the general names of a detector's metrics: ``val_accuracy``."""
        y, z = (
            OF_DETECTORS[each][1] if each in OF_DETECTORS else each for each in (self.y, self.z)
        )
        return self._replace(y=y, z=z)

    def check_of(self, metric: AccuracyMetric) -> None:
        """Check that names of a detector's metrics are those of the run.

        Raises:
            CommandError: the run is judged by another metric.
        """
        for option, given in (("--y", self.y), ("--z", self.z)):
            if given in OF_DETECTORS and OF_DETECTORS[given][0] != metric:
                has = MetricNames(metric).key(OF_DETECTORS[given][1])
                raise CommandError(f"{option} cannot be {given!r}: the run has {has}")

    def check(self) -> None:
        """Check the parts against each other.

        Raises:
            CommandError: a name is unknown, or two parts exclude each other.
        """
        known = (*ACCURACIES, *COSTS)
        for option, given, names in (
            ("--x", self.x, COSTS),
            ("--y", self.y, known),
            ("--z", self.z or self.x, known),
        ):
            if given not in names:
                raise CommandError(f"{option} cannot be {given!r}; {hint(given, names)}")
        if len(set(self.objectives)) < len(self.objectives):
            raise CommandError(f"objectives must differ, got {', '.join(self.objectives)}")
        if self.top is not None and self.top < 1:
            raise CommandError(f"--top must be at least 1, got {self.top}")
        if self.knee and (self.near or self.top is not None):
            raise CommandError("--knee shows one member; it excludes --near and --top")
        if self.knee and not has_a_knee(self.x, self.y, self.z or None):
            raise CommandError(
                "--knee needs a front of an accuracy against one cost, got "
                f"{', '.join(self.objectives)}"
            )


class Answer(NamedTuple):
    """The front that answers a query."""

    fitting: list[Candidate]  # all architectures within the limits
    members: list[Candidate]
    shown: list[Candidate]  # of the members
    knee: Candidate | None


def show_frontier(
    output: Output,
    names: Sequence[str],
    runs: Path,
    query: FrontQuery,
    *,
    png: Path | None = None,
    html: Path | None = None,
    text: Text | None = None,
    trained: bool = False,
    storage: str | None = None,
    trust: bool = False,
) -> None:
    """Print the front of one run, or of several together.

    It is a table, or JSON where the output is; ``text`` makes it CSV or Markdown. With
    ``trained``, the front of the networks that are trained in full stands beside it. With
    ``storage``, the runs are read from that database alone.

    Raises:
        CommandError, RunError, TrustError: see :mod:`nas.errors`.
    """
    asked_query, query = query, query.in_general
    query.check()
    limits = _costs("--under", query.under)
    targets = _costs("--near", query.near)
    check_ending("--png", png, ".png")
    check_ending("--html", html, ".html")
    if (png or html) and query.y not in ACCURACIES:
        raise CommandError(f"--png and --html draw a front of an accuracy, got --y {query.y}")
    if trained and (len(names) > 1 or query.z or text):
        raise CommandError("--trained takes one run and two objectives, as a table or JSON")
    with paused_collection(), ExitStack() as stack:
        folders = [
            stack.enter_context(run_at(name, runs, storage=storage, trust=trust)) for name in names
        ]
        read = [_opened(each, lists_others=trained) for each in folders]
        for each in read:
            stack.callback(each.ledger.close)
        asked_query.check_of(read[0].config.metric)
        asked = [*query.objectives, *limits, *targets]
        together = merged(read, asked)
        front = _front(together, read, query, limits, targets)
        if trained:
            _show_trained(output, read[0], front, query.x, png=png, html=html)
            return
        beside = networks_beside(read)
        _show(output, together, front, query, beside, text)
        draw_front(
            " and ".join(each.run.name for each in read),
            front.fitting,
            front.members,
            read[0].run.task,
            x=query.x,
            y=query.y,
            best=front.knee,
            png=png,
            html=html,
            beside=beside,
            names=MetricNames(together.config.metric),
        )


def _opened(run: RunFolder, *, lists_others: bool) -> ReadRun:
    """Open a run; what is trained in full may be in any run of its storage, which Optuna lists."""
    if not lists_others:
        return ReadRun(run, *ledger_to_read(run))
    from nas.storage.ledger import ledger_of  # noqa: PLC0415

    return ReadRun(run, *ledger_of(run))


def _front(
    together: Merged,
    read: Sequence[ReadRun],
    query: FrontQuery,
    limits: dict[str, float],
    targets: dict[str, float],
) -> Answer:
    within = together.within
    if PEAK_MEMORY in (*query.objectives, *limits, *targets):
        within = _with_peak_memory(within, read[0])
    fitting = within_limits(within, limits)
    members = pareto_front(fitting, query.objectives)
    if not members:
        named = ", ".join(repr(each.run.name) for each in read)
        called = f"run {named} has" if len(read) == 1 else f"runs {named} have"
        costs = ", ".join(name for name in query.objectives if name != "val_accuracy")
        under = f" under {query.under}" if query.under else ""
        why = f"; {left_out(together.config, together.over)}" if together.over else ""
        raise CommandError(f"{called} no evaluated architecture with {costs}{under}{why}")
    has_knee = has_a_knee(query.x, query.y, query.z or None)
    best_trade = knee(members, query.x, query.y) if has_knee else None
    shown = members
    if query.knee:
        if best_trade is None:
            raise CommandError(why_no_knee(members, query.x, query.y))
        shown = [best_trade]
    elif targets:
        shown = nearest(members, targets, query.top or 1)
    elif query.top is not None:
        shown = best(members, query.y, query.top)
    return Answer(fitting, members, shown, best_trade)


def _show(
    output: Output,
    together: Merged,
    front: Answer,
    query: FrontQuery,
    beside: Sequence[Beside],
    text: Text | None,
) -> None:
    axes: dict[str, Any] = {"x": query.x, "y": query.y, "z": query.z or None}
    drawn = axes | {"knee": front.knee, "shown": front.shown}
    names = MetricNames(together.config.metric)
    if text == "markdown":
        output.show_text(front_markdown(front.members, **drawn, names=names))
    elif text == "csv" or output.as_json:
        data = front_json(front.members, **drawn)
        if len(set(together.runs_of.values())) > 1:
            for member in data["members"]:
                member["runs"] = list(together.runs_of[member["arch_id"]])
        if text == "csv":
            output.show_text(front_csv(data, names))
        else:
            output.show_json(names.keyed(data | {"beside": beside_json(beside, query.x)}))
    else:
        output.show(front_table(front.members, **drawn, names=names))
        if beside:
            output.show(beside_table(beside, query.x, names))
    notes = [*together.notes]
    if together.over:
        notes.append(left_out(together.config, together.over))
    for note in notes:
        output.say(note)


def _show_trained(
    output: Output, read: ReadRun, front: Answer, x: str, *, png: Path | None, html: Path | None
) -> None:
    from nas.cli.commands.query.trained_frontier import show_trained_frontier  # noqa: PLC0415
    from nas.storage.ledger import Ledger  # noqa: PLC0415

    assert isinstance(read.ledger, Ledger)
    show_trained_frontier(
        output,
        read.run,
        read.config,
        read.ledger,
        front.members,
        front.fitting,
        x=x,
        png=png,
        html=html,
    )


def networks_beside(read: Sequence[ReadRun]) -> list[Beside]:
    """Return the networks that were evaluated by runs' proxy and that no search of them chose.

    Raises:
        RunError: a ledger cannot be read.
    """
    distinct: dict[tuple[str, str, int], Evaluation] = {}
    for each in read:
        for row in plain_evaluations(each.config, each.ledger):
            if row.state == "complete":
                distinct.setdefault((row.arch_id, row.recipe_id, row.seed), row)
    names = {row.arch_id: row.provenance.network for row in distinct.values()}
    evaluated = [(each, names[each.arch_id]) for each in candidates(distinct.values())]
    return [Beside(BY_NAME if name else PLAIN, name, each) for each, name in evaluated]


def _costs(option: str, text: str) -> dict[str, float]:
    try:
        return parse_limits(text) if text else {}
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error


def _with_peak_memory(evaluated: list[Candidate], read: ReadRun) -> list[Candidate]:
    """Add peak memory, which the ledger has only if it was limited."""
    from nas.costs.static_costs import peak_memory_mb  # noqa: PLC0415 - networks need PyTorch

    task, batch_size = read.run.task(), read.config.retrain.batch_size

    def completed(candidate: Candidate) -> Candidate:
        if PEAK_MEMORY in candidate.metrics:
            return candidate
        params = candidate.metrics["params"]
        memory = {PEAK_MEMORY: peak_memory_mb(candidate.architecture, task, batch_size, params)}
        return replace(
            candidate,
            metrics={**candidate.metrics, **memory},
            choice={**candidate.choice, **memory},
        )

    return [completed(each) for each in evaluated]
