"""Models that see no more of an image than a shortcut does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from trainers import Split

Images = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float64]


@pytest.fixture(scope="session")
def statistics() -> Callable[[Images], Features]:
    """Returns mean, deviation, a histogram of intensity and counts of edges, for [N, H, W]."""

    def of_images(images: Images) -> Features:
        flat = images.reshape(len(images), -1)
        levels = np.stack([np.bincount(row // 32, minlength=8) for row in flat])
        grey = images.astype(np.int64)
        edges = [
            (np.abs(np.diff(grey, axis=axis)) > step).sum((1, 2))
            for axis in (1, 2)
            for step in (32, 128)
        ]
        return np.column_stack([flat.mean(1), flat.std(1), levels, *edges])

    return of_images


@pytest.fixture(scope="session")
def linear_accuracy() -> Callable[..., float]:
    """Trains a linear model on features of one split; returns its accuracy on another."""

    def accuracy(
        features: Callable[[Images], Features], train: Split, test: Split, decay: float = 1.0
    ) -> float:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / decay, max_iter=300))
        model.fit(features(train.images[:, 0].numpy()), train.labels.numpy())
        return model.score(features(test.images[:, 0].numpy()), test.labels.numpy())

    return accuracy


@pytest.fixture(scope="session")
def pixelwise_accuracy() -> Callable[[Split, Split], float]:
    """Trains 1 x 1 convolutions with global pooling on a split; returns the accuracy on another.

    They are computed once a grey level, and not once a pixel: the mean over the pixels is that over
    the levels, weighted by the number of pixels of each.
    """
    levels = torch.arange(256)[:, None] / 127.5 - 1

    def shares_of_levels(split: Split) -> torch.Tensor:
        flat = split.images.flatten(1).long()
        counts = torch.zeros(len(flat), 256).scatter_add_(1, flat, torch.ones(flat.shape))
        return counts / flat.shape[1]

    def accuracy(train: Split, test: Split, epochs: int = 15) -> float:
        torch.manual_seed(0)
        pixelwise = nn.Sequential(
            *(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))
        )
        head = nn.Sequential(  # images differ little in these means
            nn.BatchNorm1d(16, eps=1e-9), nn.Linear(16, int(train.labels.max()) + 1)
        )
        optimizer = torch.optim.AdamW([*pixelwise.parameters(), *head.parameters()], lr=0.003)
        shares = shares_of_levels(train)
        for _ in range(epochs):
            for positions in torch.randperm(len(train)).split(100):
                scores = head(shares[positions] @ pixelwise(levels))
                loss = nn.functional.cross_entropy(scores, train.labels[positions])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():  # with the test images' own mean and deviation: running ones lag
            predicted = head(shares_of_levels(test) @ pixelwise(levels)).argmax(1)
        return (predicted == test.labels).float().mean().item()

    return accuracy
