"""Archives: a run's ledger as JSON Lines, which stands in for the database in the run's folder.

The first line has the studies with their attributes, and each further line a trial. Commands that
read a run take such a folder for a run; one that writes to it makes the database of it first.
"""

from __future__ import annotations

import json
import logging
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from nas.errors import RunError
from nas.storage.archived_trials import (
    ARCHIVE_FORMAT,
    OF_NO_ARCHIVE,
    archive_content,
    no_archive,
)
from nas.storage.evaluation import state_of
from nas.storage.ledger_rows import LedgerRows
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.folder import RunFolder
from nas.storage.run.leftovers import begun_folder
from nas.storage.run.lock import held
from nas.storage.strict_json import json_text
from nas.storage.whole_file import write_whole

RESTORED = "evaluations.restored.jsonl"
"""The archive of a run that was restored from it."""

log = logging.getLogger(__name__)


def write_archive(ledger: LedgerRows, file: Path) -> int:
    """Write a run's ledger as JSON Lines; an existing file is replaced.

    Returns:
        the number of trials.

    Raises:
        RunError: the ledger cannot be read, a trial waits at a rung, whose state the ledger does
            not hold, or the file cannot be written.
    """
    studies: dict[str, Any] = {}
    lines = []
    for kind, suffix in SUFFIXES.items():
        study = ledger.study(kind)
        studies[suffix] = {
            "directions": [direction.name for direction in study.directions],
            "metric_names": study.metric_names,
            "user_attributes": study.user_attrs,
        }
        trials = ledger.trials(kind)
        if waiting := [trial.number for trial in trials if state_of(trial) == "paused"]:
            raise RunError(
                f"{len(waiting)} trials of run {ledger.name!r} wait at a rung, the first is "
                f"{waiting[0]}: a run is archived when its search has finished and none waits"
            )
        lines += [
            json_text({"study": suffix} | _trial_data(trial), indent=None) for trial in trials
        ]
    head = json_text({"archive": ARCHIVE_FORMAT, "studies": studies}, indent=None)
    write_whole(file, "\n".join([head, *lines]) + "\n")
    return len(lines)


def archived_storage(file: Path, name: str) -> InMemoryStorage:
    """Return the studies of an archive, under a run's name, in memory.

    Raises:
        RunError: the file cannot be read, or is no archive; the message has the line.
    """
    storage = InMemoryStorage()
    _copy(file, name, storage)
    return storage


def restore(run: RunFolder, name: str) -> None:
    """Make the database of an archived run, and put the archive aside.

    A killed process leaves the archive as it was.

    Args:
        run: the run; nothing is done if it is no archive (any more).
        name: of the run.

    Raises:
        RunError: the archive cannot be read, another process restores it, or the database cannot be
            written.
    """
    busy = RunError(f"run {run.name!r} is being restored from its archive by another process")
    with held(run.path / "restore.lock", in_use=busy):
        if not run.is_archive:
            return
        log.warning("%s is made from %s", run.ledger_file, run.archive_file.name)
        begun = begun_folder(run.ledger_file)
        try:
            address = URL.create("sqlite", database=str(begun)).render_as_string()
            database = RDBStorage(address)
            _copy(run.archive_file, name, database)
            database.engine.dispose()
            begun.replace(run.ledger_file)
            run.archive_file.rename(run.path / RESTORED)
        except (OSError, SQLAlchemyError, StorageInternalError) as error:
            raise RunError(f"cannot restore {run.archive_file}: {error}") from error
        finally:
            begun.unlink(missing_ok=True)


def restored_trainings(run: RunFolder) -> int:
    """Return how many full trainings came from an archive, which has no networks."""
    file = run.path / RESTORED
    if not file.is_file():
        return 0
    suffix = json_text({"study": SUFFIXES["retrain"]}, indent=None)[:-1]
    return sum(line.startswith(suffix) for line in file.read_text("utf-8").splitlines())


def _copy(file: Path, name: str, storage: BaseStorage) -> None:
    """Make the studies of an archive, under a run's name, in a storage."""
    content = archive_content(file)
    studies: dict[str, optuna.Study] = {}
    line = 1
    try:
        for suffix, study in content.studies.items():
            studies[suffix] = _study(name + suffix, study, storage)
        for data in content.trials:
            line += 1
            studies[data["study"]].add_trial(_trial(data))
    except OF_NO_ARCHIVE as error:
        raise no_archive(file, line, error) from error


def _study(name: str, content: dict[str, Any], storage: BaseStorage) -> optuna.Study:
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        directions=[StudyDirection[each] for each in content["directions"]],
    )
    if content["metric_names"] is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(content["metric_names"])
    for key, value in content["user_attributes"].items():
        study.set_user_attr(key, value)
    return study


def _trial_data(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": trial.values,
        "params": trial.params,
        "distributions": {
            name: json.loads(distribution_to_json(each))
            for name, each in trial.distributions.items()
        },
        "user_attributes": trial.user_attrs,
        "system_attributes": trial.system_attrs,
        "intermediate_values": {str(s): v for s, v in trial.intermediate_values.items()},
        "started": _time(trial.datetime_start),
        "ended": _time(trial.datetime_complete),
    }


def _trial(data: dict[str, Any]) -> FrozenTrial:
    trial = create_trial(
        state=TrialState[data["state"]],
        values=data["values"],
        params=data["params"],
        distributions={
            name: json_to_distribution(json.dumps(each))
            for name, each in data["distributions"].items()
        },
        user_attrs=data["user_attributes"],
        system_attrs=data["system_attributes"],
        intermediate_values={int(s): v for s, v in data["intermediate_values"].items()},
    )
    if data["started"] is not None:
        trial.datetime_start = datetime.fromisoformat(data["started"])
    if data["ended"] is not None:
        trial.datetime_complete = datetime.fromisoformat(data["ended"])
    return trial


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
