"""The files of a trace: its own, the search's, and those of networks and recipes that it names."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.config.files import load_config, save_config
from nas.config.storage_url import shown_words
from nas.config.trace import FILES_OF_A_SEARCH, Trace, TraceFamily, load_trace
from nas.workflows.staging.own_code import named_modules, stage_modules
from nas.workflows.staging.staged_job import (
    StagedJob,
    files_of_head,
    files_of_nodes,
    for_cluster,
)
from search_space.yaml_validation import dump_yaml

TRACE_FILE, SEARCH_FILE = "trace.yaml", "search.yaml"

FILES = "files"
"""The folder of the files that a trace names; each is in a numbered folder, and keeps its name."""


def stage_trace(file: Path, overrides: Sequence[str], folder: Path) -> StagedJob:
    """Write a trace and all files that it names into a folder.

    Args:
        file: the trace's.
        overrides: see :func:`nas.config.trace.load_trace`.
        folder: an empty one.

    Raises:
        ConfigError: with every problem; among them each relative path.
        CommandError: a module cannot be sent.
    """
    trace = load_trace(file, overrides)
    config = for_cluster(trace.search_file, trace.overrides, trace.search)
    save_config(config, folder / SEARCH_FILE)
    names = named_modules(config.space, config.data.name)
    for family in trace.config.families:
        if family.search is not None:
            own = trace.overrides_of(family)
            searched = load_config(trace.search_file, own)
            for_cluster(trace.search_file, own, searched)  # refuses relative paths
            names |= named_modules(searched.space, searched.data.name)
    content = trace.config.model_dump(mode="json") | {
        "search_file": SEARCH_FILE,
        "settings": {},  # the search's file has them
        "families": _staged_families(trace, folder),
    }
    (folder / TRACE_FILE).write_text(dump_yaml(content))
    return StagedJob(
        "trace",
        trace.config.name,
        [TRACE_FILE],
        files_of_head(config),
        files_of_nodes(config),
        stage_modules(names, folder),
        config.resources,
    )


def _staged_families(trace: Trace, folder: Path) -> list[dict[str, Any]]:
    """Copy the files that families name, and return the families with the copies' names."""
    copies = _Copies(trace.folder, folder)
    return [_staged_family(family, copies) for family in trace.config.families]


def _staged_family(family: TraceFamily, copies: _Copies) -> dict[str, Any]:
    content = family.model_dump(mode="json")
    content["networks"] = [copies.name_of(network) for network in family.networks]
    content["recipes"] = {
        copies.name_of(network): copies.name_of(recipe)
        for network, recipe in family.recipes.items()
    }
    if family.recipe is not None:
        content["recipe"] = copies.name_of(family.recipe)
    if family.search is not None:
        content["search"] = [_staged_word(word, copies) for word in family.search]
    return content


def _staged_word(word: str, copies: _Copies) -> str:
    """Return an override of a family's search, without a password.

    One that names a file names its copy.
    """
    key, equals, value = word.partition("=")
    if key in FILES_OF_A_SEARCH:
        return f"{key}{equals}{copies.name_of(value)}"
    return shown_words([word])[0]


class _Copies:
    """Copies of the files that a trace names, relative to its folder.

    Args:
        source: the trace's folder.
        folder: gets the copies.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._names: dict[str, str] = {}

    def name_of(self, named: str) -> str:
        """Return the name of a file's copy; a name that is no file's stays as it is."""
        file = self._source / named
        if not file.is_file():
            return named
        if named not in self._names:
            copy = Path(FILES) / str(len(self._names)) / file.name
            (self._folder / copy).parent.mkdir(parents=True)
            shutil.copyfile(file, self._folder / copy)
            self._names[named] = str(copy)
        return self._names[named]
