"""Predictions by a table whose parts have known latencies, and the fit to networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from search_space.architecture import Task
from search_space.cost.core_speed import MEMORY_SECONDS, SLOWED, CoreSpeed
from search_space.cost.latency_record import LatencySettings
from search_space.cost.latency_table import (
    Correction,
    LatencyTable,
    NetworkLatency,
    PartLatency,
    Prediction,
    fit_correction,
)
from search_space.networks.parts import part_name, parts_of_network, parts_of_space
from tests.search_space.strategies import DIGITS, MOBILE

TASK = Task(input_shape=(1, 8, 8), classes=10)
CORRECTION = Correction(constant_ms=0.5, factor=1.25, margin=0.1)


def invented(space=DIGITS, correction: Correction | None = CORRECTION) -> LatencyTable:
    """A table in which a part's latency is a fixed function of its name's length."""
    parts = [
        PartLatency(part=name, latency_ms=len(name) / 100, spread_ms=0.0, backend="eager")
        for name in map(part_name, parts_of_space(space, TASK))
    ]
    return LatencyTable(
        space=space.name,
        space_id="0" * 8,
        device="a processor",
        settings=LatencySettings(),
        input_shape=TASK.input_shape,
        classes=TASK.classes,
        torch_version=torch.__version__,
        attention="cpp",
        seed=0,
        parts=tuple(parts),
        correction=correction,
    )


@pytest.mark.parametrize("space", [DIGITS, MOBILE], ids=lambda space: space.name)
def test_a_prediction_is_the_corrected_sum_of_its_parts(space) -> None:
    prediction = Prediction(invented(space), TASK)
    rng = np.random.default_rng(0)
    architectures = [space.sample(rng) for _ in range(30)]
    for architecture in architectures:
        parts = parts_of_network(architecture, TASK)
        total = sum(n * len(part_name(part)) / 100 for part, n in parts.items())
        assert prediction.latency_ms(architecture) == pytest.approx(0.5 + 1.25 * total)
    vectors = np.array([space.encode(architecture) for architecture in architectures])
    many = prediction.of_space(space)(vectors)
    assert many == pytest.approx([prediction.latency_ms(each) for each in architectures])
    assert prediction.least_ms(many) == pytest.approx(many / 1.1)
    assert prediction.of_space(space)(vectors[:0]).shape == (0,)


def test_a_part_that_was_not_measured_is_named() -> None:
    prediction = Prediction(invented(MOBILE), TASK)
    with pytest.raises(ValueError, match=r'no such part: \{.*"part":"'):
        prediction.latency_ms(DIGITS.sample(np.random.default_rng(0)))


def test_an_unfinished_table_predicts_nothing() -> None:
    with pytest.raises(ValueError, match="is not finished"):
        Prediction(invented(correction=None), TASK)


def test_a_table_is_read_back() -> None:
    table = invented()
    assert LatencyTable.from_json(table.model_dump_json(indent=1)) == table


def network(sum_ms: float, latency_ms: float) -> NetworkLatency:
    return NetworkLatency(arch_id="a", sum_ms=sum_ms, latency_ms=latency_ms, spread_ms=0.0)


def test_the_fit_finds_what_holds_exactly() -> None:
    correction = fit_correction([network(s, 0.2 + 0.9 * s) for s in (0.3, 1.0, 4.0, 9.0)])
    assert correction.constant_ms == pytest.approx(0.2)
    assert correction.factor == pytest.approx(0.9)
    assert correction.margin == pytest.approx(0, abs=1e-9)
    assert correction(2.0) == pytest.approx(2.0)


def test_the_margin_is_the_worst_error_of_a_network_left_out() -> None:
    """All but one lie on a line through zero: left out, the outlier is predicted as 8."""
    line = [network(s, 2 * s) for s in (1.0, 2.0, 3.0, 5.0)]
    correction = fit_correction([*line, network(4.0, 10.0)])
    assert correction.margin == pytest.approx(1 - 8 / 10)
    with pytest.raises(ValueError, match="needs 4 networks or more, got 3"):
        fit_correction(line[:3])


class Scripted(CoreSpeed):
    """A core of given speed, past its first look."""

    def __init__(self, seconds: list[float]) -> None:
        super().__init__()
        self._looked = True
        self.script = iter(seconds)

    def _timed(self) -> float:
        return next(self.script)


def test_a_probe_that_takes_longer_than_the_fastest_was_slowed() -> None:
    core = Scripted([1.0, 1.05, 1.3, 0.9, 1.05])
    slowed = [core.is_slowed(core.probe()) for _ in range(5)]
    assert slowed == [False, False, True, False, True]
    assert SLOWED * 1.0 > 1.05 > SLOWED * 0.9


def test_a_speed_of_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Scripted([1.0, 1.3, 1.3])
    now = 100.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    core.probe()
    now += MEMORY_SECONDS
    assert core.is_slowed(core.probe())
    now += 2
    assert not core.is_slowed(core.probe())


def test_a_real_core_does_the_fixed_work() -> None:
    core = CoreSpeed()
    assert core.probe() > 0
    assert core.is_slowed(1.0)
