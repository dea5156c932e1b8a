"""The file ``data.json`` of a run: the fingerprints of the images that its results come from."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nas.errors import RunError
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import read_json_object

log = logging.getLogger(__name__)

DATA_FILE = "data.json"


def fingerprints_of_run(run: RunFolder) -> list[str]:
    """Return the fingerprints of the images that a run's results come from, in their order.

    It is empty if an earlier version began the run, and has several where
    ``--allow-changed-data`` was given.

    Raises:
        RunError: the file is damaged.
    """
    file = run.path / DATA_FILE
    if not file.is_file():
        return []
    listed = read_json_object(file).get("fingerprints")
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise RunError(f"{file} cannot be read: fingerprints must be texts, got {listed!r}")
    return listed


def note_images(run: RunFolder, fingerprints: Sequence[str]) -> None:
    """Write the fingerprints.

    Raises:
        RunError: the file cannot be written.
    """
    run.write_json(DATA_FILE, {"fingerprints": list(fingerprints)})


def check_same_images(run: RunFolder, fingerprint: str, *, allow_changed: bool) -> bool:
    """Refuse to go on with other images than a run's last ones, or note that it does.

    Args:
        run: the run, which the caller holds.
        fingerprint: of the images as they are now.
        allow_changed: the option ``--allow-changed-data``.

    Returns:
        whether the images changed.

    Raises:
        RunError: the images are others, or the file cannot be read or written.
    """
    before = fingerprints_of_run(run)
    if before[-1:] == [fingerprint]:
        return False
    if before:
        risk = "results from before and after do not compare"
        what = f"the images changed since run {run.name!r} began (fingerprint {before[-1]}, now "
        if not allow_changed:
            raise RunError(
                f"{what}{fingerprint}); give it a run of its own with name=..., or go on with "
                f"--allow-changed-data: {risk}"
            )
        log.warning("%s%s): %s", what, fingerprint, risk)
    note_images(run, [*before, fingerprint])
    return bool(before)
