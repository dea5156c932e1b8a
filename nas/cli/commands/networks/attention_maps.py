"""``nas attention-maps``: draw where the heads of a retrained network look on one image."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import torch
from torch import Tensor

from analysis.attention_maps.maps import attention_layers, attention_maps
from analysis.attention_maps.picture import draw_attention_maps
from nas.cli.commands.networks.seen_picture import seen_by
from nas.cli.commands.picture_files import check_ending
from nas.cli.output import Output
from nas.errors import CommandError
from nas.evaluation.evaluate import task_of
from nas.storage.networks.exports.formats import format_by_ending
from nas.storage.networks.network_file import load_network
from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.file_imports import allow_imports
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from trainers import ImageSplits, Preprocessing, central_crop, load_splits

PNG_NAME = "attention-maps.png"
DIFFERENCE_CHARACTERS = 300


class Picture(NamedTuple):
    """The image, with its name and what is known of it."""

    name: str
    pixels: Tensor  # [C, H, W], uint8
    target: Tensor | None  # its class [] or objects [M, 6] of the data; None for a file


def show_attention_maps(
    output: Output,
    model_file: Path,
    *,
    image: str,
    pixels: str,
    layer: str,
    png: Path | None,
    trust: bool = False,
) -> None:
    """Draw a layer's attention maps for one image, and print what the network says of it.

    Over a detector's image its objects are drawn, the true ones of a validation image, else the
    detected ones.

    Args:
        output: to print to.
        model_file: the ``model.pt`` of a retraining, or a safetensors file of ``nas export``.
        image: an image file, which is preprocessed as the training images were; or
            ``validation:INDEX``, for which the model must lie in its run's folder. (Only
            ``nas retrain`` uses the test images, and only once.)
        pixels: ``row,column row,column ...`` of the resized image, counted from 0; empty for the
            centres of its four quadrants.
        layer: a layer's name; empty for the backbone's last one whose map has more than one pixel.
        png: the picture's file; None for ``attention-maps.png`` beside the model.
        trust: the option ``--trust``.

    Raises:
        CommandError, CheckpointError, DataError, ConfigError, TrustError: see
            :mod:`nas.errors`.
    """
    check_ending("--png", png, ".png")
    if format_by_ending(model_file) in ("onnx", "torch_export"):
        raise CommandError(
            f"{model_file} holds operators instead of layers, whose maps could be drawn: give a "
            "model.pt or a safetensors file"
        )
    network = load_network(
        model_file, require_complete=True, imports=allow_imports(model_file, trust=trust)
    )
    picture = _picture(image, network, trust=trust)
    looked_from = _pixels(pixels) or quadrant_centres(network.task.input_shape[1:])
    x = network.preprocessing.normalised(picture.pixels)
    try:
        maps = attention_maps(network.model, x, looked_from, layer or None)
    except ValueError as error:
        raise CommandError(f"{model_file}: {error}") from error
    seen = seen_by(network, picture.name, x, picture.target)
    target = png or model_file.with_name(PNG_NAME)
    try:
        draw_attention_maps(maps, picture.pixels, target, caption=seen.caption, boxes=seen.boxes)
    except OSError as error:
        raise CommandError(f"cannot draw {target}: {error.strerror}") from error
    heads, height, width = maps.maps.shape[1:]
    output.say(seen.caption)
    output.say(
        f"{maps.layer}: {maps.kind} attention, {heads} {'heads' if heads > 1 else 'head'}, map of "
        f"{height} x {width}; drawn in "
        f"{target}"
    )
    others = [name for name in attention_layers(network.model) if name != maps.layer]
    if others:
        output.say(f"other layers: {', '.join(others)}")


def quadrant_centres(image_hw: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the distinct (row, column) at the middle of each quarter, in reading order."""
    rows, columns = ((size // 4, 3 * size // 4) for size in image_hw)
    return list(dict.fromkeys((row, column) for row in rows for column in columns))


def _splits(network: SavedNetwork, *, trust: bool) -> ImageSplits:
    """Load the data that the network was trained on, from its run's configuration."""
    run = RunFolder.around(Path(network.path), trust=trust)
    if run is None:
        raise CommandError(
            f"{network.path} does not lie in a run's folder, whose configuration would name the "
            "data of --image validation:INDEX: give an image file instead"
        )
    config = run.config()
    check_reach(run, config)
    record = network.record
    assert record is not None  # the network was loaded complete
    data, pixels = config.data, record.recipe.pixels
    splits = load_splits(data, pixels)
    seen = splits.with_validation_in_train() if record.train_on == "train+validation" else splits
    for what, actual, expected in (
        ("task", task_of(data, splits), network.task),
        ("class names", list(splits.class_names), list(network.class_names)),
        ("preprocessing", Preprocessing.of(seen, pixels), network.preprocessing),
    ):
        if actual != expected:
            now, before = (
                shorten(str(each), DIFFERENCE_CHARACTERS, placeholder=" ...")
                for each in (actual, expected)
            )
            raise CommandError(
                f"the data of run {run.name!r} are not what {network.path} was trained on: "
                f"their {what}: {now} instead of {before}"
            )
    return splits


def _picture(image: str, network: SavedNetwork, *, trust: bool) -> Picture:
    named = re.fullmatch(r"validation:(\d+)", image)
    if named is None:
        if not Path(image).is_file():
            raise CommandError(
                "--image is validation:INDEX or an image file (the test images are looked at "
                f"once, by `nas retrain`), got {image!r}"
            )
        return Picture(Path(image).name, network.preprocessing.pixels(image), None)
    splits = _splits(network, trust=trust)
    index, split = int(named[1]), splits.validation
    if index >= len(split):
        raise CommandError(
            f"--image {image}: the validation split has {len(split)} images, counted from 0"
        )
    pixels = central_crop(split.pixels(torch.tensor([index])), splits.size)[0]
    return Picture(f"validation image {index}", pixels, split.labels[index])


def _pixels(text: str) -> list[tuple[int, int]]:
    """Parse ``2,3 10,4`` into [(2, 3), (10, 4)]."""
    matches = [re.fullmatch(r"(\d+),(\d+)", word) for word in text.split()]
    if not all(matches):
        raise CommandError(
            f"--pixels is 'row,column row,column ...' in pixels counted from 0, got {text!r}"
        )
    return [(int(pixel[1]), int(pixel[2])) for pixel in matches if pixel]
