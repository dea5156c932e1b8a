"""The names of metrics by what a run's accuracy is."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.evaluation.accuracy_metric import OF_DETECTORS, AccuracyMetric
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import METRICS
from tests.nas.words_of_detectors import wrong_words

OF_CLASSIFIERS = [each for each in get_args(AccuracyMetric) if each not in OF_DETECTORS]
KEYS = st.sampled_from([*METRICS, "proxy_val_accuracy_as_found", "accuracies", "train_accuracy"])
DATA: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.floats(allow_nan=False) | st.text() | KEYS,
    lambda each: st.lists(each) | st.dictionaries(KEYS | st.text(), each),
    max_leaves=8,
)


def test_names_of_detectors() -> None:
    names = MetricNames("average_precision")
    assert names["val_accuracy"].label == "validation mAP"
    assert names["val_accuracy"].axis_label == "validation mAP, %"
    assert names.line("val_accuracy") == "val mAP%"
    assert names.precise_label("test_accuracy") == "test mAP"
    assert names.of_split("proxy validation") == "proxy validation mAP"
    assert names.value("41.3%") == "mAP 41.3%"
    assert names.key("proxy_val_accuracy_as_found") == "proxy_val_map_as_found"
    assert names.key("train_accuracy") == "train_accuracy"
    assert MetricNames("ap50").key("test_accuracy") == "test_ap50"
    assert names["params"] == METRICS["params"]


@pytest.mark.parametrize("metric", OF_DETECTORS)
def test_no_name_of_detectors_says_accuracy(metric: AccuracyMetric) -> None:
    names = MetricNames(metric)
    for name in METRICS:
        shown = names[name]
        said = [shown.label, shown.heading, names.key(name), names.precise_label(name)]
        assert wrong_words("\n".join([*said, names.noun, names.plural, names.best])) == []
        assert names.name(names.key(name)) == name


@pytest.mark.parametrize("metric", OF_CLASSIFIERS)
def test_classifiers_have_the_names_of_the_table(metric: AccuracyMetric) -> None:
    names = MetricNames(metric)
    for name, known in METRICS.items():
        assert names[name] == known
        assert names.key(name) == name
    assert names.of_split("test") == "test"
    assert names.value("97.9%") == "97.9%"
    assert names.precise_label("test_accuracy").startswith("test accuracy (")


@given(DATA)
def test_data_of_classifiers_stay(data: Any) -> None:
    assert OF_ACCURACY.keyed(data) == data


@given(DATA)
def test_data_of_detectors_have_their_keys_at_every_depth(data: Any) -> None:
    names = MetricNames("average_precision")

    def same(before: Any, after: Any) -> bool:
        if isinstance(before, dict):
            keys = {names.key(key): value for key, value in before.items()}
            return keys.keys() == after.keys() and all(same(v, after[k]) for k, v in keys.items())
        if isinstance(before, list):
            return len(before) == len(after) and all(map(same, before, after))
        return bool(after == (names.key(before) if before in METRICS else before))

    assert same(data, names.keyed(data))
