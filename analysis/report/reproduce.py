"""Making the runs again: commands, versions, seeds and hashes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.page.section import Section
from analysis.report.run_data import ReportRun


def reproduce_section(runs: Sequence[ReportRun]) -> Section:
    """Return the section."""
    return Section(
        "reproduce",
        "How to reproduce it",
        "report/templates/reproduce.html",
        {"runs": [_run(run) for run in runs]},
    )


def _run(run: ReportRun) -> dict[str, Any]:
    environment = run.environment
    versions = environment.get("versions") or {}
    fresh = ", ".join(map(str, run.config.fresh_seeds)) or "none"
    facts = {
        "seed of the search": str(run.config.seed),
        "fresh seeds": fresh,
        "seed of the split": str(run.config.data.split_seed),
        "Python": str(environment.get("python", "not recorded")),
        "platform": str(environment.get("platform", "not recorded")),
        **{name: str(version) for name, version in versions.items() if version},
        "commit": str(environment.get("git_commit") or "not recorded"),
    }
    return {
        "name": run.name,
        "began_with": _typed(environment.get("command") or ()),
        "commands": run.ways,
        "facts": facts,
        "hashes": run.hashes,
        "config": run.config_yaml,
    }


def _typed(command: Sequence[str]) -> str:
    """Return a recorded command as it can be typed elsewhere."""
    if not command:
        return ""
    return shlex.join([Path(command[0]).name, *command[1:]])
