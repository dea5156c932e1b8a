"""Optuna's own suites for samplers and storages, which anyone's sampler and storage should pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.testing.pytest_storages import StorageTestCase

from nas.samplers import ARCHITECTURE_SAMPLERS
from nas.samplers.product_space import ProductSpace
from nas.storage.database.connection import SoleWriterStorage

QUICK = ("default", "random")
"""Every change must pass with these; the other samplers share the code that the suites run."""

OWN = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in sorted(ARCHITECTURE_SAMPLERS)
]
LAYERS = ProductSpace("layers", {"kernel": (3, 5, 7), "width": (8, 16), "skip": (False, True)})


@pytest.mark.parametrize("name", OWN)
class TestBesideAnArchitecture(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    """The studies suggest parameters that are not the space's, and none of the space's own."""

    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], BaseSampler]:
        return partial(ARCHITECTURE_SAMPLERS[name], LAYERS)


@pytest.mark.parametrize("name", OWN)
class TestProposalsOfASpace(RelativeSamplerTestCase):
    """The space has the parameters that the suite's categorical case suggests."""

    # They propose numbers from ranges. A space has choices alone.
    test_sample_relative_numerical = None
    test_sample_relative_mixed = None

    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], BaseSampler]:
        choices = {"x": (1, 10, 100), "y": (-1, -10, -100)}
        return partial(ARCHITECTURE_SAMPLERS[name], ProductSpace("numbers", choices))

    def test_trial_relative_params(self, n_jobs: int, name: str) -> None:
        sampler = partial(ARCHITECTURE_SAMPLERS[name], LAYERS)
        super().test_trial_relative_params(n_jobs, sampler)

    test_trial_relative_params.pytestmark = (
        RelativeSamplerTestCase.test_trial_relative_params.pytestmark
    )


@pytest.mark.slow
class TestLedgerStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[SoleWriterStorage]:
        database = RDBStorage(f"sqlite:///{tmp_path / 'ledger.db'}")
        yield SoleWriterStorage(database)
        database.engine.dispose()
