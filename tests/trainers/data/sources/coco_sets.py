"""Small sets in the format of COCO, made of generated shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainers.boxes import CROWD
from trainers.data.generated.shape_outlines import CLASS_NAMES
from trainers.data.generated.shapes import shapes_image
from trainers.data.generated.shapes_settings import ShapesSettings

CATEGORIES = [{"id": 10 * place + 1, "name": name} for place, name in enumerate(CLASS_NAMES)]


def part_of_shapes(folder: Path, images: int, seed: int) -> dict[str, Any]:
    """Write pictures of several sizes; return the content of their annotations' file."""
    folder.mkdir(parents=True)
    listed, annotations = [], []
    for number in range(images):
        rng = np.random.default_rng((seed, number))
        side = int(rng.integers(60, 90))
        pixels, objects = shapes_image(ShapesSettings(pixels=side, most_objects=4), rng)
        wide = np.pad(pixels, ((0, 0), (0, 0), (0, 20)))
        name = f"{number:012d}.png"
        Image.fromarray(wide.transpose(1, 2, 0)).save(folder / name)
        image_id = 500 - number  # ids are in no order
        listed.append({"id": image_id, "file_name": name, "height": side, "width": side + 20})
        for left, top, right, bottom, label, _ in objects.tolist():
            annotations.append(
                {
                    "id": 1000 * seed + len(annotations),
                    "image_id": image_id,
                    "category_id": CATEGORIES[int(label)]["id"],
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": int(len(annotations) % 7 == 3),
                    "area": 1.0,
                }
            )
    return {"images": listed, "annotations": annotations, "categories": CATEGORIES}


def coco_set(root: Path, **images: int) -> dict[str, dict[str, Any]]:
    """Write a set in COCO's own layout; return the content of each part's file."""
    contents = {}
    for seed, (part, count) in enumerate(images.items()):
        contents[part] = part_of_shapes(root / part, count, seed)
        write(root, part, contents[part])
    return contents


def write(root: Path, part: str, content: dict[str, Any]) -> None:
    file = root / "annotations" / f"instances_{part}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))


def expected_objects(content: dict[str, Any], place: int) -> list[list[float]]:
    """The objects of an image as rows of :mod:`trainers.boxes`."""
    image = content["images"][place]
    rows = []
    for each in content["annotations"]:
        if each["image_id"] == image["id"]:
            left, top, width, height = each["bbox"]
            kind = CROWD if each["iscrowd"] else 1
            label = (each["category_id"] - 1) / 10
            rows.append([left, top, left + width, top + height, label, kind])
    return rows
