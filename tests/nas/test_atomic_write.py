"""A file is replaced whole, whatever its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.atomic_write import replace_file


def test_a_name_as_long_as_a_name_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    replace_file(path, b"all")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(path.name, b"all")]


def test_a_path_that_cannot_be_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 256), tmp_path / "none" / "a"):
        with pytest.raises(OSError, match=path.name) as caught:
            replace_file(path, b"all")
        assert caught.value.filename == str(path)
        assert list(tmp_path.iterdir()) == []
