"""Columns of objects in Hugging Face sets: their forms, classes, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from datasets import ClassLabel, Features, List, Value

from tests.trainers.data.sources.coco_sets import coco_set, expected_objects
from trainers import DataConfig, DataError, ImageSplits, load_splits
from trainers.boxes import NO_OBJECT, is_kind
from trainers.data.generated.shape_outlines import CLASS_NAMES

BOX = List(Value("float32"), length=4)
NAMES = ClassLabel(names=list(CLASS_NAMES))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def saved(root: Path, form: str, objects: Any, **columns: list[int]) -> dict[str, Any]:
    """Save a set whose rows are the images of a set in COCO's format; return that one's content."""
    (content,) = coco_set(root / "coco", train=6).values()
    rows: dict[str, list[Any]] = {"image": [], "objects": []}
    for place, image in enumerate(content["images"]):
        own = [
            {"box": [r[0], r[1], r[2], r[3]], "label": int(r[4])}
            for r in expected_objects(content, place)
        ]
        if "xywh" in form:
            for each in own:
                left, top, right, bottom = each["box"]
                each["box"] = [left, top, right - left, bottom - top]
        if "text" in form:
            for each in own:
                each["label"] = CLASS_NAMES[each["label"]]
        keys = ("bbox", "category") if "xywh" in form else ("boxes", "labels")
        records = [dict(zip(keys, each.values(), strict=True)) for each in own]
        lists = {key: [each[key] for each in records] for key in keys}
        rows["image"].append(str(root / "coco" / "train" / image["file_name"]))
        rows["objects"].append(records if "records" in form else lists)
    features = Features(
        {"image": datasets.Image(), "objects": objects} | {key: Value("int64") for key in columns}
    )
    datasets.Dataset.from_dict(rows | columns, features=features).save_to_disk(str(root / "set"))
    return content


def loaded(root: Path, **settings: Any) -> ImageSplits:
    values = {"name": "hub", "path": str(root / "set"), "validation_images": 0, "test_images": 0}
    return load_splits(DataConfig.model_validate(values | {"image_size": [64, 64]} | settings))


FORMS = {
    "xywh lists": {"bbox": List(BOX), "category": List(NAMES)},
    "xywh records": List({"bbox": BOX, "category": NAMES}),
    "xyxy lists of text": {"boxes": List(BOX), "labels": List(Value("string"))},
    "xyxy records": List({"boxes": BOX, "labels": NAMES}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_usual_forms_are_read(root: Path, form: str) -> None:
    sizes = {"image_id": list(range(6))}  # another column of whole numbers
    content = saved(root, form, FORMS[form], **sizes)
    splits = loaded(root, box_format="xywh" if "xywh" in form else "xyxy")
    present = {row[4] for place in range(6) for row in expected_objects(content, place)}
    names = sorted(CLASS_NAMES[int(each)] for each in present) if "text" in form else CLASS_NAMES
    assert splits.class_names == tuple(names)
    for place, image in enumerate(content["images"]):
        expected = torch.tensor(expected_objects(content, place))
        expected[:, [0, 2]] *= 64 / image["width"]
        expected[:, [1, 3]] *= 64 / image["height"]
        labels = splits.train.labels[place]
        got = labels[~is_kind(labels, NO_OBJECT)]
        torch.testing.assert_close(got[:, :4], expected[:, :4], atol=1e-3, rtol=0)
        called = [names[int(each)] for each in got[:, 4]]
        assert called == [CLASS_NAMES[int(each)] for each in expected[:, 4]]


def test_another_form_of_boxes_is_said(root: Path) -> None:
    saved(root, "xyxy records", FORMS["xyxy records"])
    with pytest.raises(DataError, match=r"out of their image.*box_format=xywh"):
        loaded(root)


def test_stated_sizes_must_be_the_pictures(root: Path) -> None:
    sizes = {"height": [500] * 6, "width": [500] * 6}
    saved(root, "xywh records", FORMS["xywh records"], **sizes)
    with pytest.raises(DataError, match=r"its objects lie in \[500, 500\]"):
        loaded(root)


def test_objects_need_classes(root: Path) -> None:
    (content,) = coco_set(root / "coco", train=1).values()
    file = str(root / "coco" / "train" / content["images"][0]["file_name"])
    objects = List({"bbox": BOX, "area": Value("float32")})
    rows = {"image": [file], "objects": [[{"bbox": [1, 2, 3, 4], "area": 5}]]}
    features = Features({"image": datasets.Image(), "objects": objects})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(root / "set"))
    with pytest.raises(DataError, match=r"objects need one of the keys .* got bbox, area"):
        loaded(root)
