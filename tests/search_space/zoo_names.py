"""The zoo's names as parameters of tests: some that have all that others have, the rest slow."""

from __future__ import annotations

import pytest

from search_space.zoo import ZOO

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

ZOO_NAMES = [
    name if name in ONE_OF_A_KIND else pytest.param(name, marks=pytest.mark.slow) for name in ZOO
]
