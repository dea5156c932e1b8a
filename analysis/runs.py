"""Runs in Python: their evaluations and fronts, as plain values and as pandas' data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.front.queries import has_a_knee, knee, under
from analysis.front.table import front_json
from nas.latency.merged_runs import ReadRun, merged
from nas.metrics import METRICS
from nas.storage.candidates import Candidate, pareto_front
from nas.storage.evaluation import Evaluation
from nas.storage.ledger_reader import ledger_to_read
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.folder import RunFolder
from search_space.nearest import hint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LoadedRun:
    """A run as it was when it was loaded; get one by :func:`load_run`.

    Attributes:
        name: the run's.
        evaluations: every training of its search, its repeats, its plain networks and its full
            trainings, in the order of the ledger.
        candidates: the architectures that its search evaluated to the end, by all evaluations.
    """

    name: str
    evaluations: tuple[Evaluation, ...]
    candidates: tuple[Candidate, ...]
    _read: ReadRun

    def to_json(self) -> list[dict[str, Any]]:
        """Return a mapping for each evaluation, of plain values.

        ``kind`` is search, repeats, baselines or retrain; ``state`` complete, pruned, fail, running
        or paused. Accuracies are fractions; a metric that a row lacks is not among its ``metrics``.
        """
        return [
            {
                "run": self.name,
                "kind": row.kind,
                "number": row.number,
                "state": row.state,
                "arch_id": row.arch_id,
                "description": str(row.architecture),
                "seed": row.seed,
                "epochs": row.epochs,
                "device_seconds": row.device_seconds,
                "metrics": dict(row.metrics),
            }
            for row in self.evaluations
        ]

    def frame(self) -> pd.DataFrame:
        """Return a row for each evaluation, with a column for each metric; NaN for none."""
        return _frame(self.to_json())


@dataclass(frozen=True)
class Front:
    """A Pareto front; get one by :func:`frontier`.

    Attributes:
        objectives: its metrics, the accuracy first.
        members: by the last objective, ascending.
        knee: the member with the best trade of an accuracy against one cost, or None.
    """

    objectives: tuple[str, ...]
    members: tuple[Candidate, ...]
    knee: Candidate | None

    def to_json(self) -> list[dict[str, Any]]:
        """Return a mapping for each member, as ``nas frontier --json`` has them."""
        y, x = self.objectives[0], self.objectives[-1]
        z = self.objectives[1] if len(self.objectives) > 2 else None
        members: list[dict[str, Any]] = front_json(self.members, x=x, y=y, z=z, knee=self.knee)[
            "members"
        ]
        return members

    def frame(self) -> pd.DataFrame:
        """Return a row for each member, with a column for each metric."""
        rows = self.to_json()
        for row in rows:
            del row["architecture"]
        return _frame(rows)


def load_run(name: str | Path, *, runs: str | Path = "runs", trust: bool = False) -> LoadedRun:
    """Read a run; nothing in its folder is changed.

    Args:
        name: of the run, or the path of its folder, which may be a copy or an archive.
        runs: the folder of all runs.
        trust: as the option ``--trust``: the run may import modules and reach other machines.

    Raises:
        RunError, TrustError, ConfigError: it cannot be read; see :mod:`nas.errors`.
    """
    run = RunFolder.find(str(name), Path(runs), trust=trust)
    config, ledger = ledger_to_read(run)
    rows = tuple(row for kind in SUFFIXES for row in ledger.evaluations(kind))
    read = ReadRun(run, config, ledger)
    together = merged([read])
    ledger.close()
    return LoadedRun(run.name, rows, (*together.within, *together.over), read)


def frontier(
    *runs: LoadedRun,
    objectives: Sequence[str] = ("val_accuracy", "params"),
    limits: Mapping[str, float] | None = None,
) -> Front:
    """Return the Pareto front of one run, or of several whose results compare.

    Args:
        runs: one or more of :func:`load_run`.
        objectives: two or three metrics, such as ``("val_accuracy", "latency_ms", "params")``.
        limits: upper limits on costs by name, inclusive.

    Raises:
        RunError: the runs do not compare.
        ValueError: there is no run, or a name is unknown.
    """
    if not runs:
        raise ValueError("a front needs a run, as load_run gives it")
    for name in objectives:
        if name not in METRICS:
            raise ValueError(f"unknown objective {name!r}; {hint(name, METRICS)}")
    if len(objectives) not in (2, 3) or len(set(objectives)) < len(objectives):
        raise ValueError(f"a front has two or three objectives, got {', '.join(objectives)}")
    asked = limits or {}
    together = merged([each._read for each in runs], [*objectives, *asked])
    members = pareto_front(under(together.within, asked), objectives)
    y, x = objectives[0], objectives[-1]
    has_knee = len(objectives) == 2 and has_a_knee(x, y)
    return Front(tuple(objectives), tuple(members), knee(members, x, y) if has_knee else None)


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - values are read without it

    return pd.DataFrame(
        [{k: v for k, v in row.items() if k != "metrics"} | dict(row["metrics"]) for row in rows]
    )
