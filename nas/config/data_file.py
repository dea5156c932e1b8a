"""The data set that a file names, be it a search's, a tabulation's, or nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.config.files import load_config, read_config
from nas.config.tabulation import load_tabulation
from search_space.values import Value
from search_space.yaml_validation import read_yaml
from trainers import DataConfig, PixelSettings


class DataFile(Value):
    """A file that names a data set and nothing else."""

    data: DataConfig
    """The data set and its split."""
    pixels: PixelSettings = PixelSettings()
    """The network's input."""
    modules: str | None = None
    """Folder of the Python module of a function of your own."""


def load_data_config(path: Path, overrides: Sequence[str]) -> tuple[DataConfig, PixelSettings]:
    """Return the data set of a file, and the settings of the network's input.

    Args:
        path: a search's file, whose proxy's settings count, a tabulation's, or one with ``data``
            alone.
        overrides: changes to it.

    Raises:
        ConfigError: with every problem found, each with its key.
    """
    content = read_yaml(path)
    if isinstance(content, dict) and "recipe" in content:
        tabulation = load_tabulation(path, overrides)
        return tabulation.data, tabulation.recipe.pixels
    if isinstance(content, dict) and "space" in content:
        search = load_config(path, overrides)
        return search.data, search.proxy.pixels
    file = read_config(DataFile, path, overrides, ())
    return file.data, file.pixels
