"""The command line as a whole: its help, its exit statuses, its colours, and pipes that close."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.application import EPILOGS, GROUPS, app
from nas.config.files import load_config

ROOT = Path(__file__).parents[3]
RUN = ROOT / "docs" / "results" / "pathfinder" / "pathfinder-both"
NAS = [sys.executable, "-m", "nas.cli.main"]


def shown(*words: str) -> str:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"}).stdout


def test_help_groups_the_commands_by_what_they_are_for() -> None:
    help_ = shown("--help")
    places = [help_.index(f" {group} ") for group in GROUPS]
    assert places == sorted(places)
    assert "--install-completion" in help_


@pytest.mark.parametrize("command", ["status", "frontier", "report", "retrain", "clean"])
def test_a_shell_completes_names_of_runs(command: str, tmp_path: Path) -> None:
    for name in ("digits", "digits-2", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
    (tmp_path / "digits-no-run").mkdir()
    typed = {"_NAS_COMPLETE": "complete_bash", "COMP_WORDS": f"nas {command} di", "COMP_CWORD": "2"}
    environment = {**os.environ, **typed, "NAS_RUNS": str(tmp_path)}
    script = "import sys; from nas.cli.application import app; app(prog_name='nas')"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["digits", "digits-2"]


def test_the_settings_in_the_help_of_a_search_are_settings() -> None:
    (epilog,) = EPILOGS.values()
    settings = re.findall(r"`([\w.]+=[^`]+)`", epilog)
    assert len(settings) == 5
    load_config(ROOT / "configs" / "searches" / "digits.yaml", settings)
    assert "search.n_trials=100" in shown("search", "--help")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["frontier", str(RUN)], 0),
        (["frontier", str(RUN), "--x", "parms"], 1),
        (["frontier"], 2),
        (["frontiers"], 2),
    ],
)
def test_exit_statuses(words: list[str], status: int) -> None:
    done = subprocess.run([*NAS, *words], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") == (status == 1)


def test_a_pipe_that_closes_leaves_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*NAS, "frontier", str(RUN), "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.parametrize("settings", [{}, {"NO_COLOR": "1", "TERM": "xterm-256color"}])
def test_without_a_terminal_or_with_no_color_nothing_is_coloured(settings: dict[str, str]) -> None:
    done = subprocess.run(
        [*NAS, "frontier", str(RUN)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | settings,
        check=True,
    )
    assert "\x1b[" not in done.stdout


def test_quiet_shows_no_progress_and_no_warnings() -> None:
    config = str(ROOT / "configs" / "searches" / "digits.yaml")
    few = ["search", config, "search.n_trials=2", "proxy.epochs=1", "--dry-run", "--json"]
    loud, quiet = (
        subprocess.run([*NAS, *options, *few], capture_output=True, text=True, check=True)
        for options in ([], ["--quiet"])
    )
    assert "reading the data" in loud.stderr
    assert quiet.stderr == ""
    assert json.loads(quiet.stdout)["size"] == json.loads(loud.stdout)["size"]
    wrong = subprocess.run(
        [*NAS, "-q", "frontier", "nowhere"], capture_output=True, text=True, check=False
    )
    assert wrong.stderr.startswith("error: ")
