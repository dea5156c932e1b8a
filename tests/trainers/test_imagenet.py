"""ImageNet's usual folder, its Parquet files and the hub's set; names of its classes."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from trainers import DataConfig, DataError, ImageSplits, load_splits

CRANE, TENCH, OTHER_CRANE = "n02012849", "n01440764", "n03126707"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def picture(value: int) -> Image.Image:
    pixels = np.random.default_rng(value).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    pixels[0, 0] = value
    return Image.fromarray(pixels)


def write_imagenet(folder: Path) -> Path:
    for part, count in (("train", 10), ("val", 3)):
        for offset, synset in enumerate((CRANE, OTHER_CRANE, TENCH)):
            (folder / part / synset).mkdir(parents=True)
            for number in range(count):
                image = picture(20 * offset + number)
                image.save(folder / part / synset / f"{synset}_{number}.JPEG")
    (folder / "test").mkdir()
    picture(1).save(folder / "test" / "ILSVRC2012_test_00000001.JPEG")  # without labels
    return folder


def loaded(path: Path | None, **settings: object) -> ImageSplits:
    values = {"name": "imagenet", "path": path and str(path)} | settings
    return load_splits(DataConfig.model_validate(values))


def test_test_images_are_the_validation_part(tmp_path: Path) -> None:
    assert DataConfig(name="imagenet").test_part == "validation"
    assert DataConfig(name="cifar10").test_part == "test"
    splits = loaded(write_imagenet(tmp_path / "imagenet"))
    assert splits.class_names == (TENCH, CRANE, OTHER_CRANE)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [24, 6, 9]
    assert splits.test.labels.tolist() == 3 * [0] + 3 * [1] + 3 * [2]
    with pytest.raises(DataError, match=r"test part: 1 files, .* lie in no folder of a class"):
        loaded(tmp_path / "imagenet", test_part="test")


def test_names_are_the_first_lemmas_and_those_alike_keep_their_synset(tmp_path: Path) -> None:
    folder = write_imagenet(tmp_path / "imagenet")
    lines = {TENCH: "tench, Tinca tinca", CRANE: "crane", OTHER_CRANE: "crane", "n00000001": "x"}
    names = ("tench", f"crane ({CRANE})", f"crane ({OTHER_CRANE})")
    text = "\n".join(f"{synset} {lemmas}" for synset, lemmas in reversed(lines.items()))
    (folder / "classes.txt").write_text("tench, Tinca tinca\ncrane\ncrane\n")
    assert loaded(folder).class_names == names
    (folder / "LOC_synset_mapping.txt").write_text(text + "\n")
    assert loaded(folder).class_names == names
    (folder / "LOC_synset_mapping.txt").write_text(f"{TENCH} tench")
    with pytest.raises(DataError, match=f"has no line for the classes '{CRANE}', '{OTHER_CRANE}'"):
        loaded(folder)
    (folder / "LOC_synset_mapping.txt").write_text("tench\ncrane\n")
    with pytest.raises(DataError, match=r"must name the 3 classes in their order, .* got 2 lines"):
        loaded(folder)


def test_a_flat_validation_folder_is_said_to_need_folders(tmp_path: Path) -> None:
    folder = write_imagenet(tmp_path / "imagenet")
    for synset in (TENCH, CRANE, OTHER_CRANE):
        for file in (folder / "val" / synset).iterdir():
            file.rename(folder / "val" / f"ILSVRC2012_val_{file.name}")
        (folder / "val" / synset).rmdir()
    with pytest.raises(
        DataError,
        match=rf"validation part: 9 files, such as 'val/ILSVRC2012_val_{TENCH}_0.JPEG', lie in no "
        rf"folder of a class: .* such as 'val/{TENCH}/ILSVRC2012_val_{TENCH}_0.JPEG'",
    ):
        loaded(folder)


def tables(count: int) -> datasets.DatasetDict:
    """As the hub has it: names are all lemmas, and the test part's labels are -1."""
    names = ["tench, Tinca tinca", "crane", "crane, a machine"]
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    )

    def part(count: int, *labels: int) -> datasets.Dataset:
        rows = {
            "image": [picture(number) for number in range(count)],
            "label": [labels[number % len(labels)] for number in range(count)],
        }
        return datasets.Dataset.from_dict(rows, features=features)

    return datasets.DatasetDict(
        train=part(count, 0, 1, 2), validation=part(6, 0, 1, 2), test=part(4, -1)
    )


@pytest.mark.parametrize("form", ["saved", "parquet", "hub"])
def test_the_hub_s_tables_in_any_form(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder: Path | None = tmp_path / form
    if form == "saved":
        tables(30).save_to_disk(folder)
    elif form == "parquet":
        for part, table in tables(30).items():
            table.to_parquet(folder / "data" / f"{part}-00000-of-00001.parquet")
    else:
        folder = None
        hub = {"ILSVRC/imagenet-1k": tables(30)}
        monkeypatch.setattr(datasets, "load_dataset", hub.__getitem__)
    splits = loaded(folder)
    assert splits.class_names == ("tench", "crane", "crane, a machine")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [24, 6, 6]
    assert splits.test.labels.tolist() == 2 * [0, 1, 2]


def test_a_set_that_is_missing_is_one_message_with_the_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "`hf download ILSVRC/imagenet-1k --repo-type dataset --local-dir FOLDER` after"
    with pytest.raises(DataError) as raised:
        loaded(tmp_path / "nothing")
    assert str(raised.value).startswith("data set 'imagenet': the path ")
    assert f"does not exist; get it once by {command}" in str(raised.value)

    def unreachable(name: str) -> None:
        raise ConnectionError(f"Couldn't reach {name!r} on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError, match=r"Couldn't reach 'ILSVRC/imagenet-1k' .*; get it once by"):
        loaded(None)
    with pytest.raises(DataError) as raised:
        load_splits(DataConfig(name="cifar10"))
    assert (
        "`hf download uoft-cs/cifar10 --repo-type dataset --local-dir FOLDER`, and set data.path"
        in str(raised.value)
    )
