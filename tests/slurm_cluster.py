"""A Slurm cluster of a test's own: one node, this machine, with its files in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.needed import lacking

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")

START_SECONDS = 60.0
STOP_SECONDS = 20.0

# What a container allows: no cgroups, no accounting, and all daemons of one user.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=30
SchedulerParameters=sched_interval=1,sched_min_interval=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class SlurmCluster:
    """A running cluster.

    Attributes:
        environment: variables by which Slurm's commands find it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def submit(self, *words: str | Path, environment: dict[str, str], output: Path) -> str:
        """Submit a batch job, and return its id; ``words`` are the script and its arguments."""
        done = subprocess.run(
            ["sbatch", "--parsable", f"--output={output}", *map(str, words)],
            env=environment | self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def state(self, job: str) -> str:
        """Return a job's state, such as RUNNING."""
        shown = self.run("scontrol", "show", "job", job)
        return shown.partition("JobState=")[2].split()[0]

    def run(self, *words: str) -> str:
        """Run one of Slurm's commands, and return what it printed."""
        done = subprocess.run(
            words, env=os.environ | self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def wait_for(self, job: str, states: tuple[str, ...], seconds: float) -> str:
        """Wait until a job is in one of some states, and return which."""
        until = time.monotonic() + seconds
        while (state := self.state(job)) not in states:
            assert time.monotonic() < until, f"job {job} is {state}\n{self.logs()}"
            time.sleep(0.3)
        return state

    def logs(self) -> str:
        """Return what its daemons wrote."""
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("*.log")))


@contextmanager
def running_slurm(cpus: int = 2) -> Iterator[SlurmCluster]:
    """Run a cluster while the block runs; skip or fail the test if there can be none."""
    missing = [program for program in PROGRAMS if _program(program) is None]
    if missing:
        lacking(f"no Slurm here: {', '.join(missing)} not found (Debian's slurm-wlm and munge)")
    if os.geteuid() != 0:
        lacking("this test's Slurm runs its daemons as root")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for name in ("state", "spool"):
            (folder / name).mkdir()
        _write_configuration(folder, cpus)
        daemons += [_start_munge(folder)]
        cluster = SlurmCluster(folder)
        for program in ("slurmctld", "slurmd"):
            daemons += [_start(program, ["-D"], folder, cluster.environment)]
        _await_idle(cluster, daemons)
        yield cluster
    finally:
        for daemon in reversed(daemons):
            _stop(daemon)
        _kill_what_is_left(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _write_configuration(folder: Path, cpus: int) -> None:
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    text = CONFIGURATION.format(
        host=socket.gethostname().partition(".")[0],
        folder=folder,
        control_port=ports[0],
        node_port=ports[1],
        cpus=min(cpus, os.cpu_count() or 1),
        user="root",
    )
    (folder / "slurm.conf").write_text(text)


def _start_munge(folder: Path) -> subprocess.Popen[bytes]:
    """Start the daemon by which Slurm's parts know each other, and wait for its socket."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    names = {"key-file": key, "socket": folder / "munge.socket"}
    names |= {f"{kind}-file": folder / f"munge.{kind}" for kind in ("pid", "seed")}
    options = [f"--{name}={path}" for name, path in names.items()]
    # the socket may lie in any folder: --force
    daemon = _start("munged", ["--foreground", "--force", *options], folder, {})
    until = time.monotonic() + START_SECONDS
    while not (folder / "munge.socket").exists():
        assert daemon.poll() is None, (folder / "munged.log").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    return daemon


def _start(
    program: str, options: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    path = _program(program)
    assert path is not None
    with (folder / f"{program}.log").open("w") as log:
        return subprocess.Popen(
            [path, *options],
            env=os.environ | environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _await_idle(cluster: SlurmCluster, daemons: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        assert all(daemon.poll() is None for daemon in daemons), cluster.logs()
        try:
            if "State=IDLE" in cluster.run("scontrol", "show", "node"):
                return
        except subprocess.CalledProcessError:
            pass  # the controller does not answer yet
        assert time.monotonic() < until, cluster.logs()
        time.sleep(0.2)


def _kill_what_is_left(folder: Path) -> None:
    """Kill the jobs that still run: they outlive the daemons."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLURM_CONF") == str(folder / "slurm.conf"):
                process.kill()


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def _program(name: str) -> str | None:
    """On the path, or where Debian keeps daemons."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
