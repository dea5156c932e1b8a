"""The examination of a whole run, and its repair."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import RunIsDrivenError, is_user_error, message_of, user_errors
from nas.storage.database.damage_text import reason as reason_of_reading
from nas.storage.database.damaged_rows import READ_ERRORS
from nas.storage.driver_ledger import check_is_back
from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.copies import Copies
from nas.workflows.doctor.derived_files import (
    FrontOf,
    examine_front,
    examine_latencies,
    examine_retrain_table,
    examine_warm_start,
)
from nas.workflows.doctor.descriptions import (
    examine_config,
    examine_environment,
    examine_images,
    examine_state,
    examine_task,
    read_task,
)
from nas.workflows.doctor.finding import Finding
from nas.workflows.doctor.ledger_file import examine_away, examine_file
from nas.workflows.doctor.ledger_rows import examine_rows
from nas.workflows.doctor.leftovers import examine_leftovers
from nas.workflows.doctor.paused_states import examine_paused
from nas.workflows.doctor.trainings import examine_trainings

MOST_ROUNDS = 6
"""A repair uncovers what a later examination sees: a ledger is made anew, and then its rows are."""

SETTLING_SECONDS = 1.0
"""The time after which a driven run that seems wrong is looked at again."""

MENDING_ERRORS: tuple[type[Exception], ...] = (*user_errors(), *READ_ERRORS, OSError)
"""The errors by which an act of a repair can fail; the other acts go on."""


@dataclass
class Diagnosis:
    """The outcome of an examination or a repair.

    Attributes:
        run: the run's folder.
        is_driven: whether a living process drives it.
        findings: what is wrong now, and notes.
        done: what a repair did, in order.
        failed: what it could not do, with reasons.
        copies: the folder with all that it changed, as it was before; None if nothing was changed.
        copied_bytes: the copies' size.
    """

    run: RunFolder
    is_driven: bool
    findings: list[Finding]
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    copies: Path | None = None
    copied_bytes: int = 0

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong now."""
        return not any(finding.is_wrong for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.run.name,
            "healthy": self.is_healthy,
            "driven": self.is_driven,
            "findings": [finding.to_json() for finding in self.findings],
            "done": self.done,
            "failed": self.failed,
            "copies": None if self.copies is None else str(self.copies),
            "copied_bytes": self.copied_bytes,
        }


def examine(run: RunFolder, front_of: FrontOf) -> Diagnosis:
    """Examine a run; nothing is written.

    Args:
        run: its folder.
        front_of: makes the content of ``front.json`` of its ledger.

    Raises:
        TrustError: reading the run needs trust.
        RunError: it cannot be told whether the run is driven.
    """
    is_driven = run.is_driven()
    findings = _findings(Case(run, is_driven), front_of)
    if is_driven and any(finding.is_wrong for finding in findings):
        # the driver may have been writing meanwhile: what is wrong stays so
        time.sleep(SETTLING_SECONDS)
        again = {finding.key for finding in _findings(Case(run, is_driven), front_of)}
        findings = [finding for finding in findings if finding.key in again]
    return Diagnosis(run, is_driven, findings)


def repair(run: RunFolder, front_of: FrontOf) -> Diagnosis:
    """Mend what can be mended, after a copy of all that is changed, and examine the run again.

    Arguments are those of :func:`examine`.

    Raises:
        RunIsDrivenError: another process drives the run; nothing was changed.
        RunError: the copies cannot be made; what was not copied was not changed. Or the last rows
            of the ledger are on a driver's disk.
        TrustError: reading the run needs trust.
    """
    if run.is_driven():
        raise RunIsDrivenError(
            f"run {run.name!r} is being driven by another process: --repair waits for its end; "
            "`nas doctor` without it only reads"
        )
    with run.driving(tidies=False):
        check_is_back(run)
        copies = Copies(run.path)
        done: list[str] = []
        failed: dict[tuple[str, str], str] = {}
        for _ in range(MOST_ROUNDS):
            case = Case(run, is_driven=False)
            findings = _findings(case, front_of)
            mendable = [f for f in findings if f.mend is not None and f.key not in failed]
            if not mendable:
                break
            copies.take(file for f in mendable if f.mend for file in f.mend.changes)
            for finding in mendable:
                assert finding.mend is not None
                try:
                    done.append(finding.mend.run(copies.folder))
                except MENDING_ERRORS as error:
                    reason = _reason_of(error)
                    failed[finding.key] = f"{finding.place}: {finding.mend.act}: {reason}"
            case.close()
        else:
            findings = _findings(Case(run, is_driven=False), front_of)
    taken = copies.folder if copies.folder.exists() else None
    return Diagnosis(run, False, findings, done, list(failed.values()), taken, copies.bytes)


def _findings(case: Case, front_of: FrontOf) -> list[Finding]:
    """Examine part by part, and close the ledger."""
    try:
        return _part_by_part(case, front_of)
    finally:
        case.close_reader()


def _part_by_part(case: Case, front_of: FrontOf) -> list[Finding]:
    """Examine part by part; each needs what the ones before it could read."""
    findings = examine_config(case)
    if case.loaded is None:
        return findings + examine_leftovers(case)
    read_task(case)
    findings += examine_away(case)
    of_file = examine_file(case)
    findings += of_file or examine_rows(case)
    later: tuple[Callable[[Case], list[Finding]], ...] = (
        examine_environment,
        examine_task,
        examine_images,
        examine_state,
        examine_latencies,
        examine_warm_start,
        examine_paused,
        examine_trainings,
        examine_retrain_table,
        examine_leftovers,
    )
    for part in later:
        findings += part(case)
    return findings + examine_front(case, front_of)


def _reason_of(error: Exception) -> str:
    """Return why an act failed, in one line."""
    return message_of(error) if is_user_error(error) else reason_of_reading(error)
