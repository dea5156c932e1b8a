"""The environment of a run, as ``environment.json`` has it: command, versions, machine, commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

from nas.config.storage_url import shown_words

PACKAGES = (
    "convattn",
    "torch",
    "ray",
    "optuna",
    "numpy",
    "fvcore",
    "pydantic",
    "kornia",
    "moocore",
)


def environment(seed: int) -> dict[str, Any]:
    """Describe this process for ``environment.json``, with a new ``run_id``."""
    return {
        "run_id": uuid.uuid4().hex,
        "seed": seed,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": shown_words(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: package_version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
    }


def package_version(package: str) -> str | None:
    """Return the installed version of a package; None if it runs without being installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of this code if it runs from a checkout."""
    done = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None
