"""Full trainings that other runs have done, taken instead of training again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import optuna

from nas.config.search_config import SearchConfig
from nas.errors import RunError, TrustError
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import RUN_ID, Ledger, ledger_of
from nas.storage.ledger_rows import SUFFIXES, LedgerRows
from nas.storage.networks.retraining import Retraining
from nas.storage.provenance import RowName
from nas.storage.run.folder import RunFolder
from search_space.yaml_validation import ConfigError

log = logging.getLogger(__name__)


class _Training(NamedTuple):
    """The key of a full training: equal ones give the same network on equal machines."""

    arch_id: str
    recipe_id: str
    seed: int
    images: str
    metric: str


def take_equal_trainings(
    wanted: Sequence[Sequence[Retraining]],
    run: RunFolder,
    ledger: Ledger,
    config: SearchConfig,
    images: str,
) -> int:
    """Write a row for each wanted training that another run of the same storage has finished.

    Those runs are of :func:`other_runs`. A training is the same by architecture, recipe, seed,
    images and metric.

    Args:
        wanted: the trainings.
        run: the run, which the caller holds.
        ledger: of the run.
        config: of the run.
        images: the fingerprint of its images.

    Returns:
        the number of trainings that are taken.

    Raises:
        RunError: a ledger of the storage cannot be read, or the run's own cannot be written.
    """
    by_key = {
        _Training(r.architecture.arch_id, r.recipe_id, r.seed, images, config.metric): r
        for r in chain(*wanted)
    }
    taken = 0
    for other in other_runs(run, ledger, config):
        if not by_key:
            break
        for row in other.evaluations("retrain"):
            retraining = by_key.pop(_key(row), None) if row.state == "complete" else None
            if retraining is None:
                continue
            name = RowName(run=other.name, run_id=other.attribute(RUN_ID), number=row.number)
            provenance = replace(
                retraining.provenance, images=images, metric=config.metric, taken_from=name
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


def other_runs(run: RunFolder, ledger: Ledger, config: SearchConfig) -> Iterator[LedgerRows]:
    """Yield the ledgers of a storage's other runs.

    They are the runs beside this one's folder and, in a database that runs share, those of that
    database. A run beside it whose ledger cannot be read is passed over with a warning.

    Args:
        run: the run.
        ledger: of the run.
        config: of the run.

    Raises:
        RunError: the shared database cannot be read.
    """
    yield from _in_the_database(ledger, config)
    yield from _beside(run, config)


def _key(row: Evaluation) -> _Training:
    about = row.provenance
    return _Training(row.arch_id, row.recipe_id, row.seed, about.images, about.metric)


def _in_the_database(ledger: Ledger, config: SearchConfig) -> Iterator[LedgerRows]:
    """Yield the other runs in a database that runs share."""
    if config.storage is None:
        return
    ending = SUFFIXES["retrain"]
    for study in optuna.get_all_study_names(ledger.storage):
        name = study.removesuffix(ending)
        if study.endswith(ending) and name != ledger.name:
            yield LedgerRows(ledger.storage, name, ledger.place)


def _beside(run: RunFolder, config: SearchConfig) -> Iterator[LedgerRows]:
    """Yield the ledgers of the runs beside this one; those that cannot be read are passed over."""
    for config_file in sorted(run.path.parent.glob("*/config.yaml")):
        other = RunFolder(config_file.parent)
        if other.path.is_symlink() or other.path.resolve() == run.path.resolve():
            continue
        try:
            theirs, ledger = ledger_of(other)
        except (RunError, ConfigError, TrustError) as error:
            log.warning("run %s was passed over: %s", other.name, error)
            continue
        if theirs.storage is None or theirs.storage != config.storage:
            yield ledger
        ledger.close()
