"""The trainings of a tabulation, as Ray tasks on reused workers."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from nas.benchmark.tabulation import Entry, Key
from nas.config.sections import ResourceSettings
from nas.evaluation.assignment import Assignment
from nas.evaluation.evaluate import EvaluationResult, traceback_of
from nas.ray.cluster.nodes import kept_to
from nas.ray.cluster.waits import first_ready, look_after_loss
from search_space.architecture import Architecture
from search_space.cost.latency import device_name

QUEUED_PER_WORKER = 2
"""Trainings queued for each worker, so that the next one is ready when one ends."""


def run_trainings(
    wanted: Sequence[Entry],
    assignment: Assignment,
    resources: ResourceSettings,
    *,
    concurrency: int,
    on_row: Callable[[dict[str, Any]], None],
    check: Callable[[], None],
) -> dict[Key, str]:
    """Train all of ``wanted``, ``concurrency`` at once; Ray must be connected.

    Args:
        wanted: what to train, at least one.
        assignment: data, task and recipe, which all trainings share.
        resources: CPUs and GPUs of one training.
        concurrency: trainings at the same time.
        on_row: called with the journal's row of each training that ended or raised.
        check: raises if the cluster is lost.

    Returns:
        by training that lost two workers: Ray's account of the second death.

    Raises:
        DataError: a worker cannot read the data.
    """
    # Without max_calls, the workers stay, and with them the data.
    task = ray.remote(
        num_cpus=resources.cpus_per_trial, num_gpus=resources.gpus_per_trial, max_retries=1
    )(_row)
    task = kept_to(task, resources.device)
    shared = ray.put(assignment.with_images())
    first_text = wanted[0].architecture.canonical_json()
    waiting = iter(wanted)
    running: dict[Any, Entry] = {}  # keys: Ray's references
    lost: dict[Key, str] = {}
    while True:
        for entry in islice(waiting, QUEUED_PER_WORKER * concurrency - len(running)):
            text = entry.architecture.canonical_json()
            running[task.remote(text, entry.seed, shared, first_text)] = entry
        if not running:
            return lost
        ready = first_ready(list(running), check)
        entry = running.pop(ready)
        try:
            row = ray.get(ready)
        except RayTaskError as error:
            raise error.cause from None  # a training's own error is in its row, not raised
        except RayError as error:
            look_after_loss(check)
            lost[entry.key] = str(error)
            continue
        on_row(row)


def _row(text: str, seed: int, assignment: Assignment, first_text: str) -> dict[str, Any]:
    """Train once and return the journal's row.

    Its time includes evaluations. It is processor time, so that other work on the machine does not
    count; on a GPU it is wall time.
    """
    torch.set_num_threads(assignment.threads)
    assignment.splits()
    _warm_up(assignment, first_text)
    arch_id = Architecture.from_json(text, imports=True).arch_id
    row = {"arch_id": arch_id, "seed": seed, "machine": _machine(assignment.device)}
    clock = time.process_time if assignment.device == "cpu" else time.perf_counter
    began = clock()
    try:
        *_, result = assignment.evaluation(text, seed)
    except Exception as error:  # noqa: BLE001 (whatever a network raises is its result)
        return {**row, "train_seconds": clock() - began, "error": traceback_of(error)}
    assert isinstance(result, EvaluationResult)
    return {
        **row,
        "train_seconds": clock() - began,
        "val_accuracy": result.metrics["val_accuracy"],
        "curve": [
            [point["epoch"], point["val_accuracy"]]
            for point in result.curve
            if point["val_accuracy"] is not None
        ],
    }


@lru_cache(maxsize=1)
def _warm_up(assignment: Assignment, text: str) -> None:
    """Train one epoch, once a process, so that imports do not count in its first timed training."""
    with suppress(Exception):  # the architecture's own training says what it raises
        recipe = assignment.recipe.model_copy(update={"epochs": 1})
        deque(assignment._replace(recipe=recipe).evaluation(text, 0), maxlen=0)


def _machine(device: str) -> str:
    """Return the kind of machine, such as ``AMD EPYC 7B13, 2 cores, torch 2.13.0``."""
    return f"{device_name(device)}, {os.cpu_count()} cores, torch {torch.__version__}"
