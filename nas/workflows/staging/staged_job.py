"""A job's command with its files: what a search, a trace or full trainings take to a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nas.config.files import load_config, save_config
from nas.config.overrides import parse_overrides
from nas.config.recipe_overrides import RECIPE, RESOURCES
from nas.config.search_config import LATEST, RUN_NAME, SearchConfig
from nas.config.sections import RaySettings, ResourceSettings
from nas.errors import CommandError
from nas.workflows.staging.own_code import named_modules, stage_folder, stage_modules
from nas.workflows.staging.places import (
    DATA,
    TABLE,
    check_places,
    check_run_name,
    is_hub_id,
    written_values,
)
from search_space.yaml_validation import ConfigError, read_yaml

CONFIG_FILE, RECIPE_FILE = "config.yaml", "recipe.yaml"
"""The names of the staged files, in the job's working folder."""


class StagedJob(NamedTuple):
    """A command of ``nas`` and what it needs of the cluster, besides the staged folder."""

    command: str  # search, retrain or trace
    run: str  # the name of the run that it writes
    words: list[str]  # of the command line after the command
    on_head: dict[str, str]  # key of the configuration -> absolute path
    on_nodes: dict[str, str]
    modules: list[str]  # that every node must have installed
    resources: ResourceSettings | None  # of a trial; None for those of the run
    needs_run: bool = False


def stage_search(file: Path, overrides: Sequence[str], folder: Path) -> StagedJob:
    """Write a search's resolved configuration and the user's modules into a folder.

    Args:
        file: the search's.
        overrides: changes to it.
        folder: an empty one.

    Raises:
        ConfigError: with every problem; among them each relative path.
        CommandError: a module cannot be sent, or ``sampler.learn_from`` has a relative path.
    """
    config = load_config(file, overrides)
    config = for_cluster(file, overrides, config)
    save_config(config, folder / CONFIG_FILE)
    names = named_modules(config.space, config.data.name, config.tracking)
    return StagedJob(
        "search",
        config.name,
        [CONFIG_FILE, "--resume-or-start"],
        files_of_head(config),
        files_of_nodes(config),
        stage_modules(names, folder),
        config.resources,
    )


def stage_retrain(
    run: str, overrides: Sequence[str], modules: Path | None, folder: Path
) -> StagedJob:
    """Write the files that full trainings of a run's networks take.

    Args:
        run: its name in the folder of runs.
        overrides: see :func:`nas.config.recipe_overrides.with_overrides`.
        modules: the folder of the modules of types of the user's own.
        folder: an empty one.

    Raises:
        ConfigError: an override cannot be read.
        CommandError: the run is not named, but addressed otherwise.
    """
    if not RUN_NAME.fullmatch(run) or run == LATEST:
        raise CommandError(
            f"a run is found on the cluster by its name in the folder --runs, got {run!r}"
        )
    words = []
    for word in overrides:
        parsed = parse_overrides([word])
        if others := sorted(parsed.keys() - {RECIPE, RESOURCES}):
            raise ConfigError("command line", [f"{others[0]}: neither of {RECIPE}, {RESOURCES}"])
        recipe_file = parsed.get(RECIPE)
        if isinstance(recipe_file, str):
            read_yaml(Path(recipe_file))
            (folder / RECIPE_FILE).write_bytes(Path(recipe_file).read_bytes())
            words.append(f"{RECIPE}={RECIPE_FILE}")
        else:
            words.append(word)
    if modules is not None:
        stage_folder(modules, folder)
    return StagedJob(
        "retrain",
        run,
        [run, *words, "ray.address=auto"],
        {},
        {},
        [],
        None,
        needs_run=True,
    )


def for_cluster(file: Path, overrides: Sequence[str], config: SearchConfig) -> SearchConfig:
    """Return a search's configuration as the cluster's head reads it.

    Paths stay as they were written, since a link here may lead elsewhere than there. The storage
    has no password. The cluster is the one that the job runs on, and modules lie beside the file.

    Raises:
        ConfigError: a path is relative.
        CommandError: ``sampler.learn_from`` has a relative path.
    """
    values = written_values(file, overrides)
    check_places(file, values, config.data)
    for name in config.sampler.learn_from:
        check_run_name(name)
    data = config.data.model_copy(update={"path": values.get(DATA)})
    return config.saved.replace(
        data=data,
        latency=config.latency.replace(table=values.get(TABLE)),
        ray=RaySettings(address="auto"),
        modules=None,
    )


def files_of_head(config: SearchConfig) -> dict[str, str]:
    """Return the files that a search's driver reads, by their keys."""
    files = {TABLE: config.latency.table, DATA: _local_data(config)}
    return {key: path for key, path in files.items() if path is not None}


def files_of_nodes(config: SearchConfig) -> dict[str, str]:
    """Return the files that workers read, by their keys.

    The driver sends images that are decoded once. ``data.decoding: auto`` decides when it has read
    them, so that it counts as not decided.
    """
    path = _local_data(config)
    return {} if path is None or config.data.decoding == "once" else {DATA: path}


def _local_data(config: SearchConfig) -> str | None:
    return None if is_hub_id(config.data, config.data.path) else config.data.path
