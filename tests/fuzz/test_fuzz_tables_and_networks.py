"""Any table or saved network is read, or there is one message."""

from __future__ import annotations

import gzip
import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from nas.cli.commands.tools.benchmark_source import SHIPPED, Source, read_source
from nas.errors import is_user_error
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.network_file import load_network
from search_space.architecture import Task
from search_space.networks import build
from tests.fuzz.attempts import sampled, try_all
from tests.fuzz.mutations import VALUES, mutated_bytes, mutated_data
from trainers.checkpoints.checkpoint import checkpoint_bytes


@pytest.mark.parametrize("compressed", [False, True])
def test_tables(tmp_path: Path, compressed: bool) -> None:
    content = gzip.decompress(SHIPPED.read_bytes())
    lines = content.splitlines(keepends=True)
    head = [line for line in lines if line.startswith(b"#")]
    content = b"".join(lines[: len(head) + 40])
    file = tmp_path / ("table.csv.gz" if compressed else "table.csv")

    def read(rng: random.Random) -> None:
        changed = content if compressed else mutated_bytes(rng, content)
        packed = mutated_bytes(rng, gzip.compress(changed, mtime=0)) if compressed else changed
        file.write_bytes(packed)
        for tabulated, csv in ((file, None), (None, file)):
            source = Source(
                nas_bench_macro=None,
                csv=csv,
                tabulated=tabulated,
                choices="stage1.depth,stage2.depth" if csv else "",
                maximize="val_accuracy_seed0" if csv else "",
                minimize="params",
                seconds="",
            )
            try:
                read_source(source)
            except Exception as error:
                if not is_user_error(error):
                    raise

    try_all(read, file.read_bytes)


@pytest.mark.parametrize("kind", ["values", "bytes"])
def test_saved_networks(tmp_path: Path, kind: str) -> None:
    architecture = sampled()
    task = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
    described = json.loads(architecture.canonical_json()), task.model_dump(mode="json")
    file = tmp_path / "model.pt"
    model: dict[str, Any] = {
        "architecture": json.dumps(described[0]),
        "task": json.dumps(described[1]),
        "weights": dict(build(architecture, task, seed=0).state_dict()),
    }
    whole = checkpoint_bytes(model)

    def read(rng: random.Random) -> None:
        if kind == "bytes":
            file.write_bytes(mutated_bytes(rng, whole))
        else:
            changed = dict(model)
            for name, part in zip(("architecture", "task"), described, strict=True):
                if rng.random() < 0.5:
                    changed[name] = json.dumps(mutated_data(rng, part))
            if rng.random() < 0.3:
                usable = [value for value in VALUES if value != "\ud800"]
                changed[rng.choice(list(changed))] = rng.choice(usable)
            save_checkpoint(file, changed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_network(file)

    try_all(read, lambda: file.read_bytes() if kind == "bytes" else str(file))
