"""Latencies of detectors and of their parts."""

from __future__ import annotations

import numpy as np
import pytest

from search_space.architecture import Task
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency import LatencySettings, measure_latency
from search_space.cost.latency_table import (
    Correction,
    LatencyTable,
    PartLatency,
    Prediction,
    measure_part,
)
from search_space.networks import build
from search_space.networks.detection.plan import HeadsPlan, PyramidPlan
from search_space.networks.parts import part_name, parts_of_network, parts_of_space
from tests.search_space.small_detectors import CONV, LOCAL, small_detector
from tests.search_space.strategies import DETECTORS

TASK = Task(input_shape=(1, 8, 12), classes=3)
FEW = LatencySettings(warmup=1, repeats=3)


class NeverSlowed(CoreSpeed):
    """A core that nothing slows, so that no pass is repeated on a machine with other work."""

    def probe(self) -> float:
        return 1.0

    def is_slowed(self, seconds: float) -> bool:
        return False


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_space.cost.latency.CONTENDED_CPU_SHARE", 0.0)


@pytest.mark.parametrize("operator", [CONV, LOCAL], ids=lambda each: each.label)
def test_a_detector_and_its_parts_are_measured(operator: object) -> None:
    architecture = small_detector(operator, layers=1)  # type: ignore[arg-type]
    task = Task(input_shape=(3, 128, 130), classes=2)
    model = build(architecture, task, seed=0)
    whole = measure_latency(model, task.input_shape, FEW, NeverSlowed())
    assert whole.latency_ms > 0
    assert whole.input_shape == task.input_shape
    parts = parts_of_network(architecture, task)
    behind = [part for part in parts if isinstance(part, PyramidPlan | HeadsPlan)]
    assert len(behind) == 2
    for part in behind:
        measured = measure_part(part, FEW, seed=0, core=NeverSlowed())
        assert measured.latency_ms > 0
        assert measured.part == part_name(part)
        assert ("attention by" in measured.backend) == (operator is LOCAL)


def test_predictions_of_detectors_are_sums_over_their_parts() -> None:
    parts = tuple(
        PartLatency(part=part_name(part), latency_ms=1 + number, spread_ms=0.1, backend="eager")
        for number, part in enumerate(parts_of_space(DETECTORS, TASK))
    )
    table = LatencyTable(
        space=DETECTORS.name,
        space_id="a",
        device="a machine",
        settings=FEW,
        input_shape=TASK.input_shape,
        classes=TASK.classes,
        torch_version="1",
        attention="torch",
        seed=0,
        parts=parts,
        correction=Correction(constant_ms=0.5, factor=2.0, margin=0.1),
    )
    prediction = Prediction(table, TASK)
    by_name = {entry.part: entry.latency_ms for entry in parts}
    rng = np.random.default_rng(0)
    detectors = [DETECTORS.sample(rng) for _ in range(20)]
    wanted = [
        0.5 + 2 * sum(n * by_name[part_name(p)] for p, n in parts_of_network(each, TASK).items())
        for each in detectors
    ]
    assert [prediction.latency_ms(each) for each in detectors] == pytest.approx(wanted)
    vectors = np.array([DETECTORS.encode(each) for each in detectors])
    assert prediction.of_space(DETECTORS)(vectors) == pytest.approx(wanted)
