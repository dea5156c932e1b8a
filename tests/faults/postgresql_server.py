"""A real PostgreSQL server of the harness's own, which is stopped and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg

from tests.end_to_end.ray_nodes import free_port

Stop = Literal["fast", "immediate", "kill"]

SIGNALS: dict[Stop, signal.Signals] = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "kill": signal.SIGKILL,
}

START_SECONDS = 30.0


class NoServer(Exception):
    """PostgreSQL cannot run here, and why."""


class PostgresqlServer:
    """A server on a free port, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = _server_user()
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(folder, self._user["user"], self._user["group"])
        initdb = [_program("initdb"), "-D", str(folder / "data"), "--username=nas", "--auth=trust"]
        done = subprocess.run(
            [*initdb, "--encoding=UTF8", "--locale=C", "--no-sync"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        if done.returncode:
            raise NoServer(f"initdb: {done.stderr}")

    @property
    def url(self) -> str:
        """The URL for the configuration's ``storage``."""
        return f"postgresql+psycopg://nas@127.0.0.1:{self._port}/postgres"

    @property
    def connection(self) -> str:
        """The connection string for psycopg."""
        return f"host=127.0.0.1 port={self._port} user=nas dbname=postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [_program("postgres"), "-D", str(self._folder / "data")]
        settings = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "shared_buffers": "16MB",
        }
        command += [f"--{key}={value}" for key, value in settings.items()]
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, **self._user
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.connection).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise NoServer((self._folder / "log").read_text()) from error
                time.sleep(0.1)

    def stop(self, how: Stop = "fast") -> None:
        """Stop it, and wait for its end; ``kill`` also lets the kernel forget its clients."""
        if self._process is not None:
            self._process.send_signal(SIGNALS[how])
            self._process.wait(START_SECONDS)
            self._process = None

    def drop_runs(self) -> None:
        """Remove all tables, so that another run of the same name can begin."""
        with psycopg.connect(self.connection, autocommit=True) as server:
            server.execute("drop schema public cascade")
            server.execute("create schema public")


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A running server while the block runs.

    Raises:
        NoServer: PostgreSQL is not installed, or no user can run it.
    """
    with tempfile.TemporaryDirectory(prefix="faults-postgresql-") as name:
        server = PostgresqlServer(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _program(name: str) -> str:
    """Return a program of the server: on the path, or where Debian keeps it."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = shutil.which(name) or (str(installed[-1]) if installed else None)
    if program is None:
        raise NoServer(f"there is no {name}, neither on the path nor in /usr/lib/postgresql")
    return program


def _server_user() -> dict[str, Any]:
    """Return another user of this machine if this one is root, as whom PostgreSQL does not run."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise NoServer("PostgreSQL does not run as root, and there is no user postgres or nobody")
