"""``nas attention-maps``: where the heads of a retrained network look on one image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from analysis.attention_maps import attention_layers, attention_maps
from analysis.attention_picture import draw_attention_maps
from nas.commands.drawn_files import check_ending
from nas.evaluate import task_of
from nas.output import Output
from nas.retrain import load_model
from nas.run_folder import RunFolder
from nas.user_errors import CommandError
from search_space.architecture import Task
from trainers import ImageSplits, load_splits
from trainers.data.pixels import COLOUR_MODES, decode_images, to_colour

if TYPE_CHECKING:
    from PIL import Image

PNG_NAME = "attention-maps.png"


class Picture(NamedTuple):
    """The image that is looked at."""

    name: str
    pixels: Tensor  # [C, H, W], uint8
    label: int | None


def show_attention_maps(
    output: Output, model_file: Path, *, image: str, pixels: str, layer: str, png: Path | None
) -> None:
    """Draw a layer's attention maps for one image, and say what the network takes it for.

    Args:
        output: to print to.
        model_file: the ``model.pt`` of a retraining, in its run's folder, whose data it needs.
        image: ``validation:INDEX`` of the run's data, or an image file, which is resized to what
            the network takes. (The test images are looked at once, by ``nas retrain``.)
        pixels: ``row,column row,column ...`` of the resized image, counted from 0; empty for the
            centres of its four quadrants.
        layer: a layer's name; empty for the last that attends over more than one pixel.
        png: the picture's file; None for ``attention-maps.png`` beside the model.

    Raises:
        CommandError, CheckpointError, DataError, DescriptionError: see :mod:`nas.user_errors`.
    """
    check_ending("--png", png, ".png")
    model, _, task = load_model(model_file)
    splits = _splits(model_file, task)
    picture = _picture(image, splits)
    looked_from = _pixels(pixels) or quadrant_centres(task.input_shape[1:])
    x = normalised(picture.pixels, splits)
    try:
        maps = attention_maps(model, x, looked_from, layer or None)
    except ValueError as error:
        raise CommandError(f"{model_file}: {error}") from error
    caption = _caption(picture, model, x, splits)
    target = png or model_file.with_name(PNG_NAME)
    try:
        draw_attention_maps(maps, picture.pixels, target, caption=caption)
    except OSError as error:
        raise CommandError(f"cannot draw {target}: {error.strerror}") from error
    heads, height, width = maps.maps.shape[1:]
    output.say(caption)
    output.say(
        f"{maps.layer}: {maps.kind} attention, {heads} {'heads' if heads > 1 else 'head'}, map of "
        f"{height} x {width}; drawn in "
        f"{target}"
    )
    others = [name for name in attention_layers(model) if name != maps.layer]
    if others:
        output.say(f"other layers: {', '.join(others)}")


def quadrant_centres(image_hw: tuple[int, int]) -> list[tuple[int, int]]:
    """(row, column) in the middle of each quarter of the image, in reading order, each once."""
    rows, columns = ((size // 4, 3 * size // 4) for size in image_hw)
    return list(dict.fromkeys((row, column) for row in rows for column in columns))


def normalised(pixels: Tensor, splits: ImageSplits) -> Tensor:
    """uint8 ``[C, H, W]`` as the network was trained on such images, float32."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (splits.mean, splits.std))
    return (pixels.float() / 255 - mean) / std


def _splits(model_file: Path, task: Task) -> ImageSplits:
    """The data that the network was trained on, as its run's configuration names them."""
    for folder in model_file.resolve().parents:
        run = RunFolder(folder)
        if run.config_file.is_file():
            break
    else:
        raise CommandError(
            f"{model_file} does not lie in a run's folder, whose configuration would name the "
            "data: give the model.pt that `nas retrain` wrote, where it wrote it"
        )
    data = run.config().data
    splits = load_splits(data)
    if task_of(data, splits) != task:
        raise CommandError(
            f"the data of run {run.name!r} are not what {model_file} was trained on: "
            f"{task_of(data, splits)} instead of {task}"
        )
    return splits


def _picture(image: str, splits: ImageSplits) -> Picture:
    named = re.fullmatch(r"validation:(\d+)", image)
    if named is None:
        return Picture(Path(image).name, _from_file(image, splits.input_shape), None)
    index, split = int(named[1]), splits.validation
    if index >= len(split):
        raise CommandError(
            f"--image {image}: the validation split has {len(split)} images, counted from 0"
        )
    return Picture(f"validation image {index}", split.images[index], int(split.labels[index]))


def _from_file(name: str, input_shape: tuple[int, int, int]) -> Tensor:
    """An image file as the network takes images: uint8 ``[C, H, W]``."""
    channels, height, width = input_shape
    if not Path(name).is_file():
        raise CommandError(
            "--image is validation:INDEX or an image file (the test images are looked at once, "
            f"by `nas retrain`), got {name!r}"
        )
    if channels not in (1, 3):
        raise CommandError(
            f"--image {name}: a file has 1 or 3 channels, the network takes {channels}"
        )
    stacked = decode_images(_opened(name, channels), 1, (height, width), f"--image {name}")
    return torch.from_numpy(stacked if channels == 1 else to_colour(stacked))[0]


def _opened(name: str, channels: int) -> Iterator[Image.Image]:
    from PIL import Image, ImageOps  # noqa: PLC0415

    with Image.open(name) as opened:
        upright = ImageOps.exif_transpose(opened)
        grey = channels == 1 and upright.mode in COLOUR_MODES
        yield upright.convert("L") if grey else upright


def _pixels(text: str) -> list[tuple[int, int]]:
    """``2,3 10,4`` as [(2, 3), (10, 4)]."""
    found = [re.fullmatch(r"(\d+),(\d+)", word) for word in text.split()]
    if not all(found):
        raise CommandError(
            f"--pixels is 'row,column row,column ...' in pixels counted from 0, got {text!r}"
        )
    return [(int(pixel[1]), int(pixel[2])) for pixel in found if pixel]


def _caption(picture: Picture, model: nn.Module, x: Tensor, splits: ImageSplits) -> str:
    """What the image is, as far as known, and what the network takes it for."""
    with torch.no_grad():
        probabilities = model(x[None])[0].softmax(dim=0)
    predicted = int(probabilities.argmax())
    share = float(probabilities[predicted])
    known = "" if picture.label is None else f", labelled {splits.class_names[picture.label]}"
    return f"{picture.name}{known}: the network says {splits.class_names[predicted]} ({share:.1%})"
