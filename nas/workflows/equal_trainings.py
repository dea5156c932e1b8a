"""Full trainings that other runs have done, taken instead of training again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import optuna

from nas.config.search_config import SearchConfig
from nas.errors import RunError, TrustError
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.ledger_rows import LedgerRows
from nas.storage.ledger_view import RUN_ID, SUFFIXES
from nas.storage.networks.retraining import Retraining
from nas.storage.provenance import RowName
from nas.storage.run.folder import RunFolder
from search_space.yaml_validation import ConfigError

log = logging.getLogger(__name__)


class TrainingKey(NamedTuple):
    """The key of a full training: equal ones give the same network on equal machines."""

    arch_id: str
    recipe_id: str
    seed: int
    images: str
    metric: str
    device: str


class OtherRun(NamedTuple):
    """The full trainings of another run of a storage."""

    name: str
    run_id: str | None
    rows: list[Evaluation]


def key_of(row: Evaluation) -> TrainingKey:
    """Return the key of a full training."""
    about = row.provenance
    return TrainingKey(
        row.arch_id, row.recipe_id, row.seed, about.images, about.metric, about.device
    )


def trainings_elsewhere(
    runs: Path,
    config: SearchConfig,
    images: str,
    *,
    ledger: Ledger | None = None,
    own: RunFolder | None = None,
) -> set[tuple[str, str, int]]:
    """Return ``arch_id``, ``recipe_id`` and seed of the trainings that a run can take from others.

    Args:
        images: the identity of the run's images.
        runs, config, ledger, own: see :func:`other_runs`.
    """
    about = (images, config.metric, config.resources.device_type)
    others = other_runs(runs, config, ledger=ledger, own=own)
    keys = (key_of(row) for other in others for row in other.rows)
    return {(key.arch_id, key.recipe_id, key.seed) for key in keys if key[3:] == about}


def take_equal_trainings(
    wanted: Sequence[Sequence[Retraining]],
    run: RunFolder,
    ledger: Ledger,
    config: SearchConfig,
    images: str,
) -> int:
    """Write a row for each wanted training that another run of the same storage has finished.

    Those runs are of :func:`other_runs`; equal trainings have one :class:`TrainingKey`.

    Args:
        wanted: the trainings.
        run: the run, which the caller holds.
        ledger: of the run.
        config: of the run.
        images: the identity of its images.

    Returns:
        the number of trainings that are taken.

    Raises:
        RunError: the run's own ledger cannot be written.
    """
    by_key = {
        TrainingKey(
            each.architecture.arch_id,
            each.recipe_id,
            each.seed,
            images,
            config.metric,
            config.resources.device_type,
        ): each
        for each in chain(*wanted)
    }
    taken = 0
    for other in other_runs(run.path.parent, config, ledger=ledger, own=run):
        if not by_key:
            break
        for row in other.rows:
            retraining = by_key.pop(key_of(row), None)
            if retraining is None:
                continue
            name = RowName(run=other.name, run_id=other.run_id, number=row.number)
            provenance = retraining.provenance.replace(
                images=images,
                metric=config.metric,
                device=config.resources.device_type,
                taken_from=name,
            )
            ledger.add(
                "retrain",
                row.architecture,
                seed=row.seed,
                metrics=row.metrics,
                curve=row.curve,
                device_seconds=row.device_seconds,
                recipe_id=row.recipe_id,
                training=retraining.number,
                provenance=provenance,
            )
            taken += 1
    return taken


def other_runs(
    runs: Path,
    config: SearchConfig,
    *,
    ledger: Ledger | None = None,
    own: RunFolder | None = None,
) -> Iterator[OtherRun]:
    """Yield the complete full trainings of a storage's other runs.

    They are the trusted runs of a folder whose ledgers are files and, in a database that runs
    share, those of that database. One that cannot be read is passed over with a warning.

    Args:
        runs: the folder of all runs.
        config: of the run that asks.
        ledger: of the run that asks; None for one that is not made yet.
        own: the run that asks; None for one that is not made yet.
    """
    if ledger is not None and config.storage is not None:
        yield from _in_the_database(ledger)
    for config_file in sorted(runs.glob("*/config.yaml")):
        other = RunFolder(config_file.parent)
        is_own = own is not None and other.path.resolve() == own.path.resolve()
        if other.path.is_symlink() or is_own:
            continue
        if not other.is_trusted:
            log.warning("run %s was passed over: it is not trusted", other.name)
            continue
        try:
            theirs = other.config()
            if theirs.storage is not None:
                continue  # nobody asked to reach its server
            opened = Ledger.read(theirs, other)
            yield _trainings(opened)
            opened.close()
        except (RunError, ConfigError, TrustError) as error:
            log.warning("run %s was passed over: %s", other.name, error)


def _in_the_database(ledger: Ledger) -> Iterator[OtherRun]:
    """Yield the other runs of a database that runs share."""
    ending = SUFFIXES["retrain"]
    for study in optuna.get_all_study_names(ledger.storage):
        name = study.removesuffix(ending)
        if not study.endswith(ending) or name == ledger.name:
            continue
        try:
            yield _trainings(LedgerRows(ledger.storage, name, ledger.place))
        except RunError as error:
            log.warning("run %s was passed over: %s", name, error)


def _trainings(ledger: LedgerRows) -> OtherRun:
    rows = [row for row in ledger.evaluations("retrain") if row.state == "complete"]
    return OtherRun(ledger.name, ledger.attribute(RUN_ID), rows)
