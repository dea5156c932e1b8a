"""A search small enough for a test: tiny networks, two epochs, real images, real Ray."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from nas.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

SPACE = {
    "name": "tiny",
    "expansion": 2,
    "stem": [{"type": "conv", "kernel": 3, "stride": 2, "pool": False, "width": [4, 8]}],
    "stages": [
        {
            "stride": 1,
            "depth": 1,
            "width": [4, 8],
            "primitive": [
                {"type": "conv", "kernel": [1, 3]},
                {
                    "type": "augmented_conv",
                    "kappa": 0.5,
                    "upsilon": [0.25, 0.5],
                    "heads": 1,
                    "min_key_depth_per_head": 2,
                },
                {"type": "local_attention", "extent": [3, 5], "heads": [1, 2]},
            ],
        }
    ],
}

RECIPE = {"epochs": 2, "batch_size": 50, "learning_rate": 0.05}

SEARCH = {
    "name": "tiny",
    "space": SPACE,
    "data": {"name": "digits", "train_images": 100, "validation_images": 100},
    "sampler": {"name": "pareto_local_search", "options": {"initial_trials": 4}},
    "search": {"n_trials": 6, "finalist_seeds": 2},
    "proxy": RECIPE,
    "retrain": RECIPE,
}


def blocks(language: str, text: str = README) -> list[str]:
    """The pieces of a Markdown text that are in ``language``."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def write_search(path: Path, **changes: object) -> Path:
    """The configuration above with other sections, as a file."""
    path.write_text(yaml.safe_dump(SEARCH | changes))
    return path


def nas_command(*arguments: object) -> list[str]:
    """The command line; ``-P``, since the installed ``nas`` imports nothing from where it runs."""
    return [
        sys.executable,
        "-P",
        "-c",
        "from nas.cli.main import main; main()",
        *map(str, arguments),
    ]


def command_in(
    folder: Path, environment: dict[str, str], *arguments: object, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run ``nas ARGUMENTS`` in a process of its own."""
    return subprocess.run(
        nas_command(*arguments),
        cwd=folder,
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def query(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a ``nas`` command that needs no Ray in this process, where all is imported already."""
    command = ["nas", *map(str, arguments)]
    output, errors, before = io.StringIO(), io.StringIO(), (os.getcwd(), sys.argv)
    os.chdir(folder)
    sys.argv = command
    code: int | str | None = 0
    try:
        with redirect_stdout(output), redirect_stderr(errors):
            main()
    except SystemExit as stop:
        code = stop.code
    finally:
        os.chdir(before[0])
        sys.argv = before[1]
    assert isinstance(code, int)
    return subprocess.CompletedProcess(command, code, output.getvalue(), errors.getvalue())


def read_json(done: subprocess.CompletedProcess[str]) -> Any:
    """Read the JSON that a command with ``--json`` printed."""
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
