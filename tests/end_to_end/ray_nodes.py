"""Nodes of real Ray clusters, started by the README's commands and stopped by their handles."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 40.0
READY = "This command will now block forever"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ray_node(command: str, environment: Mapping[str, str]) -> Iterator[None]:
    """One CPU's node for as long as the block runs; a head with a dashboard port takes jobs.

    Args:
        command: ``ray start ...`` as a shell has it.
        environment: of the command.
    """
    # Not pytest's folder: the path of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    options = ["--num-cpus=1", "--num-gpus=0", "--disable-usage-stats", "--block"]
    if "--head" in command:
        options += [f"--temp-dir={folder / 'ray'}"]
        takes_jobs = "--dashboard-port" in command
        options += [f"--dashboard-agent-listen-port={free_port()}"] if takes_jobs else []
        # without "true", Ray starts even where its dashboard does not
        options += [f"--include-dashboard={str(takes_jobs).lower()}"]
    log = folder / "log"
    scripts = Path(sys.executable).parent
    with log.open("w") as output:
        node = subprocess.Popen(
            ["env", *shlex.split(command), *options],
            env={**environment, "PATH": f"{scripts}:{environment['PATH']}"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        port = re.search(r"--dashboard-port=(\d+)", command)
        while READY not in log.read_text() or not (port is None or listens(int(port[1]))):
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        _stop(node)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(node: subprocess.Popen[bytes]) -> None:
    """End a node: Ray ends its own processes; what is left of its group is killed."""
    node.terminate()
    try:
        node.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
