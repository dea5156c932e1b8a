"""Several runs as one set of candidates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from analysis.report.run_data import ACCURACY, ReportRun
from nas.storage.candidates import Candidate, pareto_front
from search_space.digest import short_sha256

OF_ONE_RUN = ("name", "seed", "storage", "ledger_folder", "networks_url", "ray", "modules")
"""Settings in which the runs of a group differ."""


def check_comparable(runs: Sequence[ReportRun]) -> None:
    """Check that the accuracies and costs of runs compare.

    Raises:
        ValueError: two differ in their task, proxy, metric, cost or device of latencies; the
            message has both names and what differs.
    """
    first = runs[0]
    for other in runs[1:]:
        for what, one, its in zip(_TERMS, _terms(first), _terms(other), strict=True):
            if one != its:
                raise ValueError(
                    f"runs {first.name!r} and {other.name!r} do not compare: their {what} differ, "
                    f"{one} and {its}"
                )


def merged_candidates(runs: Sequence[ReportRun]) -> list[Candidate]:
    """Return each architecture once: from the run that evaluated it most often."""
    best: dict[str, Candidate] = {}
    for run in runs:
        for each in run.candidates:
            known = best.get(each.arch_id)
            if known is None or each.evaluations > known.evaluations:
                best[each.arch_id] = each
    return list(best.values())


def merged_front(runs: Sequence[ReportRun]) -> list[Candidate]:
    """Return the front over all runs, by ascending cost."""
    return pareto_front(merged_candidates(runs), [ACCURACY, runs[0].cost])


def groups(runs: Iterable[ReportRun]) -> dict[str, list[ReportRun]]:
    """Return runs that differ in their seeds alone together, by the name of the first one."""
    by_settings = sorted(runs, key=_settings)
    together = [list(group) for _, group in groupby(by_settings, key=_settings)]
    return {
        each[0].name + (f" and {len(each) - 1} more" if len(each) > 1 else ""): each
        for each in together
    }


_TERMS = ("tasks", "proxies", "metrics", "costs", "latency settings", "devices")


def _terms(run: ReportRun) -> tuple[Any, ...]:
    config = run.config
    timed = config.uses_latency
    return (
        run.task.model_dump(mode="json"),
        config.proxy_id,
        config.metric,
        run.cost,
        config.latency.model_dump(mode="json") if timed else None,
        (config.resources.device_type, config.resources.device) if timed else None,
    )


def _settings(run: ReportRun) -> str:
    content = run.config.model_dump(mode="json", exclude=set(OF_ONE_RUN))
    return short_sha256(json.dumps(content, sort_keys=True), 12)
