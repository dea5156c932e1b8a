"""The names of a run's metrics in texts, tables, pictures and JSON.

The metric that training improves is ``val_accuracy`` in the ledger, in configurations and in the
code, whatever a run takes for it. People and other programs read it under its own name: the mAP of
a detector is ``val mAP``, and ``val_map`` in JSON. Values are fractions in JSON, and in percent
wherever people read them, mAP too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nas.evaluation.accuracy_metric import ACCURACY_NAMES, OF_DETECTORS, AccuracyMetric
from nas.metrics import METRICS, Metric


@dataclass(frozen=True, kw_only=True)
class _Words:
    """The words for one kind of accuracy."""

    noun: str  # in a sentence
    plural: str
    short: str  # above a column
    before_value: str  # before a value in a sentence; empty where "%" says enough
    after_split: str  # behind "validation" or "test" above a column; empty where it is understood
    key: str  # in place of "accuracy" in the names of metrics
    plural_key: str
    best: str  # of the network that has the most
    in_training: str  # the share that is counted while training
    typical: float  # a value in the middle of those that searches choose among


_ACCURACY = _Words(
    noun="accuracy",
    plural="accuracies",
    short="acc.",
    before_value="",
    after_split="",
    key="accuracy",
    plural_key="accuracies",
    best="most accurate",
    in_training="accuracy",
    typical=0.9,
)
_OTHERS: Mapping[AccuracyMetric, _Words] = {
    metric: _Words(
        noun=(noun := ACCURACY_NAMES[metric]),
        plural=f"values of {noun}",
        short=noun,
        before_value=f"{noun} ",
        after_split=f" {noun}",
        key=noun.lower(),
        plural_key=f"{noun.lower()}_values",
        best=f"highest in {noun}",
        in_training="accuracy of matched anchors",
        typical=0.4,
    )
    for metric in OF_DETECTORS
}
_IN_KEYS = re.compile("(?<!train_)accurac(y|ies)")


@dataclass(frozen=True)
class MetricNames:
    """The names of metrics in a run whose accuracy is ``metric``.

    ``names[name]`` is the metric ``name`` of :data:`nas.metrics.METRICS` with this run's labels.
    """

    metric: AccuracyMetric = "accuracy"

    @property
    def _words(self) -> _Words:
        return _OTHERS.get(self.metric, _ACCURACY)

    @property
    def noun(self) -> str:
        """The accuracy in a sentence: ``accuracy`` or ``mAP``."""
        return self._words.noun

    @property
    def plural(self) -> str:
        """Several of it: ``accuracies`` or ``values of mAP``."""
        return self._words.plural

    @property
    def best(self) -> str:
        """The network with the most of it: ``most accurate`` or ``highest in mAP``."""
        return self._words.best

    @property
    def in_training(self) -> str:
        """The share that an epoch counts on its training images."""
        return self._words.in_training

    @property
    def typical(self) -> float:
        """A value, as a fraction, at which differences in log-odds are told in points."""
        return self._words.typical

    def __getitem__(self, name: str) -> Metric:
        metric, words = METRICS[name], self._words
        return replace(
            metric,
            label=metric.label.replace(_ACCURACY.noun, words.noun),
            heading=metric.heading.replace(_ACCURACY.short, words.short),
        )

    def precise_label(self, name: str) -> str:
        """Return a label with the kind of accuracy: ``test accuracy (top-1)``, ``test mAP``."""
        label = self[name].label
        return label if self.metric in _OTHERS else f"{label} ({ACCURACY_NAMES[self.metric]})"

    def line(self, name: str) -> str:
        """Return a metric's heading in one line: ``val mAP%``."""
        return self[name].heading.replace("\n", " ")

    def of_split(self, split: str) -> str:
        """Return the heading of a column of accuracies of a split: ``validation mAP``."""
        return split + self._words.after_split

    def value(self, text: str) -> str:
        """Return a value as a sentence has it, such as ``mAP 41.3%``, or ``97.9%`` of accuracy."""
        return self._words.before_value + text

    def key(self, name: str) -> str:
        """Return a name with ``accuracy`` in it as this run's JSON has it: ``val_map``.

        The ``train_accuracy`` of an epoch stays: it is a share of images, or of matched anchors.
        """
        one, several = self._words.key, self._words.plural_key
        return _IN_KEYS.sub(lambda match: one if match[1] == "y" else several, name)

    def name(self, key: str) -> str:
        """Return the metric of :data:`nas.metrics.METRICS` whose :meth:`key` this is."""
        return next((name for name in METRICS if self.key(name) == key), key)

    def keyed(self, data: Any) -> Any:
        """Return plain data with this run's keys, and with its names where a value is a metric."""
        if isinstance(data, Mapping):
            return {self.key(str(name)): self.keyed(value) for name, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.keyed(value) for value in data]
        return self.key(data) if isinstance(data, str) and data in METRICS else data


OF_ACCURACY = MetricNames()
"""The names in a run of classifiers."""
