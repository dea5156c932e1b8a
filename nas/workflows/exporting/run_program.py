"""Run a program of torch.export where this project cannot be imported.

python run_program.py PROGRAM IMAGES.npy OUTPUTS.npz
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

HIDDEN = ("search_space", "nas", "trainers", "analysis")


class NotHere:
    """An import finder that finds none of this project's packages."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> None:
        """Refuse what is hidden, and leave the rest to other finders."""
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"{name} is hidden, as on another's machine", name=name)


def main(program_file: str, images_file: str, outputs_file: str) -> None:
    """Load the program, and write its outputs for the images, in their order."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    program = torch.export.load(program_file)
    with torch.no_grad():
        returned = program.module()(torch.from_numpy(np.load(images_file)))
    outputs = returned if isinstance(returned, list | tuple) else [returned]
    np.savez(outputs_file, *(output.numpy() for output in outputs))


if __name__ == "__main__":
    sys.meta_path.insert(0, NotHere())
    main(*sys.argv[1:])
