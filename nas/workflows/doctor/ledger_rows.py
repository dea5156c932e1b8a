"""The rows of a run's ledger, one by one: against each other, the configuration and the space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError
from sqlalchemy import text

from nas.storage.database.damage_text import reason
from nas.storage.database.damaged_rows import READ_ERRORS
from nas.storage.evaluation import (
    WITH_ARCHITECTURE,
    Evaluation,
    Kind,
    evaluation_of,
    record_of,
    row_attributes,
)
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.state import STATE_FILE, RunState
from nas.workflows.doctor import row_mends
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.finding import Finding, Mend, listed
from nas.workflows.doctor.raw_rows import params_of
from nas.workflows.doctor.row_faults import (
    KEEPS_ITS_PROPOSAL,
    OF_THE_SETTINGS,
    Fault,
    Subject,
    faults_of,
    may_have,
)
from nas.workflows.doctor.studies import examine_studies, ledger_files, study_ids
from search_space.primitives.registry import not_imported

BLAMED_ROWS = 2
"""A fault of at least so many rows, and of more than half of them, is the settings' fault."""

REFUSED = "all trials: status, frontier, search --resume and retrain refuse the ledger"

CALLED: dict[Kind, str] = {
    "search": "trial",
    "repeats": "repeat",
    "baselines": "plain network's row",
    "retrain": "full training's row",
}


class Study(NamedTuple):
    """A study that was read: its rows, and what is wrong with those that cannot be read."""

    kind: Kind
    place: str
    read: list[Read]
    findings: list[Finding]


class Read(NamedTuple):
    """A row that can be read, its trial, and the trial's id in the database."""

    row: Evaluation
    trial: FrozenTrial
    trial_id: int


def examine_rows(case: Case) -> list[Finding]:
    """Examine all rows of a ledger whose database is whole, and keep those that can be read."""
    config = case.config
    database, place = case.reader()
    place = case.place(Path(place)) if config.storage is None else place
    findings = examine_studies(case, database, place)
    ids = study_ids(database)
    case.rows = {}
    studies: list[Study] = []
    for kind, suffix in SUFFIXES.items():
        name = config.name + suffix
        case.rows[kind] = []
        if name in ids:
            study = _read_study(case, database, f"{place}, {name}", kind, ids[name])
            studies.append(study)
            findings += study.findings
    return findings + _judge(case, place, studies)


def _read_study(case: Case, database: RDBStorage, place: str, kind: Kind, study_id: int) -> Study:
    """Read the rows of a study one by one, and find those that cannot be read."""
    query = text("SELECT trial_id, number FROM trials WHERE study_id = :study ORDER BY trial_id")
    with database.engine.connect() as connection:
        trials = [(int(i), n) for i, n in connection.execute(query, {"study": study_id})]
    findings = _numbering(case, place, kind, study_id, trials)
    read: list[Read] = []
    unread: dict[str, list[int]] = defaultdict(list)
    for trial_id, number in trials:
        label = f"{place}, {CALLED[kind]} {number}"
        try:
            trial = database.get_trial(trial_id)
            if "architecture" not in trial.user_attrs:
                findings += _without_architecture(case, label, kind, trial, trial_id)
                continue
            row = evaluation_of(kind, record_of(trial), imports=case.run.is_trusted)
            read.append(Read(row, trial, trial_id))
        except READ_ERRORS as error:  # pydantic's ValidationError is one
            if isinstance(error, ValidationError) and (untrusted := not_imported(error)):
                unread[str(untrusted)].append(number)
                continue
            problem = f"it cannot be read: {reason(error)}"
            params = None if kind != "search" else params_of(database, trial_id)
            findings.append(_unreadable(case, label, problem, params, trial_id))
    for why, numbers in unread.items():
        findings.append(
            Finding(
                place,
                f"{CALLED[kind]}s {listed(numbers)} were not examined: {why}",
                "nothing, if you trust the run",
                "give --trust to examine them",
                is_wrong=False,
            )
        )
    return Study(kind, place, read, findings)


def _judge(case: Case, place: str, studies: list[Study]) -> list[Finding]:
    """Find the rows that are wrong, unless most are: then the settings are another run's."""
    faults = {
        each.trial_id: faults_of(each.row, each.trial, case.config, case.space, case.task)
        for study in studies
        for each in study.read
    }
    every = [each for study in studies for each in study.read]
    findings, blamed = [], set()
    for subject in OF_THE_SETTINGS:
        struck = [
            each for each in every if any(f.subject == subject for f in faults[each.trial_id])
        ]
        judged = [each for each in every if may_have(subject, each.row)]
        if len(struck) >= BLAMED_ROWS and 2 * len(struck) > len(judged):
            blamed.add(subject)
            findings.append(_blamed(place, subject, struck, faults[struck[0].trial_id]))
    assert case.rows is not None
    for study in studies:
        sound = []
        for each in study.read:
            own = [fault for fault in faults[each.trial_id] if fault.subject not in blamed]
            if own:
                findings.append(_faulty(case, study.place, study.kind, each, own))
            else:
                sound.append(each)
        case.rows[study.kind] = [each.row for each in sound]
        findings += _duplicates(case, study.place, study.kind, sound)
    return findings


def _blamed(place: str, subject: Subject, struck: list[Read], faults: list[Fault]) -> Finding:
    """Say that most rows disagree with the settings: not each row is wrong, but these are."""
    first = next(fault.text for fault in faults if fault.subject == subject)
    file = "task.json" if subject == "costs" else "config.yaml"
    return Finding(
        place,
        f"{len(struck)} rows do not fit {file}, which is of another run or version, or the ledger "
        f"is; of {CALLED[struck[0].row.kind]} {struck[0].row.number}: {first}",
        "all trials: a resumed search would mix two searches",
        f"not recoverable by itself: put the run's own {file} or ledger back"
        + (", or remove task.json and give --repair, which reads the data" * (subject == "costs")),
    )


def _faulty(case: Case, place: str, kind: Kind, each: Read, faults: list[Fault]) -> Finding:
    label = f"{place}, {CALLED[kind]} {each.row.number}"
    problem = "; ".join(fault.text for fault in faults)
    keeps = all(fault.subject in KEEPS_ITS_PROPOSAL for fault in faults)
    if kind != "search" or not keeps or each.row.state == "fail":
        return _moved_out(case, label, problem, each.trial_id, is_read=True)

    affects = f"trial {each.row.number}, the front, and later proposals"
    return _trained_again(case, label, problem, affects, each.trial_id)


def _unreadable(
    case: Case, label: str, problem: str, params: dict[str, Any] | None, trial_id: int
) -> Finding:
    """Say that a row cannot be read; its trial's parameters may still give its architecture."""
    if params is not None:
        try:
            architecture = case.space.from_params(params)
        except (ValueError, LookupError):
            return _moved_out(case, label, problem, trial_id, is_read=False)
        config = case.config
        proposal = row_attributes(architecture, seed=config.seed, recipe_id=config.proxy_id)
        return _trained_again(case, label, problem, REFUSED, trial_id, proposal)
    return _moved_out(case, label, problem, trial_id, is_read=False)


def _trained_again(
    case: Case,
    label: str,
    problem: str,
    affects: str,
    trial_id: int,
    proposal: Mapping[str, Any] | None = None,
) -> Finding:
    def run(copies: Path) -> str:
        row_mends.train_again(case.writer(), trial_id, copies, proposal)
        _begin_again(case)
        return f"took the results of {label} out: a resumed search trains it again"

    act = f"takes the results of {label} out, so that it is trained again under its number"
    remedy = "its result is not recoverable, its architecture is"
    remedy += " (by the trial's parameters)" if proposal else ""
    remedy += ": --repair lets a resumed search train it again"
    return Finding(label, problem, affects, remedy, Mend(act, _changed(case), run))


def _moved_out(case: Case, label: str, problem: str, trial_id: int, *, is_read: bool) -> Finding:
    def run(copies: Path) -> str:
        row_mends.move_out(case.writer(), trial_id, copies)
        _begin_again(case)
        return f"moved {label} out; an empty failed trial keeps its number"

    affects = "the front, and later proposals" if is_read else REFUSED
    remedy = "not recoverable: --repair moves the row out, and the others can be read"
    act = f"moves {label} out of the ledger"
    return Finding(label, problem, affects, remedy, Mend(act, _changed(case), run))


def _without_architecture(
    case: Case, label: str, kind: Kind, trial: FrozenTrial, trial_id: int
) -> list[Finding]:
    if trial.state.name in WITH_ARCHITECTURE:
        problem = f"it is {trial.state.name.lower()}, and its architecture is missing"
        params = trial.params if kind == "search" else None
        return [_unreadable(case, label, problem, params, trial_id)]
    if trial.state == TrialState.FAIL or case.is_driven:
        return []
    problem = f"it is {trial.state.name.lower()} and has no architecture: it was not written whole"
    return [_moved_out(case, label, problem, trial_id, is_read=True)]


def _duplicates(case: Case, place: str, kind: Kind, sound: list[Read]) -> list[Finding]:
    """Find rows of one training: the first counts."""
    keys: dict[Kind, Callable[[Evaluation], Hashable]] = {
        "search": lambda row: row.arch_id,
        "repeats": lambda row: (row.arch_id, row.seed),
        "baselines": lambda row: (row.arch_id, row.seed, row.recipe_id),
        "retrain": lambda row: (row.arch_id, row.seed, row.recipe_id, row.training),
    }
    first: dict[Hashable, Evaluation] = {}
    findings = []
    for each in sound:
        row = each.row
        if row.state == "fail" or row.violation:
            continue
        known = first.setdefault(keys[kind](row), row)
        if known is not row:
            label = f"{place}, {CALLED[kind]} {row.number}"
            problem = f"it is of the same training as {CALLED[kind]} {known.number}: {row.arch_id}"
            findings.append(_moved_out(case, label, problem, each.trial_id, is_read=True))
            assert case.rows is not None
            case.rows[kind] = [other for other in case.rows[kind] if other is not row]
    return findings


def _numbering(
    case: Case, place: str, kind: Kind, study_id: int, trials: list[tuple[int, object]]
) -> list[Finding]:
    """Find numbers that two trials share, and numbers without a trial."""
    findings: list[Finding] = []
    seen: set[object] = set()
    for trial_id, number in trials:
        if number in seen or not isinstance(number, int):
            findings.append(_of_taken_number(case, place, kind, trial_id, number))
        seen.add(number)
    numbers = {number for number in seen if isinstance(number, int)}
    missing = sorted(set(range(max(numbers, default=-1))) - numbers)
    if missing and not findings:

        def run(copies: Path) -> str:
            for number in missing:
                row_mends.fill_gap(case.writer(), study_id, number)
            _begin_again(case)
            return f"put empty failed trials in the places {listed(missing)} of {place}"

        act = f"puts empty failed trials in the places {listed(missing)}"
        findings.append(
            Finding(
                place,
                f"{CALLED[kind]}s {listed(missing)} are missing",
                "their results are lost; the next trial would get a number that is taken",
                "not recoverable: --repair keeps their numbers with empty failed trials",
                Mend(act, _changed(case), run),
            )
        )
    return findings


def _of_taken_number(case: Case, place: str, kind: Kind, trial_id: int, number: object) -> Finding:
    label = f"{place}, {CALLED[kind]} {number} (id {trial_id})"

    def run(copies: Path) -> str:
        row_mends.remove(case.writer(), trial_id, copies)
        _begin_again(case)
        return f"moved {label} out"

    return Finding(
        label,
        "its number is that of another trial, or is none",
        "all trials: a number names one trial",
        "--repair moves it out; the trial that came first keeps the number",
        Mend(f"moves {label} out of the ledger", _changed(case), run),
    )


def _begin_again(case: Case) -> None:
    """Note that the search has something left to train."""
    if case.is_finished:
        case.run.write_state(RunState())


def _changed(case: Case) -> tuple[Path, ...]:
    return *ledger_files(case), case.run.path / STATE_FILE
