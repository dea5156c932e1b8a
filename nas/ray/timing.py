"""A measurement on a worker of the cluster, before the search's own workers start."""

from __future__ import annotations

from collections.abc import Callable

import ray
from ray.exceptions import RayError

from nas.config.sections import ResourceSettings
from nas.ray.cluster.nodes import kept_to
from nas.ray.recovery.deaths import cause_of

PATIENCE_SECONDS = 60.0
"""The longest wait for the measurement: others may use the cluster."""


def timed_on_worker(timing: Callable[[], float | str], resources: ResourceSettings) -> float | str:
    """Return what ``timing`` returns on a worker with a trial's CPUs and GPUs; or why it did not.

    Args:
        timing: takes some seconds.
        resources: CPUs and GPUs of a trial, and their device.
    """
    task = ray.remote(
        num_cpus=resources.cpus_per_trial,
        num_gpus=resources.gpus_per_trial,
        max_calls=1,
        max_retries=0,
    )(_called)
    reference = kept_to(task, resources.device).remote(timing)
    ready, _ = ray.wait([reference], timeout=PATIENCE_SECONDS)
    if not ready:
        ray.cancel(reference, force=True)
        return f"no worker of the cluster timed it within {PATIENCE_SECONDS:g} s"
    try:
        seconds: float | str = ray.get(reference)
    except RayError as error:
        return f"the worker that timed it was lost: {cause_of(error)}"
    return seconds


def _called(timing: Callable[[], float | str]) -> float | str:
    return timing()
