"""``nas predict``: classify pictures with a retrained network's file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from rich import box
from rich.table import Table

from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.errors import CommandError
from nas.storage.networks.network_file import load_network
from nas.storage.networks.saved_network import Prediction, SavedNetwork
from nas.storage.run.file_imports import allow_imports
from trainers import DataError

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Endings of the names of a folder's image files, in upper or lower case."""

ImageFile = tuple[str, str | None]
"""A file's name, and the problem if it cannot be read."""


def show_predictions(
    output: Output,
    model_file: str,
    images: Sequence[Path],
    *,
    top: int,
    batch: int,
    trust: bool = False,
) -> bool:
    """Print the most probable classes of each image, or why it cannot be read.

    Args:
        output: to print the table or JSON to; messages, and the progress of several batches, go to
            standard error.
        model_file: the ``model.pt`` of a retraining, a file of ``nas export``, or its URL; the
            folder ``modules`` of its run is used if the network has types of the user's own.
        images: image files, and folders, whose image files are taken at any depth.
        top: classes for each image.
        batch: images in memory at once.
        trust: the option ``--trust``.

    Returns:
        whether every image was read.

    Raises:
        CommandError, CheckpointError, TrustError: see :mod:`nas.errors`.
    """
    imports = trust if "://" in model_file else allow_imports(Path(model_file), trust=trust)
    network = load_network(model_file, require_complete=True, imports=imports)
    if network.architecture.detector is not None:
        raise CommandError(
            f"{model_file} is a detector: nas predict tells the classes of images, and draws no "
            "boxes yet"
        )
    if not 1 <= top <= len(network.class_names):
        raise CommandError(
            f"--top must be 1 to {len(network.class_names)}, the number of classes, got {top}"
        )
    if batch < 1:
        raise CommandError(f"--batch must be 1 or more, got {batch}")
    files = [file for image in images for file in _files(image)]
    rows: list[dict[str, Any]] = []
    stderr = Output(stderr=True)
    progress = LineDisplay(stderr, lambda: f"{len(rows):,} of {len(files):,} images classified")
    with progress if len(files) > batch else nullcontext():
        for start in range(0, len(files), batch):
            chunk = files[start : start + batch]
            for (name, _), result in zip(chunk, _classified(network, chunk, top), strict=True):
                error = result if isinstance(result, str) else None
                if error is not None:
                    stderr.say(("error:", "bold red"), f" {error}")
                predictions = None if isinstance(result, str) else [p._asdict() for p in result]
                rows.append({"image": name, "predictions": predictions, "error": error})
            if len(files) > batch:
                progress.update()
    read = [row for row in rows if row["error"] is None]
    if output.as_json:
        output.show_json(rows)
    elif read:
        output.show(_table(read))
    return len(read) == len(rows)


def _classified(
    network: SavedNetwork, files: Sequence[ImageFile], top: int
) -> list[list[Prediction] | str]:
    """Return the predictions for each image of a batch, or why there are none."""
    inputs: list[torch.Tensor] = []
    problems: dict[int, str] = {}
    for position, (name, problem) in enumerate(files):
        try:
            if problem is not None:
                raise DataError(problem)
            inputs.append(network.preprocess(name))
        except DataError as error:
            problems[position] = str(error)
    predicted = iter(network.predictions(torch.cat(inputs), top) if inputs else [])
    return [problems[n] if n in problems else next(predicted) for n in range(len(files))]


def _files(image: Path) -> Iterator[ImageFile]:
    """Yield the image files that an argument names, sorted, each with its problem if it has one."""
    if not image.is_dir():
        yield str(image), None
        return
    unreadable: list[OSError] = []
    any_found = False
    for folder, subfolders, names in os.walk(image, onerror=unreadable.append):
        subfolders.sort()
        for name in sorted(names):
            if name.lower().endswith(ENDINGS):
                any_found = True
                yield os.path.join(folder, name), None
    for error in unreadable:
        yield str(error.filename), f"{error.filename} cannot be read: {error.strerror}"
    if not any_found and not unreadable:
        yield str(image), f"{image} holds no image file (one that ends in {', '.join(ENDINGS)})"


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return a table with one row for each image, its classes below one another."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("image", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    for row in rows:
        predictions = row["predictions"]
        table.add_row(
            row["image"],
            "\n".join(p["class_name"] for p in predictions),
            "\n".join(f"{p['probability']:.1%}" for p in predictions),
        )
    return table
