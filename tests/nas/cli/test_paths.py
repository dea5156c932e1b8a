"""An impossible path is one message that names it, in every command that takes a path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nas.cli.main import main

DIGITS = str(Path(__file__).parents[3] / "configs" / "searches" / "digits.yaml")
COMMANDS = [
    ["describe", "{path}"],
    ["describe", "0123456789ab", "--runs", "{path}"],
    ["status", "{path}"],
    ["frontier", "{path}"],
    ["fidelity", "{path}"],
    ["zero-cost", "{path}"],
    ["retrain", "{path}", "--pick", "knee"],
    ["search", "{path}"],
    ["search", "{path}", "--dry-run"],
    ["search", DIGITS, "--runs", "{path}"],
    ["tabulate", "{path}", "--out", "x.csv.gz"],
    ["benchmark", "--csv", "{path}.csv", "--choices", "a", "--maximize", "b", "--minimize", "c"],
    ["benchmark", "--tabulated", "{path}.csv.gz"],
    ["benchmark", "--nas-bench-macro", "{path}"],
    ["latency-table", "{path}", "--out", "x.json"],
    ["predict", "{path}", "a.png"],
    ["attention-maps", "{path}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_path_through_a_file_or_too_long_a_name(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for path in ("file/inner", "x" * 300, "y/" * 2100):
        words = [word.replace("{path}", path) for word in command]
        monkeypatch.setattr(sys, "argv", ["nas", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        printed, said = capsys.readouterr()
        assert printed == ""  # nothing was begun: no data read, no worker started
        assert caught.value.code == 1
        assert said.startswith("error: ")
        assert path.rstrip("/")[-200:] in said.replace("\n", "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
