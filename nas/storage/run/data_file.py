"""The file ``data.json`` of a run: the fingerprint of the images that it began with."""

from __future__ import annotations

import logging

from nas.errors import RunError
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import read_json_object

log = logging.getLogger(__name__)

DATA_FILE = "data.json"


def fingerprint_of_run(run: RunFolder) -> str | None:
    """Return the fingerprint of a run's images; None if an earlier version began the run.

    Raises:
        RunError: the file is damaged.
    """
    file = run.path / DATA_FILE
    if not file.is_file():
        return None
    fingerprint = read_json_object(file).get("fingerprint")
    if not isinstance(fingerprint, str):
        raise RunError(f"{file} cannot be read: fingerprint must be a text, got {fingerprint!r}")
    return fingerprint


def check_same_images(run: RunFolder, fingerprint: str, *, allow_changed: bool) -> None:
    """Refuse to go on with other images than a run began with, or note that it does.

    Args:
        run: the run, which the caller holds.
        fingerprint: of the images as they are now.
        allow_changed: the option ``--allow-changed-data``.

    Raises:
        RunError: the images are others, or the file cannot be read or written.
    """
    before = fingerprint_of_run(run)
    if before == fingerprint:
        return
    if before is not None:
        risk = "results from before and after do not compare"
        what = f"the images changed since run {run.name!r} began (fingerprint {before}, now "
        if not allow_changed:
            raise RunError(
                f"{what}{fingerprint}); give it a run of its own with name=..., or go on with "
                f"--allow-changed-data: {risk}"
            )
        log.warning("%s%s): %s", what, fingerprint, risk)
    run.write_json(DATA_FILE, {"fingerprint": fingerprint})
