"""Warm start: a search's first architectures and the results of earlier searches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.finite_values import check_all_finite
from nas.metrics import METRICS, losses
from nas.samplers.choice_space import ChoiceSpace
from nas.samplers.trials import NO_WARM_START, CompletedTrial, WarmStart
from nas.search.problem import SearchProblem
from nas.storage.candidates import candidates, finite_losses, pareto_front
from nas.storage.evaluation import Evaluation, curve_points
from nas.storage.ledger import ledger_of
from nas.storage.run.data_file import fingerprints_of_run
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture, Task
from search_space.json_reading import parse_json
from search_space.zoo import ZOO

log = logging.getLogger(__name__)

FILE = "warm_start.json"
"""The file in a run's folder that keeps its warm start, so that resuming needs no earlier run."""


def warm_start_of(
    run: RunFolder,
    config: SearchConfig,
    task: Task,
    problem: SearchProblem,
    runs: Path,
    *,
    fingerprint: str | None = None,
    trust: bool = False,
) -> WarmStart:
    """Read a run's warm start from its folder; collect it if the run died before writing it.

    Raises:
        RunError: the file is damaged; or see :func:`collect_warm_start`.
    """
    file = run.path / FILE
    if file.is_file():
        return _read(file)
    warm_start = collect_warm_start(
        config, task, problem, runs, fingerprint=fingerprint, trust=trust
    )
    keep_warm_start(run, warm_start)
    return warm_start


def keep_warm_start(run: RunFolder, warm_start: WarmStart) -> None:
    """Write a run's warm start into its folder, unless it is empty.

    Raises:
        RunError: the folder cannot be written.
    """
    if warm_start != NO_WARM_START:
        run.write_json(FILE, _plain(warm_start))


def collect_warm_start(
    config: SearchConfig,
    task: Task,
    problem: SearchProblem,
    runs: Path,
    *,
    fingerprint: str | None = None,
    trust: bool = False,
) -> WarmStart:
    """Collect what ``sampler.papers_first`` and ``sampler.learn_from`` ask for, once a run.

    The networks of both papers come first, then the fronts of earlier runs; only those in the space
    count. Results of earlier runs are used if they compare: the same task, images, data settings,
    proxy recipe, fidelity and metric, and no latency among the objectives.

    Args:
        config: the search's.
        task: images and classes of its architectures.
        problem: the one that the configuration describes, with its space and costs.
        runs: the folder of all runs.
        fingerprint: of the images; None compares those of no run.
        trust: the option ``--trust``, for the earlier runs.

    Raises:
        RunError: there is no such run, it is named twice, or the space holds none of its
            architectures.
        TrustError: reading one would act, and it is not trusted.
    """
    space = problem.space
    first: list[Architecture] = []
    if config.sampler.papers_first:
        first += [a for named in ZOO.values() if space.contains(a := named.at_width(1.0))]
        if not first:
            log.warning("sampler.papers_first: the space holds none of the papers' networks")
    earlier: list[CompletedTrial] = []
    for other in _different_runs(config.sampler.learn_from, runs, trust=trust):
        front, results = _from_run(other, config, task, space, fingerprint)
        first += front
        earlier += results
    over = {a for a in first if config.limits.static_violations(problem.costs.of(a))}
    if over:
        log.warning("%d architectures to begin with are over the limits and left out", len(over))
    return WarmStart(tuple(a for a in dict.fromkeys(first) if a not in over), tuple(earlier))


def _different_runs(names: Sequence[str], runs: Path, *, trust: bool) -> list[RunFolder]:
    named: dict[Path, str] = {}
    for name in names:
        path = RunFolder.find(name, runs).path
        if path in named:
            raise RunError(
                f"sampler.learn_from: {named[path]!r} and {name!r} are the same run, whose results "
                "would count twice"
            )
        named[path] = name
    return [RunFolder(path, trust=trust) for path in named]


def _from_run(
    run: RunFolder,
    config: SearchConfig,
    task: Task,
    space: ChoiceSpace,
    fingerprint: str | None,
) -> tuple[list[Architecture], list[CompletedTrial]]:
    """Return a run's front and, if they compare, its results."""
    theirs, ledger = ledger_of(run)
    rows = [row for row in ledger.evaluations("search") if space.contains(row.architecture)]
    rows = [row for row in rows if row.state == "complete"]
    if not rows:
        raise RunError(
            f"sampler.learn_from: run {run.name!r} has no result in the space {space.name!r}"
        )
    front = [member.architecture for member in pareto_front(candidates(rows), theirs.objectives)]
    compares = (
        (theirs.proxy_id, theirs.metric) == (config.proxy_id, config.metric)
        and theirs.data == config.data
        and run.task() == task
        and (fingerprint is None or fingerprints_of_run(run) in ([], [fingerprint]))
        and not any(METRICS[objective].uses_latency for objective in config.objectives)
    )
    if not compares:
        log.warning(
            "sampler.learn_from: results of %r do not compare with this search's (another task, "
            "data, proxy, fidelity or metric, or latency as an objective); its front comes first, "
            "and nothing else is used",
            run.name,
        )
        return front, []
    return front, [_completed(row, config) for row in rows]


def _completed(row: Evaluation, config: SearchConfig) -> CompletedTrial:
    (values,) = finite_losses([row.metrics], config.objectives, [row.arch_id]).tolist()
    curve = {
        epoch: losses({"val_accuracy": accuracy}, ["val_accuracy"])[0]
        for epoch, accuracy in curve_points(row.curve).items()
    }
    return CompletedTrial(row.architecture, tuple(values), curve)


def _plain(warm_start: WarmStart) -> dict[str, object]:
    return {
        "first": [architecture.canonical_json() for architecture in warm_start.first],
        "earlier": [
            [trial.architecture.canonical_json(), trial.losses, dict(trial.curve)]
            for trial in warm_start.earlier
        ],
    }


def _read(file: Path) -> WarmStart:
    try:
        data = parse_json(file.read_bytes())
        for text, values, curve in data["earlier"]:
            check_all_finite(
                np.array([*values, *curve.values()], dtype=float), f"results of {text}"
            )
        return WarmStart(
            tuple(Architecture.from_json(text) for text in data["first"]),
            tuple(
                CompletedTrial(
                    Architecture.from_json(text),
                    tuple(values),
                    {int(epoch): loss for epoch, loss in curve.items()},
                )
                for text, values, curve in data["earlier"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{file} is not what a search wrote there: {error}") from error
