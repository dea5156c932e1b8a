"""Connect to Ray: a local one, or a cluster by its address."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import ray
from ray.job_config import JobConfig

from nas.config.sections import RaySettings
from nas.errors import ClusterError
from nas.ray.cluster.authentication import (
    MODE,
    WITHOUT_METRICS,
    chosen_mode,
    ensure_token,
    ray_environment,
)
from nas.ray.cluster.begin_again import begin_again, has_begun_again
from nas.ray.cluster.guard import guarded
from nas.ray.cluster.handshake import greet
from nas.ray.cluster.head_watch import HeadWatch, Health, LocalHealth, RemoteHealth
from nas.ray.cluster.signals import noted
from nas.search.waiting import Waiting

log = logging.getLogger(__name__)

RECONNECT_EVERY_SECONDS = 2.0

PATIENCE_SECONDS = 600.0
"""A command that begins again waits so long for its cluster."""

START_ATTEMPTS = 2
"""The attempts to start a local Ray, which may be slow while an earlier one ends."""

SOCKET_PATH_BYTES = 107
"""Linux's limit on the path of a socket, without its terminating zero."""


class ClusterLost(BaseException):
    """Ray's head, or this machine's node of it, has died; the message says which.

    It is no ``Exception``: Ray Tune would first clean up, and wait for what is lost.
    """


class Cluster:
    """A connection to Ray, local or by an address, that can be made anew.

    Args:
        settings: the section ``ray`` of a configuration.
        modules: the folder of the user's modules, beside PYTHONPATH and the working folder.
        continuing: see below.

    Attributes:
        continuing: the arguments of the command ``nas`` that goes on from what this one has
            written, if the cluster is lost and Ray's library blocks this process, see
            :mod:`nas.ray.cluster.begin_again`. None if this process is no such command: then Ray
            ends it.
        ended_by: what ended the use of the cluster; the command then does not begin again.
    """

    def __init__(
        self,
        settings: RaySettings,
        modules: str | None = None,
        continuing: Sequence[str] | None = None,
    ) -> None:
        self.continuing = continuing
        self.ended_by: BaseException | None = None
        self._address = settings.address or "local"
        self._modules = modules
        self._watch: HeadWatch | None = None
        self._environment = ExitStack()

    @property
    def is_local(self) -> bool:
        """Whether Ray runs on this machine alone, and ends with this process."""
        return self._address == "local"

    def connect(self) -> None:
        """Connect to the cluster; start it if it is local.

        Raises:
            ClusterError: a local Ray does not start, no cluster answers at the address, or it
                refuses this command.
        """
        if self.is_local:
            _check_temporary_folder()
            mode = chosen_mode() or "token"
            if mode == "token":
                ensure_token()
        else:
            head, mode = greet(self._address)
        with ExitStack() as environment:
            settings = {MODE: mode} | (WITHOUT_METRICS if self.is_local else {})
            environment.enter_context(ray_environment(settings))
            environment.callback(ray.shutdown)
            with _own_signals():
                if self.is_local:
                    self._start()
                else:
                    health = RemoteHealth(head)
                    self._connect(health)
                    health.add_own_node()
            self._environment = environment.pop_all()  # as long as the connection

    def close(self) -> None:
        """End the connection, and a local cluster."""
        watch, self._watch = self._watch, None
        if watch is not None and not watch.lost():
            watch.close()
        self._environment.close()  # it may not return if the cluster is lost: the watch sees that
        if watch is not None:
            watch.close()

    @property
    def is_lost(self) -> bool:
        """Whether the cluster's head does not answer any more, or this machine's node has died."""
        return self._watch is not None and bool(self._watch.lost())

    def check(self) -> None:
        """Raise if the cluster is lost.

        Raises:
            ClusterLost: its head does not answer any more, or this machine's node has died.
        """
        if self._watch is not None and (reason := self._watch.lost()):
            raise ClusterLost(reason)

    def reconnect(self, reason: str, waiting: Waiting, patience_seconds: float) -> None:
        """Connect anew to a cluster that was lost.

        Args:
            reason: why it was lost.
            waiting: shows the wait.
            patience_seconds: the longest wait for the cluster.

        Raises:
            ClusterError: it does not answer within the patience.
        """
        self.close()
        self.connect_patiently(reason, waiting, patience_seconds)

    def connect_patiently(self, reason: str, waiting: Waiting, patience_seconds: float) -> None:
        """Connect as soon as the cluster answers; see :meth:`reconnect`."""
        with waiting.on(f"Ray ({reason})", patience_seconds):
            while True:
                try:
                    self.connect()
                except ClusterError as error:
                    if self.is_local or waiting.is_over:
                        raise ClusterError(f"{reason}; {error}") from error
                    waiting.sleep(RECONNECT_EVERY_SECONDS)
                else:
                    return

    def begin_again(self, reason: str) -> None:
        """Begin the command again, or end it if its use of the cluster is over.

        Return only if this process is no command that can go on.
        """
        if self.ended_by is not None:
            is_stopped = isinstance(self.ended_by, KeyboardInterrupt)
            if not is_stopped:
                log.error("%s", self.ended_by)
            os._exit(130 if is_stopped else 1)
        if self.continuing is not None:
            begin_again(reason, self.continuing)

    def _start(self) -> None:
        """Start a local Ray; a machine that is busy may need a second attempt."""
        for attempt in range(START_ATTEMPTS):
            try:
                self._connect(LocalHealth())
            except ClusterError as error:
                if attempt == START_ATTEMPTS - 1:
                    raise
                log.warning("%s; it is tried again", error)
                ray.shutdown()
            else:
                return

    def _connect(self, health: Health) -> None:
        """Connect, and watch the cluster from the beginning: Ray waits for a head that dies."""
        local = {"address": "local", "include_dashboard": False}
        watch = HeadWatch(health, self.begin_again)
        try:
            ray.init(
                **(local if self.is_local else {"address": self._address}),
                job_config=JobConfig(_py_driver_sys_path=_code_folders(self._modules)),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray raises Exception itself if a node does not start
            failed = (
                "a local Ray could not be started"
                if self.is_local
                else f"no connection to the Ray cluster at ray.address={self._address!r}"
            )
            raise ClusterError(f"{failed}: {str(error).splitlines()[0]}") from error
        else:
            self._watch = watch
        finally:
            if self._watch is not watch:
                watch.close()


@contextmanager
def connected(
    settings: RaySettings,
    modules: str | None = None,
    continuing: Sequence[str] | None = None,
) -> Iterator[Cluster]:
    """Connect to Ray while the block runs; an existing connection is used.

    Workers import a user's own modules from the folders in which this process finds them.

    A local Ray demands a token, unless ``RAY_AUTH_MODE`` says otherwise. A cluster that demands one
    gets this machine's token.

    Args:
        settings: the section ``ray`` of a configuration.
        modules: the folder of the user's modules, beside PYTHONPATH and the working folder.
        continuing: see :class:`Cluster`.

    Raises:
        ClusterError: see :meth:`Cluster.connect`; or the cluster was lost, and the block does not
            connect anew.
    """
    cluster = Cluster(settings, modules, continuing)
    if ray.is_initialized():
        yield cluster
        return
    with guarded(os.getpid()) if cluster.is_local else nullcontext():
        if has_begun_again() and not cluster.is_local:
            cluster.connect_patiently("its head was lost", Waiting(), PATIENCE_SECONDS)
        else:
            cluster.connect()
        try:
            yield cluster
        except ClusterLost as lost:
            cluster.begin_again(str(lost))
            raise ClusterError(f"{lost}; run the command again") from lost
        except BaseException as error:
            cluster.ended_by = error
            raise
        finally:
            cluster.close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this command's handling of signals while Ray starts.

    Ray sets a handler of SIGTERM that exits at once with another status, and it may swallow what a
    handler raises.
    """
    received: list[bool] = []
    try:
        with noted(lambda: received.append(True)):
            yield
    except SystemExit as stopped:
        if stopped.code == signal.SIGTERM:  # by Ray's handler
            raise KeyboardInterrupt from stopped
        raise
    if received:
        raise KeyboardInterrupt


def _check_temporary_folder() -> None:
    """Raise if the paths of Ray's sockets would be over 107 bytes."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = os.environ.get(variable, "/tmp")
    session = f"/ray/session_2000-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    most_bytes = SOCKET_PATH_BYTES - len(session)
    size_bytes = len(os.fsencode(folder))
    if size_bytes > most_bytes:
        raise ClusterError(
            f"{variable} is too long, {size_bytes} bytes: Ray puts its sockets below it, whose "
            f"paths the system limits to {SOCKET_PATH_BYTES} bytes, which leaves {most_bytes}; set "
            f"a shorter one, such as RAY_TMPDIR=/tmp; got {folder}"
        )


def _code_folders(modules: str | None) -> list[str]:
    """Return the folders that workers import from; Ray adds the working folder."""
    named = [modules, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return [str(Path(folder).resolve()) for folder in named if folder]
