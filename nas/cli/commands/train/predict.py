"""``nas predict``: classify pictures with a trained network's file, or detect objects in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from nas.cli.commands.train.predicting.classes import ClassPredictor
from nas.cli.commands.train.predicting.objects import ObjectPredictor
from nas.cli.commands.train.predicting.predictor import PredictOptions, Predictor, Row
from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.errors import CommandError
from nas.storage.networks.network_file import load_network
from nas.storage.run.file_imports import allow_imports
from trainers import DataError
from trainers.tasks.task import TaskName

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Endings of the names of a folder's image files, in upper or lower case."""

ImageFile = tuple[str, str | None]
"""A file's name, and the problem if it cannot be read."""


PREDICTORS: dict[TaskName, type[ClassPredictor | ObjectPredictor]] = {
    "classification": ClassPredictor,
    "detection": ObjectPredictor,
}


def show_predictions(
    output: Output,
    model_file: str,
    images: Sequence[Path],
    options: PredictOptions,
    *,
    batch: int | None = None,
    trust: bool = False,
) -> bool:
    """Print what a network tells of each image, or why it cannot be read.

    Args:
        output: to print the table or JSON to; messages, and the progress of several batches, go to
            standard error.
        model_file: the ``model.pt`` of a retraining, a file of ``nas export``, or its URL; the
            folder ``modules`` of its run is used if the network has types of the user's own.
        images: image files, and folders, whose image files are taken at any depth.
        options: of the task that the network learned.
        batch: images in memory at once; None for the task's number.
        trust: the option ``--trust``.

    Returns:
        whether every image was read.

    Raises:
        CommandError, CheckpointError, TrustError: see :mod:`nas.errors`.
    """
    imports = trust if "://" in model_file else allow_imports(Path(model_file), trust=trust)
    network = load_network(model_file, require_complete=True, imports=imports)
    predictor: Predictor[Any] = PREDICTORS[network.learned_task].of(network, options)
    if batch is None:
        batch = predictor.batch
    if batch < 1:
        raise CommandError(f"--batch must be 1 or more, got {batch}")
    files = [file for image in images for file in _files(image)]
    rows: list[Row] = []
    stderr = Output(stderr=True)
    progress = LineDisplay(
        stderr, lambda: f"{len(rows):,} of {len(files):,} images {predictor.done}"
    )
    with progress if len(files) > batch else nullcontext():
        for start in range(0, len(files), batch):
            for row in _told(predictor, files[start : start + batch]):
                if row["error"] is not None:
                    stderr.say(("error:", "bold red"), f" {row['error']}")
                rows.append(row)
            if len(files) > batch:
                progress.update()
    read = [row for row in rows if row["error"] is None]
    if output.as_json:
        output.show_json(rows)
    elif read:
        output.show(predictor.table(read))
    predictor.finish(output)
    return len(read) == len(rows)


def _told(predictor: Predictor[Any], files: Sequence[ImageFile]) -> list[Row]:
    """Return a row for each image of a batch: what is told of it, or why nothing is."""
    prepared: list[Any] = []
    problems: dict[int, str] = {}
    for position, (name, problem) in enumerate(files):
        try:
            if problem is not None:
                raise DataError(problem)
            prepared.append(predictor.prepared(name))
        except DataError as error:
            problems[position] = str(error)
    told = iter(predictor.rows(prepared) if prepared else [])
    return [
        {"image": name, **(predictor.unread() if n in problems else next(told))}
        | {"error": problems.get(n)}
        for n, (name, _) in enumerate(files)
    ]


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
