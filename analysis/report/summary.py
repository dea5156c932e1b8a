"""The first screen: what was found, how sure that is, what it cost, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, zip_longest
from typing import Any

from analysis.front.queries import knee
from analysis.page.section import Section
from analysis.report.merged import merged_front
from analysis.report.run_data import ACCURACY, Command, ReportRun
from nas.evaluation.metric_names import MetricNames
from nas.metrics import METRICS
from nas.quantities import duration, format_quantity, number_range
from nas.storage.accuracy_text import accuracy_text
from nas.storage.candidates import Candidate, most_accurate

MOST_COMMANDS = 3


def summary_section(runs: Sequence[ReportRun]) -> Section:
    """Return the four answers."""
    members, cost = merged_front(runs), runs[0].cost
    best = most_accurate(members)
    assert best is not None  # there is a front
    middle = knee(members, cost, ACCURACY)
    return first_screen(
        [
            _what(runs, members, best, middle),
            _how_sure(runs, members, best),
            _what_it_cost(runs),
        ],
        _commands(runs),
    )


def first_screen(answers: Sequence[Mapping[str, Any]], commands: Sequence[Command]) -> Section:
    """Return the section.

    Args:
        answers: each with ``question``, ``lead`` (a line) and ``lines``, further ones.
        commands: what to do next, the most useful first; those beyond the third are left out.
    """
    data = {"answers": answers, "commands": commands[:MOST_COMMANDS]}
    return Section("summary", "", "report/templates/summary.html", data)


def _commands(runs: Sequence[ReportRun]) -> list[Command]:
    """Return the most useful commands: the first of each run, then the second ones, and so on."""
    in_turn = zip_longest(*(run.next_commands for run in runs))
    return [each for turn in in_turn for each in turn if each is not None]


def _what(
    runs: Sequence[ReportRun],
    members: Sequence[Candidate],
    best: Candidate,
    middle: Candidate | None,
) -> dict[str, Any]:
    cost = runs[0].cost
    tried = sum(len(run.candidates) for run in runs)
    low, high = members[0].metrics[cost], members[-1].metrics[cost]
    unit = METRICS[cost].unit
    extent = (
        f"{format_quantity(low)} {unit}"
        if low == high
        else f"{format_quantity(low)} to {format_quantity(high)} {unit}"
    )
    names = runs[0].names
    lines = [f"The {names.best}, {best.arch_id}: {_worth(best, cost, names)}."]
    if middle is not None and middle.arch_id != best.arch_id:
        lines.append(f"The knee, {middle.arch_id}: {_worth(middle, cost, names)}.")
    lines += [line for run in runs for line in _in_full(run)]
    return {
        "question": "What was found",
        "lead": f"{len(members)} of {tried} networks are on the front, from {extent}",
        "lines": lines,
    }


def _worth(member: Candidate, cost: str, names: MetricNames) -> str:
    accuracy = names.value(accuracy_text(member, decimals=1))
    return f"{accuracy} at {format_quantity(member.metrics[cost])} {METRICS[cost].unit}"


def _in_full(run: ReportRun) -> list[str]:
    """Say how the best found network did on the test images, and the best of the others."""
    tested = sorted(
        (row for row in run.retrained if row["test_accuracy"] is not None),
        key=lambda row: -row["test_accuracy"],
    )
    chosen = [row for row in tested if row["kind"] == "found"][:1]
    others = [row for row in tested if row["kind"] != "found"][:1]
    if not chosen:
        return []
    parts = [
        f"{row['network'] or row['kind']} {accuracy_in_test(row, run.names)}" for row in others
    ]
    beside = f"; beside it, {parts[0]}" if parts else ""
    best = f"{chosen[0]['arch_id']}: {accuracy_in_test(chosen[0], run.names)} in the test"
    return [f"Trained in full, {best}{beside}."]


def accuracy_in_test(row: Mapping[str, Any], names: MetricNames) -> str:
    """Return a network's accuracy on the test images, with its error and n."""
    error = row["test_standard_error"]
    spread = "" if error is None else f" ± {100 * error:.1f}"
    return names.value(f"{row['test_accuracy']:.1%}{spread} (n={row['n']})")


def _how_sure(
    runs: Sequence[ReportRun], members: Sequence[Candidate], best: Candidate
) -> dict[str, Any]:
    fresh = [member for member in members if member.is_fresh]
    if fresh:
        seeds = number_range(member.n for member in fresh)
        plural = "" if seeds == "1" else "s"
        again = f"{len(fresh)} of {len(members)} members were"
        lead = f"{again} trained again, with {seeds} fresh seed{plural}"
    else:
        lead = (
            f"No member was trained again: {runs[0].names.plural} are as found, among the luckiest "
            "of many"
        )
    lines = []
    if best.is_fresh and best.as_found is not None:
        gap = 100 * (best.as_found - best.metrics[ACCURACY])
        lines.append(
            f"The {runs[0].names.best} was found with {best.as_found:.1%}; fresh seeds say "
            f"{best.metrics[ACCURACY]:.1%} ({-gap:+.1f} points)."
        )
    for run in runs:
        if run.noise is None:
            continue
        between = "" if run.spread is None else f", of {100 * run.spread:.1f} between networks"
        whose = f"{run.name}: d" if len(runs) > 1 else "D"
        lines.append(
            f"{whose}eviation of {100 * run.noise.deviation:.1f} points from seed to seed of one "
            f"network{between} ({run.noise.degrees_of_freedom} degrees of freedom)."
        )
    if len(runs) == 1 and runs[0].probabilities:
        lines.append(_truly_on_front(runs[0].probabilities, members))
    steps = _steps_within_noise(runs, members)
    if steps:
        lines.append(steps)
    return {"question": "How sure it is", "lead": lead, "lines": lines}


def _truly_on_front(probabilities: Mapping[str, float], members: Sequence[Candidate]) -> str:
    """Say how many members are expected to be on the front in truth, and the least sure one."""
    known = [(probabilities.get(member.arch_id, 0.0), member.arch_id) for member in members]
    least, arch_id = min(known)
    expected = sum(probability for probability, _ in known)
    return (
        f"{expected:.1f} of {len(members)} members are expected to be on the front in truth; the "
        f"least sure is {arch_id} ({least:.0%})."
    )


def _steps_within_noise(runs: Sequence[ReportRun], members: Sequence[Candidate]) -> str:
    """Say how many neighbours on the front differ by less than their errors together."""
    pairs = [
        (one, other)
        for one, other in pairwise(members)
        if one.standard_error is not None and other.standard_error is not None
    ]
    if not pairs:
        return ""
    close = sum(
        abs(one.metrics[ACCURACY] - other.metrics[ACCURACY])
        < 2 * ((one.standard_error or 0.0) ** 2 + (other.standard_error or 0.0) ** 2) ** 0.5
        for one, other in pairs
    )
    return (
        f"{close} of {len(pairs)} steps from member to member are within two standard errors of "
        "their difference."
    )


def _what_it_cost(runs: Sequence[ReportRun]) -> dict[str, Any]:
    busy = sum(run.time.busy_seconds for run in runs)
    wall = sum(run.time.wall_seconds for run in runs)
    full = sum(row.spent_seconds for run in runs for row in trained_here(run))
    trials = sum(len(run.rows["search"]) for run in runs)
    repeats = sum(len(run.rows["repeats"]) for run in runs)
    lines = [f"{trials:,} trials and {repeats:,} trainings with fresh seeds."]
    shares = [run.time.training_share for run in runs if run.time.training_share is not None]
    if wall:
        share = f"; workers trained for {min(shares):.0%} of it" if len(shares) == 1 else ""
        lines.append(f"{duration(wall)} of wall time{share}.")
    if full:
        lines.append(f"{duration(full)} more of full trainings.")
    rejected = sum(sum(run.rejections.values()) for run in runs)
    if rejected:
        lines.append(f"{rejected:,} proposals were over a limit, and cost no training.")
    return {
        "question": "What it cost",
        "lead": f"{busy / 3600:.3g} device-hours of search",
        "lines": lines,
    }


def trained_here(run: ReportRun) -> list[Any]:
    """Return the full trainings that were not taken from another run."""
    return [row for row in run.rows["retrain"] if row.provenance.taken_from is None]
