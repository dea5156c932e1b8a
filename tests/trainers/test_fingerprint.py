"""Equal content has one fingerprint, however it is kept; any change of it has another."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from trainers import DataConfig, DataError, ImageSplits, Split
from trainers.data import fingerprint
from trainers.data.fingerprint import fingerprint_of, fingerprint_of_splits
from trainers.data.sources.hugging_face import read_tables
from trainers.data.sources.image_folder import read_image_folder
from trainers.data.sources.labelled_set import LabelledSet


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((3, 4), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_set(folder: Path, order: int = 1) -> Path:
    for part in ("train", "val"):
        for name in ("cat", "dog")[::order]:
            (folder / part / name).mkdir(parents=True)
            for number in range(4)[::order]:
                (folder / part / name / f"{number}.png").write_bytes(png(number))
    return folder


def of_folder(folder: Path) -> str:
    return fingerprint_of(read_image_folder(folder, "made up"))


def test_place_time_and_order_of_writing_change_nothing(tmp_path: Path) -> None:
    first = of_folder(write_set(tmp_path / "first"))
    other = write_set(tmp_path / "elsewhere" / "second", order=-1)
    os.utime(other / "val" / "dog" / "1.png", (1, 1))
    (other / "train" / "cat" / "notes.txt").write_text("no part of the set")
    assert of_folder(other) == first
    assert len(first) == 16


def _another_byte(folder: Path) -> None:
    file = folder / "val" / "cat" / "2.png"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _another_name(folder: Path) -> None:
    (folder / "train" / "cat" / "3.png").rename(folder / "train" / "cat" / "4.png")


def _another_class_name(folder: Path) -> None:
    for part in ("train", "val"):
        (folder / part / "dog").rename(folder / part / "eel")


def _another_label(folder: Path) -> None:
    (folder / "train" / "dog" / "0.png").rename(folder / "train" / "cat" / "9.png")


def _one_less(folder: Path) -> None:
    (folder / "val" / "dog" / "3.png").unlink()


def _swapped(folder: Path) -> None:
    (folder / "train").rename(folder / "x")
    (folder / "val").rename(folder / "train")
    (folder / "x").rename(folder / "val")
    _another_byte(folder)


@pytest.mark.parametrize(
    "change",
    [_another_byte, _another_name, _another_class_name, _another_label, _one_less, _swapped],
)
def test_any_change_of_the_content_shows(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = write_set(tmp_path / "set")
    before = of_folder(folder)
    change(folder)
    assert of_folder(folder) != before


def test_of_a_large_set_evenly_spaced_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "READ_WHOLE_BYTES", 100)
    monkeypatch.setattr(fingerprint, "FILES_READ", 4)  # of 16: numbers 0, 4, 8, 12
    folder = write_set(tmp_path / "set")
    before = of_folder(folder)
    unread = folder / "train" / "cat" / "1.png"
    unread.write_bytes(b"\0" * unread.stat().st_size)
    assert of_folder(folder) == before
    read = folder / "val" / "dog" / "0.png"
    read.write_bytes(b"\0" * read.stat().st_size)
    changed = of_folder(folder)
    assert changed != before
    unread.write_bytes(b"")
    assert of_folder(folder) != changed  # sizes of all count


def test_a_link_that_leads_nowhere_is_a_picture_without_bytes(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "train" / "cat" / "lost.png").symlink_to(tmp_path / "nothing")
    labelled = read_image_folder(folder, "made up")
    assert labelled.parts["train"].pictures.sizes_bytes().min() == -1
    assert fingerprint_of(labelled) == of_folder(folder)


def test_a_file_that_vanishes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = read_image_folder(write_set(tmp_path / "set"), "made up")
    pictures = labelled.parts["validation"].pictures
    sizes = pictures.sizes_bytes()
    monkeypatch.setattr(pictures, "sizes_bytes", lambda: sizes)
    (tmp_path / "set" / "val" / "cat" / "1.png").unlink()
    with pytest.raises(DataError, match=r"val/cat/1.png cannot be read for the fingerprint"):
        fingerprint_of(labelled)


def tables(path: Path, name: str = "parquet") -> LabelledSet:
    return read_tables(DataConfig.model_validate({"name": name, "path": str(path)}))


def test_a_table_s_files_count_and_not_its_form_or_place(tmp_path: Path) -> None:
    rows = pd.DataFrame({"image": [png(value) for value in range(6)], "label": 3 * [0, 1]})
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        rows.to_parquet(
            tmp_path / folder / "train.parquet", row_group_size=6 if folder == "one" else 2
        )
    digest = fingerprint_of(tables(tmp_path / "one"))
    assert fingerprint_of(tables(tmp_path / "two")) == digest
    loaded = datasets.load_dataset("parquet", data_files=str(tmp_path / "one" / "train.parquet"))
    loaded.save_to_disk(tmp_path / "saved")
    assert fingerprint_of(tables(tmp_path / "saved", "hub")) == digest
    changed = rows.assign(label=[0, 1, 0, 1, 1, 0])
    changed.to_parquet(tmp_path / "two" / "train.parquet")
    assert fingerprint_of(tables(tmp_path / "two")) != digest


def test_bytes_in_a_table_and_files_that_it_names_are_the_same(tmp_path: Path) -> None:
    digests = []
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        paths = [tmp_path / folder / f"{value}.png" for value in range(4)]
        for value, path in enumerate(paths):
            path.write_bytes(png(value))
        images = [{"bytes": None, "path": str(path)} for path in paths]
        if folder == "there":
            images = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
        rows = pd.DataFrame({"image": [*images, None], "label": [0, 1, 0, 1, 0]})
        rows.to_parquet(tmp_path / f"{folder}.parquet")
        labelled = tables(tmp_path / f"{folder}.parquet")
        sizes = labelled.parts["train"].pictures.sizes_bytes()
        assert sizes.tolist() == [*(len(png(value)) for value in range(4)), -1]
        digests.append(fingerprint_of(labelled))
    assert digests[0] == digests[1]
    shutil.rmtree(tmp_path / "here")
    assert tables(tmp_path / "here.parquet").parts["train"].pictures.sizes_bytes().max() == -1


def test_images_in_memory_are_told_apart_by_pixels_labels_and_names() -> None:
    images = torch.arange(48, dtype=torch.uint8).reshape(4, 1, 3, 4)
    labels = torch.tensor([0, 1, 0, 1])

    def digest(images: torch.Tensor, labels: torch.Tensor, *names: str) -> str:
        split, none = Split(images, labels), Split(images[:0], labels[:0])
        return fingerprint_of_splits(
            ImageSplits.of("x", train=split, validation=none, test=none, class_names=names)
        )

    first = digest(images, labels, "a", "b")
    assert digest(images.clone(), labels, "a", "b") == first
    darker = images.clone()
    darker[3, 0, 2, 3] = 0
    turned = images.reshape(4, 1, 4, 3)
    others = [
        digest(darker, labels, "a", "b"),
        digest(turned, labels, "a", "b"),
        digest(images, 1 - labels, "a", "b"),
        digest(images, labels, "a", "c"),
        digest(images, labels, "ab", ""),
    ]
    assert len({first, *others}) == 6
