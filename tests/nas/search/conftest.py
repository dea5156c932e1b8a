"""Fixtures of the search: results of its jobs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas.evaluation.evaluate import EvaluationResult
from nas.search.job import Job


@pytest.fixture
def outcome(trained: Callable[..., EvaluationResult]) -> Callable[[Job], EvaluationResult]:
    """Return the result of a job, which follows from its architecture and seed."""
    return lambda job: trained(job.architecture, job.seed)
