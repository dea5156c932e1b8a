"""A run is tied to its images' content, unless it is told otherwise."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from nas.errors import RunError
from nas.storage.run.data_file import DATA_FILE, check_same_images, fingerprints_of_run
from nas.storage.run.folder import RunFolder


def test_other_images_are_refused_or_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = RunFolder(tmp_path)
    assert fingerprints_of_run(run) == []  # of an earlier version
    check_same_images(run, "aaaa", allow_changed=False)
    assert fingerprints_of_run(run) == ["aaaa"]
    check_same_images(run, "aaaa", allow_changed=False)
    with pytest.raises(
        RunError, match=r"images changed .*fingerprint aaaa, now bbbb.*name=.*--allow"
    ):
        check_same_images(run, "bbbb", allow_changed=False)
    assert fingerprints_of_run(run) == ["aaaa"]
    with caplog.at_level(logging.WARNING):
        check_same_images(run, "bbbb", allow_changed=True)
    assert "results from before and after do not compare" in caplog.text
    assert fingerprints_of_run(run) == ["aaaa", "bbbb"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / DATA_FILE).write_text('{"fingerprints": 7}')
    with pytest.raises(RunError, match=r"data\.json cannot be read: fingerprints must be texts"):
        check_same_images(RunFolder(tmp_path), "aaaa", allow_changed=False)
