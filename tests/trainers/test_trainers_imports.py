from __future__ import annotations

import subprocess
import sys

NOT_AT_IMPORT = "kornia datasets sklearn fvcore PIL pandas"
NEVER = "search_space nas analysis ray optuna"

PROGRAM = f"""
import sys
import trainers
print([name for name in "{NOT_AT_IMPORT} {NEVER}".split() if name in sys.modules])
config = trainers.DataConfig(name="digits", train_images=50, validation_images=20)
augmentation = trainers.Augmentation(rotation_degrees=5, erasing_probability=0.5)
recipe = trainers.Recipe(epochs=1, batch_size=10, learning_rate=0.1, augmentation=augmentation)
import torch
model = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10))
trainers.Training(model, trainers.load_splits(config), recipe, seed=0).run_epoch()
print([name for name in "{NEVER}".split() if name in sys.modules])
"""


def test_import_is_light_and_training_needs_no_other_part_of_the_project() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]"]
    # quiet: neither progress bars nor warnings
    assert done.stderr == ""
