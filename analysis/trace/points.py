"""The points of a trace: networks with the accuracies of their full trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nas.evaluation.deviations import standard_error
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import METRICS
from nas.quantities import number_range


@dataclass(frozen=True)
class TracePoint:
    """A network of a family."""

    family: str
    network: str
    arch_id: str
    description: str
    costs: Mapping[str, float]  # by axis
    accuracies: tuple[float, ...]  # fractions, one a training
    found_by: str = ""  # the run and trial of the search that found it
    device_seconds: Mapping[int, float] = field(default_factory=dict)  # by seed, of those trained
    # for this trace and not taken from another run
    val_accuracies: Mapping[int, float] = field(default_factory=dict)  # by seed
    test_accuracies: Mapping[int, float] = field(default_factory=dict)  # by seed

    @property
    def n(self) -> int:
        """The number of trainings."""
        return len(self.accuracies)

    @property
    def mean(self) -> float:
        """The mean accuracy."""
        return float(np.mean(self.accuracies))

    @property
    def validation(self) -> float | None:
        """The mean validation accuracy; None without validation images."""
        if not self.val_accuracies:
            return None
        return float(np.mean(list(self.val_accuracies.values())))

    @property
    def standard_error(self) -> float | None:
        """The standard error of the mean; None below two trainings."""
        return standard_error(self.accuracies)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "family": self.family,
            "network": self.network,
            "arch_id": self.arch_id,
            "description": self.description,
            **self.costs,
            "accuracy": self.mean,
            "standard_error": self.standard_error,
            "n": self.n,
            "accuracies": list(self.accuracies),
            "found_by": self.found_by or None,
            "seconds_of_all": sum(self.device_seconds.values()),
        }

    @classmethod
    def from_json(
        cls, content: Mapping[str, Any], axes: Sequence[str], names: MetricNames
    ) -> TracePoint:
        """Read what :meth:`TraceResult.to_json` returned, without the seeds of its trainings.

        Raises:
            KeyError: a key is missing.
        """
        return cls(
            content["family"],
            content["network"],
            content["arch_id"],
            content["description"],
            {axis: content[axis] for axis in axes if axis in content},
            tuple(content[names.key("accuracies")]),
            content["found_by"] or "",
        )


@dataclass(frozen=True)
class PublishedPoint:
    """A row of a paper's table that is drawn beside a family."""

    family: str
    row: str
    costs: Mapping[str, float]  # by axis, as printed; without those that the table lacks
    accuracy: float  # a fraction

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"family": self.family, "row": self.row, **self.costs, "accuracy": self.accuracy}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], axes: Sequence[str]) -> PublishedPoint:
        """Read what :meth:`to_json` returned.

        Raises:
            KeyError: a key is missing.
        """
        costs = {axis: content[axis] for axis in axes if axis in content}
        return cls(content["family"], content["row"], costs, content["accuracy"])


@dataclass(frozen=True)
class TraceResult:
    """All that a trace's picture and tables show."""

    title: str
    accuracy: str  # test_accuracy or val_accuracy
    accuracy_label: str  # such as "test accuracy (top-1)"
    axes: tuple[str, ...]
    own_axis: str  # the label of the axis "own"; empty without it
    families: tuple[str, ...]
    points: tuple[TracePoint, ...]
    published: tuple[PublishedPoint, ...]
    published_source: str  # such as "AACN Table 3"; empty without it
    notes: tuple[str, ...]
    is_of_fronts: bool = False  # whether a curve climbs over a family's front
    names: MetricNames = OF_ACCURACY

    def label(self, axis: str) -> str:
        """Return an axis' label with its unit."""
        return self.own_axis if axis == "own" else METRICS[axis].axis_label

    def values(self, axis: str) -> list[float]:
        """Return all points' values on an axis."""
        every = [*(p.costs for p in self.points), *(p.costs for p in self.published)]
        return [costs[axis] for costs in every if axis in costs]

    def of_family(self, family: str, axis: str) -> list[TracePoint]:
        """Return a family's points that have a value on an axis, in its order."""
        points = [p for p in self.points if p.family == family and axis in p.costs]
        return sorted(points, key=lambda point: point.costs[axis])

    def curve(self, family: str, axis: str) -> list[TracePoint]:
        """Return the points that a family's curve joins, in the order of an axis.

        A front climbs by validation accuracy where there is one, so that the accuracy that is drawn
        did not choose it.
        """
        points = self.of_family(family, axis)
        if not self.is_of_fronts:
            return points
        is_validated = all(point.validation is not None for point in points)
        best, front = -1.0, []
        for point in points:
            worth = point.validation if is_validated and point.validation else point.mean
            if worth > best:
                best = worth
                front.append(point)
        return front

    def published_of(self, family: str, axis: str) -> list[PublishedPoint]:
        """Return the published points of a family that have a value on an axis, in its order."""
        points = [p for p in self.published if p.family == family and axis in p.costs]
        return sorted(points, key=lambda point: point.costs[axis])

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with metrics by their names in this run."""
        content: dict[str, Any] = self.names.keyed(self._plain())
        return content

    def _plain(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "metric": self.names.metric,
            "accuracy": self.accuracy,
            "accuracy_label": self.accuracy_label,
            "axes": list(self.axes),
            "own_axis": self.own_axis or None,
            "families": list(self.families),
            "is_of_fronts": self.is_of_fronts,
            "points": [point.to_json() for point in self.points],
            "published": [point.to_json() for point in self.published],
            "published_source": self.published_source or None,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TraceResult:
        """Read what :meth:`to_json` returned.

        Raises:
            KeyError: a key is missing, as in files of earlier versions.
        """
        axes = tuple(content["axes"])
        # files of earlier versions are of classifiers and do not name the metric
        names = MetricNames(content.get("metric", OF_ACCURACY.metric))
        points = [TracePoint.from_json(each, axes, names) for each in content["points"]]
        return cls(
            title=content["title"],
            accuracy=names.name(content[names.key("accuracy")]),
            accuracy_label=content[names.key("accuracy_label")],
            axes=axes,
            own_axis=content["own_axis"] or "",
            families=tuple(content["families"]),
            points=tuple(points),
            published=tuple(PublishedPoint.from_json(each, axes) for each in content["published"]),
            published_source=content["published_source"] or "",
            notes=tuple(content["notes"]),
            is_of_fronts=content["is_of_fronts"],
            names=names,
        )


def trainings_text(points: Sequence[TracePoint]) -> str:
    """Return how many trainings are behind one point or more: ``n = 5`` or ``n = 1 to 5``."""
    return f"n = {number_range(point.n for point in points)}"
