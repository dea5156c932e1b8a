"""A printed command can be typed where it was printed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (
    "from nas.cli.commands.typed_command import typed; "
    "from pathlib import Path; print(typed({words}))"
)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the program in ``.venv/bin``, which prints the command that it is told to."""
    program = tmp_path / "project" / ".venv" / "bin" / "nas"
    program.parent.mkdir(parents=True)
    words = '"predict", Path.cwd() / "runs" / "a model.pt", Path("/elsewhere/7.png"), "a=[b]"'
    program.write_text(f"#!{sys.executable}\n{PROGRAM.format(words=words)}\n")
    program.chmod(0o755)
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("typed", "on_path", "expected"),
    [
        (".venv/bin/nas", False, ".venv/bin/nas"),
        ("nas", True, "nas"),
        (".venv/bin/nas", True, "nas"),  # both are the same file
    ],
)
def test_the_program_is_named_as_a_shell_finds_it(
    project: Path, typed: str, on_path: bool, expected: str
) -> None:
    folders = [str(project / ".venv" / "bin")] if on_path else []
    environment = os.environ | {"PATH": ":".join([*folders, "/usr/bin", "/bin"])}
    environment |= {"PYTHONPATH": str(ROOT)}

    def run(command: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed = run(typed)
    assert shlex.split(printed) == [
        expected,
        "predict",
        "runs/a model.pt",
        "/elsewhere/7.png",
        "a=[b]",
    ]
    assert run(printed) == printed  # typed, it runs the program again
