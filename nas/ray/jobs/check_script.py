"""Look at a cluster's nodes from inside, before a job: what they have, and what is missing.

Run on the head as a program of its own, which needs Python and Ray alone: this package may be
missing there, or be of another version. It reads a file and prints one line of JSON.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import platform
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

SCRIPT, WANTED = "convattn_check.py", "convattn_check.json"
"""The names of the files in the job's folder, which may hold modules of the user's own."""

MARK = "convattn-check: "
"""The beginning of the line with the report."""

PROBE_BYTES = 10**6
"""The size of the file that shows whether runs can be written."""

NODE_SECONDS = 90.0
"""A node that has not answered by then is reported."""


def look(packages: list[str], paths: dict[str, str], modules: list[str]) -> dict[str, Any]:
    """Return the versions of packages, and the keys of paths and modules that are not here."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "versions": versions,
        "missing": [key for key, path in paths.items() if not os.path.exists(path)],
        "modules": [name for name in modules if importlib.util.find_spec(name) is None],
    }


def look_for_device(device: str) -> dict[str, Any]:
    """Return whether this node has a device, and which ones it has; nothing without this package.

    Args:
        device: ``resources.device``.
    """
    try:
        from nas.ray.cluster.node_facts import accelerators_of, facts_here  # noqa: PLC0415
    except ImportError:  # the report of the versions says so
        return {}
    own = ray.get_runtime_context().get_node_id()
    (node,) = (each for each in ray.nodes() if each["NodeID"] == own)
    facts, accelerators = facts_here(None), accelerators_of(node)
    return {
        "has_device": facts.has(device, accelerators),
        "devices": facts.names(accelerators),
    }


def unwritable(folder: Path) -> str:
    """Return why no files can be made in a folder, or the folder itself; empty if they can.

    A file of some size is written, and removed: a disk may be full, or refuse what its mode allows.
    """
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        return f"{there} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return f"{there} cannot be written: {error.strerror}"
    return ""


def look_at_node(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what this node has of what is wanted."""
    seen = look(wanted["packages"], wanted["on_nodes"], wanted["modules"])
    device = wanted["device"]
    return seen if device is None else seen | look_for_device(device)


def nodes(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each living node has, by a task that reserves nothing on it."""
    looked = ray.remote(num_cpus=0, max_retries=1)(look_at_node)
    alive = [node for node in ray.nodes() if node["Alive"]]
    tasks = {
        looked.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(wanted): node
        for node in alive
    }
    ready, _ = ray.wait(list(tasks), num_returns=len(tasks), timeout=NODE_SECONDS)
    reports = []
    for task, node in tasks.items():
        report: dict[str, Any] = {"error": f"no answer within {NODE_SECONDS:g} s"}
        if task in ready:
            try:
                report = ray.get(task)
            except ray.exceptions.RayError as error:
                report = {"error": str(error).strip().splitlines()[-1]}
        resources = node["Resources"]
        reports.append(
            report
            | {
                "node": node["NodeManagerAddress"],
                "cpus": resources.get("CPU", 0.0),
                "gpus": resources.get("GPU", 0.0),
            }
        )
    return reports


def main() -> None:
    """Print the report."""
    wanted = json.loads(Path(WANTED).read_text())
    runs = Path(wanted["runs"])
    report = {
        "head": look(wanted["packages"], wanted["on_head"], []),
        "runs": unwritable(runs),
        "run_exists": (runs / wanted["run"] / "config.yaml").is_file(),
    }
    ray.init(address="auto", logging_level=logging.ERROR, log_to_driver=False)
    sys.stdout.write(f"{MARK}{json.dumps(report | {'nodes': nodes(wanted)})}\n")


if __name__ == "__main__":
    main()
