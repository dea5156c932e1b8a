"""Tar shards: samples, parts and labels, the index that is kept, and all that can be wrong."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainers import DataConfig, DataError, ImageSplits, load_splits
from trainers.data.fingerprint import fingerprint_of
from trainers.data.pictures.pixels import decoded_upright
from trainers.data.sources import tar_index
from trainers.data.sources.labelled_set import LabelledSet, Pictures
from trainers.data.sources.tar_shards import read_tar_shards

Files = list[tuple[str, bytes]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "convattn" / "tar_shards"


def first_pixel(pictures: Pictures, index: int) -> object:
    file = pictures.file(index)
    assert file is not None
    return decoded_upright(file).getpixel((0, 0))


def png(value: int) -> bytes:
    pixels = np.random.default_rng(value).integers(0, 256, (3, 4)).astype(np.uint8)
    pixels[0, 0] = value
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sample(key: str, value: int, label: object) -> Files:
    return [(f"{key}.png", png(value)), (f"{key}.cls", str(label).encode())]


def write(path: Path, files: Files, mode: str = "w", **settings: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, **settings) as shard:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))


def write_shard(path: Path, first: int, count: int, classes: tuple[object, ...] = (0, 1)) -> None:
    numbers = range(first, first + count)
    write(path, [file for n in numbers for file in sample(f"{n:06}", n, classes[n % len(classes)])])


def labelled(path: Path) -> LabelledSet:
    return read_tar_shards(DataConfig(name="tar_shards", path=str(path)))


def loaded(path: Path, **settings: object) -> ImageSplits:
    values = {"name": "tar_shards", "path": str(path)} | settings
    return load_splits(DataConfig.model_validate(values))


def corners(splits: ImageSplits) -> dict[str, list[int]]:
    return {
        name: getattr(splits, name).images[:, 0, 0, 0].tolist()
        for name in ("train", "validation", "test")
    }


@pytest.mark.parametrize(
    "names",
    [
        ("train-000000", "train-000001", "val-000000", "test"),
        ("Train-00000-of-00002", "Train-00001-of-00002", "Validation-0", "test-0"),
        ("train/000000", "train/000001", "dev/a", "test/b"),
    ],
)
def test_shards_are_parts_by_their_whole_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        write_shard(tmp_path / "s" / f"{name}.tar", 6 * number, 6)
    splits = loaded(tmp_path / "s")
    assert corners(splits) == {
        "train": [*range(12)],
        "validation": [*range(12, 18)],
        "test": [*range(18, 24)],
    }
    assert splits.train.labels.tolist() == 6 * [0, 1]
    assert splits.class_names == ("0", "1")


def test_one_shard_or_those_without_a_part_are_the_train_part(tmp_path: Path) -> None:
    for number in range(2):
        write_shard(tmp_path / "s" / f"data_train_{number}.tar", 10 * number, 10)
    none = {"validation_images": 0, "test_images": 0}
    assert corners(loaded(tmp_path / "s", **none))["train"] == [*range(20)]
    alone = loaded(tmp_path / "s" / "data_train_1.tar", **none)
    assert corners(alone)["train"] == [*range(10, 20)]


def test_samples_are_the_files_of_a_key_in_any_order(tmp_path: Path) -> None:
    long_key = "folder/" + 150 * "x"
    write(
        tmp_path / "s" / "train.tar",
        [
            ("./a.cls", b" dog\n"),
            ("b.json", json.dumps({"label": "cat", "cls": 7, "height": 3}).encode()),
            ("a.PNG", png(1)),
            ("c.png", png(3)),
            ("b.png", png(2)),
            ("b.seg.png", png(9)),
            ("c.txt", b"a caption"),
            ("c.json", b'{"cls": "dog"}'),
            ("._c.png", b"of another system"),
            (f"{long_key}.png", png(4)),
            (f"{long_key}.cls", b"cat"),
            ("ü.cls", b"cat"),
            ("ü.json", b'{"label": "dog"}'),
            ("ü.png", png(5)),
            ("about.json", b'{"made": "by hand"}'),
        ],
    )
    part = labelled(tmp_path / "s").parts["train"]
    names = [part.pictures.name(index) for index in range(len(part.labels))]
    expected = ["a.PNG", "b.png", "c.png", f"{long_key}.png", "ü.png"]
    assert names == [f"train.tar/{name}" for name in expected]
    assert [decoded_upright(part.pictures.file(index)).getpixel((0, 0)) for index in range(5)] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert part.labels.tolist() == [1, 0, 1, 0, 0]
    (said,) = labelled(tmp_path / "s").left_out
    assert said.startswith("4 files in the shards that are neither pictures nor labels are left")
    assert {"1 .seg.png", "1 .txt", "1 .json"} <= set(said.split(": ")[1].split(", "))


@pytest.mark.parametrize(
    ("classes", "class_names", "labels"),
    [
        (["dog", "cat", "eel"], ("cat", "dog", "eel"), [1, 0, 2]),
        ([10, 2, 10], ("2", "10"), [1, 0, 1]),
        (["007", 7, 8], ("7", "8"), [0, 0, 1]),
    ],
)
def test_labels_are_read_by_name(
    tmp_path: Path, classes: list[object], class_names: tuple[str, ...], labels: list[int]
) -> None:
    write_shard(tmp_path / "s" / "train.tar", 0, 6, tuple(classes))
    read = labelled(tmp_path / "s")
    assert read.class_names == class_names
    assert read.parts["train"].labels.tolist() == 2 * labels


def test_a_file_of_classes_gives_names_and_order(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "train.tar", 0, 6, (2, "ant", 1))
    (tmp_path / "s" / "classes.txt").write_text("eel\ncat\nant\n")
    (tmp_path / "s" / "README.md").write_text("x")
    read = labelled(tmp_path / "s")
    assert read.class_names == ("eel", "cat", "ant")
    assert read.parts["train"].labels.tolist() == [2, 2, 1, 2, 2, 1]
    assert read.left_out == ("1 files that are no shards are left out: 'README.md'",)
    (tmp_path / "s" / "classes.txt").write_text("eel\ncat\n")
    with pytest.raises(
        DataError, match=r"classes.txt has no class '2' \(such as 000000.png\), 'ant' \(such as"
    ):
        labelled(tmp_path / "s")
    for text, message in (("", "nothing"), ("a\n\nb\n", "empty line 2"), ("a\nb\na", "'a' twice")):
        (tmp_path / "s" / "classes.txt").write_text(text)
        with pytest.raises(DataError, match=message):
            labelled(tmp_path / "s")


def test_the_index_is_made_once_and_again_where_a_shard_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    whole = tar_index._make
    monkeypatch.setattr(tar_index, "_make", lambda *args: made.append(1) or whole(*args))
    shard = tmp_path / "s" / "train.tar"
    write_shard(shard, 0, 6)
    first, again = labelled(tmp_path / "s"), labelled(tmp_path / "s")
    assert len(made) == 1
    assert fingerprint_of(first) == fingerprint_of(again)
    assert again.parts["train"].pictures.name(5) == "train.tar/000005.png"
    os.utime(shard, ns=(1, 1))
    labelled(tmp_path / "s")
    assert len(made) == 2
    write_shard(tmp_path / "s" / "val.tar", 6, 2)
    assert len(labelled(tmp_path / "s").parts["validation"].labels) == 2
    assert len(made) == 3
    assert len(list(cache.iterdir())) == 1  # of one folder, and no unfinished file


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other", "text"])
def test_a_damaged_index_is_made_again(
    tmp_path: Path, cache: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_shard(tmp_path / "s" / "train.tar", 0, 6)
    before = fingerprint_of(labelled(tmp_path / "s"))
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    if damage == "other":
        np.savez(file, places=np.zeros(3))
    elif damage == "flipped":
        content[300] ^= 0xFF
        file.write_bytes(content)
    else:
        kept = {"empty": b"", "cut": content[: len(content) // 2], "text": b"hello"}
        file.write_bytes(kept[damage])
    assert fingerprint_of(labelled(tmp_path / "s")) == before
    assert "is damaged" in caplog.text
    caplog.clear()
    labelled(tmp_path / "s")
    assert not caplog.text


def test_without_a_cache_folder_the_index_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_shard(tmp_path / "s" / "train.tar", 0, 6)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(labelled(tmp_path / "s").parts["train"].labels) == 6
    assert "cannot be read or kept" in caplog.text


def _truncate(kept: int) -> Callable[[Path], None]:
    def change(shard: Path) -> None:
        shard.write_bytes(shard.read_bytes()[:kept])

    return change


def _overwrite_a_header(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[1024:1536] = b"x" * 512
    shard.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_truncate(700), r"train\.tar is truncated"),  # within a picture
        (_truncate(1024 + 100), r"train\.tar is truncated: it ends at byte 1124"),  # a header
        (_truncate(2048), r"train\.tar is truncated"),  # between two files
        (_truncate(0), r"train\.tar is truncated, or no tar file: empty file"),
        (_overwrite_a_header, r"train\.tar is damaged: no header of a file at byte 1024"),
    ],
)
def test_a_shard_that_is_not_whole_is_refused(
    tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    shard = tmp_path / "s" / "train.tar"
    write_shard(shard, 0, 6)
    change(shard)
    with pytest.raises(DataError, match=message):
        labelled(tmp_path / "s")


def test_compressed_shards_are_refused_with_the_reason(tmp_path: Path) -> None:
    files = sample("a", 1, 0) + sample("b", 2, 1)
    write(tmp_path / "one" / "train.tar.gz", files, "w:gz")
    write(tmp_path / "two" / "train.tar", files, "w:xz")
    with pytest.raises(DataError, match=r"'train.tar.gz' are compressed: .* unpack them"):
        labelled(tmp_path / "one")
    with pytest.raises(DataError, match=r"train.tar is compressed by xz: .* unpack it"):
        labelled(tmp_path / "two")


def test_all_that_is_wrong_with_samples_is_said_at_once(tmp_path: Path) -> None:
    write(
        tmp_path / "s" / "train-0.tar",
        [
            ("none.png", png(1)),
            ("label.cls", b"0"),
            *sample("two", 2, 1),
            ("two.jpg", png(3)),
            ("two.cls", b"0"),
        ],
    )
    write(
        tmp_path / "s" / "train-1.tar",
        [
            *sample("minus", 4, -1),
            ("x.json", b"{"),
            ("y.json", b'{"label": 0.5}'),
            ("z.cls", b""),
        ],
    )
    write(tmp_path / "s" / "train-2.tar", [("alone.png", png(1))])
    with pytest.raises(DataError) as raised:
        labelled(tmp_path / "s")
    first, *others = str(raised.value).splitlines()
    assert first == "data set 'tar_shards': 6 problems:"
    assert [line.split(": ")[0].strip() for line in others] == [
        "train-0.tar/two.cls is there twice",
        "train-1.tar/minus.cls is no label",
        "train-1.tar/x.json is no label",
        "train-1.tar/y.json is no label",
        "train-1.tar/z.cls is no label",
        "train-2.tar, key 'alone' has no label, alone.cls or alone.json",
    ]
    write(
        tmp_path / "s" / "train-0.tar",
        [("none.png", png(1)), ("label.cls", b"0"), *sample("two", 2, 1), ("two.jpg", png(3))],
    )
    (tmp_path / "s" / "train-1.tar").unlink()
    (tmp_path / "s" / "train-2.tar").unlink()
    with pytest.raises(DataError) as raised:
        labelled(tmp_path / "s")
    assert str(raised.value).splitlines()[1:] == [
        "  train-0.tar, key 'none' has no label, none.cls or none.json",
        "  train-0.tar, key 'label' has a label and no picture",
        "  train-0.tar, key 'two' has several pictures: two.png, two.jpg",
    ]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": (0, 1), "test": (0, 5)}, "test part: '5' without train images"),
        ({"train": ("a",)}, "only one class, 'a'"),
        ({"train": (1, 2_000_000)}, r"label 2000000, over 1,000,000"),
        ({"test": (0, 1)}, "has no train part, only test"),
        ({"train": (0, 1), "more": (0, 1)}, r"train.tar names a part .*more.tar does not"),
    ],
)
def test_sets_that_cannot_be_used(
    tmp_path: Path, parts: dict[str, tuple[object, ...]], message: str
) -> None:
    for number, (part, classes) in enumerate(parts.items()):
        write_shard(tmp_path / "s" / f"{part}.tar", 10 * number, 4, classes)
    with pytest.raises(DataError, match=message):
        loaded(tmp_path / "s", validation_images=0, test_images=0)


def test_missing_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing' does not exist"):
        labelled(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"it holds no file \*\.tar"):
        labelled(tmp_path / "empty")


def test_a_damaged_picture_and_a_shard_that_shrank_are_named(tmp_path: Path) -> None:
    shard = tmp_path / "s" / "train.tar"
    files = sample("a", 1, 0) + sample("b", 2, 1) + sample("c", 3, 0)
    files[2] = ("b.png", png(2)[:50])
    write(shard, files)
    with pytest.raises(DataError, match=r"train.tar/b.png cannot be read"):
        loaded(tmp_path / "s", validation_images=0, test_images=0)
    pictures = labelled(tmp_path / "s").parts["train"].pictures
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(OSError, match="the shard ends before byte"):
        pictures.file(2)


def test_no_shard_stays_open_and_a_forked_reader_disturbs_no_other(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "train.tar", 0, 40)
    pictures = labelled(tmp_path / "s").parts["train"].pictures
    before = len(os.listdir("/proc/self/fd"))
    child = os.fork()
    if child == 0:
        right = all(pictures.file(index).getvalue() == png(index) for index in range(40))
        os._exit(0 if right else 1)
    assert [decoded_upright(pictures.file(index)).getpixel((0, 0)) for index in range(40)] == [
        *range(40)
    ]
    assert os.waitpid(child, 0)[1] == 0
    assert len(os.listdir("/proc/self/fd")) == before
