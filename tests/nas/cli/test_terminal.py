"""Characters that a terminal cannot show are replaced; no result is lost to them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.cli.main import main

TEXT = (
    "0.93 \N{PLUS-MINUS SIGN} 0.01, 8\N{MULTIPLICATION SIGN}8 \u28f7 \N{EN DASH} \xe9 \udcff \u4e2d"
)
PRINTS = f"from nas.cli.terminal import take_every_text; take_every_text(); print({TEXT!a})"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PYTHONIOENCODING": "ascii"}, r"0.93 +/- 0.01, 8x8 * - \xe9 \udcff \u4e2d"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0"}, r"0.93 +/- 0.01, 8x8 * - \xe9 \udcff \u4e2d"),
        ({"PYTHONIOENCODING": "utf-8"}, TEXT.replace("\udcff", r"\udcff")),
    ],
)
def test_every_text_is_written(environment: dict[str, str], expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        env=os.environ | environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == expected + "\n"


def test_a_name_that_is_not_utf_8_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nas", "describe", str(tmp_path / "\udcff.yaml")])
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "ascii"))
    with pytest.raises(SystemExit) as caught:
        main()
    sys.stderr.flush()
    assert caught.value.code == 1
    assert b"\\udcff.yaml' is not the name" in capfdbinary.readouterr().err
