"""A front as a section of a page: its figure, its members, and the networks' cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from analysis.composition import kinds_among, kinds_by_stage, label_of
from analysis.front.beside import Beside
from analysis.front.cards import card
from analysis.front.drawn import Drawn, drawn
from analysis.front.figure import front_figure, front_key
from analysis.page.section import KeyEntry, Section
from analysis.plot_style import kind_colours
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.quantities import format_quantity
from nas.storage.accuracy_text import AS_FOUND
from nas.storage.candidates import Candidate, most_accurate
from search_space.architecture import Task


class Front(NamedTuple):
    """A front of ``y`` against ``x`` to show."""

    candidates: Sequence[Candidate]
    members: Sequence[Candidate]
    x: str
    y: str
    knee: Candidate | None
    task: Task
    beside: Sequence[Beside] = ()
    of_runs: Mapping[str, Sequence[Candidate]] = {}  # where there are several, by name
    probabilities: Mapping[str, float] = {}  # of being on the front in truth, by arch_id
    names: MetricNames = OF_ACCURACY


def front_section(front: Front, title: str = "") -> Section:
    """Return the section; pointing at a network shows its card, and a click pins it.

    Raises:
        ValueError: see :func:`analysis.front.drawn.drawn`.
    """
    picture = drawn(front.candidates, front.members, front.x, front.y, front.beside, front.names)
    notes = picture.notes(front.knee)
    if picture.below:
        notes.append("A double click on the figure shows all.")
    share, key = front_key(picture, front.knee, front.of_runs)
    first = front.knee or most_accurate(picture.front) or picture.candidates[0]
    colours = kind_colours(kinds_among(picture.front))
    return Section(
        "front",
        title,
        "front/templates/front.html",
        {
            "notes": notes,
            "share": share,
            "key": key,
            "kinds": [KeyEntry(label_of(kind), colour) for kind, colour in colours.items()],
            "first": first.arch_id,
            "costs": [front.names[cost].label for cost in _costs(picture)],
            "validation": front.names.of_split("validation"),
            "members": list(_rows(picture, front, colours)),
            "has_probabilities": bool(front.probabilities),
            "as_found": AS_FOUND,
        },
        {"front-figure": front_figure(picture, front.knee, front.of_runs)},
        dict(_cards(picture, front)),
    )


def _costs(picture: Drawn) -> list[str]:
    """Return the costs that have a column: the usual ones, and those of the front."""
    known = {name for member in picture.front for name in member.metrics}
    usual = [name for name in ("params", "macs", "latency_ms") if name in known]
    return [*usual, *({picture.x} - set(usual))]


def _rows(picture: Drawn, front: Front, colours: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    knee = front.knee
    for number, member in enumerate(picture.front, start=1):
        error = member.standard_error
        probability = front.probabilities.get(member.arch_id)
        spread = "" if error is None else f" ± {100 * error:.2f}"
        yield {
            "number": number,
            "arch_id": member.arch_id,
            "is_knee": knee is not None and member.arch_id == knee.arch_id,
            "stages": _stages(member, colours),
            "accuracy": f"{member.metrics[picture.y]:.2%}{spread}",
            "n": member.n if member.is_fresh else "",
            "as_found": "" if member.as_found is None else f"{member.as_found:.2%}",
            "is_fresh": member.is_fresh,
            "probability": "" if probability is None else f"{probability:.0%}",
            "costs": [
                format_quantity(member.metrics[cost]) if cost in member.metrics else ""
                for cost in _costs(picture)
            ],
        }


def _stages(member: Candidate, colours: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "text": f"stage {number}: {', '.join(map(label_of, kinds))}",
            "colours": [colours[kind] for kind in kinds],
        }
        for number, kinds in enumerate(kinds_by_stage(member.architecture), start=1)
    ]


def _cards(picture: Drawn, front: Front) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the cards of all networks, by ``arch_id``; members last, with their numbers."""
    for each in picture.beside:
        yield each.candidate.arch_id, card(each.candidate, front.task, each.label, front.names)
    members = {member.arch_id for member in picture.front}
    for candidate in picture.candidates:
        if candidate.arch_id not in members:
            yield candidate.arch_id, card(candidate, front.task, names=front.names)
    for number, member in enumerate(picture.front, start=1):
        is_knee = front.knee is not None and member.arch_id == front.knee.arch_id
        name = f"{number}{', the knee' * is_knee}"
        yield member.arch_id, card(member, front.task, name, front.names)
