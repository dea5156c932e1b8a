"""``nas doctor``: say what is wrong in a run's folder, and mend what can be mended."""

from __future__ import annotations

from pathlib import Path

from nas.cli.commands.search.front_report import front_of_search
from nas.cli.commands.typed_command import from_here, typed
from nas.cli.output import Output
from nas.workflows.doctor.case import find_run
from nas.workflows.doctor.examination import Diagnosis, examine, repair


def show_diagnosis(
    output: Output, name: str, runs: Path, *, repairs: bool, trust: bool = False
) -> bool:
    """Examine a run, repair it if asked, and print each finding; return whether it is healthy now.

    Raises:
        RunError: no such run; a process drives it and ``repairs`` is asked; or there is no room
            for the copies.
        TrustError: reading the run needs trust.
    """
    run = find_run(name, runs, trust=trust)
    diagnosis = repair(run, front_of_search) if repairs else examine(run, front_of_search)
    if output.as_json:
        output.show_json(diagnosis.to_json())
    else:
        _print(output, diagnosis)
    return diagnosis.is_healthy


def _print(output: Output, diagnosis: Diagnosis) -> None:
    name = (diagnosis.run.name, "bold")
    if diagnosis.is_driven:
        output.say(
            "a process drives ", name, ": what it is writing now was not examined, and --repair "
            "waits for its end",
        )  # fmt: skip
    if diagnosis.copies is not None:
        output.say(
            f"copied what the repair changes, {diagnosis.copied_bytes:,} bytes, to "
            f"{from_here(diagnosis.copies)}"
        )
    for act in diagnosis.done:
        output.say(("repaired: ", "green"), act)
    for act in diagnosis.failed:
        output.say(("not repaired: ", "red"), act)
    wrong = [finding for finding in diagnosis.findings if finding.is_wrong]
    notes = [finding for finding in diagnosis.findings if not finding.is_wrong]
    if not wrong:
        output.say(name, " is healthy")
    else:
        things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        output.say(f"{things} wrong with ", name)
    for called, findings, style in (("wrong", wrong, "red"), ("note", notes, "yellow")):
        for finding in findings:
            output.say((f"{called}: ", style), (finding.place, "bold"), f": {finding.problem}")
            output.say(f"  affects: {finding.affects}")
            output.say(f"  recovery: {finding.remedy}")
    if any(finding.mend for finding in wrong) and not diagnosis.failed:
        output.say(f"repair it with: {typed('doctor', diagnosis.run.path, '--repair')}")
    elif diagnosis.done and not wrong:
        output.say("go on with `nas search ... --resume`, as the run was begun")
