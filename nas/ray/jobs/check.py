"""Check a cluster before a job is submitted to it: versions, files and resources of its nodes.

A job of its own looks (:mod:`nas.ray.jobs.check_script`); the next check removes it from Ray's
list.
"""

from __future__ import annotations

import json
import platform
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import Machine, no_slot, trial_slots
from nas.errors import ClusterError
from nas.ray.jobs import check_script
from nas.ray.jobs.head import Head
from nas.ray.jobs.job import COMMAND, PACKAGE
from nas.storage.run.environment import package_version

COMPARED = ("convattn", "torch", "ray")
"""The packages whose versions must be the submitting machine's."""

CHECK_SECONDS = 300.0
"""A check that has not ended by then is given up: the head may be overloaded."""

LOOK_EVERY_SECONDS = 0.2

KEPT_SECONDS = 60.0
"""Ray writes a job's end more than once; one that is forgotten sooner comes back as failed."""

CHECK = "check"

NOT_FOUND = 127
"""The exit status of a shell that finds no such program."""


class Wanted(NamedTuple):
    """The files and resources that a job needs of a cluster."""

    run: str  # its name
    runs: str  # the absolute folder of all runs, on the head
    on_head: Mapping[str, str]  # key of the configuration -> absolute path
    on_nodes: Mapping[str, str]
    modules: Sequence[str]  # importable on every node
    resources: ResourceSettings | None  # of a trial; None where the run's own are not known here
    needs_run: bool = False  # the run must exist


class Checked(NamedTuple):
    """A cluster that a job can be submitted to."""

    nodes: int
    versions: Mapping[str, str]
    run_exists: bool


def check_cluster(head: Head, folder: Path, wanted: Wanted) -> Checked:
    """Check a cluster for a job.

    Args:
        head: of the cluster.
        folder: of the job, which gets the files of the check too, and is sent.
        wanted: what the job needs.

    Raises:
        ClusterError: something is missing or of another version; the message lists all.
    """
    device = None if wanted.resources is None else wanted.resources.device
    content = wanted._asdict() | {"packages": COMPARED, "resources": None, "device": device}
    (folder / check_script.WANTED).write_text(json.dumps(content))
    shutil.copyfile(check_script.__file__, folder / check_script.SCRIPT)
    report = _report(head, folder)
    problems = list(dict.fromkeys(_problems(report, wanted)))
    if problems:
        raise ClusterError(f"the cluster at {head.address} cannot run this: {'; '.join(problems)}")
    return Checked(len(report["nodes"]), report["head"]["versions"], report["run_exists"])


def _report(head: Head, folder: Path) -> dict[str, Any]:
    """Run the check as a job, and return its report."""
    _forget_earlier(head)
    job_id = f"{CHECK}-{uuid.uuid4().hex[:8]}"
    metadata = {PACKAGE: package_version("convattn") or "", COMMAND: CHECK}
    head.submit(job_id, f"exec python {check_script.SCRIPT}", folder, metadata)
    until = time.monotonic() + CHECK_SECONDS
    try:
        while not (job := head.job(job_id)).has_ended:
            if time.monotonic() > until:
                raise ClusterError(
                    f"the cluster at {head.address} has not run its check within "
                    f"{CHECK_SECONDS:g} s: job {job_id} is {job.status} ({job.message})"
                )
            time.sleep(LOOK_EVERY_SECONDS)
    except BaseException:
        with suppress(ClusterError):  # the first error is the one to tell
            head.stop(job_id)
        raise
    printed = head.log(job_id)
    for line in printed.splitlines():
        if line.startswith(check_script.MARK):
            return dict(json.loads(line.removeprefix(check_script.MARK)))
    if f"code {NOT_FOUND}" in job.message:
        raise ClusterError(
            f"the head at {head.address} has no program `python`: start its Ray with the "
            "environment on the PATH in which this package is installed"
        )
    last = (printed.strip().splitlines() or [job.message])[-1]
    raise ClusterError(
        f"the check of the cluster at {head.address} failed: {last} (see nas job logs {job_id})"
    )


def _forget_earlier(head: Head) -> None:
    """Remove earlier checks from the list of jobs."""
    before = time.time() - KEPT_SECONDS
    for job in head.jobs():
        is_check = job.command == CHECK and job.run is None
        if is_check and job.ended is not None and job.ended.timestamp() < before:
            with suppress(ClusterError):  # another check may have removed it meanwhile
                head.forget(job.id)


def _problems(report: dict[str, Any], wanted: Wanted) -> Iterator[str]:
    """Yield what keeps a cluster from running a job."""
    for node in report["nodes"]:
        place = f"node {node['node']}"
        if "error" in node:
            yield f"{place} cannot be checked: {node['error']}"
            continue
        yield from _version_problems(node["versions"], place)
        for key in node["missing"]:
            yield f"{key}={wanted.on_nodes[key]} is missing on {place}"
        for module in node["modules"]:
            yield f"the module {module!r} is not installed on {place}"
    yield from _version_problems(report["head"]["versions"], "the head")
    for key in report["head"]["missing"]:
        yield f"{key}={wanted.on_head[key]} is missing on the head"
    if report["runs"]:
        yield f"no runs can be written to --runs={wanted.runs} on the head: {report['runs']}"
    elif wanted.needs_run and not report["run_exists"]:
        yield f"there is no run {wanted.run!r} in --runs={wanted.runs} on the head"
    if wanted.resources is not None:
        yield from _resource_problems(report["nodes"], wanted.resources)


def _resource_problems(
    nodes: Sequence[dict[str, Any]], resources: ResourceSettings
) -> Iterator[str]:
    """Yield why no node holds a trial."""
    usable = [node for node in nodes if node.get("has_device", True)]
    if not usable:
        offers = (f"{node['node']}: {', '.join(node['devices'])}" for node in nodes)
        yield f"no node has resources.device={resources.device!r}; they have {'; '.join(offers)}"
        return
    machines = [Machine(node["cpus"], node["gpus"]) for node in usable]
    if not trial_slots(machines, resources):
        yield no_slot(machines, resources)


def _version_problems(theirs: Mapping[str, str | None], place: str) -> Iterator[str]:
    """Yield the versions of a node that differ from this machine's."""
    ours = {package: package_version(package) for package in COMPARED}
    for package, own in {"python": platform.python_version(), **ours}.items():
        other = theirs.get(package)
        if _compared(package, own) != _compared(package, other):
            yield (
                f"{place} has {package} {other}, and this machine {own}: they must be equal"
                if other is not None
                else f"{place} lacks {package} {own}, which this machine has"
            )


def _compared(package: str, version: str | None) -> str | None:
    """Return what must be equal of a version.

    Torch's is without its build (``+cu126``), which is the machine's; Python's without the third
    number.
    """
    if version is None:
        return None
    if package == "python":
        return ".".join(version.split(".")[:2])
    return version.partition("+")[0] if package == "torch" else version
