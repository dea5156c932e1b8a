"""A training in one process or several: ``torchrun --nproc-per-node 2 program.py JSON``.

Keys of the JSON: ``network``, "hybrid" (if there is none) or "detector"; ``data`` and ``recipe`` as
in a configuration, ``out`` for the last state and the metrics, ``checkpoint`` for a state after
every few steps, from which it goes on if it is there, and ``seeds``, one a process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tests.trainers.hybrid import hybrid
from tests.trainers.tasks.detection.small_detection import detector
from trainers import DataConfig, Recipe, Training, load_splits
from trainers.checkpoints.checkpoint import checkpoint_bytes, load_checkpoint


def main(values: dict[str, Any]) -> None:
    """Train to the end, and write what came of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    splits = load_splits(DataConfig.model_validate(values["data"]))
    training = Training(
        detector() if values.get("network") == "detector" else hybrid(),
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
        state["test"] = [report.metrics.images, report.metrics.score, report.metrics.loss]
        Path(values["out"]).write_bytes(checkpoint_bytes(state))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
