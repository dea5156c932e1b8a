"""``nas archive``: a run's results as a small folder, which is a run to read."""

from __future__ import annotations

from pathlib import Path

from nas.cli.output import Output
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from nas.workflows.archiving import archive


def run_archive_command(
    output: Output, name: str, folder: Path, runs: Path, *, trust: bool = False
) -> None:
    """Write a run's results to a new folder, and say what it holds.

    Raises:
        ConfigError, RunError, TrustError: see :mod:`nas.errors`.
    """
    run = RunFolder.find(name, runs, trust=trust)
    config, ledger = ledger_of(run)
    archived = archive(run, config, ledger, folder)
    if output.as_json:
        output.show_json({"folder": str(folder)} | archived._asdict())
        return
    output.say(
        f"{folder}: {archived.trials:,} evaluations in {archived.files} files of together "
        f"{archived.size_bytes / 1e6:.2f} MB"
    )
