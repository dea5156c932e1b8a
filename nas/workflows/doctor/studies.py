"""The studies of a run's ledger: those that it must have, and those of other runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import text

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.metrics import METRICS
from nas.storage.database.damage_text import reason
from nas.storage.database.damaged_rows import READ_ERRORS
from nas.storage.ledger_rows import OF_TRAININGS
from nas.storage.ledger_view import FORMAT, RUN_ID, SUFFIXES
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.copies import note_moved
from nas.workflows.doctor.finding import Finding, Mend
from nas.workflows.doctor.row_mends import remove

ALL_COMMANDS = "all trials: status, frontier, search --resume and retrain refuse the ledger"
JSON_ATTRIBUTES = ("rejections", "latencies_again")


def study_ids(database: RDBStorage) -> dict[str, int]:
    """Return the ids of all studies in a database, by name."""
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT study_name, study_id FROM studies"))
        return {str(name): int(study_id) for name, study_id in rows}


def examine_studies(case: Case, database: RDBStorage, place: str) -> list[Finding]:
    """Examine the studies, and set the case's ``run_id``."""
    config = case.config
    ids = study_ids(database)
    names = {config.name + suffix for suffix in SUFFIXES.values()}
    if config.name not in ids:
        return [_without_search(case, database, place, ids)]
    findings = _of_search(case, database, place, ids[config.name])
    for name in sorted(names):
        if name in ids:
            findings += _directions(case, database, place, name, ids[name])
        else:
            findings.append(_missing(case, place, name))
    if config.storage is None:
        others = sorted(set(ids) - names)
        findings += [_foreign(case, database, place, name, ids[name]) for name in others]
    return findings


def _without_search(case: Case, database: RDBStorage, place: str, ids: dict[str, int]) -> Finding:
    """Find the search's study under another name by its ``run_id``."""
    name = case.config.name
    try:
        run_id = case.run.run_id
    except RunError:
        run_id = None
    problem = f"the study {name!r} is missing"
    query = text(
        "SELECT study_id FROM study_user_attributes WHERE key = :key AND value_json = :value"
    )
    with database.engine.connect() as connection:
        values = {"key": RUN_ID, "value": json.dumps(run_id)}
        same = [] if run_id is None else list(connection.execute(query, values).scalars())
    called = [other for other, study_id in ids.items() if study_id in same]
    if len(called) != 1:
        others = f"; it holds {', '.join(map(repr, sorted(ids))) or 'no study'}"
        remedy = "not recoverable from this folder: put a copy of the ledger back, or begin a new "
        return Finding(place, problem + others, ALL_COMMANDS, f"{remedy}run")
    old = called[0]

    def run(copies: Path) -> str:
        with case.writer().engine.begin() as connection:
            rename = text("UPDATE studies SET study_name = :name WHERE study_id = :study")
            connection.execute(rename, {"name": name, "study": ids[old]})
        return f"called the study {old!r} {name!r} again"

    return Finding(
        place,
        f"{problem}; the one of this run_id is called {old!r}",
        ALL_COMMANDS,
        "--repair gives it its name again",
        Mend(f"calls the study {old!r} {name!r}", ledger_files(case), run),
    )


def _missing(case: Case, place: str, name: str) -> Finding:
    def run(copies: Path) -> str:
        optuna.create_study(
            study_name=name, storage=case.writer(), direction=OF_TRAININGS.direction
        )
        return f"made the study {name!r}, which is empty"

    mend = Mend(f"makes the study {name!r}, empty", ledger_files(case), run)
    affects = f"the rows of {name!r}, which are lost; status and frontier refuse the ledger"
    problem = f"the study {name!r} is missing"
    return Finding(place, problem, affects, "--repair makes it, empty", mend)


def _of_search(case: Case, database: RDBStorage, place: str, study_id: int) -> list[Finding]:
    try:
        attributes = database.get_study_user_attrs(study_id)
    except READ_ERRORS as error:
        return _damaged_attributes(case, database, place, study_id, reason(error))
    case.run_id, case.knows_run_id = attributes.get(RUN_ID), True
    findings = []
    recorded = attributes.get("format")
    if recorded is None:
        mend = _setting(case, study_id, "format", FORMAT)
        findings.append(
            Finding(
                place,
                "its format is not recorded: it was not begun to its end, or was lost",
                ALL_COMMANDS,
                f"--repair records format {FORMAT}",
                mend,
            )
        )
    elif recorded != FORMAT:
        findings.append(
            Finding(
                place,
                f"its format is {recorded!r}, this version reads {FORMAT}",
                ALL_COMMANDS,
                "not recoverable here: use the version that made the run",
            )
        )
    for name in JSON_ATTRIBUTES:
        if name in attributes and not isinstance(attributes[name], dict):
            problem = f"{name} must be a mapping, got {attributes[name]!r}"
            mend = _setting(case, study_id, name, {})
            findings.append(
                Finding(place, problem, "status and frontier", f"--repair empties {name}", mend)
            )
    return findings


def _damaged_attributes(
    case: Case, database: RDBStorage, place: str, study_id: int, why: str
) -> list[Finding]:
    """Find the attributes of the search's study that are not JSON."""
    query = text("SELECT key, value_json FROM study_user_attributes WHERE study_id = :study")
    with database.engine.connect() as connection:
        stored = connection.execute(query, {"study": study_id}).all()
    findings = []
    for key, value in stored:
        try:
            json.loads(value)
        except (ValueError, TypeError) as error:
            problem = f"the attribute {key!r} of the search is not JSON: {error}"
            new = _attribute(case, key)
            mend = _setting(case, study_id, key, new)
            remedy = f"--repair sets it to {new!r}"
            findings.append(Finding(place, problem, ALL_COMMANDS, remedy, mend))
    return findings or [Finding(place, why, ALL_COMMANDS, "not recoverable here")]


def _attribute(case: Case, key: str) -> Any:
    """Return what an attribute of the search's study can be set to where its own was lost."""
    if key == RUN_ID:
        try:
            return case.run.run_id
        except RunError:
            return None
    return {"format": FORMAT}.get(key, {} if key in JSON_ATTRIBUTES else None)


def _setting(case: Case, study_id: int, key: str, value: Any) -> Mend:
    def run(copies: Path) -> str:
        values = {"study": study_id, "key": key}
        where = "WHERE study_id = :study AND key = :key"
        with case.writer().engine.begin() as connection:
            old = connection.execute(
                text(f"SELECT * FROM study_user_attributes {where}"), values
            ).mappings()
            for row in old:
                note_moved(copies, {"why": f"{key} was set anew", "row": dict(row)})
            connection.execute(text(f"DELETE FROM study_user_attributes {where}"), values)
        if value is not None:
            case.writer().set_study_user_attr(study_id, key, value)
        return f"set {key} of the search to {value!r}"

    return Mend(f"sets {key} of the search to {value!r}", ledger_files(case), run)


def _directions(
    case: Case, database: RDBStorage, place: str, name: str, study_id: int
) -> list[Finding]:
    config = case.config
    wanted = _wanted_directions(config, name)
    query = text(
        "SELECT direction FROM study_directions WHERE study_id = :study ORDER BY objective"
    )
    with database.engine.connect() as connection:
        stored = list(connection.execute(query, {"study": study_id}).scalars())
    if stored == wanted:
        return []

    def run(copies: Path) -> str:
        with case.writer().engine.begin() as connection:
            values: dict[str, Any] = {"study": study_id}
            note_moved(copies, {"why": "directions were set anew", "study": name, "row": stored})
            connection.execute(text("DELETE FROM study_directions WHERE study_id = :study"), values)
            insert = text(
                "INSERT INTO study_directions (study_id, objective, direction) "
                "VALUES (:study, :objective, :direction)"
            )
            for objective, direction in enumerate(wanted):
                values = {"study": study_id, "objective": objective, "direction": direction}
                connection.execute(insert, values)
        return f"set the directions of {name!r} to {', '.join(wanted)}"

    problem = f"the directions of {name!r} are {', '.join(map(str, stored)) or 'missing'}, the "
    problem += f"objectives of config.yaml need {', '.join(wanted)}"
    mend = Mend(f"sets the directions of {name!r} to {', '.join(wanted)}", ledger_files(case), run)
    return [Finding(place, problem, "proposals and fronts", "--repair sets them", mend)]


def _wanted_directions(config: SearchConfig, name: str) -> list[str]:
    objectives = config.objectives if name == config.name else (OF_TRAININGS.name,)
    return [METRICS[objective].direction.upper() for objective in objectives]


def _foreign(case: Case, database: RDBStorage, place: str, name: str, study_id: int) -> Finding:
    query = text("SELECT trial_id FROM trials WHERE study_id = :study")
    with database.engine.connect() as connection:
        trials = list(connection.execute(query, {"study": study_id}).scalars())

    def run(copies: Path) -> str:
        writer = case.writer()
        for trial_id in trials:
            remove(writer, trial_id, copies)
        note_moved(copies, {"why": "a study of another run was moved out", "study": name})
        writer.delete_study(study_id)
        return f"moved the study {name!r} with {len(trials)} trials out of the ledger"

    mend = Mend(f"moves the study {name!r} out of the ledger", ledger_files(case), run)
    return Finding(
        place,
        f"it holds the study {name!r} with {len(trials)} trials, which is of no run of this name",
        "nothing: no command reads it",
        "--repair moves it out",
        mend,
    )


def ledger_files(case: Case) -> tuple[Path, ...]:
    """Return the files of a ledger in the run's folder, to be copied before it is changed."""
    if case.config.storage is not None:
        return ()  # a server's rows are noted one by one
    file = case.run.ledger_file
    return tuple(file.with_name(file.name + end) for end in ("", "-wal", "-shm"))
