"""Faults of the main kinds, once: a part of ``make test``, and more by ``make test-faults``."""

from __future__ import annotations

import pytest

from tests.faults.outcome import FaultRecord
from tests.faults.plans import HASTE, Plan
from tests.faults.runner import END, SeedRun
from tests.faults.undisturbed import Undisturbed

pytestmark = pytest.mark.ray

MACHINE = Plan(
    "the driver, a worker, the server",
    ("driver: SIGINT", "PostgreSQL: stopped (fast), started", "worker: SIGKILL"),
    variant="short",
    on_server=True,
)

TRIALS = Plan(
    "all failing trials",
    (
        "trial: raises",
        "trial: NaN",
        "trial: exits",
        "trial: crashes (SIGSEGV)",
        "trial: hangs",
        "trial: too much memory",
    ),
    variant="without repeats",
    search=HASTE,
    watches_memory=True,
)


@pytest.mark.parametrize("plan", [MACHINE, TRIALS], ids=lambda plan: plan.name)
def test_a_search_goes_on_after_faults(
    plan: Plan, tmp_path_factory: pytest.TempPathFactory
) -> None:
    records: list[FaultRecord] = []
    out = tmp_path_factory.mktemp("faults")
    undisturbed = Undisturbed(tmp_path_factory.getbasetemp() / "undisturbed")
    SeedRun(1, plan, out, undisturbed, records.append).run()
    findings = [f"{each.kind}: {each.detail}" for each in records if each.outcome == "finding"]
    assert not findings, "\n".join(findings)
    assert {record.kind for record in records} == {*plan.kinds, END}
