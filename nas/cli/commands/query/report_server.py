"""``nas report --serve``: the report on this machine's loopback, anew as trials end."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from analysis.report.page import Live, waiting_html
from nas.cli.commands.query.report import NothingYet, found_runs, report_of
from nas.cli.output import Output
from nas.config.storage_url import without_password
from nas.errors import CommandError, RunError
from nas.storage.ledger import ledger_of
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.folder import RunFolder
from search_space.digest import short_sha256

LOOPBACK = "127.0.0.1"
READ_EVERY_SECONDS = 2.0


class LiveReport:
    """The report of runs, made anew when a trial of theirs began or ended.

    Args:
        folders: of the runs.
        trust: the option ``--trust``.
    """

    def __init__(self, folders: Sequence[RunFolder], *, trust: bool) -> None:
        self._folders = folders
        self._trust = trust
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._version = ""
        self._page = ""
        self._page_version = ""

    def version(self) -> str:
        """Return a digest of the states of all trials and runs, read anew every two seconds."""
        with self._lock:
            return self._current_version()

    def page(self) -> str:
        """Return the page of the present version."""
        with self._lock:
            version = self._current_version()
            if version != self._page_version:
                self._page = self._made(version)
                self._page_version = version
            return self._page

    def _current_version(self) -> str:
        if time.monotonic() - self._read_at >= READ_EVERY_SECONDS:
            states = [_states(run) for run in self._folders]
            self._version = short_sha256("\n".join(states), 16)
            self._read_at = time.monotonic()
        return self._version

    def _made(self, version: str) -> str:
        live = Live(version, [_dashboard(run) for run in self._folders])
        try:
            return report_of(self._folders, trust=self._trust, live=live)
        except NothingYet as error:
            return waiting_html([run.name for run in self._folders], str(error), live)


def serve_report(
    output: Output,
    names: Sequence[str],
    runs: Path,
    *,
    port: int,
    storage: str | None = None,
    trust: bool = False,
) -> None:
    """Serve the report of runs until Ctrl-C.

    Args:
        output: to print to.
        names: of the runs, or their paths.
        runs: the folder of all runs.
        port: of 127.0.0.1; 0 for a free one.
        storage: the database that the runs are read from, without their folders.
        trust: the option ``--trust``.

    Raises:
        CommandError: a wrong option, or the port is taken.
        RunError: no such run, or its ledger cannot be read.
        TrustError: reading a run needs trust.
        KeyboardInterrupt: on Ctrl-C.
    """
    with found_runs(names, runs, storage=storage, trust=trust) as folders:
        live = LiveReport(folders, trust=trust)
        live.page()  # what cannot be read is said before anything is served
        try:
            server = ThreadingHTTPServer((LOOPBACK, port), handler_of(live))
        except OSError as error:
            raise CommandError(f"--port {port}: {error.strerror or error}") from error
        with server:
            address = f"http://{LOOPBACK}:{server.server_address[1]}/"
            output.say(
                "the report is at ", (address, "bold"), ", on this machine alone; Ctrl-C ends it"
            )
            server.serve_forever()


def handler_of(live: LiveReport) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers requests with a report."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._is_for_here():
                self._answer(HTTPStatus.FORBIDDEN, "text/plain", "only for this machine\n")
            elif self.path == "/version":
                self._answer_with("text/plain", live.version)
            elif self.path.partition("?")[0] == "/":
                self._answer_with("text/html", live.page)
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", "the report is at /\n")

        def _is_for_here(self) -> bool:
            """Whether the page was asked for by a name of this machine, and not by a stranger's.

            A foreign site whose name points to 127.0.0.1 would read the report otherwise.
            """
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            return host in (LOOPBACK, "localhost")

        def _answer_with(self, kind: str, make: Callable[[], str]) -> None:
            try:
                content = make()
            except RunError as error:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"error: {error}\n")
            else:
                self._answer(HTTPStatus.OK, kind, content)

        def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing: the terminal has the address alone."""

    return Handler


def _states(run: RunFolder) -> str:
    """Return the states of a run and of all its trials as text."""
    _, ledger = ledger_of(run)
    try:
        trials = [f"{t.number}{t.state.name}" for kind in SUFFIXES for t in ledger.trials(kind)]
    finally:
        ledger.close()
    return f"{run.name} {run.is_driven()} {run.state().finished} {' '.join(trials)}"


def _dashboard(run: RunFolder) -> str:
    """Return the command that shows a run's ledger by optuna-dashboard, without a password."""
    storage = run.config().storage
    url = f"sqlite:///{run.ledger_file.resolve()}" if storage is None else without_password(storage)
    return shlex.join(["optuna-dashboard", url])
