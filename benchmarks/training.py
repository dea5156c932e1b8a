"""An epoch of training against a bare loop that does the same arithmetic.

A small network, its images in memory, with no augmentation and with each kind; beside each, the
same loop written out in a page: order, gathering, augmentation, forward and backward pass, update.
From the repository's root::

    python benchmarks/training.py [--quick] [--json FILE] [--device cpu|cuda] [--threads N]

The ratio is the bare loop's time over this project's: 1 is as fast, below 1 is slower.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from interleaved import Effort, time_interleaved
from machine import chosen_device, machine_with
from options import add_device, parser_of, write_json
from tables import print_table
from torch import nn

from search_space.architecture import Task
from search_space.networks import build
from search_space.primitives.convolution_stem import ConvolutionStem
from search_space.space import SearchSpace
from search_space.yaml_validation import read_yaml
from trainers import DataConfig, ImageSplits, Recipe, Split, Training, load_splits
from trainers.augmentation.augment import build_augmentation
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.mixing import mix

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "configs" / "recipes"
WITH: dict[str, dict[str, Any]] = {
    "nothing": {},
    "flip and crop": {"horizontal_flip": True, "crop_padding_pixels": 1},
    "affine": {"rotation_degrees": 14, "translation_fraction": 0.1, "shear_degrees": 7},
    "Inception crop": {"resized_crop": {}},
    "noise": {"noise_std": 0.07},
    "erasing": {"erasing_probability": 0.5},
    "RandAugment": {"policy": {"name": "rand_augment"}},
    "TrivialAugment": {"policy": {"name": "trivial_augment"}},
    "mixup": {"mixup_alpha": 0.2},
    "cutmix": {"cutmix_alpha": 1.0},
}
COLUMNS = {
    "augmentation": "augmentation",
    "bare_ms": "bare loop ms",
    "bare_spread_ms": "+-",
    "training_ms": "training ms",
    "training_spread_ms": "+-",
    "ratio": "ratio",
}


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="fewer epochs, under 40 s")
    add_device(parser, threads=1)  # as a trial of a search has
    options = parser.parse_args()
    write_json(measure(options), options)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, which are printed too."""
    device = chosen_device(options)
    effort = Effort(seconds=2.5, rounds=40) if options.quick else Effort(seconds=20, rounds=300)
    figures: dict[str, Any] = {"machine": machine_with(device)}
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    splits = load_splits(DataConfig(name="digits", train_images=400, validation_images=700))
    splits = splits.to(device)
    figures["augmentations"] = rows = [
        row_of(name, augmentation, splits, device, effort) for name, augmentation in WITH.items()
    ]
    print_table(f"an epoch of 400 digits in batches of 64 (n = {rows[0]['epochs']})", rows, COLUMNS)
    return figures


def network() -> nn.Module:
    """The network: the first without attention that is drawn from the quickstart's space.

    It is fast, so that what the loop itself takes counts most.
    """
    space = SearchSpace.from_yaml(ROOT / "configs" / "spaces" / "digits.yaml")
    rng = np.random.default_rng(0)
    architecture = next(
        each
        for each in (space.sample(rng) for _ in range(1000))
        if set(each.primitive_types()) == {"conv"} and isinstance(each.stem, ConvolutionStem)
    )
    return build(architecture, Task(input_shape=(1, 8, 8), classes=10), seed=0)


def row_of(
    name: str,
    augmentation: dict[str, Any],
    splits: ImageSplits,
    device: torch.device,
    effort: Effort,
) -> dict[str, Any]:
    """The times of an epoch with one augmentation."""
    settings = read_yaml(RECIPES / "digits_proxy.yaml")
    settings |= {"epochs": 10_000, "augmentation": augmentation}
    recipe = Recipe.model_validate(settings)
    training = Training(network(), splits, recipe, seed=0, device=device, evaluate_on="none")
    bare = bare_epoch(
        network().to(device), splits, recipe, channels_last=training.execution.channels_last
    )
    timings = time_interleaved({"bare": bare, "training": training.run_epoch}, effort, device)
    ratio = timings["bare"].median_ms / timings["training"].median_ms
    return {
        "augmentation": name,
        "bare_ms": timings["bare"].median_ms,
        "bare_spread_ms": timings["bare"].spread_ms,
        "training_ms": timings["training"].median_ms,
        "training_spread_ms": timings["training"].spread_ms,
        "ratio": ratio,
        "epochs": timings["bare"].repeats,
    }


def bare_epoch(
    model: nn.Module, splits: ImageSplits, recipe: Recipe, *, channels_last: bool
) -> Callable[[], float]:
    """A loop as one writes it by hand, which trains one epoch at a time and returns its loss."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model.to(memory_format=layout).train()  # type: ignore[call-overload]
    assert isinstance(splits.train, Split)  # in memory
    images, labels = splits.train.images, splits.train.labels
    mean = torch.tensor(splits.mean, device=images.device)[:, None, None]
    deviation = torch.tensor(splits.std, device=images.device)[:, None, None]
    augment = build_augmentation(recipe.augmentation, splits.input_shape[1:])
    decayed = [each for each in model.parameters() if each.ndim > 1]
    spared = [each for each in model.parameters() if each.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": spared},
    ]
    optimizer = torch.optim.SGD(
        groups,
        lr=0.05,
        momentum=0.9,
        nesterov=True,
        fused=True,
    )
    batch = recipe.batch_size
    epoch = 0

    def run() -> float:
        nonlocal epoch
        epoch += 1
        order = torch.randperm(len(labels)).to(images.device)[: len(labels) // batch * batch]
        chosen = images[order].float().div_(255)
        chosen = augment(chosen, ImageDraws.of(0, epoch, order)).sub(mean).div_(deviation)
        chosen = chosen.contiguous(memory_format=layout)
        losses = []
        for pair in zip(chosen.split(batch), labels[order].split(batch), strict=True):
            x, y = pair
            if recipe.augmentation.mixes:
                x, y = mix(x, y, recipe.augmentation, classes=splits.classes, seed=epoch)
            loss = F.cross_entropy(model(x), y, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()

    return run


if __name__ == "__main__":
    main()
