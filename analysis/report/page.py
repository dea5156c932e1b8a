"""The report: its sections from top to bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from analysis.front.queries import knee
from analysis.front.section import Front, front_section
from analysis.page.document import page_html
from analysis.page.section import Section
from analysis.report.ablations import ablations_section
from analysis.report.attention import attention_section
from analysis.report.choices import choices_section
from analysis.report.fidelity import fidelity_section
from analysis.report.hours import hours_section
from analysis.report.hypervolume import hypervolume_section
from analysis.report.importance import importance_section
from analysis.report.merged import check_comparable, merged_candidates, merged_front
from analysis.report.outcomes import outcomes_section
from analysis.report.papers import papers_section
from analysis.report.reproduce import reproduce_section
from analysis.report.retrained import retrained_section
from analysis.report.run_data import ACCURACY, ReportRun
from analysis.report.summary import summary_section
from analysis.report.trained_summary import trained_summary_section
from analysis.trace.section import trace_section


class NothingFinished(ValueError):
    """No trial of the runs has finished."""


class Live(NamedTuple):
    """The words of a served report beside its sections."""

    version: str  # see :func:`analysis.page.document.page_html`
    dashboards: Sequence[str]  # the commands that show the runs' ledgers by optuna-dashboard


def report_html(runs: Sequence[ReportRun], *, live: Live | None = None) -> str:
    """Return the report of a run, or of several, as one HTML file.

    Args:
        runs: at least one. Those of one search with several seeds are drawn as one, with a band.
        live: of a served report.

    Raises:
        NothingFinished: no trial and no full training has finished.
        ValueError: the runs do not compare.
    """
    return page_of_sections(runs, report_sections(runs), live=live)


def page_of_sections(
    runs: Sequence[ReportRun], sections: Sequence[Section], *, live: Live | None = None
) -> str:
    """Return the page of :func:`report_html` from the sections that it has."""
    shown = [*sections, *([] if live is None else [live_section(live)])]
    title = ", ".join(run.name for run in runs)
    version = "" if live is None else live.version
    return page_html(title, shown, subtitle=_subtitle(runs), live=version)


def report_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return the sections of a report, from the summary to the end.

    Raises:
        NothingFinished: no trial and no full training has finished.
        ValueError: the runs do not compare.
    """
    check_comparable(runs)
    makers = SECTIONS if merged_front(runs) else SECTIONS_WITHOUT_SEARCH
    sections = [each for each in (make(runs) for make in makers) if each is not None]
    if sections[0].name != "summary":
        names = ", ".join(repr(run.name) for run in runs)
        raise NothingFinished(f"no trial of {names} has finished: there is nothing to report yet")
    return sections


def waiting_html(names: Sequence[str], why: str, live: Live) -> str:
    """Return the page that is served while there is nothing to report."""
    title = ", ".join(names)
    return page_html(title, [live_section(live)], subtitle=why, live=live.version)


def live_section(live: Live) -> Section:
    """Return what a served report says of itself."""
    data = {"dashboards": live.dashboards}
    return Section("live", "Live", "report/templates/live.html", data)


def _front(runs: Sequence[ReportRun]) -> Section:
    members, cost = merged_front(runs), runs[0].cost
    several = {run.name: run.front for run in runs} if len(runs) > 1 else {}
    beside = [each for run in runs for each in run.beside]
    best = knee(members, cost, ACCURACY)
    task, sure = runs[0].task, runs[0].probabilities if len(runs) == 1 else {}
    every = merged_candidates(runs)
    front = Front(every, members, cost, ACCURACY, best, task, beside, several, sure, runs[0].names)
    return front_section(front, "The front")


def _trace(runs: Sequence[ReportRun]) -> Section | None:
    traces = [run.trace for run in runs if run.trace is not None]
    return trace_section(traces[0], "Trace") if len(traces) == 1 else None


SECTIONS: tuple[Callable[[Sequence[ReportRun]], Section | None], ...] = (
    summary_section,
    _front,
    hypervolume_section,
    choices_section,
    importance_section,
    retrained_section,
    papers_section,
    ablations_section,
    _trace,
    attention_section,
    fidelity_section,
    outcomes_section,
    hours_section,
    reproduce_section,
)
"""The sections from top to bottom; each returns None where the runs have nothing for it."""

SECTIONS_WITHOUT_SEARCH: tuple[Callable[[Sequence[ReportRun]], Section | None], ...] = (
    trained_summary_section,
    retrained_section,
    papers_section,
    ablations_section,
    _trace,
    attention_section,
    reproduce_section,
)
"""The sections of runs that trained networks in full, and searched for none."""


def _subtitle(runs: Sequence[ReportRun]) -> str:
    task = runs[0].task
    shape = " x ".join(map(str, task.input_shape))
    states = Counter(run.state for run in runs)
    if not any(run.rows["search"] for run in runs):
        searches = "Without a search"
    elif len(runs) == 1:
        searches = f"Search {runs[0].state}"
    else:
        counted = ", ".join(f"{count} {state}" for state, count in states.items())
        searches = f"{len(runs)} searches ({counted})"
    begun = str(runs[0].environment.get("started", ""))[:10]
    when = f", begun {begun}" if begun else ""
    return f"{task.dataset}: {task.classes} classes, images of {shape}. {searches}{when}."
