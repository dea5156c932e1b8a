"""A PostgreSQL server of a test's own, which can be stopped, killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.needed import lacking

PASSWORD = "s3cret @:/word"
USER = "nas"
DATABASE = "postgres"

START_SECONDS = 60


class PostgreSQLServer:
    """A server on a free port of this machine, with its data in ``folder``.

    Args:
        folder: an empty one.

    Attributes:
        port: it stays the same through stops and starts.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import psycopg  # noqa: F401, PLC0415
        except ImportError:
            lacking("the extra 'postgresql' is not installed")
        initdb, postgres = _program("initdb"), _program("postgres")
        if initdb is None or postgres is None:
            lacking("no PostgreSQL server here (neither on the path nor in /usr/lib/postgresql)")
        self._folder = folder
        self._user = _server_user()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "password").write_text(PASSWORD)
        if self._user:
            for path in (folder, folder / "password"):
                os.chown(path, self._user["user"], self._user["group"])
        options = [f"--username={USER}", f"--pwfile={folder / 'password'}"]
        options += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [initdb, "-D", str(folder / "data"), *options],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        assert done.returncode == 0, done.stderr
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        self._command = [postgres, "-D", str(folder / "data")]
        self._command += [f"--{key}={value}" for key, value in settings.items()]

    @property
    def url(self) -> str:
        """The URL of its database, with the password."""
        return self.url_at(self.port)

    @property
    def socket_folder(self) -> Path:
        """The folder of its socket."""
        return self._folder

    def url_at(self, port: int) -> str:
        """Return the URL by way of another port of this machine."""
        return f"postgresql+psycopg://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/{DATABASE}"

    def start(self) -> None:
        """Start it; return when it answers."""
        self.begin_start()
        for _ in range(10 * START_SECONDS):
            try:
                self.connect().close()
            except OSError:
                assert self._process is not None
                assert self._process.poll() is None, self.log
                time.sleep(0.1)
            else:
                return
        raise AssertionError(self.log)

    def begin_start(self) -> None:
        """Start it, and return before it answers."""
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=log, stderr=log, **self._user
            )

    def stop(self, *, immediate: bool = False) -> None:
        """End all sessions and stop it; ``immediate`` as by a crash: nothing is tidied up."""
        self._end(signal.SIGQUIT if immediate else signal.SIGINT)

    def kill(self) -> None:
        """Kill its main process; the others see that, and end."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(timeout=30)
        self._process = None

    def connect(self) -> Any:
        """Connect, to change things behind a program's back; statements commit at once.

        Raises:
            OSError: it does not answer.
        """
        import psycopg  # noqa: PLC0415

        try:
            return psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                user=USER,
                password=PASSWORD,
                dbname=DATABASE,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            raise OSError(str(error)) from error

    def end_sessions(self) -> int:
        """End all other sessions, as an administrator may; return how many there were."""
        with self.connect() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchall()
        return len(ended)

    @property
    def log(self) -> str:
        """Its log so far."""
        return (self._folder / "log").read_text()


@contextmanager
def running_server() -> Iterator[PostgreSQLServer]:
    """Run a server while the block runs; skip or fail the test if there can be none."""
    with tempfile.TemporaryDirectory(prefix="nas-postgresql-") as name:
        server = PostgreSQLServer(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _program(name: str) -> str | None:
    """On the path, or where Debian keeps it."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


def _server_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: another user of this machine, if it must be one."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return lacking("PostgreSQL does not run as root, and there is no user postgres or nobody")
