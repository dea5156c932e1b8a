"""A training of the small detector that a SIGKILL ends: ``killed.py CHECKPOINT STEP THREADS``.

Its state is written after each step. The kill comes within step STEP, from 1, between the forward
and the backward pass.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path

import torch

from tests.trainers.tasks.detection.small_detection import RECIPE, detector, shapes_data
from trainers import Recipe, Training, load_splits
from trainers.checkpoints.checkpoint import checkpoint_bytes


def main(checkpoint: Path, killed_in_step: int, threads: int) -> None:
    """Train until the kill."""
    torch.set_num_threads(threads)
    model = detector()
    training = Training(model, load_splits(shapes_data()), Recipe.model_validate(RECIPE), seed=3)
    for step in count(1):
        if step == killed_in_step:
            model.register_forward_hook(lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        training.run_steps(1)
        temporary = checkpoint.with_suffix(".tmp")
        temporary.write_bytes(checkpoint_bytes(training.state_dict()))
        temporary.replace(checkpoint)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
