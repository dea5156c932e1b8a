"""The option ``--seeds``: how many full trainings each network gets."""

from __future__ import annotations

from nas.config.search_config import SearchConfig
from nas.errors import CommandError


def with_seeds(config: SearchConfig, seeds: int | None, fewest: int = 1) -> SearchConfig:
    """Return the configuration with another ``retrain_seeds``; None leaves it as it is.

    Args:
        config: of the run.
        seeds: the option's value.
        fewest: that the command can do with.

    Raises:
        CommandError: there are too few.
    """
    if seeds is None:
        return config
    if seeds < fewest:
        why = "" if fewest == 1 else ", since a paired interval needs two"
        raise CommandError(f"--seeds must be {fewest} or more{why}, got {seeds}")
    return config.replace(retrain_seeds=seeds)
