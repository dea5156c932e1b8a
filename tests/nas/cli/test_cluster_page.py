"""The commands of docs/cluster.md are commands, and the files that they name are there."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from nas.cli.application import app
from tests.end_to_end.tiny_search import ROOT, blocks

PAGE = (ROOT / "docs" / "cluster.md").read_text()
COMMANDS = [
    line.split("   #")[0].strip()
    for block in blocks("sh", PAGE)
    for line in block.splitlines()
    if line.strip()
]
ADDRESS = "http://HEAD:8265"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("nas ")])
def test_a_command_is_taken_with_its_options(command, monkeypatch):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", ADDRESS)  # the page exports it
    called = typer.main.get_group(app)
    context = called.make_context("nas", shlex.split(command)[1:])
    words = [*context._protected_args, *context.args]
    while hasattr(called, "commands"):
        name, called, words = called.resolve_command(context, words)
        context = called.make_context(name, list(words), parent=context)
        words = [*context._protected_args, *context.args] if hasattr(called, "commands") else []


@pytest.mark.parametrize("file", sorted(set(re.findall(r"configs/[\w./]+\.(?:yaml|sh)", PAGE))))
def test_a_file_that_is_named_is_there(file):
    assert (ROOT / file).is_file()


def test_every_other_command_belongs_to_a_launcher():
    others = {
        next(word for word in shlex.split(command) if "=" not in word)
        for command in COMMANDS
        if not command.startswith("nas ")
    }
    assert others == {"umask", "ray", "export", "sbatch", "tail", "kubectl"}
