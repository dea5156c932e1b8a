"""Images a second: decoding alone, training alone, and both together.

Photographs of 500 x 375 pixels, made up, in a folder of JPEG files; a ResNet that trains on random
crops of them. Decoding alone (p) is what training would wait for, training alone (m) has its images
in memory. Where both share the cores, together can reach m p / (m + p); where a GPU trains, the
smaller of the two. Beside them a loader as one writes it by hand: PyTorch's DataLoader, and Pillow
decoding whole pictures. From the repository's root::

    python benchmarks/data.py [--quick] [--json FILE] [--device cpu|cuda] [--threads N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from machine import chosen_device, machine_with
from options import add_device, parser_of, write_json
from PIL import Image
from tables import print_table
from torch import nn
from torch.utils.data import DataLoader, Dataset

from search_space.architecture import Task
from search_space.networks import build
from search_space.zoo import network as zoo_network
from trainers import DataConfig, ImageSplits, Recipe, Training, load_splits
from trainers.augmentation.augment import build_augmentation
from trainers.augmentation.boxes import DRAWS, crop_boxes
from trainers.augmentation.draws import ImageDraws
from trainers.batches.batches import Batches
from trainers.distributed.ranks import Ranks

PICTURES = 512
PICTURE_SIZE = (500, 375)  # width, height
SIDE = 128
BATCH = 64
NETWORK = "resnet18@0.25"
COLUMNS = {
    "what": "images/s",
    "images_per_second": "median",
    "standard_error": "+-",
    "ratio": "ratio",
}


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="shorter measurements, under 40 s")
    add_device(parser)
    options = parser.parse_args()
    write_json(measure(options), options)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, which are printed too."""
    device = chosen_device(options)
    seconds, rounds = (2.0, 2) if options.quick else (12.0, 7)
    figures: dict[str, Any] = {"machine": machine_with(device)}
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    with TemporaryDirectory() as folder:
        write_pictures(Path(folder))
        disk, memory = (splits_in(folder, decoding) for decoding in ("each_use", "once"))
        measured: dict[str, Callable[[], Iterator[int]]] = {
            "decoding, by hand": lambda: by_hand(folder, device),
            "decoding": lambda: decoding(disk, device),
            "training": lambda: training(memory, device),
            "together": lambda: training(disk, device),
        }
        rates: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(rounds):
            for name, begin in measured.items():
                rates[name].append(rate(begin(), seconds))
    together = [
        t / (min(p, m) if device.type == "cuda" else p * m / (p + m))
        for p, m, t in zip(rates["decoding"], rates["training"], rates["together"], strict=True)
    ]
    faster = [
        p / hand for p, hand in zip(rates["decoding"], rates["decoding, by hand"], strict=True)
    ]
    ratios = {"decoding": statistics.median(faster), "together": statistics.median(together)}
    figures["rates"] = rows = [
        {
            "what": name,
            "images_per_second": statistics.median(each),
            "standard_error": statistics.stdev(each) / len(each) ** 0.5,
            "ratio": ratios.get(name),
            "n": len(each),
        }
        for name, each in rates.items()
    ]
    bound = "the smaller of both" if device.type == "cuda" else "m p / (m + p)"
    print_table(
        f"{NETWORK} on {SIDE} x {SIDE} crops (n = {rounds}); ratios: decoding to that by hand, "
        f"together to {bound}",
        rows,
        COLUMNS,
    )
    return figures


def write_pictures(folder: Path) -> None:
    """Two classes of photographs: smooth shapes with a texture, about 80 kB each."""
    rng = np.random.default_rng(0)
    width, height = PICTURE_SIZE
    for number in range(PICTURES):
        shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8))
        smooth = np.asarray(shapes.resize(PICTURE_SIZE, Image.Resampling.BICUBIC), np.float32)
        texture = rng.normal(0, 9, (height, width, 1))
        pixels = (smooth + texture).clip(0, 255).astype(np.uint8)
        file = folder / f"class{number % 2}" / f"{number}.jpg"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(file, quality=88)


def splits_in(folder: str, decoding: str) -> ImageSplits:
    """The pictures, decoded while training or before."""
    config = DataConfig.model_validate(
        {
            "name": "image_folder",
            "path": folder,
            "image_size": [SIDE, SIDE],
            "decoding": decoding,
            "validation_images": 0,
            "test_images": 0,
        }
    )
    return load_splits(config)


def recipe() -> Recipe:
    """Random crops and flips; no end."""
    augmentation = {"resized_crop": {}, "horizontal_flip": True}
    settings = {"epochs": 10_000, "batch_size": BATCH, "learning_rate": 0.05}
    return Recipe.model_validate(settings | {"augmentation": augmentation})


def network() -> nn.Module:
    """The network to train."""
    return build(zoo_network(NETWORK), Task(input_shape=(3, SIDE, SIDE), classes=2), seed=0)


def training(splits: ImageSplits, device: torch.device) -> Iterator[int]:
    """Train; yield the images of each step."""
    run = Training(network(), splits, recipe(), seed=0, device=device, evaluate_on="none")
    while True:
        run.run_steps(1)
        yield BATCH


def decoding(splits: ImageSplits, device: torch.device) -> Iterator[int]:
    """Make batches, as training takes them; yield the images of each."""
    batches = Batches(
        splits, recipe(), seed=0, device=device, channels_last=False, ranks=Ranks(None)
    )
    for images, _ in batches.training(0):
        yield len(images)


class WholePictures(Dataset[torch.Tensor]):
    """Pictures decoded whole, then cropped at random."""

    def __init__(self, folder: str) -> None:
        self.files = sorted(Path(folder).rglob("*.jpg"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.files[index]) as opened:
            picture = opened.convert("RGB")
        settings = recipe().augmentation.resized_crop
        assert settings is not None
        uniform = torch.rand(1, DRAWS + 2)
        x, y, width, height = crop_boxes(
            uniform, settings, (picture.height, picture.width), (SIDE, SIDE)
        )[0].tolist()
        left, top = max(x + 0.5 - width / 2, 0), max(y + 0.5 - height / 2, 0)
        box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
        crop = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
        return torch.from_numpy(np.array(crop)).permute(2, 0, 1)


def by_hand(folder: str, device: torch.device) -> Iterator[int]:
    """A loader as one writes it: yield the images of each batch, augmented too."""
    loader = DataLoader(
        WholePictures(folder),
        BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=torch.get_num_threads(),
        persistent_workers=True,
    )
    flip = recipe().augmentation.model_copy(update={"resized_crop": None})
    augment = build_augmentation(flip, (SIDE, SIDE))
    epoch = 0
    while True:
        for images in loader:
            draws = ImageDraws.of(0, epoch, torch.arange(len(images)))
            augment(images.to(device).float().div_(255), draws).sub_(0.5).div_(0.25)
            yield len(images)
        epoch += 1


def rate(steps: Iterator[int], seconds: float) -> float:
    """Images a second, after the first steps."""
    for _ in range(3):
        next(steps)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    images, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        images += next(steps)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return images / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
