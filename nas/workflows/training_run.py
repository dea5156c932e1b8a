"""The run whose folder and ledger take the trainings of ``nas train``.

It is the run of the configuration's name: a finished search, beside whose front the network then
stands, or a new run, which a search may begin later.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from nas.config.files import differences
from nas.config.search_config import SearchConfig
from nas.config.trust import list_run
from nas.errors import RunError
from nas.storage.database.patience import Waits
from nas.storage.driver_ledger import on_driver
from nas.storage.ledger import Ledger, check_free, ledger_of
from nas.storage.run.folder import RunFolder
from nas.storage.run.names import check_new, next_name
from nas.storage.run.state import RunState
from nas.workflows.checks import SearchData
from search_space.architecture import Task
from trainers import Recipe

OWN = ("data", "metric", "seed")
"""The settings that all trainings in one ledger share, so that they compare; so is the task."""

OF_THE_TRAINING = (
    "data",
    "retrain",
    "retrain_seeds",
    "retrain_data",
    "resources",
    "ray",
    "modules",
    "networks_url",
)
"""The settings that `nas train` takes of its file; the others are the run's own."""

MAY_DIFFER = "data.path"
"""The place of equal images, which may be another one on another machine."""


class TrainingRun(NamedTuple):
    """A run that is ready to take full trainings."""

    run: RunFolder
    config: SearchConfig  # of the run, with the recipe to train by
    ledger: Ledger
    own_recipe: Recipe  # of the run


def existing_run(
    config: SearchConfig,
    runs: Path,
    task: Task,
    waits: Waits | None,
    *,
    writes: bool = True,
    trust: bool = False,
) -> TrainingRun | None:
    """Return the run of a configuration's name; None if there is none.

    Args:
        config: of the trainings.
        runs: the folder of all runs.
        task: images and classes of the trainings.
        waits: says that a server that is away is waited for.
        writes: open the ledger to write to it.
        trust: the option ``--trust``.

    Raises:
        RunError: it has other images, another metric or seed, or its ledger cannot be read.
        ConfigError, TrustError: see :func:`nas.storage.ledger.ledger_of`.
    """
    if not (runs / config.name / "config.yaml").is_file():
        return None
    run = RunFolder.find(config.name, runs, trust=trust)
    theirs, ledger = ledger_of(run, writes=writes, waits=waits)
    changed = {
        key: values
        for key, values in differences(theirs, config).items()
        if key.partition(".")[0] in OWN and key != MAY_DIFFER
    }
    if run.task_file.is_file():
        changed |= differences(run.task(), task)
    if changed:
        listed = "; ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())
        raise RunError(
            f"the trainings of run {config.name!r} would not compare with this one: {listed}; give "
            f"it a run of its own with name={next_name(runs, config.name)}"
        )
    taken = {name: getattr(config, name) for name in OF_THE_TRAINING}
    return TrainingRun(run, theirs.replace(**taken), ledger, theirs.retrain)


def new_run(config: SearchConfig, runs: Path, data: SearchData, waits: Waits | None) -> TrainingRun:
    """Make a run without a search.

    Args:
        config: of the trainings.
        runs: the folder of all runs.
        data: of the trainings.
        waits: says that a server that is away is waited for.

    Raises:
        RunError: it cannot be made.
    """
    check_new(runs, config.name)
    check_free(config, runs)
    run = RunFolder.create(runs, config)
    try:
        with on_driver(config, run):
            ledger = Ledger.create(config, run, waits)
        if config.ledger_folder is not None:
            ledger.close()
            ledger = Ledger.read(config, run, waits)
    except RunError:
        run.remove()
        raise
    list_run(run.config_file)
    run.write_json(run.task_file.name, data.task.model_dump(mode="json"))
    run.write_state(RunState(unsearched=True))
    return TrainingRun(run, config, ledger, config.retrain)
