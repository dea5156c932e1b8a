"""The networks that are compared: their parts, their costs and their accuracies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from analysis.paired_difference import PairedDifference, paired_difference
from nas.metrics import COSTS
from nas.storage.candidates import Candidate
from search_space.architecture import Architecture
from search_space.cost import Costs

GLOBAL = ("family", "block", "expansion", "shortcut")
"""The fields of an architecture that all of its stages share."""

NO_PART = "-"
"""The label of a part that a network lacks."""


@dataclass(frozen=True)
class Subject:
    """A network, with what is known of it."""

    name: str  # as the user called it
    architecture: Architecture
    costs: Costs
    candidate: Candidate | None = None  # its evaluations; None if no run evaluated it
    fresh: Mapping[int, float] = field(default_factory=dict)  # val_accuracy by seed, without the
    # search's own evaluation

    @property
    def metrics(self) -> dict[str, float]:
        """Its costs, also those that a run measured, by name."""
        measured = {} if self.candidate is None else self.candidate.metrics
        known = {**measured, **self.costs.metrics()}
        return {name: known[name] for name in COSTS if name in known}


class Part(NamedTuple):
    """A part of the networks: the same place in each."""

    name: str  # such as "stage 2"
    labels: tuple[str, ...]  # one a network
    params: tuple[int | None, ...]  # None where the network lacks the part
    macs: tuple[int | None, ...]

    @property
    def is_changed(self) -> bool:
        """Whether the networks differ in it."""
        return len(set(self.labels)) > 1


class Difference(NamedTuple):
    """The difference of two networks' accuracies, as a fraction."""

    mean: float
    standard_error: float | None  # None where a network has fewer than two fresh evaluations
    n: int  # pairs of seeds; 0 where the means of different seeds are compared
    is_fresh: bool  # False where a search's own evaluation, among its luckiest, is compared


def parts_of(subjects: Sequence[Subject]) -> list[Part]:
    """Return the parts of networks beside each other, from the stem to the classifier.

    A first part named "blocks" has what all stages of a network share, where that differs.
    """
    parts = []
    shared = [_shared(each.architecture) for each in subjects]
    if len(set(shared)) > 1:
        nothing: tuple[int | None, ...] = (None,) * len(subjects)
        parts.append(Part("blocks", tuple(shared), nothing, nothing))
    by_name = [{part.name: part for part in each.costs.parts} for each in subjects]
    labels = [_labels(each.architecture) for each in subjects]
    for name in _in_order([list(each) for each in by_name]):
        counts = [each[name].counts if name in each else None for each in by_name]
        parts.append(
            Part(
                name,
                tuple(each.get(name, NO_PART) for each in labels),
                tuple(None if count is None else count.params for count in counts),
                tuple(None if count is None else count.macs for count in counts),
            )
        )
    return parts


def difference(first: Subject, second: Subject) -> Difference | None:
    """Return ``second``'s accuracy less ``first``'s, over shared fresh seeds where there are any.

    None if no run evaluated one of them.
    """
    if first.candidate is None or second.candidate is None:
        return None
    paired: PairedDifference | None = paired_difference(second.fresh, first.fresh)
    if paired is not None:
        return Difference(paired.mean, paired.standard_error, paired.n, is_fresh=True)
    mean = second.candidate.metrics["val_accuracy"] - first.candidate.metrics["val_accuracy"]
    errors = (first.candidate.standard_error, second.candidate.standard_error)
    both = None if errors[0] is None or errors[1] is None else (errors[0] ** 2 + errors[1] ** 2)
    is_fresh = first.candidate.is_fresh and second.candidate.is_fresh
    return Difference(mean, None if both is None else both**0.5, 0, is_fresh)


def _shared(architecture: Architecture) -> str:
    values = {name: getattr(architecture, name) for name in GLOBAL}
    return f"{values['family']}, {values['block']} x{values['expansion']}, {values['shortcut']}"


def _labels(architecture: Architecture) -> dict[str, str]:
    labels = {"stem": architecture.stem.label}
    labels |= {
        f"stage {number}": stage.label for number, stage in enumerate(architecture.stages, start=1)
    }
    if architecture.head:
        labels["head"] = f"head {architecture.head}"
    return labels | {"classifier": "classifier"}


def _in_order(names: Sequence[Sequence[str]]) -> list[str]:
    """Return all names, stages by number between what comes before and after them."""
    stages = max((each for each in names), key=len)
    every = dict.fromkeys(name for row in zip_longest(*names) for name in row if name)
    last = [name for name in ("head", "classifier") if name in every]
    return [*(name for name in stages if name not in last), *last]
