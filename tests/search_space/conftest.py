"""One thread, as every test here is small; and ``tests.search_space`` importable by any runner."""

import sys
from pathlib import Path

import torch

torch.set_num_threads(1)

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
