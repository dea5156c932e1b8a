from __future__ import annotations

import json
import math

import pytest
import torch
from sklearn import metrics as sklearn_metrics

from trainers.evaluation.classification_report import classification_report
from trainers.evaluation.metrics import calibration_error, classification_metrics


def test_metrics_are_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = (torch.randn(200, generator=generator).abs() * 4).long().clamp(max=8)
    logits = torch.randn(200, 9, generator=generator)
    logits[torch.arange(200), labels] += 1
    result = classification_metrics(logits, labels)
    predicted, probabilities = logits.argmax(dim=1), logits.double().softmax(dim=1)
    assert result.images == 200
    assert result.accuracy == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert result.balanced_accuracy == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(labels, predicted)
    )
    assert result.loss == pytest.approx(
        sklearn_metrics.log_loss(labels, probabilities, labels=range(9)), rel=1e-5
    )
    assert result.top5 == pytest.approx(
        sklearn_metrics.top_k_accuracy_score(labels, logits, k=5, labels=range(9))
    )


def test_top5_needs_more_than_five_classes() -> None:
    assert classification_metrics(torch.eye(5), torch.arange(5)).top5 is None


def test_classes_that_the_split_lacks_do_not_count() -> None:
    logits = torch.tensor([[9.0, 0, 0], [9, 0, 0], [9, 0, 0], [0, 9, 0]])
    result = classification_metrics(logits, torch.tensor([0, 0, 1, 1]))
    assert result.balanced_accuracy == 0.75


def some_predictions(images: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, classes - 1, (images,), generator=generator)  # none of the last class
    logits = 2 * torch.randn(images, classes, generator=generator)
    logits[torch.arange(images), labels] += 1.5
    return logits, labels


def test_calibration_error_is_the_gap_in_each_of_15_bins() -> None:
    logits, labels = some_predictions(300, 4)
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(15)]
    for row, label in zip(logits.double().softmax(dim=1).tolist(), labels.tolist(), strict=True):
        confidence = max(row)
        for number, each in enumerate(bins):
            if number / 15 < confidence <= (number + 1) / 15:
                each.append((confidence, row.index(confidence) == label))
    error = 0.0
    for each in filter(None, bins):
        accuracy = sum(is_right for _, is_right in each) / len(each)
        confidence = sum(confidence for confidence, _ in each) / len(each)
        error += len(each) / 300 * abs(accuracy - confidence)
    assert sum(map(len, bins)) == 300
    assert calibration_error(logits, labels) == pytest.approx(error, abs=1e-6)
    assert classification_metrics(logits, labels).calibration_error == pytest.approx(error)


def test_calibration_error_of_known_confidences() -> None:
    # 10 images of confidence 0.8 each; 8 right ones are calibrated, 5 are 0.3 off
    logits = torch.tensor([0.8, 0.2]).log().expand(10, 2)
    for right, error in ((8, 0.0), (5, 0.3)):
        labels = torch.tensor([0] * right + [1] * (10 - right))
        assert calibration_error(logits, labels) == pytest.approx(error, abs=1e-6)
    assert calibration_error(100 * torch.eye(3), torch.tensor([0, 1, 2])) == 0
    assert math.isnan(calibration_error(torch.tensor([[math.inf, 0.0]]), torch.tensor([0])))


def test_the_report_counts_every_image_once() -> None:
    logits, labels = some_predictions(200, 7)
    counted = [[0] * 7 for _ in range(7)]
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        counted[label][row.index(max(row))] += 1
    report = classification_report(logits, labels)
    assert [list(row) for row in report.confusion] == counted
    assert report.metrics == classification_metrics(logits, labels)
    *known, last = report.class_accuracies
    assert last is None  # the split has no image of it
    assert known == [row[label] / sum(row) for label, row in enumerate(counted[:-1])]
    assert sum(known) / 6 == pytest.approx(report.metrics.balanced_accuracy)
    plain = report.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["class_accuracies"], plain["confusion"]) == ([*known, None], counted)
    assert plain["top5"] == report.metrics.top5
