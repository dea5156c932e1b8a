"""Imports by files: decide whether a file may import a user's modules, and make them importable."""

from __future__ import annotations

import logging
from pathlib import Path

from nas.config.files import saved_modules
from nas.storage.run.folder import RunFolder
from search_space.own_modules import make_importable
from search_space.yaml_validation import ConfigError

log = logging.getLogger(__name__)


def allow_imports(file: Path, *, trust: bool) -> bool:
    """Decide whether a file, such as a ``model.pt``, may import modules.

    If it may and lies in a run's folder, the folder ``modules`` of that run's configuration is
    made importable. If the configuration cannot be read, a warning is logged: the file may have no
    type of the user's own, and then needs no modules.

    Args:
        file: any file.
        trust: the option ``--trust``.

    Returns:
        True with ``trust``, and for a file in the folder of a trusted run.
    """
    run = RunFolder.around(file, trust=trust)
    if run is None or not run.is_trusted:
        return trust
    try:
        modules = saved_modules(run.config_file)
    except ConfigError as error:
        log.warning("the run's folder of modules is unknown: %s", error)
        return True
    if modules is not None:
        make_importable(modules)
    return True
