"""Each damage is named, mended or said to stay, and nothing of the run is lost by a repair."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from nas.storage.run.folder import RunFolder
from tests.nas.workflows.doctor.damages import OF_A_FINISHED_RUN, OF_AN_INTERRUPTED_RUN, Damage
from tests.nas.workflows.doctor.real_run import digests, examined, repaired, results, resume, wrong

pytestmark = pytest.mark.many_cases

LIKE_OTHERS = {
    *("choice out of range", "unknown distribution", "architecture that is none", "another recipe"),
    *("another accuracy in metrics and values", "damaged rejections", "no database", "empty file"),
    *("damaged environment", "environment without run_id", "damaged task", "damaged state"),
    *("damaged configuration", "damaged front", "another curve of a training", "plain pickle"),
    *("cut state", "state of another seed", "state of another recipe", "state that is none"),
}
"""Damages that take the way of another one through the code: in ``make test-all`` alone."""


def some_slow(names: Iterable[str]) -> list[Any]:
    return [
        pytest.param(name, marks=pytest.mark.slow) if name in LIKE_OTHERS else name
        for name in names
    ]


@pytest.mark.parametrize("run", ["interrupted", "finished"])
def test_a_sound_run_is_healthy(run: str, request: pytest.FixtureRequest) -> None:
    folder: RunFolder = request.getfixturevalue(run)
    before = digests(folder.path.parent)
    assert examined(folder).findings == []
    diagnosis = repaired(folder)
    assert (diagnosis.done, diagnosis.findings, diagnosis.copies) == ([], [], None)
    assert digests(folder.path.parent) == before


@pytest.mark.parametrize("name", some_slow(OF_A_FINISHED_RUN))
def test_damage_of_a_finished_run(finished: RunFolder, name: str) -> None:
    check(finished, OF_A_FINISHED_RUN[name])


@pytest.mark.parametrize("name", some_slow(OF_AN_INTERRUPTED_RUN))
def test_damage_of_an_interrupted_run(interrupted: RunFolder, name: str) -> None:
    check(interrupted, OF_AN_INTERRUPTED_RUN[name])
    assert not (interrupted.path.parent / "hostile").exists()


RESUMED_HERE = ("cut JSON", "another value", "a trial less", "no state", "no environment")


@pytest.mark.parametrize(
    "name",
    [
        name if name in RESUMED_HERE else pytest.param(name, marks=pytest.mark.slow)
        for name, damage in OF_A_FINISHED_RUN.items()
        if not damage.stays or name.endswith("network")
    ],
)
def test_a_repaired_run_is_resumed(
    finished: RunFolder, finished_once: RunFolder, name: str
) -> None:
    OF_A_FINISHED_RUN[name].act(finished)
    left = wrong(repaired(finished))
    resume(finished)
    assert wrong(examined(finished)) == left
    check_results(finished, finished_once)


@pytest.mark.parametrize(
    "name",
    [
        name if name == "swapped states" else pytest.param(name, marks=pytest.mark.slow)
        for name in OF_AN_INTERRUPTED_RUN
    ],
)
def test_a_repaired_search_goes_on(
    interrupted: RunFolder, finished_once: RunFolder, name: str
) -> None:
    OF_AN_INTERRUPTED_RUN[name].act(interrupted)
    repaired(interrupted)
    resume(interrupted)
    assert wrong(examined(interrupted)) == []
    check_results(interrupted, finished_once)


def check(run: RunFolder, damage: Damage) -> None:
    damage.act(run)
    runs = run.path.parent
    before, files = digests(runs), sorted(runs.rglob("*"))
    first = examined(run)
    assert not first.is_healthy
    assert any(damage.says in line for line in wrong(first)), wrong(first)
    assert all(f.affects and f.remedy for f in first.findings)
    assert all("\n" not in part for f in first.findings for part in f.key)
    assert (digests(runs), sorted(runs.rglob("*"))) == (before, files), "an examination writes"
    second = repaired(run)
    assert second.failed == []
    assert before <= digests(runs), "something vanished without a copy"
    left = wrong(second)
    assert len(left) == len(damage.stays), left
    assert all(part in line for part, line in zip(damage.stays, left, strict=True)), left
    assert not any(f.mend for f in second.findings if f.is_wrong)
    if second.done:
        assert second.copies is not None
        assert second.copies.is_dir()


def check_results(run: RunFolder, undisturbed: RunFolder) -> None:
    """The search is deterministic: what was trained to its end has the undisturbed result."""
    expected = {arch_id: row for arch_id, row in results(undisturbed).items() if row[1]}
    own = results(run)
    for arch_id in expected.keys() & own.keys():
        if own[arch_id][1]:
            assert own[arch_id] == expected[arch_id]
    assert sum(bool(metrics) for _, metrics in own.values()) >= 2
