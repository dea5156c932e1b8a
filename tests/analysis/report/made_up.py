"""Runs with made-up results, of which only the architectures and their costs are real."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from analysis.noise import SeedNoise
from analysis.report.run_data import Command, ReportRun
from nas.config.files import load_config
from nas.evaluation.lost_workers import LostWorker
from nas.storage.candidates import candidates
from nas.storage.device_time import DeviceTime
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture
from search_space.cost import network_costs
from tests.analysis.invented import TASK, architectures, evaluation

CONFIG = Path(__file__).parents[3] / "configs" / "searches" / "digits.yaml"
BEGAN = datetime(2026, 1, 1)
SCRIPT = "<script>alert(1)</script>"


@cache
def made_up_run(trials: int, seed: int = 0, name: str = "digits") -> ReportRun:
    """A search of ``trials`` architectures, one in 12 of which failed; ten have fresh seeds."""
    rng = np.random.default_rng(seed)
    rows = [_row(index, each, rng) for index, each in enumerate(architectures(trials))]
    complete = [row for row in rows if row.state == "complete"]
    best = sorted(complete, key=lambda row: -row.metrics["val_accuracy"])[:10]
    repeats = [
        _again(row, number * 2 + again, again, rng)
        for number, row in enumerate(best)
        for again in range(2)
    ]
    searched = [*rows, *repeats]
    return ReportRun(
        name=name,
        state="finished",
        config=load_config(CONFIG, [f"seed={seed}", f"name={name}"]),
        task=TASK,
        environment={"started": "2026-01-01T10:00:00", "command": ["nas", "search", "d.yaml"]},
        rows={"search": rows, "repeats": repeats, "baselines": [], "retrain": []},
        choices={row.number: _choices(row) for row in rows},
        candidates=candidates(searched),
        over=[],
        beside=[],
        rejections={"params": 361},
        time=DeviceTime({"training": 3000.0, "evaluation": 200.0}, 0.0, 1700.0, 3400.0, 2),
        noise=SeedNoise(0.012, 10, 10),
        spread=0.05,
        retrained=[_retrained(best[0])],
        epochs=(1,),
        next_commands=[Command(f"nas retrain {name}", "Train the knee in full")],
        hashes={"run_id": "0" * 32},
    )


def _row(index: int, architecture: Architecture, rng: np.random.Generator) -> Evaluation:
    costs = network_costs(architecture, TASK)
    accuracy = 0.985 - 0.16 * (costs.params / 1500) ** -0.9 - abs(rng.normal(0, 0.012))
    own: dict[str, Any] = {
        "number": index,
        "network": architecture,
        "started": BEGAN + timedelta(seconds=30 * index),
        "finished": BEGAN + timedelta(seconds=30 * index + 25),
        "device_seconds": 25.0,
    }
    if index % 12 == 11:
        error = f"Traceback:\nValueError: {SCRIPT}"
        return evaluation(0, None, **own, state="fail", error=error)
    metrics = {
        "val_accuracy": accuracy,
        "params": costs.params,
        "macs": costs.macs,
        "activations": costs.activations,
    }
    curve = [{"epoch": 1, "val_accuracy": accuracy / 2}, {"epoch": 2, "val_accuracy": accuracy}]
    lost = (LostWorker("", "out of memory", 3.0),) if index % 20 == 5 else ()
    return evaluation(0, accuracy, **own, metrics=metrics, curve=curve, lost_workers=lost)


def _again(row: Evaluation, number: int, again: int, rng: np.random.Generator) -> Evaluation:
    accuracy = row.metrics["val_accuracy"] - float(rng.uniform(0, 0.03))
    metrics = {**row.metrics, "val_accuracy": accuracy}
    return replace(row, kind="repeats", number=number, seed=100 + again, metrics=metrics)


def _choices(row: Evaluation) -> dict[str, Any]:
    architecture = row.architecture
    stages = {f"stage{n}.width": stage.width for n, stage in enumerate(architecture.stages, 1)}
    return {"stem.width": architecture.stem.width, **stages, "stage1.type": _kind(row)}


def _kind(row: Evaluation) -> str:
    return row.architecture.stages[0].blocks[0].type


def _retrained(row: Evaluation) -> dict[str, Any]:
    return {
        "kind": "trained",
        "network": SCRIPT,
        "arch_id": row.arch_id,
        "description": str(row.architecture),
        "params": row.metrics["params"],
        "macs": row.metrics["macs"],
        "proxy_val_accuracy": 0.9,
        "proxy_standard_error": 0.01,
        "proxy_n": 2,
        "proxy_is_fresh": True,
        "proxy_val_accuracy_as_found": 0.92,
        "train_on": "train",
        "val_accuracy": 0.97,
        "test_accuracy": 0.96,
        "test_standard_error": None,
        "n": 1,
        "overrides": {},
    }
