"""A picture's file becomes the very values that the same image has in a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from trainers import (
    DataConfig,
    DataError,
    ImageSplits,
    PixelSettings,
    Preprocessing,
    Recipe,
    Split,
    load_splits,
)
from trainers.batches.batches import Batches
from trainers.data.pictures.pixels import picture_pixels
from trainers.distributed.ranks import Ranks

ORIENTATION = 0x0112  # EXIF's tag


def batches_of(splits: ImageSplits, recipe: Recipe) -> Batches:
    """Batches of one process on the CPU."""
    return Batches(
        splits,
        recipe,
        seed=0,
        device=torch.device("cpu"),
        channels_last=False,
        ranks=Ranks(None),
    )


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


def of_folder(folder: Path, image_size: tuple[int, int]) -> DataConfig:
    return DataConfig(
        name="image_folder",
        path=str(folder),
        image_size=image_size,
        validation_images=0,
        test_images=0,
    )


def as_rows(images: torch.Tensor) -> list[list[int]]:
    return sorted(images.flatten(1).tolist())


@pytest.mark.parametrize("crop_fraction", [1, 0.7])
@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_files_are_seen_as_an_image_folder_of_them(
    tmp_path: Path, colour: str, crop_fraction: float
) -> None:
    """Pictures of other sizes, modes and orientations than the network takes."""
    folder = tmp_path / "images"
    save(folder / "cat" / "0.png", "L", (9, 14), 0)
    save(folder / "dog" / "turned.png", "L", (12, 7), 1, exif=turned(6))
    if colour == "rgb":
        for seed, mode in enumerate(("RGB", "RGBA", "P", "LA"), start=2):
            save(folder / "cat" / f"{mode}.png", mode, (5 + seed, 20), seed)
        save(folder / "dog" / "cmyk.jpg", "CMYK", (16, 16), 7)
        save(folder / "dog" / "mirrored.jpg", "RGB", (30, 10), 8, exif=turned(5))
    asked = PixelSettings(crop_fraction=crop_fraction, interpolation="bicubic")
    splits = load_splits(of_folder(folder, (6, 8)), asked)
    preprocessing = Preprocessing.of(splits, asked)
    assert (preprocessing.colour, preprocessing.height, preprocessing.width) == (colour, 6, 8)
    pixels = torch.stack([preprocessing.pixels(file) for file in folder.rglob("*.*")])
    assert pixels.dtype == torch.uint8
    # 6 x 8 of 9 x 11, which is 6 / 0.7 x 8 / 0.7
    stored = splits.train.images if crop_fraction == 1 else splits.train.images[..., 1:7, 1:9]
    assert as_rows(pixels) == as_rows(stored)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I"])
def test_sixteen_bits_of_grey_become_eight_by_rounding(tmp_path: Path, mode: str) -> None:
    values = np.arange(2**16).reshape(256, 256)
    kept = values.astype({"I;16B": ">u2", "I": "<i4"}.get(mode, "<u2"))
    picture = Image.frombytes(mode, (256, 256), kept.tobytes())
    pixels = picture_pixels(picture, None, "it")
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels[0], [[round(value / 257) for value in row] for row in values])


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_files_of_sixteen_bits_are_seen_as_an_image_folder_of_them(
    tmp_path: Path, colour: str
) -> None:
    rng = np.random.default_rng(0)
    for name, ending in (("a", "png"), ("b", "tiff")):
        (tmp_path / "s" / name).mkdir(parents=True)
        deep = rng.integers(0, 2**16, (7, 9)).astype(np.uint16)
        Image.fromarray(deep).save(tmp_path / "s" / name / f"deep.{ending}")
    transparent = np.full((7, 9), 1000, np.uint16)
    transparent[0, 0] = 65535 // 3
    Image.fromarray(transparent).save(tmp_path / "s" / "a" / "clear.png", transparency=1000)
    if colour == "rgb":
        save(tmp_path / "s" / "b" / "colour.png", "RGB", (7, 9), 1)
    splits = load_splits(of_folder(tmp_path / "s", (7, 9)))
    preprocessing = Preprocessing.of(splits)
    assert preprocessing.colour == colour
    pixels = torch.stack([preprocessing.pixels(file) for file in (tmp_path / "s").rglob("*.*")])
    assert as_rows(pixels) == as_rows(splits.train.images)
    clear = preprocessing.pixels(tmp_path / "s" / "a" / "clear.png")[0]
    assert clear[0, 0] == 85
    assert clear.flatten()[1:].unique().tolist() == [255]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("hw", "covering", "rows", "columns"),
    [
        ((30, 60), (12, 24), slice(3, 9), slice(8, 16)),  # the height decides
        ((48, 20), (38, 16), slice(16, 22), slice(4, 12)),  # the width decides, 48 x 16 / 20 = 38.4
        ((12, 16), (12, 16), slice(3, 9), slice(4, 12)),  # it has the size already
    ],
)
def test_a_covering_picture_is_pils_cut_to_its_centre(
    tmp_path: Path,
    hw: tuple[int, int],
    covering: tuple[int, int],
    rows: slice,
    columns: slice,
    interpolation: str,
) -> None:
    save(tmp_path / "images" / "a" / "0.png", "RGB", hw, 3)
    save(tmp_path / "images" / "b" / "0.png", "RGB", (9, 9), 4)
    asked = PixelSettings.model_validate({"crop_fraction": 0.5, "interpolation": interpolation})
    splits = load_splits(of_folder(tmp_path / "images", (6, 8)), asked)
    assert splits.input_shape == (3, 6, 8)
    assert splits.train.images.shape == (2, 3, 12, 16)
    with Image.open(tmp_path / "images" / "a" / "0.png") as opened:
        resampling = Image.Resampling[interpolation.upper()]
        expected = np.asarray(opened.resize(covering[::-1], resampling))[rows, columns]
    pixels = Preprocessing.of(splits, asked).pixels(tmp_path / "images" / "a" / "0.png")
    assert np.array_equal(pixels.numpy().transpose(1, 2, 0), expected)


def test_a_square_stays_one_where_nothing_is_stretched(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    canvas = np.zeros((60, 120), np.uint8)
    canvas[15:45, 45:75] = 255
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        Image.fromarray(canvas).save(folder / name / "square.png")
    for crop_fraction, lit_rows, lit_columns in ((1, 10, 5), (0.75, 15, 15)):
        asked = PixelSettings(crop_fraction=crop_fraction)
        splits = load_splits(of_folder(folder, (21, 21)), asked)
        seen = Preprocessing.of(splits, asked).pixels(folder / "a" / "square.png")[0] > 127
        # of 21 pixels: stretched, half the height and a quarter of the width; else half of 28
        assert abs(int(seen.any(dim=1).sum()) - lit_rows) <= 1
        assert abs(int(seen.any(dim=0).sum()) - lit_columns) <= 1


def test_a_recipe_s_scale_is_what_batches_and_files_have(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for seed, name in enumerate(("a", "b")):
        save(folder / name / "0.png", "RGB", (20, 31), seed)
    asked = PixelSettings(crop_fraction=0.8, mean=(0.5, 0.25, 0), deviation=(0.25, 0.5, 2))
    splits = load_splits(of_folder(folder, (8, 8)), asked)
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.1, pixels=asked)
    ((batch, _),) = batches_of(splits, recipe).evaluation(splits.train)
    stored = splits.train.images[:, :, 1:9, 1:9].double() / 255
    assert batch.shape == (2, 3, 8, 8)
    for channel, (mean, deviation) in enumerate(((0.5, 0.25), (0.25, 0.5), (0, 2))):
        torch.testing.assert_close(
            batch[:, channel].double(), (stored[:, channel] - mean) / deviation, atol=1e-6, rtol=0
        )
    preprocessing = Preprocessing.of(splits, asked)
    files = [preprocessing.pixels(folder / name / "0.png") for name in ("a", "b")]
    assert torch.equal(preprocessing.normalised(torch.stack(files)), batch)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            PixelSettings(crop_fraction=0.5),
            r"'digits': pixels.crop_fraction=0.5 needs data.image_size, .* got null",
        ),
        (
            PixelSettings(mean=(0.1, 0.2, 0.3), deviation=(1, 1, 1)),
            r"pixels.mean and pixels.deviation need one value .* are 1, got \[0.1, 0.2, 0.3\]",
        ),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(asked: PixelSettings, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_splits(DataConfig(name="digits"), asked)


def test_steps_of_an_earlier_version_are_read() -> None:
    earlier = (
        '{"colour":"grey","crop":"none","height":8,"interpolation":"antialiased_bilinear",'
        '"mean":[0.5],"resize":"stretch","std":[0.25],"width":4}'
    )
    preprocessing = Preprocessing.model_validate_json(earlier)
    picture = Image.fromarray(np.full((30, 7), 51, np.uint8))
    seen = preprocessing.normalised(preprocessing.pixels(picture))
    assert seen.shape == (1, 8, 4)
    torch.testing.assert_close(seen, torch.full((1, 8, 4), (0.2 - 0.5) / 0.25))


def test_a_digit_in_a_file_is_the_batch_that_evaluation_sees(
    digits: ImageSplits, tmp_path: Path
) -> None:
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=0.1)
    batches = batches_of(digits, recipe)
    some = Split(digits.validation.images[:3], digits.validation.labels[:3])
    ((expected, _),) = batches.evaluation(some)
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
    nothing = Image.new("RGBA", (20, 30), (0, 255, 0, 0))
    assert preprocessing.pixels(nothing).unique().tolist() == [255]  # as in a data set


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
        ({"resize": "cover"}, "'cover' with crop 'centre' and both, .* got resize='cover'"),
        ({"crop": "centre"}, "'stretch' or 'fit' without a crop .* crop='centre'"),
        (
            {"resize": "cover", "crop": "centre", "resized_height": 9, "resized_width": 7},
            "at least height and width, .* resized_width=7",
        ),
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
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "real.tiff")
    Image.fromarray(np.array([[70000, -3]], np.int32)).save(tmp_path / "deep.tiff")
    preprocessing = Preprocessing.of(digits)
    for name, message in {
        "cut.png": "cannot be read as an image: .*truncated",
        "text.png": "is not an image of a format that Pillow reads",
        "real.tiff": "has Pillow mode 'F', for which no conversion is stated; .* 1, L, I;16,",
        "deep.tiff": "has values -3 to 70000; .* mode 'I' those of 16 bits are read, 0 to 65535",
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
