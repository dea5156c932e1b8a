from __future__ import annotations

import pytest
import torch
from sklearn import metrics as sklearn_metrics

from trainers.metrics import classification_metrics


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
