"""The endings of trials: counts, with the reasons of failures, retries and rejections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.page.section import Section, bar_shares
from analysis.report.run_data import ReportRun
from nas.metrics import METRICS
from nas.storage.evaluation import Evaluation

NAMES = {
    "complete": "trained to the end",
    "pruned": "stopped early",
    "paused": "wait at a rung",
    "running": "running, or left before their end",
    "rejected": "rejected: too slow when measured",
    "fail": "failed",
}
MOST_REASONS = 8


def outcomes_section(runs: Sequence[ReportRun]) -> Section:
    """Return the section."""
    rows = [row for run in runs for row in run.rows["search"]]
    trained = [row for run in runs for kind in ("search", "repeats") for row in run.rows[kind]]
    states = Counter("rejected" if row.violation else row.state for row in rows)
    stops = Counter(row.stopped_at_epoch for row in rows if row.stopped_at_epoch is not None)
    over: Counter[str] = Counter()
    for run in runs:
        over.update(run.rejections)
    return Section(
        "outcomes",
        "How trials ended",
        "report/templates/outcomes.html",
        {
            "states": _bars({NAMES[state]: states[state] for state in NAMES if states[state]}),
            "groups": [
                ("Stopped early, after epoch", _bars({str(e): stops[e] for e in sorted(stops)})),
                ("Failed trainings, by reason", _bars(_reasons(_errors(trained)))),
                (
                    "Begun again after a lost worker, by reason",
                    _bars(_reasons(w.cause for row in trained for w in row.lost_workers)),
                ),
                (
                    "Proposals over a limit, which were not trained",
                    _bars({METRICS[name].label: count for name, count in over.most_common()}),
                ),
            ],
        },
    )


def _errors(rows: Iterable[Evaluation]) -> Iterable[str]:
    return (row.error.strip().splitlines()[-1] for row in rows if row.error and row.error.strip())


def _reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Count reasons; beyond the most frequent ones, the others are one."""
    counted = Counter(reasons).most_common()
    shown, others = dict(counted[:MOST_REASONS]), counted[MOST_REASONS:]
    if others:
        shown[f"{len(others)} other reasons"] = sum(count for _, count in others)
    return shown


def _bars(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    shares = bar_shares(list(map(float, counts.values())))
    return [
        {"label": label, "text": f"{count:,}", "share": share}
        for (label, count), share in zip(counts.items(), shares, strict=True)
    ]
