"""Differences over the seeds that two networks share."""

from __future__ import annotations

import math

import pytest

from analysis.paired_difference import paired_difference


def test_a_paired_difference_by_hand() -> None:
    difference = paired_difference(
        {1: 0.9, 2: 0.8, 3: 0.7, 9: 0.1}, {1: 0.8, 2: 0.8, 3: 0.5, 4: 0.9}
    )
    assert difference is not None
    # differences 0.1, 0 and 0.2: their deviation is 0.1
    assert difference.mean == pytest.approx(0.1)
    assert difference.standard_error == pytest.approx(0.1 / math.sqrt(3))
    assert difference.n == 3
    assert str(difference) == "+10.00 ± 5.77 % (n=3)"


def test_what_shares_one_seed_or_none() -> None:
    one = paired_difference({1: 0.5}, {1: 0.75, 2: 0.1})
    assert one is not None
    assert (one.mean, one.standard_error, one.n) == (-0.25, None, 1)
    assert str(one) == "-25.00 % (n=1)"
    assert paired_difference({1: 0.5}, {2: 0.5}) is None
