"""Training of ImageNet networks on a GPU, against a plain loop of the same network. No Ray.

ResNet-50, SASA-50 and AA-50 at 224 x 224 by their papers' recipes, with images in memory: images a
second, the share of the device's measured peak, and the same network in a loop of a few lines with
PyTorch's own optimiser. At most 8 minutes; what does not fit into them is left out, and said. From
the repository's root::

    python benchmarks/gpu_training.py [--quick] [--json FILE] [--device cpu|cuda] [--seconds N]

On a CPU it only shows that the script runs: narrow networks on small images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from machine import chosen_device, machine_with
from options import add_device, parser_of, write_json
from tables import print_table
from torch import nn

from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.networks import build
from search_space.zoo import network as zoo_network
from trainers import ImageSplits, Recipe, Split, Training

NETWORKS = ("resnet50", "sasa_resnet50", "aa_resnet50")
BATCH = 128
CLASSES = 1000
FLOPS_PER_MAC = 2
PASSES = 3
"""A step costs as much as three forward passes: the backward pass is two."""

COLUMNS = {
    "network": "network",
    "images_per_second": "images/s",
    "plain_images_per_second": "plain loop",
    "ratio": "ratio",
    "share_of_peak": "share of peak",
    "peak_memory_gb": "GB",
}


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="a few steps of each")
    add_device(parser)
    parser.add_argument("--seconds", type=float, default=440, help="for all networks together")
    options = parser.parse_args()
    write_json(measure(options), options)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, which are printed too."""
    began = time.monotonic()
    device = chosen_device(options)
    on_gpu = device.type == "cuda"
    width, side, batch = ("", 224, BATCH) if on_gpu else ("@0.25", 64, 8)
    seconds = 3.0 if options.quick else 20.0
    figures: dict[str, Any] = {"machine": machine_with(device)}
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()), flush=True)
    figures["peak_flops_per_second"] = peak = peak_flops_per_second(device)
    print(f"measured peak: {peak / 1e12:.3g} TFLOP/s in products of matrices", flush=True)
    figures["rates"] = rows = []
    for name in NETWORKS:
        left = options.seconds - (time.monotonic() - began)
        if left < 4 * seconds:
            print(f"{name} is left out: {left:.0f} s are left", flush=True)
            continue
        rows.append(row_of(name + width, side, batch, device, seconds, peak))
        print(rows[-1], flush=True)
    print_table(f"training at {side} x {side}, batch {batch}", rows, COLUMNS)
    return figures


def row_of(
    name: str, side: int, batch: int, device: torch.device, seconds: float, peak: float
) -> dict[str, Any]:
    """The rates of one network."""
    task = Task(input_shape=(3, side, side), classes=CLASSES)
    architecture = zoo_network(name)
    splits = made_up_images(side, 4 * batch)
    settings = {"epochs": 10_000, "batch_size": batch, "learning_rate": 0.1}
    recipe = Recipe.model_validate(settings | {"augmentation": {"horizontal_flip": True}})
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    ours = rate(training_step(architecture, task, splits, recipe, device), batch, seconds, device)
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    plain = rate(plain_step(architecture, task, splits, batch, device), batch, seconds, device)
    flops = PASSES * FLOPS_PER_MAC * network_costs(architecture, task).macs
    return {
        "network": name,
        "images_per_second": ours,
        "plain_images_per_second": plain,
        "ratio": ours / plain,
        "share_of_peak": ours * flops / peak,
        "peak_memory_gb": None if memory is None else memory / 1e9,
    }


def training_step(
    architecture: Architecture,
    task: Task,
    splits: ImageSplits,
    recipe: Recipe,
    device: torch.device,
) -> Callable[[], Any]:
    """A step of this project's training."""
    model = build(architecture, task, seed=0)
    training = Training(model, splits, recipe, seed=0, device=device, evaluate_on="none")
    return lambda: training.run_steps(1)


def made_up_images(side: int, count: int) -> ImageSplits:
    """Noise with labels."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3, side, side)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    split = Split(images, labels)
    return ImageSplits.of(
        "noise",
        train=split,
        validation=split.rows(torch.arange(0)),
        test=split.rows(torch.arange(0)),
        class_names=tuple(map(str, range(CLASSES))),
    )


def plain_step(
    architecture: Architecture, task: Task, splits: ImageSplits, batch: int, device: torch.device
) -> Callable[[], Any]:
    """A step as one writes it: random images, flips, autocast, PyTorch's fused SGD."""
    on_gpu = device.type == "cuda"
    model: nn.Module = build(architecture, task, seed=0).to(device).train()
    if on_gpu:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )
    assert isinstance(splits.train, Split)
    images, labels = splits.train.images.to(device), splits.train.labels.to(device)
    mean = torch.tensor(splits.mean, device=device)[:, None, None]
    deviation = torch.tensor(splits.std, device=device)[:, None, None]

    def step() -> None:
        chosen = torch.randint(0, len(labels), (batch,), device=device)
        x = images[chosen].float().div_(255).sub_(mean).div_(deviation)
        flips = torch.rand(batch, 1, 1, 1, device=device) < 0.5
        x = torch.where(flips, x.flip(3), x)
        if on_gpu:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=on_gpu):
            loss = F.cross_entropy(model(x).float(), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def rate(step: Callable[[], Any], images: int, seconds: float, device: torch.device) -> float:
    """Images a second, after the first steps."""
    for _ in range(3):
        step()
    wait(device)
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        steps += 1
        wait(device)
    return steps * images / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_flops_per_second(device: torch.device) -> float:
    """The rate of a large product of matrices, in bfloat16 on a GPU."""
    on_gpu = device.type == "cuda"
    size, dtype = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    first = torch.randn(size, size, device=device, dtype=dtype)
    second = torch.randn(size, size, device=device, dtype=dtype)
    products = rate(lambda: first @ second, 1, 1.0, device)
    return products * FLOPS_PER_MAC * size**3


if __name__ == "__main__":
    main()
