"""The number of trials that machines hold at once."""

from __future__ import annotations

import pytest

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import Machine, no_slot, trial_slots


@pytest.mark.parametrize(
    ("machines", "cpus", "gpus", "slots"),
    [
        ([(8, 0)], 1, 0, 8),
        ([(8, 0)], 3, 0, 2),
        ([(4, 0)], 0.4, 0, 10),  # 4.0 // 0.4 is 9
        ([(1, 0)], 1 / 3, 0, 3),
        ([(7, 0)], 0.07, 0, 100),  # 7 / 0.07 is 99.999...
        ([(2, 0)], 500, 0, 0),
        ([(2, 0), (3, 0)], 2, 0, 2),  # a trial is on one machine
        ([(8, 0)], 1, 0.5, 0),
        ([(8, 2)], 1, 0.6, 2),  # two GPUs, each with a leftover of 0.4
        ([(8, 2)], 1, 0.5, 4),
        ([(8, 1)], 1, 1 / 3, 3),
        ([(8, 3)], 1, 2, 1),
        ([(2, 4)], 1, 0.25, 2),
        ([(8, 0.5)], 1, 0.25, 2),
        ([(8, 1), (8, 2)], 1, 1, 3),
        ([], 1, 0, 0),
    ],
)
def test_trials_that_fit(
    machines: list[tuple[float, float]], cpus: float, gpus: float, slots: int
) -> None:
    resources = ResourceSettings(cpus_per_trial=cpus, gpus_per_trial=gpus)
    assert trial_slots([Machine(*each) for each in machines], resources) == slots


def test_what_is_lacking_is_said() -> None:
    resources = ResourceSettings(cpus_per_trial=500, gpus_per_trial=0.5)
    assert no_slot([Machine(2, 0), Machine(8, 1)], resources) == (
        "a trial needs 500 CPUs and 0.5 GPUs (resources), but the nodes have: 2 CPUs and 0 GPUs; "
        "8 CPUs and 1 GPUs"
    )
