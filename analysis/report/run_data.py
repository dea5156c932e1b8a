"""All that a report shows of a run, read once from its folder and ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from analysis.explanation.explained import Explanation
from analysis.fidelity.ranks import Compared
from analysis.front.beside import Beside
from analysis.noise import SeedNoise
from analysis.trace.points import TraceResult
from nas.config.search_config import SearchConfig
from nas.evaluation.metric_names import MetricNames
from nas.storage.candidates import Candidate, pareto_front
from nas.storage.device_time import DeviceTime
from nas.storage.evaluation import Evaluation, Kind
from search_space.architecture import Task

ACCURACY = "val_accuracy"
ENDED = ("complete", "pruned", "fail")


class AttentionPicture(NamedTuple):
    """Where a trained network's heads look on one image."""

    arch_id: str
    caption: str
    png: bytes


class Command(NamedTuple):
    """A command to type, and what it does."""

    text: str
    purpose: str


@dataclass(frozen=True)
class ReportRun:
    """A run's data.

    Attributes:
        name: of the run.
        state: running, finished or interrupted.
        config: of the run.
        task: of its architectures.
        environment: of the driver that began it, as ``environment.json`` has it.
        rows: the evaluations of each study, see :mod:`nas.storage.ledger_rows`.
        choices: what each trial of the search chose, by its number: values by component.
        candidates: the evaluated architectures within the limits.
        over: those whose second latency is over the limit.
        beside: networks that were evaluated as the front's members are.
        rejections: proposals over a limit: how many, by limit.
        time: where the time of the search's workers went.
        noise: the deviation between seeds of one architecture; None if it is not known.
        retrained: a row for each network that was trained in full, see
            :func:`nas.cli.commands.train.retrain_report.report_row`.
        proxies: architectures that were evaluated as proxies and trained in full.
        epochs: those at which the proxy's ranking is compared with that at its end.
        attention: maps of a network that was trained in full; None without one.
        trace: of the run; None if it has none.
        ablations: of the run's networks, as their JSON files have them.
        next_commands: what to do next, the most useful first.
        ways: the commands that made the run.
        hashes: of files and settings, by what they are of.
        config_yaml: the run's configuration.
        probabilities: of being on the front in truth, by ``arch_id``; empty where too little was
            evaluated.
        explanation: of the choices that matter; None where too little was evaluated.
        explanation_notes: what belongs to it, in sentences.
    """

    name: str
    state: str
    config: SearchConfig
    task: Task
    environment: Mapping[str, Any]
    rows: Mapping[Kind, Sequence[Evaluation]]
    choices: Mapping[int, Mapping[str, Any]]
    candidates: Sequence[Candidate]
    over: Sequence[Candidate]
    beside: Sequence[Beside]
    rejections: Mapping[str, int]
    time: DeviceTime
    noise: SeedNoise | None = None
    spread: float | None = None  # the deviation of val_accuracy between architectures
    retrained: Sequence[Mapping[str, Any]] = ()
    proxies: Sequence[Compared] = ()
    epochs: Sequence[int] = ()
    attention: AttentionPicture | None = None
    trace: TraceResult | None = None
    ablations: Sequence[Mapping[str, Any]] = ()
    next_commands: Sequence[Command] = ()
    ways: Sequence[Command] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    config_yaml: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    explanation: Explanation | None = None
    explanation_notes: Sequence[str] = ()

    @property
    def cost(self) -> str:
        """The cost that the run's front trades accuracy for."""
        return self.config.cost_objective

    @property
    def names(self) -> MetricNames:
        """The names of its metrics; runs that compare have the same."""
        return MetricNames(self.config.metric)

    @property
    def front(self) -> list[Candidate]:
        """The run's front, by ascending cost."""
        return pareto_front(self.candidates, [ACCURACY, self.cost])

    @property
    def ended_trials(self) -> list[Evaluation]:
        """The search's own trials that ended, in the order in which they did.

        Those of earlier versions, without their times, come first, by number.
        """
        ended = [row for row in self.rows["search"] if row.state in ENDED]
        return sorted(ended, key=lambda row: (row.finished or datetime.min, row.number))

    @property
    def finished_trials(self) -> list[Evaluation]:
        """The search's own trials with a result, in the order in which they ended."""
        return [row for row in self.ended_trials if row.state == "complete"]
