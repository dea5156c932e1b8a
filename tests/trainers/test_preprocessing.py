"""A picture's file becomes the very values that the same image has in a data set."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from trainers import DataConfig, DataError, ImageSplits, Preprocessing, Recipe, Split, load_splits
from trainers.batches import Batches

ORIENTATION = 0x0112  # EXIF's tag


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def save(path: Path, mode: str, hw: tuple[int, int], seed: int, **settings: object) -> None:
    """A picture of noise around a level of its own; the mode's samples are of 8 bits."""
    rng = np.random.default_rng(seed)
    channels = {"L": 1, "LA": 2, "P": 3, "RGB": 3, "RGBA": 4, "CMYK": 3}[mode]
    samples = rng.integers(0, 256, (*hw, channels)).astype(np.uint8)
    if mode in ("P", "CMYK"):
        picture = Image.fromarray(samples).convert(mode)
    else:
        picture = Image.fromarray(samples[..., 0] if mode == "L" else samples, mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **settings)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def as_rows(images: torch.Tensor) -> list[list[int]]:
    return sorted(images.flatten(1).tolist())


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_files_are_seen_as_an_image_folder_of_them(tmp_path: Path, colour: str) -> None:
    """Pictures of other sizes, modes and orientations than the network takes."""
    folder = tmp_path / "images"
    save(folder / "cat" / "0.png", "L", (9, 14), 0)
    save(folder / "dog" / "turned.png", "L", (12, 7), 1, exif=turned(6))
    if colour == "rgb":
        for seed, mode in enumerate(("RGB", "RGBA", "P", "LA"), start=2):
            save(folder / "cat" / f"{mode}.png", mode, (5 + seed, 20), seed)
        save(folder / "dog" / "cmyk.jpg", "CMYK", (16, 16), 7)
        save(folder / "dog" / "mirrored.jpg", "RGB", (30, 10), 8, exif=turned(5))
    splits = load_splits(
        DataConfig(
            name="image_folder",
            path=str(folder),
            image_size=(6, 8),
            validation_images=0,
            test_images=0,
        )
    )
    preprocessing = Preprocessing.of(splits)
    assert (preprocessing.colour, preprocessing.height, preprocessing.width) == (colour, 6, 8)
    pixels = torch.stack([preprocessing.pixels(file) for file in folder.rglob("*.*")])
    assert pixels.dtype == torch.uint8
    assert as_rows(pixels) == as_rows(splits.train.images)


def test_a_digit_in_a_file_is_the_batch_that_evaluation_sees(
    digits: ImageSplits, tmp_path: Path
) -> None:
    batches = Batches(
        digits, Recipe(epochs=1, batch_size=4, learning_rate=0.1), channels_last=False
    )
    some = Split(digits.validation.images[:3], digits.validation.labels[:3])
    (expected,) = batches.evaluation(some)
    preprocessing = Preprocessing.of(digits)
    for image, normalised in zip(some.images, expected, strict=True):
        Image.fromarray(image[0].numpy()).save(tmp_path / "digit.png")
        pixels = preprocessing.pixels(tmp_path / "digit.png")
        assert torch.equal(preprocessing.normalised(pixels), normalised)


def test_a_colour_picture_is_its_luminance_to_a_grey_network(digits: ImageSplits) -> None:
    preprocessing = Preprocessing.of(digits)
    picture = Image.fromarray(digits.validation.images[3, 0].numpy())
    for mode in ("RGB", "RGBA", "P"):
        assert torch.equal(preprocessing.pixels(picture.convert(mode)), digits.validation.images[3])
    green = Image.new("RGB", (20, 30), (0, 255, 0))
    assert preprocessing.pixels(green).unique().tolist() == [150]  # ITU-R 601: 0.587 of 255


def test_it_is_read_back_from_json(digits: ImageSplits) -> None:
    preprocessing = Preprocessing.of(digits)
    assert Preprocessing.model_validate_json(preprocessing.model_dump_json()) == preprocessing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "rgb"}, "must have 3 values for colour 'rgb', got 1 and 1"),
        ({"std": (0.0,)}, "std must be above 0, got 0.0"),
        ({"mean": (float("nan"),)}, "finite number"),
        ({"interpolation": "nearest"}, "antialiased_bilinear"),
        ({"height": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(
    digits: ImageSplits, changes: dict[str, object], message: str
) -> None:
    values = Preprocessing.of(digits).model_dump() | changes
    with pytest.raises(ValidationError, match=message):
        Preprocessing.model_validate(values)


def test_a_file_that_is_no_picture_is_named(digits: ImageSplits, tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    save(whole, "RGB", (40, 40), 0)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:600])
    (tmp_path / "text.png").write_text("no picture")
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(deep).save(tmp_path / "deep.png")
    preprocessing = Preprocessing.of(digits)
    for name, message in {
        "cut.png": "cannot be read as an image: .*truncated",
        "text.png": "is not an image of a format that Pillow reads",
        "deep.png": "has Pillow mode 'I;16'; 8 bits a channel are read",
        "nothing.png": "no such file",
        "x" * 300: "no such file",
        ".": "not a file",
    }.items():
        with pytest.raises(DataError, match=message) as caught:
            preprocessing.pixels(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    assert preprocessing.pixels(whole).shape == (1, 8, 8)


def test_a_picture_of_too_many_pixels_is_refused(
    digits: ImageSplits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "large.png", "L", (40, 40), 0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"large.png cannot be read .*1600 pixels\) exceeds"):
        Preprocessing.of(digits).pixels(tmp_path / "large.png")
