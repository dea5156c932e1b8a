"""Folders of images are read as they are: parts, classes, links, and what is left out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trainers import DataConfig, DataError, ImageSplits, load_splits
from trainers.data.checks import usable_set
from trainers.data.pictures.pixels import picture_pixels
from trainers.data.sources.byte_strings import ByteStrings
from trainers.data.sources.image_folder import read_image_folder


def write(path: Path, value: int = 0, size: tuple[int, int] = (4, 4)) -> None:
    """A grey picture, ``size`` = (width, height), whose first pixel is ``value``."""
    pixels = np.random.default_rng(value).integers(0, 256, size[::-1]).astype(np.uint8)
    pixels[0, 0] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_classes(folder: Path, *names: str, count: int = 6) -> None:
    for offset, name in enumerate(names):
        for number in range(count):
            write(folder / name / f"{number}.png", 20 * offset + number)


def loaded(folder: Path, **settings: object) -> ImageSplits:
    return load_splits(
        DataConfig.model_validate({"name": "image_folder", "path": str(folder)} | settings)
    )


def images_of(splits: ImageSplits) -> int:
    return len(splits.train) + len(splits.validation) + len(splits.test)


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN"])
@pytest.mark.parametrize("validation", ["val", "valid", "Validation", "dev"])
def test_parts_have_several_names_in_any_case(tmp_path: Path, train: str, validation: str) -> None:
    write_classes(tmp_path / train, "a", "b", count=6)
    write_classes(tmp_path / validation, "a", "b", count=3)
    write_classes(tmp_path / "Test", "b", "a", count=2)
    splits = loaded(tmp_path)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [12, 6, 4]
    assert splits.test.images[:, 0, 0, 0].tolist() == [20, 21, 0, 1]  # a comes first
    assert splits.test.labels.tolist() == [0, 0, 1, 1]


def test_words_within_a_name_mean_nothing(tmp_path: Path) -> None:
    write_classes(tmp_path, "train-station", "test bench", "validated", "bus")
    write(tmp_path / "bus" / "train-1.png")
    write(tmp_path / "bus" / "a" / "test" / "1.png")
    splits = loaded(tmp_path)
    assert splits.class_names == ("bus", "test bench", "train-station", "validated")
    assert images_of(splits) == 4 * 6 + 2


def test_parts_beside_classes_are_an_error(tmp_path: Path) -> None:
    write_classes(tmp_path, "bus", "Dev")
    with pytest.raises(DataError, match=r"'Dev' would be parts .* and 'bus' classes"):
        loaded(tmp_path)


def test_two_names_of_one_part_are_an_error(tmp_path: Path) -> None:
    for part in ("train", "val", "dev"):
        write_classes(tmp_path / part, "a", "b")
    with pytest.raises(DataError, match=r"'dev', 'val' in .* name the same part"):
        loaded(tmp_path)


def test_without_a_train_part_nothing_can_be_trained(tmp_path: Path) -> None:
    write_classes(tmp_path / "test", "a", "b")
    with pytest.raises(DataError, match="has no train part, only test"):
        loaded(tmp_path)


def test_a_class_is_the_folder_at_the_top(tmp_path: Path) -> None:
    for side in ("left", "right"):
        write_classes(tmp_path / "cat", side)
        write_classes(tmp_path / "dog", side)
    assert loaded(tmp_path).class_names == ("cat", "dog")


def test_links_are_followed_but_in_no_circle(tmp_path: Path) -> None:
    write_classes(tmp_path / "elsewhere", "x")
    write_classes(tmp_path / "f", "a", "b")
    (tmp_path / "f" / "c").symlink_to(tmp_path / "elsewhere" / "x")
    (tmp_path / "f" / "a" / "again").symlink_to(tmp_path / "f" / "a")
    (tmp_path / "f" / "b" / "linked.png").symlink_to(tmp_path / "elsewhere" / "x" / "0.png")
    splits = loaded(tmp_path / "f")
    assert splits.class_names == ("a", "b", "c")
    assert images_of(splits) == 3 * 6 + 1


@pytest.mark.parametrize("name", ["data[1]", "a*", "what?", "{x}", "ü ß", "\udcff"])
def test_any_folder_name_is_that_folder(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path / name, "a", "b")
    write_classes(tmp_path / "data1", "c", "d")
    assert loaded(tmp_path / name).class_names == ("a", "b")


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path, "__background__", ".net", "cat")
    (tmp_path / "cat" / "notes.txt").write_text("x")
    (tmp_path / "cat" / "._0.png").write_bytes(b"of another system")
    (tmp_path / "README.md").write_text("x")
    write_classes(tmp_path, ".ipynb_checkpoints")
    splits = loaded(tmp_path)
    assert splits.class_names == (".net", "__background__", "cat")
    assert splits.left_out == (
        "3 files that are no images are left out: 'README.md', 'cat/._0.png', 'cat/notes.txt'",
        "1 folders of other programs are left out: '.ipynb_checkpoints'",
    )


def test_all_that_is_wrong_with_the_classes_is_said_at_once(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", "a", "b")
    (tmp_path / "train" / "empty").mkdir()
    write_classes(tmp_path / "test", "a", "z")
    with pytest.raises(DataError) as raised:
        loaded(tmp_path)
    assert str(raised.value).splitlines()[1:] == [
        "  train part: no images in 'empty'",
        "  test part: 'z' without train images",
    ]


def test_problems_of_classes_and_pictures_are_one_message(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", "Cat", "dog", "eel")
    (tmp_path / "train" / "empty").mkdir()
    write(tmp_path / "train" / "one" / "0.png")
    write_classes(tmp_path / "val", "cat", "fly", count=2)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "1.png").write_bytes(b"no class")
    (tmp_path / "val" / "fly" / "1.png").write_bytes(b"hello")
    (tmp_path / "train" / "dog" / "lost.png").symlink_to(tmp_path / "nowhere")
    Image.new("F", (4, 4)).save(tmp_path / "train" / "dog" / "real.tiff")
    write(tmp_path / "train" / "eel" / "big.png", size=(9, 7))
    with pytest.raises(DataError) as raised:
        loaded(tmp_path)
    first, *lines = str(raised.value).splitlines()
    assert first == "data set 'image_folder': 8 problems:"
    expected = [
        "train part: no images in 'empty'",
        "test part: 1 files, such as 'test/1.png', lie in no folder of a class: each image must "
        "lie in that of its class, such as 'test/Cat/1.png'",
        "classes 'Cat', 'cat' differ in case or Unicode's form alone: give them one name",
        "validation part: 'fly' without train images",
        "train/dog/lost.png cannot be read: [Errno 2] No such file",
        "train/dog/real.tiff has Pillow mode 'F'",
        "val/fly/1.png is not an image",
        "images differ in size, [height, width]: 22 of [4, 4] (train/Cat/0.png), 1 of [7, 9]",
    ]
    for line, begin in zip(lines, expected, strict=True):
        assert line.strip().startswith(begin)


def test_a_single_image_of_a_class_is_a_problem_where_some_are_held_out(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", "a", "b")
    write(tmp_path / "train" / "one" / "0.png")
    with pytest.raises(DataError, match="train part: a single image in 'one'; it cannot be"):
        loaded(tmp_path, validation_images=2)
    assert len(loaded(tmp_path, validation_images=0, test_images=0).train) == 13
    for part in ("val", "test"):
        write_classes(tmp_path / part, "a", "b", "one", count=1)
    assert len(loaded(tmp_path).train) == 13


def test_names_in_another_unicode_form_are_one_class_and_cases_may_be_two(tmp_path: Path) -> None:
    write_classes(tmp_path, "A", "a", "b")
    assert loaded(tmp_path).classes == 3  # letters
    write_classes(tmp_path, "caf\u00e9", "cafe\u0301")
    with pytest.raises(DataError, match="differ in case or Unicode's form alone"):
        loaded(tmp_path)


def test_an_empty_part_is_a_problem(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", "a", "b")
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match="test part: its folder is empty"):
        loaded(tmp_path)


def test_damaged_images_are_left_out_before_splits_are_chosen(tmp_path: Path) -> None:
    for folder in ("with", "without"):
        write_classes(tmp_path / folder, "a", "b", count=20)
    for number in range(3):
        (tmp_path / "with" / "a" / f"0{number}.png").write_bytes(b"damaged")
    (tmp_path / "with" / "b" / "z.png").symlink_to(tmp_path / "nowhere")
    counts = {"train_images": 24, "validation_images": 8, "test_images": 8}
    with pytest.raises(DataError, match=r"a/00\.png is not an image"):
        loaded(tmp_path / "with", **counts)
    kept = loaded(tmp_path / "with", skip_damaged=True, **counts)
    assert kept.left_out == (
        "4 images that cannot be decoded are left out: 'a/00.png', 'a/01.png', 'a/02.png', "
        "'b/z.png'",
    )
    whole = loaded(tmp_path / "without", skip_damaged=True, **counts)
    assert whole.left_out == ()
    for part in ("train", "validation", "test"):  # the choice is that of a set without them
        assert torch.equal(getattr(kept, part).images, getattr(whole, part).images)
        assert torch.equal(getattr(kept, part).labels, getattr(whole, part).labels)


def test_what_is_not_damaged_stays_an_error(tmp_path: Path) -> None:
    write_classes(tmp_path, "a", "b")
    Image.new("F", (4, 4)).save(tmp_path / "a" / "real.tiff")
    (tmp_path / "c").mkdir()
    for number in range(2):
        (tmp_path / "c" / f"{number}.png").write_bytes(b"damaged")
    with pytest.raises(DataError) as raised:
        loaded(tmp_path, skip_damaged=True)
    assert [line.strip() for line in str(raised.value).splitlines()[1:2]] == [
        "train part: no image can be decoded in 'c'"
    ]
    assert "a/real.tiff has Pillow mode 'F'" in str(raised.value)
    assert "c/0.png" not in str(raised.value)


def test_a_large_set_with_problems_is_not_decoded_to_find_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usable_set, "MOST_DECODED", 10)
    write_classes(tmp_path, "a", "b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"(?s)no images in 'empty'.*13 images were not decoded"):
        loaded(tmp_path)


def test_one_class_or_none_cannot_be_trained_on(tmp_path: Path) -> None:
    write(tmp_path / "0.png")
    with pytest.raises(DataError, match=r"no images in folders of classes; beside them: '0\.png'"):
        loaded(tmp_path)
    write_classes(tmp_path, "cat")
    with pytest.raises(DataError, match="only one class, 'cat'"):
        loaded(tmp_path)


def test_every_damaged_image_is_named_in_one_message(tmp_path: Path) -> None:
    write_classes(tmp_path, "cat", "dog")
    buffer = io.BytesIO()
    Image.new("L", (60, 40)).save(buffer, "JPEG")
    (tmp_path / "cat" / "half.jpg").write_bytes(buffer.getvalue()[:150])
    (tmp_path / "dog" / "empty.png").write_bytes(b"")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "dog" / "deep.tiff")
    with pytest.raises(DataError) as raised:
        loaded(tmp_path, validation_images=0, test_images=0)
    first, *others = str(raised.value).splitlines()
    assert first == "data set 'image_folder': 3 problems:"
    assert [line.split()[0] for line in others] == [
        "cat/half.jpg",
        "dog/deep.tiff",
        "dog/empty.png",
    ]
    assert others[2] == "  dog/empty.png is not an image of a format that Pillow reads"


def test_no_image_is_opened_to_find_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(b"no image")
    labelled = read_image_folder(tmp_path, "made up")
    assert labelled.parts["train"].labels.tolist() == [0, 1]
    assert labelled.parts["train"].pictures.name(1) == "b/x.jpg"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(mode: str) -> None:
    shape = np.zeros((2, 2, 4), np.uint8)
    shape[0, 0] = (10, 10, 10, 255)  # opaque; the others are black, and transparent
    shape[1, 1] = (0, 0, 0, 51)
    picture = Image.fromarray(shape)
    if mode == "P":
        picture = Image.new("P", (2, 2), 1)
        picture.putpalette([10, 10, 10, 0, 0, 0])
        picture.putpixel((0, 0), 0)
        picture.info["transparency"] = 1
    elif mode == "LA":
        picture = picture.convert("LA")
    pixels = picture_pixels(picture, None, "it")
    assert pixels.shape == (3, 2, 2)
    assert pixels[:, 0, 0].tolist() == [10] * 3
    assert pixels[:, 0, 1].tolist() == [255] * 3
    if mode != "P":
        assert pixels[:, 1, 1].tolist() == [204] * 3


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=20))
def test_texts_in_two_arrays(texts: list[str]) -> None:
    stored = ByteStrings(texts)
    assert [stored[index] for index in range(len(stored))] == list(stored) == texts
    assert list(ByteStrings.of_arrays(*stored.arrays)) == texts
