"""A password on the command line, as the list of processes shows it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from pathlib import Path
from nas.cli.process_list import hide_passwords
hide_passwords(sys.argv)
sys.stdout.write(Path("/proc/self/cmdline").read_text().replace(chr(0), "|"))
sys.stdout.write(sys.argv[-1])
"""


def shown(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_password_is_overwritten_and_the_command_still_has_it() -> None:
    url = "postgresql://nas:Pelikan é@host/db"
    words = ("search", "a b.yaml", f"storage={url}", "name=x", url)
    listed, _, last = shown(*words).rpartition("|")
    assert "Pelikan" not in listed
    assert "|search|a b.yaml|storage=postgresql+psycopg://nas@host/db" in listed
    assert "|name=x|" in listed
    assert last == url


def test_a_url_that_cannot_be_parsed_is_overwritten_whole() -> None:
    listed = shown("storage=postgresql://nas:Pelikan@host:port/db", "x@host/db")
    assert "Pelikan" not in listed
    assert "|storage=***" in listed
    assert "|*** " in listed  # it may belong to the URL


def test_other_words_stay_as_they_are() -> None:
    words = ("storage=sqlite:////tmp/a.db", "ray.address=auto", "data.path=s3://bucket/x")
    assert "|".join(words) in shown(*words)
