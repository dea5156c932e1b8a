"""Which files may import modules, and where the modules of a run's own types are found."""

from __future__ import annotations

import logging
from pathlib import Path

from nas.config.files import saved_modules
from nas.storage.folder import RunFolder
from search_space.own_modules import make_importable
from search_space.yaml_validation import ConfigError

log = logging.getLogger(__name__)


def allow_imports(file: Path, *, trust: bool) -> bool:
    """Decide whether a file, such as a ``model.pt``, may import modules.

    If it may and lies in a run's folder, the folder ``modules`` of that run's configuration is
    made importable. A configuration that cannot be read is a warning, since the file may name no
    type of the user's own, and then needs nothing from it.

    Args:
        file: any file.
        trust: what ``--trust`` says.

    Returns:
        True with ``trust``, and for a file in the folder of a trusted run.
    """
    run = RunFolder.around(file, trust=trust)
    if run is None or not run.is_trusted:
        return trust
    try:
        modules = saved_modules(run.config_file)
    except ConfigError as error:
        log.warning("no modules are looked for as the run's configuration says: %s", error)
        return True
    if modules is not None:
        make_importable(modules)
    return True
