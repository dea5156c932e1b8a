"""The certainty of a front, and further seeds, as tables, texts and plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from scipy.special import expit, logit

from analysis.certainty.allocation import Allocation
from analysis.certainty.run_certainty import FrontCertainty
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.storage.candidates import Candidate

SHOWN_OFF_FRONT = 0.1
"""Architectures off the front are listed from this probability on."""


def off_front(
    certainty: FrontCertainty, members: Sequence[Candidate]
) -> list[tuple[Candidate, float]]:
    """Return the architectures off the front that may be on it, the likeliest first."""
    shown = {member.arch_id for member in members}
    likely = [
        (each, certainty.probabilities[each.arch_id])
        for each in certainty.compared
        if each.arch_id not in shown and certainty.probabilities[each.arch_id] >= SHOWN_OFF_FRONT
    ]
    return sorted(likely, key=lambda pair: -pair[1])


def certainty_notes(
    certainty: FrontCertainty, members: Sequence[Candidate], names: MetricNames = OF_ACCURACY
) -> list[str]:
    """Explain the probabilities in lines under the front's table."""
    count = len(certainty.compared)
    notes = [
        f"on the front: the probability to be on the front of the {count} architectures that were "
        f"evaluated, by joint draws of their {names.plural} given all evaluations, choices and "
        "costs.",
        f"Expected: {certainty.misclassified:.1f} of {count} are on the wrong side of the front, "
        "if those of 50 % and more are taken for members.",
    ]
    if certainty.noise is None:
        notes.append(
            "No architecture has two evaluations: the noise between seeds is the surrogate "
            "model's guess. Evaluate finalists with search.finalist_seeds=2 or more."
        )
    else:
        points = _points(certainty.noise.deviation, names.typical)
        notes.append(
            f"Noise between seeds: {points:.2f} points at {names.value(f'{names.typical:.0%}')} "
            f"(pooled in log-odds over {certainty.noise.architectures} architectures, "
            f"{certainty.noise.degrees_of_freedom} degrees of freedom)."
        )
    others = off_front(certainty, members)
    if others:
        listed = ", ".join(f"{each.arch_id} {share:.0%}" for each, share in others)
        notes.append(f"Off the front, but perhaps on it: {listed}.")
    return notes


def certainty_json(certainty: FrontCertainty, members: Sequence[Candidate]) -> dict[str, Any]:
    """Return plain data; ``seed_noise_log_odds`` is None where it was not measured."""
    return {
        "architectures": len(certainty.compared),
        "expected_misclassified": certainty.misclassified,
        "seed_noise_log_odds": None if certainty.noise is None else certainty.noise.deviation,
        "degrees_of_freedom": (
            0 if certainty.noise is None else certainty.noise.degrees_of_freedom
        ),
        "off_front": [
            {"arch_id": each.arch_id, "front_probability": share}
            for each, share in off_front(certainty, members)
        ],
    }


def allocation_table(allocation: Allocation, certainty: FrontCertainty) -> Table:
    """Return a row for each architecture, in the order in which its seeds pay."""
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title="further seeds, by what an hour of each is expected to settle",
        title_justify="left",
    )
    table.add_column("arch_id", no_wrap=True)
    for heading in ("on the\nfront", "further\nseeds", "hours\neach", "hours", "avoid\nwrong"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    for each in allocation.further:
        table.add_row(
            each.candidate.arch_id,
            f"{certainty.probabilities[each.candidate.arch_id]:.0%}",
            str(each.seeds),
            f"{each.hours_each:.3g}",
            f"{each.hours:.3g}",
            f"{each.avoided:.2f}",
            str(each.candidate.architecture),
        )
    return table


def allocation_json(allocation: Allocation) -> dict[str, Any]:
    """Return plain data, each architecture once, in the order in which its seeds pay."""
    return {
        "device_hours": allocation.hours,
        "expected_misclassified_now": allocation.misclassified_now,
        "expected_misclassified_after": allocation.misclassified_after,
        "further_seeds": [
            {
                "arch_id": each.candidate.arch_id,
                "seeds": each.seeds,
                "device_hours_each": each.hours_each,
                "expected_misclassified_avoided": each.avoided,
            }
            for each in allocation.further
        ],
    }


def _points(deviation: float, typical: float) -> float:
    """Return a deviation in log-odds as points of accuracy, at a typical accuracy."""
    middle = logit(typical)
    return float(100 * (expit(middle + deviation / 2) - expit(middle - deviation / 2)))
