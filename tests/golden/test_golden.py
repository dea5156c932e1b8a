"""Every scenario's record is its golden file, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.config.sections import RaySettings
from nas.ray.cluster.connection import connected

from .drive import ray_record, search_record
from .record import FILES, NAMES, record_of, text_of
from .searches import ON_RAY, SearchScenario

pytestmark = pytest.mark.many_cases


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_as_its_golden_file(name: str) -> None:
    assert text_of(record_of(name)) == (FILES / f"{name}.json").read_text()


def test_there_is_no_file_without_a_scenario() -> None:
    assert {file.stem for file in FILES.iterdir()} == set(NAMES)


@pytest.fixture(scope="module")
def _on_ray() -> Iterator[None]:
    with connected(RaySettings(), modules=str(Path(__file__).parents[1])):  # for the trainable
        yield


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("_on_ray")
@pytest.mark.parametrize("scenario", ON_RAY, ids=lambda scenario: scenario.name)
def test_ray_does_what_the_executor_in_this_process_does(
    scenario: SearchScenario, tmp_path: Path
) -> None:
    expected = search_record(scenario, tmp_path / "here")
    del expected["events"]
    assert text_of(ray_record(scenario, tmp_path / "ray")) == text_of(expected)
