"""Sets in COCO's format: their objects, layouts, sizes and all that is wrong with them."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.trainers.data.sources.coco_sets import coco_set, expected_objects, part_of_shapes, write
from trainers import DataConfig, DataError, ImageSplits, PixelSettings, Recipe, load_splits
from trainers.batches.batches import Batches
from trainers.boxes import CROWD, NO_OBJECT, corners, is_kind
from trainers.data.generated.shape_outlines import CLASS_NAMES
from trainers.data.splits.reduced_images import reduced
from trainers.distributed.ranks import Ranks


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "coco"


def config_of(root: Path, **settings: Any) -> DataConfig:
    values = {"name": "coco", "path": str(root), "image_size": [48, 64], "loader_processes": 0}
    return DataConfig.model_validate(values | settings)


def loaded(root: Path, *, keep_ratio: bool = False, **settings: Any) -> ImageSplits:
    return load_splits(config_of(root, **settings), PixelSettings(keep_ratio=keep_ratio))


@pytest.mark.parametrize("keep_ratio", [False, True])
@pytest.mark.parametrize("decoding", ["once", "each_use"])
def test_boxes_follow_the_resizing(root: Path, decoding: str, keep_ratio: bool) -> None:
    contents = coco_set(root, train2017=6, val2017=3)
    splits = loaded(root, decoding=decoding, keep_ratio=keep_ratio, train_images=6, test_images=0)
    assert splits.class_names == CLASS_NAMES
    assert splits.has_objects
    assert [len(each) for each in (splits.train, splits.validation, splits.test)] == [6, 3, 0]
    for split, part in ((splits.train, "train2017"), (splits.validation, "val2017")):
        for place, image in enumerate(contents[part]["images"]):
            expected = torch.tensor(expected_objects(contents[part], place))
            across, down = 64 / image["width"], 48 / image["height"]
            if keep_ratio:
                across = down = min(across, down)
            expected *= torch.tensor([across, down, across, down, 1, 1])
            got = split.labels[place][~is_kind(split.labels[place], NO_OBJECT)]
            # whole pixels of the resized picture make its ratio a little different
            torch.testing.assert_close(got, expected, atol=0.5, rtol=0)
    pixels = splits.train.pixels(torch.arange(6))
    assert pixels.shape == (6, 3, 48, 64)


def test_splits_can_be_cut_and_joined(root: Path) -> None:
    coco_set(root, train2017=8, val2017=3)
    for decoding in ("once", "each_use"):
        splits = loaded(root, decoding=decoding)
        whole = splits.with_validation_in_train()
        assert len(whole.train) == len(splits.train) + 3
        again = pickle.loads(pickle.dumps(splits.train))
        assert again.digest() == splits.train.digest() != splits.validation.digest()
        half = reduced(splits, train_images=4, resolution=24)
        assert half.input_shape == (3, 24, 32)
        assert len(half.train) == 4
        small = reduced(splits, resolution=24)
        torch.testing.assert_close(corners(small.train.labels), corners(splits.train.labels) / 2)


@pytest.mark.parametrize(
    "augmentation", [{"scale_jitter": {"factor": [0.5, 1.5]}}, {"resized_crop": {"area": [0.5, 1]}}]
)
def test_boxes_follow_crops_that_are_cut_as_pictures_are_decoded(
    root: Path, augmentation: dict[str, Any]
) -> None:
    """A picture is white where its one object is: so must the crop be where the moved box is."""
    content = part_of_shapes(root / "train", 12, 0)
    for image in content["images"]:
        own = next(each for each in content["annotations"] if each["image_id"] == image["id"])
        own["iscrowd"] = 0
        left, top, width, height = own["bbox"] = [round(side) for side in own["bbox"]]
        pixels = np.zeros((image["height"], image["width"]), np.uint8)
        pixels[top : top + height, left : left + width] = 255
        Image.fromarray(pixels).save(root / "train" / image["file_name"])
        content["annotations"] = [
            each
            for each in content["annotations"]
            if each is own or each["image_id"] != image["id"]
        ]
    write(root, "train", content)
    splits = loaded(root, decoding="each_use", validation_images=0, test_images=0)
    recipe = Recipe.model_validate(
        {"epochs": 1, "batch_size": 12, "learning_rate": 0.1}
        | {"augmentation": augmentation | {"horizontal_flip": True}}
    )
    batches = Batches(
        splits,
        recipe,
        seed=1,
        device=torch.device("cpu"),
        channels_last=False,
        ranks=Ranks(None),
    )
    stream = batches.training(0)
    kept = 0
    for _ in range(3):
        images, objects = next(stream)
        black, bright = images[:, 0].amin(), images[:, 0].amax()
        white = images[:, 0] > black + 0.6 * (bright - black)
        for inside, own in zip(white, objects, strict=True):
            if own[0, 5] == NO_OBJECT:
                continue
            kept += 1
            rows, columns = inside.nonzero(as_tuple=True)
            drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            torch.testing.assert_close(own[0, :4], torch.tensor(drawn).float(), atol=1.5, rtol=0)
    assert kept > 20


def test_crowds_and_images_without_objects(root: Path) -> None:
    (content,) = coco_set(root, train2017=5).values()
    without = content["images"][2]["id"]
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != without]
    write(root, "train2017", content)
    labels = loaded(root, validation_images=0, test_images=0).train.labels
    assert is_kind(labels[2], NO_OBJECT).all()
    crowds = sum(each["iscrowd"] for each in content["annotations"])
    assert is_kind(labels, CROWD).sum() == crowds > 0


def test_coco_of_other_layouts(root: Path, tmp_path: Path) -> None:
    """Images beside the annotations, in ``images`` or in ``images/PART``; one file alone."""
    coco_set(root, train2017=4)
    expected = loaded(root, validation_images=0, test_images=0)
    layouts = {
        "roboflow/train": "roboflow/train/_annotations.coco.json",
        "plain/images": "plain/train.json",
        "nested/images/train": "nested/annotations/train.json",
        "one": "one/anything.json",
    }
    for images, file in layouts.items():
        shutil.copytree(root / "train2017", tmp_path / images)
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(root / "annotations" / "instances_train2017.json", tmp_path / file)
        path = tmp_path / (file if images == "one" else Path(file).parts[0])
        splits = loaded(path, validation_images=0, test_images=0)
        assert torch.equal(splits.train.labels, expected.train.labels)
        assert torch.equal(splits.train.images, expected.train.images)


def test_other_files_are_named(root: Path) -> None:
    coco_set(root, train2017=4, val2017=2)
    (root / "annotations" / "captions_train2017.json").write_text("{}")
    splits = loaded(root, test_images=0)
    assert splits.left_out == (
        "1 JSON files that name no part are left out: 'annotations/captions_train2017.json'",
    )


def broken(content: dict[str, Any]) -> list[str]:
    """Break a set in every way at once; return what must be said."""
    images, annotations = content["images"], content["annotations"]
    by_image = [
        next(each for each in annotations if each["image_id"] == image["id"]) for image in images
    ]
    by_image[0]["bbox"][2] = 0
    by_image[1]["bbox"][0] += 500
    by_image[2]["category_id"] = 7
    by_image[3]["bbox"][1] = float("nan")
    annotations.append(by_image[4] | {"image_id": 9999, "id": 77777})
    annotations.append(by_image[4])
    images[5]["height"] += 1
    images[6]["file_name"] = "gone.png"
    return [
        "1 boxes are empty (no width or no height): 'train2017/000000000000.png object 0'",
        "1 boxes reach 2 pixels or more out of their image, or lie outside: "
        "'train2017/000000000001.png object 0'",
        "1 objects have no class: 'train2017/000000000002.png object 0'",
        "1 boxes have an edge that is no finite number: 'train2017/000000000003.png object 0'",
        "1 annotations are of no image: 'id 77777'",
        f"1 annotation ids occur more than once: '{by_image[4]['id']}'",
        "train2017/000000000005.png is [",
        "train2017/gone.png cannot be read: ",
    ]


def test_all_that_is_wrong_is_said_at_once(root: Path) -> None:
    (content,) = coco_set(root, train2017=9).values()
    said = broken(content)
    write(root, "train2017", content)
    with pytest.raises(DataError) as raised:
        loaded(root, validation_images=0, test_images=0)
    for line in said:
        assert line in str(raised.value)


def test_wrong_boxes_and_pictures_can_be_left_out(root: Path) -> None:
    (content,) = coco_set(root, train2017=9).values()
    broken(content)
    del content["annotations"][-2:]
    write(root, "train2017", content)
    splits = loaded(root, skip_damaged=True, validation_images=0, test_images=0)
    assert len(splits.train) == 7
    assert sum("they are left out" in line for line in splits.left_out) == 4
    assert any("2 images that cannot be decoded are left out" in line for line in splits.left_out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("categories"), "not of COCO's format .* no key 'categories'"),
        (lambda content: content["images"][0].pop("width"), "no key 'width'"),
        (lambda content: content["annotations"][0].update(bbox=[1, 2]), "instances_train2017.json"),
        (
            lambda content: content["images"][0].update(file_name="../../secret.png"),
            "files lie outside the set's folder: '../../secret.png'",
        ),
        (
            lambda content: content.update(
                images=[{**i, "file_name": "x"} for i in content["images"]]
            ),
            "'x', the first image of .* and 3 more lie in none of the folders",
        ),
    ],
)
def test_what_is_no_set_is_one_line(root: Path, change: Any, message: str) -> None:
    (content,) = coco_set(root, train2017=4).values()
    change(content)
    write(root, "train2017", content)
    with pytest.raises(DataError, match=message) as raised:
        loaded(root)
    assert "\n" not in str(raised.value)


def test_a_set_without_annotations_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        loaded(root)
    root.mkdir()
    (root / "captions.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match=r"no annotations of a train part.*only 'captions.json'"):
        loaded(root)


def test_objects_are_not_cropped_away(root: Path) -> None:
    coco_set(root, train2017=4)
    with pytest.raises(DataError, match="crop_fraction must be 1 for objects in images"):
        load_splits(
            config_of(root, validation_images=0, test_images=0), PixelSettings(crop_fraction=0.9)
        )
