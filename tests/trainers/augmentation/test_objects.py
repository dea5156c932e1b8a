"""Objects follow their images: a box encloses what is to be seen of its object, or has left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trainers import Augmentation
from trainers.augmentation.augment import build_augmentation
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.objects import (
    LEAST_VISIBLE,
    ObjectAugmentation,
    moved_objects,
    without,
)
from trainers.boxes import CROWD, NO_OBJECT, OBJECT, classes, corners, is_kind
from trainers.data.generated.shape_outlines import CLASS_NAMES, Shape

SIDE = 64
GEOMETRY: dict[str, st.SearchStrategy[Any]] = {
    "horizontal_flip": st.booleans(),
    "crop_padding_pixels": st.integers(0, 24),
    "rotation_degrees": st.floats(0, 180),
    "translation_fraction": st.floats(0, 0.6),
    "scale_fraction": st.floats(0, 0.6),
    "shear_degrees": st.floats(0, 40),
    "resized_crop": st.none()
    | st.builds(
        lambda area, ratio: {"area": [area, 1], "ratio": [1 / ratio, ratio]},
        st.floats(0.25, 1),
        st.floats(1, 2),
    ),
    "scale_jitter": st.none()
    | st.builds(
        lambda low, high: {"factor": [low, low + high]}, st.floats(0.3, 1), st.floats(0, 1)
    ),
    "policy": st.none()
    | st.builds(
        lambda operations, magnitude: {
            "name": "rand_augment",
            "operations": operations,
            "magnitude": magnitude,  # of more, a black ground may become white
        },
        st.integers(1, 3),
        st.integers(0, 20),
    ),
    "erasing_probability": st.sampled_from([0.0, 1.0]),
}


def drawn_shape(kind: int, turn: float, side: float, x: float, y: float) -> Shape:
    shape = Shape.of(kind, turn, side)
    _, _, width, height = shape.box
    return shape.moved(complex(x * (SIDE - width), y * (SIDE - height)))


SHAPES = st.builds(
    drawn_shape,
    st.integers(0, len(CLASS_NAMES) - 1),
    st.floats(-180, 180),
    st.floats(8, 48),
    st.floats(0, 1),
    st.floats(0, 1),
)


def white_on_black(shape: Shape) -> torch.Tensor:
    image = torch.zeros(1, 3, SIDE, SIDE)
    rows, columns, coverage = shape.coverage()
    image[:, :, rows, columns] = torch.from_numpy(coverage)
    return image


def one_object(shape: Shape, kind: int = OBJECT) -> torch.Tensor:
    return torch.tensor([[[*shape.box, shape.kind, kind]]])


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.fixed_dictionaries({}, optional=GEOMETRY), st.integers(0, 10**6))
def test_a_box_encloses_what_is_seen_of_its_object(
    shape: Shape, changes: dict[str, Any], seed: int
) -> None:
    if changes.get("resized_crop"):  # they exclude each other
        changes.pop("scale_jitter", None)
    augmentation = Augmentation.model_validate(changes)
    size = (48, 56) if augmentation.crop else (SIDE, SIDE)
    draws = ImageDraws.of(seed, 0, torch.tensor([0]))
    image = build_augmentation(augmentation, size)(white_on_black(shape), draws)
    moved = ObjectAugmentation(augmentation, size)(one_object(shape), draws, (SIDE, SIDE))
    assert moved.shape == (1, 1, 6)
    rows, columns = np.nonzero(image[0, 0].numpy() > 0.6)
    if moved[0, 0, 5] == NO_OBJECT:
        assert not moved.any()
        return
    left, top, right, bottom = corners(moved)[0, 0].tolist()
    assert 0 <= left < right <= size[1]
    assert 0 <= top < bottom <= size[0]
    assert classes(moved).item() == shape.kind
    if len(rows):
        # sampling spreads an edge over a pixel, which a crop enlarges to two and a policy sharpens
        spread = 1 + (augmentation.crop is not None) + 2 * (augmentation.policy is not None)
        assert left - spread <= columns.min()
        assert columns.max() + 1 <= right + spread
        assert top - spread <= rows.min()
        assert rows.max() + 1 <= bottom + spread


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 10**6))
def test_flips_and_shifts_keep_a_box_tight(shape: Shape, seed: int) -> None:
    augmentation = Augmentation(horizontal_flip=True, crop_padding_pixels=12)
    draws = ImageDraws.of(seed, 0, torch.tensor([0]))
    size = (SIDE, SIDE)
    image = build_augmentation(augmentation, size)(white_on_black(shape), draws)
    moved = ObjectAugmentation(augmentation, size)(one_object(shape), draws, size)
    box = corners(moved)[0, 0].tolist()
    left, top, right, bottom = shape.box
    extents = np.subtract(box[2:], box[:2])
    # the edge cuts a box as it cuts its shape, but what is left of the shape may be narrower
    assume(np.allclose(extents, (right - left, bottom - top), atol=1e-3))
    _, covered_rows, covered_columns = np.nonzero(image[0, :1].numpy() > 0.1)
    drawn = (
        covered_columns.min(),
        covered_rows.min(),
        covered_columns.max() + 1,
        covered_rows.max() + 1,
    )
    assert (
        np.abs(np.subtract(box, drawn)).max() < 3
    )  # a sharp corner covers little of its last pixels


@pytest.mark.parametrize(
    ("shift", "kind", "stays"),
    [
        (0.0, OBJECT, True),
        (-20 + 10 * LEAST_VISIBLE + 0.01, OBJECT, True),
        (-20 + 10 * LEAST_VISIBLE - 0.01, OBJECT, False),
        (0.0, CROWD, True),
        (-20.0, CROWD, False),
        (0.0, NO_OBJECT, False),
    ],
)
def test_too_little_of_a_box_is_none(shift: float, kind: int, stays: bool) -> None:
    """A box 10 wide, from 10 to 20: of 10 + shift to 20 + shift, a quarter must be right of 0."""
    objects = torch.tensor([[[10.0, 10, 20, 20, 3, kind]]])
    maps = torch.eye(3)[None].clone()
    maps[0, 0, 2] = shift
    moved = without(*moved_objects(objects, maps, (32, 32)))
    assert is_kind(moved, NO_OBJECT).item() is not stays
    if stays:
        assert moved[0, 0].tolist() == pytest.approx(
            [max(0, 10 + shift), 10, 20 + shift, 20, 3, kind]
        )
    else:
        assert not moved.any()


def test_a_sliver_is_none() -> None:
    """A side of the visible part must have a pixel, whatever its share."""
    slim = torch.tensor([[[10.0, 10, 10.9, 20, 0, OBJECT], [10, 10, 11, 20, 0, OBJECT]]])
    moved = without(*moved_objects(slim, torch.eye(3)[None], (32, 32)))
    assert moved[..., 5].tolist() == [[NO_OBJECT, OBJECT]]


def test_an_image_keeps_its_objects_whatever_batch_it_is_in() -> None:
    augmentation = Augmentation(rotation_degrees=30, policy={"name": "trivial_augment"})
    augment = ObjectAugmentation(augmentation, (SIDE, SIDE))
    objects = torch.cat([one_object(drawn_shape(k, 10, 20, 0.5, 0.5)) for k in range(6)])
    draws = ImageDraws.of(3, 1, torch.arange(6))
    together = augment(objects, draws, (SIDE, SIDE))
    for row in range(6):
        place = torch.tensor([row])
        alone = augment(objects[place], draws.rows(place), (SIDE, SIDE))
        torch.testing.assert_close(alone, together[place])


@pytest.mark.parametrize("key", ["mixup_alpha", "cutmix_alpha"])
def test_images_with_objects_are_not_mixed(key: str) -> None:
    with pytest.raises(ValueError, match=f"must be 0 for objects in images, got .*{key}=0.2"):
        ObjectAugmentation(Augmentation.model_validate({key: 0.2}), (SIDE, SIDE))
