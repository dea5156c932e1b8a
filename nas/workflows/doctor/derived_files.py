"""The files beside the ledger that a search reads or writes: latencies, warm start, results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.search.problem import costs_of, problem_of
from nas.search.warm_start import FILE as WARM_START
from nas.search.warm_start import warm_start_of
from nas.storage.ledger import Ledger
from nas.storage.strict_json import json_text
from nas.storage.whole_file import write_whole
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.descriptions import json_content
from nas.workflows.doctor.finding import Finding, Mend, listed, removal
from search_space.cost.latency_record import Latency

FrontOf = Callable[[SearchConfig, Ledger], Any]
"""Makes the content of ``front.json`` of a ledger; None where there is no front."""

FRONT = "front.json"
RETRAIN = "retrain.json"


def examine_latencies(case: Case) -> list[Finding]:
    """Read the measured latencies, one JSON object a line; an incomplete last line is usual."""
    file = case.run.latency_file
    if not file.exists():
        return []
    try:
        content = file.read_bytes()
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        return [Finding(case.place(file), problem, "search --resume", "make it readable")]
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    wrong = [number for number, line in enumerate(lines, start=1) if not _is_latency(line)]
    if not wrong:
        return []

    def run(copies: Path) -> str:
        kept = [line for line in lines if _is_latency(line)]
        write_whole(file, b"".join(line + b"\n" for line in kept))
        said = f"kept {len(kept)} of {len(lines)} lines of {file.name}"
        return f"{said}; the old file is in {copies.name}"

    return [
        Finding(
            case.place(file),
            f"lines {listed(wrong)} of {len(lines)} are no latency records",
            "search --resume, which refuses the file; the trials' own latencies are in the ledger",
            "--repair moves these lines out; what is needed is measured again",
            Mend(f"moves lines {listed(wrong)} out of {file.name}", (file,), run),
        )
    ]


def _is_latency(line: bytes) -> bool:
    try:
        record = json.loads(line)
        Latency.model_validate_json(json.dumps(record["latency"]))
        return isinstance(record["arch_id"], str)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def examine_warm_start(case: Case) -> list[Finding]:
    """Read what the search began with."""
    config, file = case.config, case.run.path / WARM_START
    affects = "search --resume: which architectures come first, and what the sampler learns from"
    earlier = ", ".join(config.sampler.learn_from)
    again = "a resumed search collects it again" + (f" from {earlier}" if earlier else "")
    if not file.exists():
        if not earlier or not (case.rows and case.rows["search"]):
            return []
        problem = "the warm start is missing"
        return [Finding(WARM_START, problem, affects, f"{again}, if that is unchanged")]
    try:
        if case.task is None:
            return []
        problem_of_search = problem_of(config, costs_of(config, case.space, case.task))
        started = warm_start_of(
            case.run, config, case.task, problem_of_search, case.run.path.parent
        )
        outside = [each.arch_id for each in started.first if not case.space.contains(each)]
        if not outside:
            return []
        problem = f"the space does not hold its architectures {listed(outside)}"
    except RunError as error:
        problem = " ".join(str(error).split()).removeprefix(f"{file} ")
    mend = removal(file, f"moved {WARM_START} out")
    return [Finding(WARM_START, problem, affects, f"--repair moves it out; {again}", mend)]


def examine_front(case: Case, front_of: FrontOf) -> list[Finding]:
    """Compare ``front.json`` of a finished search with the ledger."""
    if case.rows is None or case.is_driven or not case.is_finished:
        return []
    file = case.run.path / FRONT
    try:
        expected = _front(*case.reader(), case, front_of)
    except RunError:
        return []  # the ledger's own finding says what is wrong
    if expected is None and not file.exists():
        return []
    content, problem = json_content(case.run, FRONT)
    if not problem and content == expected:
        return []
    if not problem:
        members = content.get("members") if isinstance(content, dict) else content
        if not isinstance(members, list):
            problem = "it has no list of members"
        elif _members(members) == _members((expected or {}).get("members", [])):
            return []  # of an earlier version, or with another knee
        else:
            problem = "it is not the front of the ledger's results"
    elif not file.exists():
        problem = "the search has ended, and its front is missing"

    def run(copies: Path) -> str:
        front = _front(case.writer(), str(case.run.ledger_file), case, front_of)
        if front is None:
            file.unlink(missing_ok=True)
            return f"removed {FRONT}, since no trial is complete; its copy is in {copies.name}"
        case.run.write_json(FRONT, front)
        return f"wrote {FRONT} anew from the ledger"

    return [
        Finding(
            FRONT,
            problem,
            "the table of nas runs; frontier and retrain read the ledger",
            "--repair writes it anew from the ledger",
            Mend(f"writes {FRONT} anew from the ledger", (file,), run),
        )
    ]


def _front(database: RDBStorage, place: str, case: Case, front_of: FrontOf) -> Any:
    ledger = Ledger(database, case.config.name, place, imports=case.run.is_trusted)
    front = front_of(case.config, ledger)
    return front if front is None else json.loads(json_text(front))


def _members(members: list[Any]) -> list[Any]:
    return [member.get("arch_id") if isinstance(member, dict) else member for member in members]


def examine_retrain_table(case: Case) -> list[Finding]:
    """Read ``retrain.json``, the table of the last ``nas retrain``."""
    file = case.run.path / RETRAIN
    if not file.exists():
        return []
    content, problem = json_content(case.run, RETRAIN)
    if not problem and isinstance(content, list):
        return []
    problem = problem or "it is no list of rows"
    mend = removal(file, f"moved {RETRAIN} out")
    remedy = "--repair moves it out; `nas retrain` with the same --pick writes it again"
    return [Finding(RETRAIN, problem, "nothing: the results are in the ledger", remedy, mend)]
