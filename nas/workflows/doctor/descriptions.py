"""The files that describe a run: configuration, environment, task and state."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from nas.config.storage_url import sqlite_file, without_password
from nas.errors import RunError
from nas.storage.run.data_file import DATA_FILE, fingerprints_of_run, note_images
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from nas.storage.run.state import STATE_FILE, RunState
from nas.workflows.checks import load_data
from nas.workflows.doctor.case import Case, json_problem
from nas.workflows.doctor.finding import Finding, Mend
from search_space.yaml_validation import ConfigError

ENVIRONMENT = "environment.json"


def examine_config(case: Case) -> list[Finding]:
    """Read the configuration, without which nothing else is examined.

    Raises:
        TrustError: it holds a ``${...}`` or its ledger is elsewhere, and the run is not trusted.
    """
    run = case.run
    if not run.config_file.is_file():
        problem = "the configuration is missing"
    else:
        try:
            case.loaded = run.config()
            case.space  # noqa: B018 (it is made here, where an error is the configuration's)
            _need_trust_for_ledger(case)
            return _note_of_store(case)
        except (ConfigError, OSError) as error:
            case.loaded = None
            problem = " ".join(str(error).split()).removeprefix(f"{run.config_file}: ")
    environment, _ = json_problem(run.path / ENVIRONMENT)
    command = (environment or {}).get("command")
    begun = f" (the run was begun by: {' '.join(map(str, command))})" if command else ""
    return [
        Finding(
            "config.yaml",
            problem,
            "everything: no command reads the run, and nothing else was examined",
            f"not recoverable from this folder: put config.yaml back{begun}",
        )
    ]


def _need_trust_for_ledger(case: Case) -> None:
    config, run = case.config, case.run
    if config.storage is None:
        return
    file = sqlite_file(config.storage)
    if file is None or not file.resolve().is_relative_to(run.path.resolve()):
        place = without_password(config.storage)
        run.need_trust(f"the run's ledger is not in its folder: {place} would be opened")


def _note_of_store(case: Case) -> list[Finding]:
    """Say that the trained networks are elsewhere, if they are."""
    url = case.config.networks_url
    if url is None:
        return []
    return [
        Finding(
            f"networks_url={url}",
            "the checkpoints and networks of full trainings are there, and not looked at",
            "nothing that was examined",
            "nas predict says of a network there whether it can be read",
            is_wrong=False,
        )
    ]


def examine_environment(case: Case) -> list[Finding]:
    """Compare ``environment.json`` with the ledger, whose ``run_id`` it must have."""
    file = case.run.path / ENVIRONMENT
    affects = "search --resume, retrain, status and frontier: they cannot tell whose ledger it is"
    data: dict[str, Any] | None = {}
    if file.is_file():
        data, problem = json_problem(file)
        if data is not None and not isinstance(data.get("run_id"), str | None):
            data, problem = None, "run_id must be a text"
    elif case.knows_run_id and case.run_id is None:
        problem = "the record of the environment is missing"
    else:
        problem = "the record of the environment is missing, and with it the run_id"
    if data and (not case.knows_run_id or data.get("run_id") == case.run_id):
        return []  # without a ledger there is nothing to compare
    if data and data.get("run_id") is not None:
        return [
            Finding(
                ENVIRONMENT,
                f"its run_id is {data['run_id']}, that of the ledger {case.run_id}: the ledger is "
                "of another run of this name",
                affects,
                "not recoverable by itself: put the run's own ledger or environment.json back",
            )
        ]
    if data is not None:
        problem = problem if not file.is_file() else "it has no run_id, the ledger has one"
    if not case.knows_run_id:
        remedy = "recovered from the ledger, once that can be read"
        return [Finding(ENVIRONMENT, problem, affects, remedy)]
    mend = Mend(f"writes {ENVIRONMENT} anew", (file,), lambda copies: _write_environment(case))
    remedy = "--repair writes it anew with the ledger's run_id; versions and machine are lost"
    return [Finding(ENVIRONMENT, problem, affects, remedy, mend)]


def _write_environment(case: Case) -> str:
    started = [row.started for row in (case.rows or {}).get("search", []) if row.started]
    first = min(started).astimezone() if started else None
    begun = time.strftime("%Y-%m-%dT%H:%M:%S%z") if first is None else first.isoformat()
    known = {"seed": case.config.seed, "started": begun, "remade_by": "nas doctor"}
    identity = {} if case.run_id is None else {"run_id": case.run_id}
    case.run.write_json(ENVIRONMENT, identity | known)
    return f"wrote {ENVIRONMENT} anew, with the ledger's run_id {case.run_id}"


def read_task(case: Case) -> str:
    """Read ``task.json`` for the other parts of the examination; return what is wrong with it."""
    try:
        case.task = case.run.task()
    except RunError as error:
        return str(error).removeprefix(f"{case.run.task_file} ")
    return ""


def examine_task(case: Case) -> list[Finding]:
    """Say whether ``task.json`` is there and can be read; the rows were examined before."""
    run, file = case.run, case.run.task_file
    problem = read_task(case)
    if not problem:
        return []
    if not file.exists():
        problem = "the task of the architectures is missing"
        if not (run.path / STATE_FILE).exists() and not _has_trials(case):
            return []  # the search died before it was written
    affects = "retrain, baselines and frontier --x peak_memory_mb; a resumed search checks no data"
    mend = Mend("writes task.json anew from the data", (file,), lambda copies: _write_task(case))
    remedy = "--repair reads the run's data and writes it anew"
    return [Finding("task.json", problem, affects, remedy, mend)]


def _write_task(case: Case) -> str:
    check_reach(case.run, case.config)
    task = load_data(case.config).task
    case.run.write_json(case.run.task_file.name, task.model_dump(mode="json"))
    return "wrote task.json anew from the data"


def examine_images(case: Case) -> list[Finding]:
    """Say whether the fingerprint of the run's images can be read; earlier versions kept none."""
    file = case.run.path / DATA_FILE
    try:
        fingerprints_of_run(case.run)
        return []
    except RunError as error:
        problem = str(error).removeprefix(f"{file} ")
    affects = "search --resume, retrain and train: they cannot tell whether the images changed"
    mend = Mend(
        f"writes {DATA_FILE} anew from the data as they are", (file,), lambda copies: _images(case)
    )
    remedy = "--repair reads the run's data and notes them as they are now"
    return [Finding(DATA_FILE, problem, affects, remedy, mend)]


def _images(case: Case) -> str:
    check_reach(case.run, case.config)
    fingerprint = load_data(case.config).fingerprint
    note_images(case.run, [fingerprint])
    return f"wrote {DATA_FILE} anew: the images have the fingerprint {fingerprint}"


def examine_state(case: Case) -> list[Finding]:
    """Read ``state.json``."""
    file = case.run.path / STATE_FILE
    if file.is_file():
        try:
            case.run.state()
            return []
        except RunError as error:
            problem = str(error).removeprefix(f"{file} ")
    elif not _has_trials(case):
        return []
    else:
        problem = "the record of whether the search has ended is missing"

    def run(copies: Path) -> str:
        case.run.write_state(RunState())
        return f"wrote {STATE_FILE}: not finished; a resume ends a finished search at once"

    remedy = "--repair notes that the search has not ended; a resume ends a finished one at once"
    mend = Mend(f"writes {STATE_FILE} anew", (file,), run)
    return [Finding(STATE_FILE, problem, "status, runs and search --again", remedy, mend)]


def _has_trials(case: Case) -> bool:
    return bool(case.rows and any(case.rows.values()))


def json_content(run: RunFolder, name: str) -> tuple[Any, str]:
    """Read a JSON file of the run of any kind; return it, or None and why it cannot be read."""
    try:
        return json.loads((run.path / name).read_bytes()), ""
    except (OSError, ValueError, RecursionError) as error:
        return None, f"it cannot be read: {error}"
