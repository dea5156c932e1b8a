"""The zoo's names as parameters of tests: some that have all that others have, the rest slow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from search_space.zoo import ZOO, network

ONE_OF_A_KIND = {
    "resnet20",
    "resnet34",
    "se_resnet50",
    "cbam_resnet50",
    "gala_resnet50",
    "aa_resnet34",
    "aa_mnasnet_100",
    "aa_wide_resnet28_10",
    "sasa_resnet26",
    "retinanet_resnet50",
}
assert set(ZOO) >= ONE_OF_A_KIND


def is_classifier(name: str) -> bool:
    return network(name).detector is None


def _with_marks(names: Iterable[str]) -> list[Any]:
    return [
        name if name in ONE_OF_A_KIND else pytest.param(name, marks=pytest.mark.slow)
        for name in names
    ]


ZOO_NAMES = _with_marks(ZOO)
CLASSIFIER_NAMES = _with_marks(filter(is_classifier, ZOO))
