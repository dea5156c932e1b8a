"""A training in one process or several: ``torchrun --nproc-per-node 2 program.py JSON``.

Keys of the JSON: ``data`` and ``recipe`` as in a configuration, ``out`` for the last state and the
metrics, ``checkpoint`` for a state after every few steps, from which it goes on if it is there, and
``seeds``, one a process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from search_space.architecture import Task
from search_space.networks import build
from tests.search_space.strategies import DIGITS
from trainers import DataConfig, ImageSplits, Recipe, Training, load_splits
from trainers.checkpoints.checkpoint import checkpoint_bytes, load_checkpoint


def hybrid(splits: ImageSplits) -> nn.Module:
    """A small network with attention, convolution, stochastic depth and dropout."""
    task = Task(input_shape=splits.input_shape, classes=splits.classes)
    rng = np.random.default_rng(0)
    architecture = next(
        each
        for each in (DIGITS.sample(rng) for _ in range(100))
        if {"conv", "augmented_conv"} <= set(each.primitive_types())
    )
    return build(architecture, task, seed=0, dropout=0.2, stochastic_depth=0.3)


def main(values: dict[str, Any]) -> None:
    """Train to the end, and write what came of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    splits = load_splits(DataConfig.model_validate(values["data"]))
    training = Training(
        hybrid(splits),
        splits,
        Recipe.model_validate(values["recipe"]),
        seed=values.get("seeds", [3, 3])[rank],
        process_group=dist.group.WORLD,
    )
    checkpoint = Path(values["checkpoint"]) if "checkpoint" in values else None
    if checkpoint is not None and checkpoint.exists():
        training.load_state_dict(load_checkpoint(checkpoint))
    while not training.done:
        training.run_steps(values.get("steps", 1000))
        if checkpoint is not None and rank == 0:
            temporary = checkpoint.with_suffix(".tmp")
            temporary.write_bytes(checkpoint_bytes(training.state_dict()))
            os.replace(temporary, checkpoint)
    report = training.report("test")
    if rank == 0:
        state = training.state_dict()
        state["test"] = [report.metrics.images, report.metrics.accuracy, report.metrics.loss]
        Path(values["out"]).write_bytes(checkpoint_bytes(state))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
