from __future__ import annotations

import io
import shutil
import socket
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from trainers import DataConfig, DataError, load_splits


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def picture(value: int, mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Image.Image:
    """A lossless picture, ``size`` = (width, height), whose top left pixel is ``value``."""
    shape = size[::-1] if mode == "L" else (*size[::-1], len(mode))
    pixels = np.random.default_rng(value).integers(0, 256, shape).astype(np.uint8)
    pixels[0, 0] = value
    return Image.fromarray(pixels, mode="RGBA" if mode == "RGBA" else None)


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    picture(value).save(buffer, "PNG")
    return buffer.getvalue()


def write_folder(folder: Path, count: int, **settings: object) -> None:
    """``count`` pictures each of the classes "cat" (values 0, 1, ...) and "dog" (100, 101, ...)."""
    for offset, name in ((0, "cat"), (100, "dog")):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            path = folder / name / f"{index}.png"
            picture(offset + index, **settings).save(path)


def corners(images: torch.Tensor) -> list[int]:
    return images[:, 0, 0, 0].tolist()


def test_image_folder_with_its_own_test_part(tmp_path: Path) -> None:
    write_folder(tmp_path / "f" / "train", 10)
    write_folder(tmp_path / "f" / "test", 4)
    splits = load_splits(
        DataConfig(name="image_folder", path=str(tmp_path / "f"), validation_images=4)
    )
    assert splits.class_names == ("cat", "dog")
    assert splits.input_shape == (3, 4, 6)
    assert corners(splits.test.images) == [0, 1, 2, 3, 100, 101, 102, 103]
    assert splits.test.labels.tolist() == [0] * 4 + [1] * 4
    rest = corners(splits.train.images) + corners(splits.validation.images)
    assert sorted(rest) == [*range(10), *range(100, 110)]
    for split in (splits.train, splits.validation):
        assert split.labels.tolist() == [int(value >= 100) for value in corners(split.images)]


def test_the_validation_part_can_be_the_test_part(tmp_path: Path) -> None:
    """ImageNet's custom; its own test part has no labels that could be used."""
    write_folder(tmp_path / "f" / "train", 10)
    write_folder(tmp_path / "f" / "val", 3)
    settings = {"name": "image_folder", "path": str(tmp_path / "f"), "test_part": "validation"}
    splits = load_splits(DataConfig(**settings, validation_images=4))
    assert corners(splits.test.images) == [0, 1, 2, 100, 101, 102]
    rest = corners(splits.train.images) + corners(splits.validation.images)
    assert sorted(rest) == [*range(10), *range(100, 110)]
    assert len(splits.validation) == 4
    write_folder(tmp_path / "f" / "test", 2)
    assert len(load_splits(DataConfig(**settings)).test) == 6
    shutil.rmtree(tmp_path / "f" / "val")
    with pytest.raises(DataError, match=r"test_part=validation, and .* only \['test', 'train'\]"):
        load_splits(DataConfig(**settings))


def test_grey_folder_has_one_channel_until_a_colour_image_comes(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", 5, mode="L")
    config = DataConfig(
        name="image_folder", path=str(tmp_path / "f"), test_images=0, validation_images=2
    )
    assert load_splits(config).input_shape == (1, 4, 6)
    picture(104).save(tmp_path / "f" / "dog" / "4.png")
    splits = load_splits(config)
    assert splits.input_shape == (3, 4, 6)
    colour = torch.cat([splits.train.images, splits.validation.images])
    grey = colour[(colour == colour[:, :1]).flatten(1).all(dim=1)]
    assert sorted(corners(grey)) == [0, 1, 2, 3, 4, 100, 101, 102, 103]


def test_mixed_sizes_need_an_image_size(tmp_path: Path) -> None:
    write_folder(tmp_path / "f" / "train", 4)
    picture(50, size=(9, 9)).save(tmp_path / "f" / "train" / "cat" / "big.png")
    settings = {"name": "image_folder", "path": str(tmp_path / "f"), "test_images": 0}
    with pytest.raises(
        DataError, match=r"8 of \[4, 6\] .*, 1 of \[9, 9\] \(train/cat/big.png\); set image_size"
    ):
        load_splits(DataConfig(**settings, validation_images=0))
    resized = DataConfig(**settings, validation_images=2, image_size=(3, 5))
    assert load_splits(resized).input_shape == (3, 3, 5)


def test_parquet_of_plain_bytes_and_integers(tmp_path: Path) -> None:
    rows = {"picture": [png(value) for value in range(12)], "digit": [0, 1, 2] * 4}
    pd.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    splits = load_splits(
        DataConfig(
            name="parquet", path=str(tmp_path / "x.parquet"), test_images=3, validation_images=3
        )
    )
    assert splits.class_names == ("0", "1", "2")
    for split in (splits.train, splits.validation, splits.test):
        assert split.labels.tolist() == [value % 3 for value in corners(split.images)]
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [6, 3, 3]


def test_parquet_folder_written_by_datasets(tmp_path: Path) -> None:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["x", "y"])}
    )
    for part, count in (("train", 8), ("validation", 4), ("test", 2)):
        rows = {"image": [picture(i) for i in range(count)], "label": [i % 2 for i in range(count)]}
        table = datasets.Dataset.from_dict(rows, features=features)
        table.to_parquet(tmp_path / "p" / f"{part}-00000-of-00001.parquet")
    splits = load_splits(DataConfig(name="parquet", path=str(tmp_path / "p")))
    assert splits.class_names == ("x", "y")
    assert corners(splits.validation.images) == [0, 1, 2, 3]
    assert [len(splits.train), len(splits.test)] == [8, 2]


def saved_on_disk(folder: Path, *, classes: int, coarse: bool = False) -> str:
    count = 3 * classes
    rows = {
        "img": [picture(index % 256) for index in range(count)],
        "fine_label": [index % classes for index in range(count)],
    }
    kinds = {
        "img": datasets.Image(),
        "fine_label": datasets.ClassLabel(num_classes=classes),
    }
    if coarse:
        rows["coarse_label"] = [0] * count
        kinds["coarse_label"] = datasets.ClassLabel(num_classes=2)
    table = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    datasets.DatasetDict(train=table, test=table).save_to_disk(folder)
    return str(folder)


def test_cifar_from_a_folder_saved_to_disk(tmp_path: Path) -> None:
    path = saved_on_disk(tmp_path / "ten", classes=10)
    splits = load_splits(DataConfig(name="cifar10", path=path, validation_images=10))
    assert (splits.classes, len(splits.train), len(splits.test)) == (10, 20, 30)
    path = saved_on_disk(tmp_path / "hundred", classes=100, coarse=True)
    splits = load_splits(DataConfig(name="cifar100", path=path, validation_images=100))
    assert splits.classes == 100


def test_a_label_column_is_chosen_by_name_where_several_fit(tmp_path: Path) -> None:
    path = saved_on_disk(tmp_path / "two", classes=4, coarse=True)
    with pytest.raises(DataError, match=r"several label columns.*fine_label.*coarse_label"):
        load_splits(DataConfig(name="hub", path=path, validation_images=4))
    config = DataConfig(name="hub", path=path, validation_images=4, label_column="fine_label")
    assert load_splits(config).classes == 4
    with pytest.raises(DataError, match="label_column='img' is no label column"):
        load_splits(config.model_copy(update={"label_column": "img"}))


def test_another_number_of_classes_than_cifars_is_refused(tmp_path: Path) -> None:
    path = saved_on_disk(tmp_path / "four", classes=4)
    with pytest.raises(DataError, match="'cifar10' has 10 classes, the data read have 4"):
        load_splits(DataConfig(name="cifar10", path=path))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("image_folder", "missing"),
        ("parquet", "missing.parquet"),
        ("hub", "missing"),
        ("cifar10", "missing"),
    ],
)
def test_missing_paths_are_named(tmp_path: Path, name: str, path: str) -> None:
    with pytest.raises(DataError, match=rf"{name}.*{path}' does not exist"):
        load_splits(DataConfig(name=name, path=str(tmp_path / path)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"x": [1.0] * 6, "label": [0, 1] * 3}, r"no image column.*x: float64"),
        ({"image": [png(i) for i in range(6)], "text": ["a"] * 6}, "no label column"),
        ({"image": [png(i) for i in range(6)], "label": [0, 9**9] * 3}, r"387420489.*ids"),
        ({"image": [png(i) for i in range(6)], "label": [7] * 6}, r"only one class, '7'"),
        ({"image": [png(i) for i in range(6)], "label": [0.5, 1.5] * 3}, r"label: float64"),
        ({"image": [png(i) for i in range(6)], "label": [0, 1, -1] * 2}, "2 of 6 images have no"),
        (
            {"image": [png(1)] * 5 + [b"no picture"], "label": [0, 1] * 3},
            "train row 5 is not an image",
        ),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, rows: dict[str, list[object]], message: str
) -> None:
    pd.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    config = DataConfig(
        name="parquet", path=str(tmp_path / "x.parquet"), validation_images=0, test_images=0
    )
    with pytest.raises(DataError, match=message):
        load_splits(config)


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"cannot read .*x\.parquet"):
        load_splits(DataConfig(name="parquet", path=str(tmp_path / "x.parquet")))


def test_an_image_at_a_url_is_not_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        for number, path in enumerate((url, f"zip://x.png::{url}")):
            file = tmp_path / f"{number}.parquet"
            rows = [{"image": {"path": path, "bytes": None}, "label": i % 2} for i in range(4)]
            pd.DataFrame(rows).to_parquet(file)
            config = DataConfig(name="parquet", path=str(file), validation_images=0, test_images=0)
            with pytest.raises(DataError, match=r"row 0 .*is not a file on this machine"):
                load_splits(config)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_folder_s_own_description_is_not_obeyed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.zip"
        write_folder(tmp_path / "f" / "train", 4)
        table = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "f"))["train"]
        (tmp_path / "p").mkdir()
        table.to_parquet(tmp_path / "p" / "train.parquet")
        for name, folder in (("image_folder", "f"), ("parquet", "p")):
            readme = f"---\nconfigs:\n- config_name: default\n  data_files: {url}\n---\n"
            (tmp_path / folder / "README.md").write_text(readme)
            config = DataConfig(
                name=name, path=str(tmp_path / folder), validation_images=0, test_images=0
            )
            assert len(load_splits(config).train.images) == 8
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_package_that_is_missing_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "train.h5").write_bytes(b"x")
    with pytest.raises(DataError, match=r"cannot read .*h5py"):
        load_splits(DataConfig(name="hub", path=str(tmp_path)))


def table(labels: list[str], names: list[str]) -> datasets.Dataset:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    )
    rows = {
        "image": [picture(value) for value in range(len(labels))],
        "label": [names.index(label) for label in labels],
    }
    return datasets.Dataset.from_dict(rows, features=features)


ANIMALS = ["cat", "dog", "eel"]


@pytest.mark.parametrize("key", ["val", "valid", "validation", "dev"])
def test_labels_are_matched_by_name_between_parts(tmp_path: Path, key: str) -> None:
    """Parts may list their classes in another order; the train part's order counts."""
    parts = {
        "train": table(6 * ANIMALS, ANIMALS),
        "Test": table(ANIMALS, ["eel", "cat", "dog"]),
        key: table(2 * ANIMALS, ["dog", "eel", "cat"]),
        "extra": table(ANIMALS, ANIMALS),
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    splits = load_splits(DataConfig(name="hub", path=str(tmp_path / "saved")))
    assert splits.class_names == ("cat", "dog", "eel")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [18, 6, 3]
    assert splits.test.labels.tolist() == [0, 1, 2]
    assert splits.validation.labels.tolist() == 2 * [0, 1, 2]
    (said,) = splits.left_out
    assert said.startswith("parts ['extra'] are left out")


def test_a_class_that_only_the_test_part_has_is_refused(tmp_path: Path) -> None:
    parts = {"train": table(6 * ["cat", "dog"], ["cat", "dog"]), "test": table(ANIMALS, ANIMALS)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"test part: 'eel' without train images"):
        load_splits(DataConfig(name="hub", path=str(tmp_path / "saved")))


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (["train", "test"], [8, 0, 12]),
        (["Train", "TEST", "Dev"], [12, 12, 12]),
        (["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001-0a1b"], [20, 4, 12]),
        (["train-0", "train-1", "test-12"], [20, 4, 12]),
        (["train/a", "train/b", "val/c"], [20, 12, 4]),
        (["cats_train", "dogs"], [18, 3, 3]),
        (["all[1]"], [6, 3, 3]),
    ],
)
def test_parquet_files_are_parts_by_their_whole_names(
    tmp_path: Path, files: list[str], parts: list[int]
) -> None:
    rows = pd.DataFrame({"image": [png(i) for i in range(12)], "label": [0, 1, 2] * 4})
    for file in files:
        path = tmp_path / "p" / f"{file}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path)
    counts = {
        f"{part}_images": count
        for part, count in zip(("train", "validation", "test"), parts, strict=True)
    }
    splits = load_splits(DataConfig(name="parquet", path=str(tmp_path / "p"), **counts))
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == parts


def test_parquet_files_that_may_be_parts_or_not_are_an_error(tmp_path: Path) -> None:
    rows = pd.DataFrame({"image": [png(i) for i in range(12)], "label": [0, 1, 2] * 4})
    for name in ("train", "more"):
        rows.to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=r"train\.parquet names a part .*more\.parquet does not"):
        load_splits(DataConfig(name="parquet", path=str(tmp_path)))


@pytest.mark.parametrize(
    ("labels", "class_names"),
    [
        (["dog", "cat", "eel"], ("cat", "dog", "eel")),
        ([True, False, True], ("False", "True")),
        ([10, 2, 10], ("2", "10")),
    ],
)
def test_labels_of_any_plain_type_are_read_by_name(
    tmp_path: Path, labels: list[object], class_names: tuple[str, ...]
) -> None:
    rows = {"image": [png(i) for i in range(12)], "label": 4 * labels}
    pd.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    config = DataConfig(
        name="parquet", path=str(tmp_path / "x.parquet"), validation_images=0, test_images=0
    )
    splits = load_splits(config)
    assert splits.class_names == class_names
    names = [class_names[label] for label in splits.train.labels]
    assert names == [str(label) for label in 4 * labels]


@pytest.mark.parametrize("kind", ["torch", "numpy", "pandas", "columns", "undecoded"])
def test_a_saved_format_changes_nothing(tmp_path: Path, kind: str) -> None:
    plain = table(6 * ANIMALS, ANIMALS)
    saved = plain
    if kind == "undecoded":
        saved = plain.cast_column("image", datasets.Image(decode=False))
    elif kind == "columns":
        saved.set_format("numpy", columns=["label"])
    else:
        saved = plain.with_format(kind)
    saved.save_to_disk(tmp_path / "saved")
    config = DataConfig(
        name="hub", path=str(tmp_path / "saved"), validation_images=0, test_images=0
    )
    splits = load_splits(config)
    assert corners(splits.train.images) == [*range(18)]
    assert splits.train.labels.tolist() == 6 * [0, 1, 2]


def test_parquet_files_of_two_parts_keep_their_own_order_of_class_names(tmp_path: Path) -> None:
    texts = ["cat", "dog", "eel"] * 6
    for part, names in (("train", ["cat", "dog", "eel"]), ("test", ["eel", "cat", "dog"])):
        features = datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
        )
        pictures = [Image.new("L", (4, 4), 10 * number) for number in range(len(texts))]
        labels = [names.index(text) for text in texts]
        table = datasets.Dataset.from_dict({"image": pictures, "label": labels}, features=features)
        table.to_parquet(str(tmp_path / f"{part}.parquet"))
    splits = load_splits(
        DataConfig(name="parquet", path=str(tmp_path), validation_images=3, test_images=None)
    )
    assert [splits.class_names[label] for label in splits.test.labels] == texts
