"""A storage's password is in no file, log or list of processes, whatever a search runs into."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psutil
import pytest

from tests.end_to_end.tiny_search import nas_command, write_search
from tests.postgresql_server import DATABASE, PostgreSQLServer, running_server

pytestmark = pytest.mark.ray

BEGUN = "starting workers"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    with running_server() as running:
        yield running


class Role(NamedTuple):
    """A user of the server's databases, whose password no other process has."""

    secret: str  # a part of the password that no encoding changes

    def url(self, server: PostgreSQLServer, password: str = "") -> str:
        password = quote(password or f"{self.secret} @:/word", safe="")
        return f"postgresql://role:{password}@127.0.0.1:{server.port}/{DATABASE}"


@pytest.fixture(scope="module")
def role(server: PostgreSQLServer) -> Role:
    made = Role(f"Pelikan{secrets.token_hex(6)}")
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE role SUPERUSER LOGIN PASSWORD '{made.secret} @:/word'")
    return made


@pytest.fixture
def logs() -> Iterator[Path]:
    """The folder of Ray's logs; the path of a socket has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def listed_processes() -> str:
    """The command lines of all processes."""
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return "\n".join(lines)


def said_by(folder: Path, logs: Path, *words: str) -> str:
    """The output of a command, with the list of processes after each of its lines."""
    environment = os.environ | {
        "RAY_TMPDIR": str(logs),
        "XDG_STATE_HOME": str(folder / "state"),
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = subprocess.Popen(
        nas_command(*words),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert command.stdout is not None
    said = []
    for line in command.stdout:
        said += [line, listed_processes()]
    command.wait(timeout=60)
    return "".join(said)


def files_with(folder: Path, secret: str) -> list[Path]:
    regular = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in regular if secret.encode() in path.read_bytes()]


def test_no_file_and_no_list_of_processes_has_it(
    tmp_path: Path, logs: Path, server: PostgreSQLServer, role: Role
) -> None:
    file = write_search(
        tmp_path / "tiny.yaml",
        sampler={"name": "random"},
        search={"n_trials": 2, "finalist_seeds": 1, "noise_candidates": 0},
    )
    storage = f"storage={role.url(server)}"
    said = said_by(tmp_path, logs, "search", str(file), storage)
    assert BEGUN in said
    assert "what you may do next" in said or "front" in said
    said += said_by(tmp_path, logs, "search", str(file), storage)
    assert "already exists" in said
    said += said_by(tmp_path, logs, "status", "tiny")
    assert "PGPASSWORD" in said
    wrong = role.url(server, f"{role.secret}-")
    said += said_by(tmp_path, logs, "search", str(file), f"storage={wrong}", "--resume")
    assert "password authentication failed" in said
    assert role.secret not in said
    assert (tmp_path / "runs" / "tiny" / "front.html").is_file()
    assert len([path for path in logs.rglob("*.log") if path.stat().st_size]) > 3
    for folder in (tmp_path, logs):
        assert files_with(folder, role.secret) == []


@pytest.mark.slow  # two searches
def test_nor_after_errors_in_the_middle(
    tmp_path: Path, logs: Path, server: PostgreSQLServer, role: Role
) -> None:
    """Every training fails; then the server ends, and its password is asked for anew."""
    file = write_search(tmp_path / "tiny.yaml")
    storage = f"storage={role.url(server)}"
    failing = ["proxy.learning_rate=1e30", "search.max_failures=2", "name=fails"]
    said = said_by(tmp_path, logs, "search", str(file), storage, *failing)
    assert "Traceback" in said or "failed" in said
    again = said_by(tmp_path, logs, "search", str(file), storage, *failing, "--resume")
    assert "resuming fails" in again
    server.stop(immediate=True)
    try:
        away = said_by(tmp_path, logs, "search", str(file), storage, "name=other")
    finally:
        server.start()
    assert "cannot be reached" in away
    assert role.secret not in said + again + away
    for folder in (tmp_path, logs):
        assert files_with(folder, role.secret) == []
