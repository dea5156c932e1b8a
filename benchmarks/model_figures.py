"""The rows of the models benchmark: networks, their steps, and which implementations ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from interleaved import Effort, time_interleaved
from step_memory import allocated_peak_mib
from torch import nn
from torch.nn import functional as F

from search_space.architecture import Architecture, Task
from search_space.attention.backends import Call, record_calls
from search_space.cost import network_costs
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.zoo import IMAGENET, network

SPACE = Path(__file__).parents[1] / "configs" / "spaces" / "resnet_imagenet.yaml"
CANDIDATES = 101  # sampled, of which the median is taken
UNIT = "resnet50"
NETWORKS = (UNIT, "sasa_resnet50", "aa_resnet50")


class Setting(NamedTuple):
    """The settings that all networks share."""

    device: torch.device
    batch: int
    side: int  # of the images, pixels


def named_architectures() -> dict[str, Architecture]:
    """The networks that are compared, the unit first."""
    candidate = median_candidate(SearchSpace.from_yaml(SPACE), CANDIDATES)
    named = {name: network(name) for name in NETWORKS}
    return named | {f"median of {CANDIDATES}, {candidate.arch_id[:12]}": candidate}


def median_candidate(space: SearchSpace, number: int) -> Architecture:
    """Return the median of ``number`` samples (odd), with seed 0, by MACs on ImageNet's images."""
    rng = np.random.default_rng(0)
    sampled = [space.sample(rng) for _ in range(number)]
    return sorted(sampled, key=lambda each: network_costs(each, IMAGENET).macs)[number // 2]


def network_rows(
    architectures: dict[str, Architecture], setting: Setting, effort: Effort
) -> list[dict[str, Any]]:
    """A row for each network, with ratios to the first."""
    shape = (3, setting.side, setting.side)
    task = Task(dataset=IMAGENET.dataset, input_shape=shape, classes=IMAGENET.classes)
    steps: dict[tuple[str, str], Callable[[], Any]] = {}
    ran = {}
    for name, architecture in architectures.items():
        training, inference = _steps(build(architecture, task, seed=0), task, setting)
        with record_calls() as ran[name]:
            inference()
        steps |= {(name, "training"): training, (name, "inference"): inference}
    timings = time_interleaved(steps, effort, setting.device)
    peaks = {
        name: allocated_peak_mib(steps[name, "training"], setting.device) for name in architectures
    }
    unit = next(iter(architectures))
    rows = []
    for name, architecture in architectures.items():
        row = {"network": name, "gmacs": network_costs(architecture, task).macs / 1e9}
        for mode in ("training", "inference"):
            timing = timings[name, mode]
            row |= {
                f"{mode}_ms": timing.median_ms,
                f"{mode}_spread_ms": timing.spread_ms,
                f"{mode}_ratio": timing.median_ms / timings[unit, mode].median_ms,
                "repeats": timing.repeats,
            }
        row |= {"peak_mib": peaks[name], "peak_ratio": peaks[name] / peaks[unit]}
        rows.append(row | {"attention_by": _listed(ran[name])})
    return rows


def _steps(
    model: nn.Module, task: Task, setting: Setting
) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step and an inference step, on the same images."""
    device = setting.device
    on_gpu = device.type == "cuda"
    images = torch.randn(setting.batch, *task.input_shape, device=device)
    labels = torch.randint(task.classes, (setting.batch,), device=device)
    model.to(device)
    if on_gpu:
        images = images.contiguous(memory_format=torch.channels_last)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def training() -> None:
        model.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def inference() -> None:
        model.eval()
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=on_gpu),
        ):
            model(images)

    return training, inference


def _listed(calls: list[Call]) -> str:
    counted = Counter(call.implementation for call in calls)
    return ", ".join(f"{name} in {number} layers" for name, number in counted.items()) or "-"
